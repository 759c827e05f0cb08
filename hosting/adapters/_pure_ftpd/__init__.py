"""Pure-FTPd: not an adapter yet (the leading underscore keeps it out of the registry), only the text of accounts."""
