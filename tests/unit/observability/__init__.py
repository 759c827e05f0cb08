"""Tests of the observability app."""
