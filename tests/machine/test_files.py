"""Files are read up to a limit, and written as a whole or not at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gancross.errors import ResourceError
from gancross.machine.files import read_bytes, write_atomically


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(11))
    with pytest.raises(ResourceError, match=r"longer than the limit of 10 bytes$"):
        read_bytes(tmp_path / "long", limit=10)


def test_writing_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "file"
    write_atomically(path, b"old")

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ResourceError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_device_that_is_full_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(ResourceError, match="full: cannot be written: No space left on device"):
        write_atomically(tmp_path / "full", b"record")
    assert (tmp_path / "full").is_symlink()


def test_a_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        try:
            write_atomically(tmp_path / "pipe", b"record")
            assert reader.communicate(timeout=60)[0] == b"record" and (tmp_path / "pipe").is_fifo()
        finally:
            reader.kill()
