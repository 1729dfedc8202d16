"""A result against a baseline."""
