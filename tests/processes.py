"""Several real processes of one run, with torchrun or with its environment alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 240  # seconds after which a run counts as hanging


@dataclass(frozen=True)
class Ended:
    """How one process ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("Error:")]


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path} | more


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def side_by_side(n: int, command: Sequence[str], *, stuck: int | None = None, **more: str) -> list[Ended]:
    """n processes of `python *command`, joined by the environment; nobody restarts or stops them.

    Process `stuck` is killed when the others have ended.
    """
    common = {"WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()} | more
    started = [
        subprocess.Popen(
            [sys.executable, *command], env=environment(RANK=str(rank), LOCAL_RANK=str(rank), **common),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(n)
    ]  # fmt: skip
    try:
        for rank, process in enumerate(started):
            if rank != stuck:
                process.wait(LIMIT)
        if stuck is not None:
            started[stuck].kill()
        said = [process.communicate(timeout=LIMIT) for process in started]
    finally:
        for process in started:
            process.kill()
    return [Ended(process.returncode, *words) for process, words in zip(started, said, strict=True)]


def torchrun(n: int, command: Sequence[str], **more: str) -> Ended:
    """`torchrun --nproc-per-node n *command`."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    done = subprocess.run(
        [*launcher, *command], env=environment(**more), capture_output=True, text=True, timeout=LIMIT,
        check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)
