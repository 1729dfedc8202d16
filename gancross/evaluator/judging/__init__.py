"""Samples of every contestant and the scores that every judge gives them."""
