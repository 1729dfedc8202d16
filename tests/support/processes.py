"""Several real processes of one run, with torchrun or with its environment alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from forked import Forked, start_python
from paths import ROOT
from sweeping import VARIABLE, end_all, members

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
    """A process, the folder of what it says, and the mark of its descendants."""

    process: Forked | subprocess.Popen[bytes]
    folder: Path
    mark: str

    def ended(self) -> Ended:
        outputs = ((self.folder / name).read_bytes() for name in ("out", "err"))
        return Ended(self.process.poll() or 0, *(text.decode("utf-8", "surrogateescape") for text in outputs))

    def descendants(self) -> dict[int, str]:
        """Process ids and command lines of those that run."""
        found = members({self.process.pid}, self.mark)
        return {pid: command for pid, command in found.items() if pid != self.process.pid}


@contextmanager
def running(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str], fork: bool = True,
    by: Sequence[str] = (),
) -> Iterator[Running]:  # fmt: skip
    """`python *command`, which is killed with all its descendants at the end at the latest.

    Args:
        fork, by: as `start_python`.
    """
    mark = f"{os.environ[VARIABLE]}:{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = start_python(
            command, out=out, err=err, cwd=cwd, env={**env, VARIABLE: mark}, fork=fork, by=by
        )
        try:
            yield Running(process, Path(folder), mark)
        finally:
            process.kill()
            end_all({process.pid}, mark)
            process.wait(LIMIT)


def gancross(*arguments: str | Path, cwd: Path | None = None, **more: str) -> Ended:
    """`python -m gancross *arguments`, to its end."""
    command = ["-m", "gancross", *map(str, arguments)]
    with running(command, cwd=cwd, env=environment(**more)) as process:
        process.process.wait(LIMIT)
        return process.ended()


def torchrun(n: int, command: Sequence[str], **more: str) -> Ended:
    """`torchrun --nproc-per-node n *command`, to its end."""
    with launched(n, command, env=environment(**more)) as process:
        process.process.wait(LIMIT)
        return process.ended()


@contextmanager
def launched(n: int, command: Sequence[str], *, env: Mapping[str, str]) -> Iterator[Running]:
    """torchrun at work, which ends its processes itself; they start Python anew."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    with running([*launcher, *command], env=env) as process:
        try:
            yield process
        finally:
            process.process.send_signal(signal.SIGTERM)
            process.process.wait(LIMIT)
