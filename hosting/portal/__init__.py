"""The customers' door: server-rendered pages for customers and resellers."""
