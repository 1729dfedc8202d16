"""Readers of files that may come from strangers; nothing in these files is executed."""
