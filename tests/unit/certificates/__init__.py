"""Certificates: read, kept, served, switched, by every door."""
