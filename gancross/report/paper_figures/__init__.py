"""The figures of the paper from run folders."""
