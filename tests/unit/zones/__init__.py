"""Whole zones: texts in and out, many records at once, undo."""
