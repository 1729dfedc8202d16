"""The machine: files, caches, devices and processes."""
