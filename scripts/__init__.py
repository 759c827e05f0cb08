"""Commands of the repository itself: set up, check, test, clean."""
