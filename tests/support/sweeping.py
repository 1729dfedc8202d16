"""The processes that tests begin, known by a mark in their environment or by their session, and their end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

VARIABLE = "GANCROSS_TESTS"  # each process of pytest has a mark of its own, which its processes inherit
PATIENCE = 60.0  # seconds that the kernel may take to end a killed process


def members(sessions: Collection[int], mark: str) -> dict[int, str]:
    """Process ids and command lines of what runs in the sessions or was executed with the mark.

    What was forked from a process without the mark does not show it, but stays in its session; what began a
    session of its own was executed, and shows the mark.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:4]
            marked = mark.encode() in (folder / "environ").read_bytes()
            if state != "Z" and (marked or int(session) in sessions):
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:  # it ended meanwhile
            continue
    return found


def end_all(sessions: Collection[int], mark: str) -> None:
    """Kills them until none is left: one may begin another before its own end."""
    deadline = time.monotonic() + PATIENCE
    while left := members(sessions, mark):
        assert time.monotonic() < deadline, f"cannot be killed: {left}"
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
