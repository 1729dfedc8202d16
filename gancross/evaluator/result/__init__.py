"""The result of a cross-test: its types, and the one codec that writes and reads JSON."""
