"""The version of gancross."""

__version__ = "0.1.0"
