"""The folder of a training run: its files, lock, status, log, and resuming."""
