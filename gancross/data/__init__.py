"""Data sets: one reader per file, their names in `catalogue`."""
