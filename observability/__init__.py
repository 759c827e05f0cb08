"""Logs, ids, metrics and health: what an operator sees of a running NPanel; a leaf that knows no other app."""
