"""Figures of one judge on one generator, and the verdicts of a pair of contestants."""
