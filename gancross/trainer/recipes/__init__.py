"""Recipes: everything that decides a training run; the named ones as a table."""
