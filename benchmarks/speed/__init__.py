"""Speed: one module per question, on the harness of `speed.timing`."""
