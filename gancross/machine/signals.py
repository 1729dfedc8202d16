"""The signals that stop a run."""

from __future__ import annotations

import signal

# Slurm can send SIGUSR1 before preemption; Windows has none.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]  # fmt: skip
