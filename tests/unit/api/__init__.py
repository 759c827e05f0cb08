"""The API as its clients meet it: over HTTP, with real tokens."""
