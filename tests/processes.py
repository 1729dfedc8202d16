"""Several real processes of one run, with torchrun or with its environment alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
LIMIT = 500  # seconds after which a run counts as hanging


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
    with ExitStack() as stack:
        started = []
        for rank in range(n):
            said = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2)]
            process = subprocess.Popen(
                [sys.executable, *command], stdout=said[0], stderr=said[1],
                env=environment(RANK=str(rank), LOCAL_RANK=str(rank), **common),
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append((process, said))
        for rank, (process, _) in enumerate(started):
            if rank != stuck:
                process.wait(LIMIT)
        return [Ended(process.poll() or 0, *map(content, said)) for process, said in started]


def content(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def torchrun(n: int, command: Sequence[str], **more: str) -> Ended:
    """`torchrun --nproc-per-node n *command`."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([*launcher, *command], env=environment(**more), stdout=out, stderr=err)
        try:
            process.wait(LIMIT)
        finally:  # its processes are in sessions of their own; it takes them with it
            process.terminate()
            process.wait()
        return Ended(process.returncode, content(out), content(err))
