"""The programs' door: REST, for every interface."""
