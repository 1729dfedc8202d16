"""Recipes: everything that decides a training run, and the paper's by name."""
