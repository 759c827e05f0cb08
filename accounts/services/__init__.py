"""What can be done with people and customers: the only way to change them."""
