"""Real processes that need not import torch: forked from one that has, see fork_server.py.

What is tested at the start or the very end of a process, or by the environment it was executed with, needs
`subprocess` still.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from paths import ROOT, SUPPORT
from sweeping import VARIABLE

POLL = 0.005  # seconds between looks at a process
_ONE_REQUEST = threading.Lock()  # at a time: several threads may have processes


class Forked:
    """A process that runs `python *arguments`; used as a `subprocess.Popen` is."""

    def __init__(self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], **files: Path) -> None:
        self.returncode: int | None = None
        self.pid: int = _answer({
            "arguments": list(arguments), "folder": str(cwd), "environment": dict(env),
            **{name: str(path) for name, path in files.items()},
        })  # fmt: skip

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = _answer(self.pid)
        return self.returncode

    def wait(self, timeout: float = 500.0) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("forked", timeout)
            time.sleep(POLL)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedRun(Forked):
    """A run of a benchmark: its command, forked where `run_as_process` would execute it."""

    def __init__(
        self, command: Sequence[str], *, stderr: IO[bytes], env: Mapping[str, str], **rest: Any
    ) -> None:
        assert command[0] == sys.executable
        assert rest == {"stdout": subprocess.DEVNULL, "start_new_session": True}
        file = Path(f"/proc/{os.getpid()}/fd/{stderr.fileno()}")
        super().__init__(command[1:], cwd=Path.cwd(), env=env, out=Path(os.devnull), err=file)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def fork_runs(patch: pytest.MonkeyPatch) -> None:
    """The runs of benchmarks are processes as they are, but need not import torch."""
    if sys.platform == "linux":
        _server()  # now: each of several threads would start one
        calls = SimpleNamespace(Popen=ForkedRun, DEVNULL=subprocess.DEVNULL)
        patch.setattr("gancross.workflow.execution.subprocess", calls)


def start_python(
    arguments: Sequence[str], *, out: Path, err: Path, cwd: Path | None = None, env: Mapping[str, str],
    fork: bool = True, by: Sequence[str] = (),
) -> Forked | subprocess.Popen[bytes]:  # fmt: skip
    """`python *arguments` in a session of its own, writing into two files.

    Args:
        fork: not to start Python anew, where all libraries bear it.
        by: a program that starts Python with the arguments that follow.
    """
    _server()  # which ends it should this process be killed
    if fork and sys.platform == "linux":
        return Forked(arguments, cwd=cwd or Path.cwd(), env=env, out=out, err=err)
    with out.open("wb") as output, err.open("wb") as errors:
        return subprocess.Popen(
            [*by, sys.executable, *arguments], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
            stderr=errors, start_new_session=True,
        )  # fmt: skip


def _answer(request: object) -> Any:
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    with _ONE_REQUEST:
        print(json.dumps(request), file=server.stdin, flush=True)
        answer = server.stdout.readline()
    assert answer, "fork_server.py has ended"
    return json.loads(answer)


@cache
def _server() -> subprocess.Popen[str]:
    """One for all tests of this process, started by the first that needs it.

    In a session of its own: what ends the tests does not end it before it has swept.
    """
    path = os.pathsep.join([str(ROOT), str(SUPPORT)])
    env = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, SUPPORT / "fork_server.py", env.pop(VARIABLE)], text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env=env, cwd="/", start_new_session=True,
    )  # fmt: skip
    atexit.register(_stop, server)
    return server


def _stop(server: subprocess.Popen[str]) -> None:
    with server:
        assert server.stdin is not None
        server.stdin.close()
