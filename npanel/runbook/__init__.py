"""The runbook: its pages as files, their command blocks, and how the console shows them."""
