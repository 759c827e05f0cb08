"""The program that runs on a node: standard library only, Python 3.9 or newer, sent there as text by ``bootstrap``."""
