"""Rates, differences and bounds, with their intervals and tests."""
