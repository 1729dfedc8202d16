"""Claims of `simulations.py` that have a file of their own."""
