"""Readers of files that may come from strangers; nothing in them is executed."""
