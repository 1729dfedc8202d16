"""Arrays in temporary files: those of killed processes are deleted, those of living ones are not."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from processes import environment

from gancross.machine.stored_arrays import stored_array

if sys.platform == "win32":
    pytest.skip("files of killed processes stay there", allow_module_level=True)

HOLDER = """
import numpy as np, sys
from gancross.machine.stored_arrays import stored_array
array = stored_array([np.arange(10)], (10,), np.int64)
print(array.filename, flush=True)
sys.stdin.read()
"""


def stored(start: int = 0) -> np.memmap[tuple[int, ...], np.dtype[np.int64]]:
    array = stored_array([np.arange(start, start + 5)], (5,), np.int64)
    assert isinstance(array, np.memmap)
    return array


def open_files() -> int:
    """Of this process, where Linux lists them."""
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


def test_files_of_killed_processes_are_deleted_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = open_files()
    other = tmp_path / "gancross-of-somebody.txt"
    other.write_text("kept")
    (tmp_path / "gancross-link.array").symlink_to(other)
    (tmp_path / "gancross-folder.array").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=environment(TMPDIR=str(tmp_path)), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        file = Path(process.stdout.readline().strip())
        first = stored()
        assert file.exists(), "its process lives"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert file.exists()
    second = stored(5)
    assert not file.exists()
    assert first.tolist() == [0, 1, 2, 3, 4] and second.tolist() == [5, 6, 7, 8, 9]
    files = {Path(str(array.filename)) for array in (first, second)}
    assert np.memmap(min(files), np.int64).shape == (5,)  # found by its name
    assert {*tmp_path.iterdir()} - files == {
        other,
        *tmp_path.glob("gancross-link*"),
        *tmp_path.glob("*folder*"),
    }
    del first, second
    gc.collect()
    assert not any(path.exists() for path in files)
    assert open_files() == before
