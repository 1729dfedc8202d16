"""Pairs of sample sets whose order is known by construction, for the measurements of `planted.py`."""
