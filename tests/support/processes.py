"""Several real processes of one run, with torchrun or with its environment alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from forked import Forked, begun
from paths import ROOT

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
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path} | more


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def side_by_side(n: int, command: Sequence[str], *, stuck: int | None = None, **more: str) -> list[Ended]:
    """n processes of `python *command`, joined by the environment; nobody restarts or stops them.

    Process `stuck` is killed when the others have ended.
    """
    common = {"WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()} | more
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                running(command, env=environment(RANK=str(rank), LOCAL_RANK=str(rank), **common))
            )
            for rank in range(n)
        ]
        for rank, process in enumerate(started):
            if rank != stuck:
                process.process.wait(LIMIT)
        return [process.ended() for process in started]


@dataclass(frozen=True)
class Running:
    """A process and the folder of what it says."""

    process: Forked | subprocess.Popen[bytes]
    folder: Path

    def ended(self) -> Ended:
        outputs = ((self.folder / name).read_bytes() for name in ("out", "err"))
        return Ended(self.process.poll() or 0, *(text.decode("utf-8", "surrogateescape") for text in outputs))


@contextmanager
def running(command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str]) -> Iterator[Running]:
    """`python *command`, which is killed at the end at the latest."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = begun(command, out=out, err=err, cwd=cwd, env=env)
        try:
            yield Running(process, Path(folder))
        finally:
            process.kill()
            process.wait(LIMIT)


def gancross(*arguments: str | Path, cwd: Path | None = None, **more: str) -> Ended:
    """`python -m gancross *arguments`, to its end."""
    command = ["-m", "gancross", *map(str, arguments)]
    with running(command, cwd=cwd, env=environment(**more)) as process:
        process.process.wait(LIMIT)
        return process.ended()


def torchrun(n: int, command: Sequence[str], **more: str) -> Ended:
    """`torchrun --nproc-per-node n *command`."""
    with launched(n, command, env=environment(**more)) as process:
        try:
            process.process.wait(LIMIT)
        finally:  # its processes are in sessions of their own; it takes them with it
            process.process.send_signal(signal.SIGTERM)
            process.process.wait(LIMIT)
        return process.ended()


def launched(n: int, command: Sequence[str], *, env: Mapping[str, str]) -> AbstractContextManager[Running]:
    """torchrun at work; its processes start Python anew."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    return running([*launcher, *command], env=env)
