"""The parts of `gpu.py`: how much is measured, the measurements, where the CPU waits, the record."""
