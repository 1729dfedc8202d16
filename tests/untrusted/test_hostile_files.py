"""Files that are refused: nothing in them is executed, and they cost neither much time nor memory."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import hostile
import hostile_tensors
import pytest

from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.file import load_contestant
from gancross.errors import CheckpointError, UsageError, printable
from gancross.untrusted.foreign_file import load_foreign
from gancross.untrusted.values import RefusedArchive

Cases = dict[str, tuple[bytes, str]]
LONGEST_MESSAGE = 400
MOST_SECONDS = 5.0  # of processor time; the machine may be busy


@pytest.fixture(scope="module")
def good(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same checkpoint in both formats, by suffix."""
    shared = tmp_path_factory.mktemp("shared") / "good.safetensors"
    checkpoint.save(shared, checkpoint.load(checkpoints["mixture-plain"]))
    return {".pt": checkpoints["mixture-plain"].read_bytes(), ".safetensors": shared.read_bytes()}


@pytest.fixture(scope="module")
def archives(good: dict[str, bytes], marker: Path) -> Cases:
    return hostile.cases(good[".pt"], marker)


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exists once something in a file was executed."""
    return tmp_path_factory.mktemp("marker") / "executed"


def check_refused(cases: Cases, suffix: str, folder: Path) -> None:
    """Each case is a `CheckpointError` of one short printable line that says why."""
    path = folder / f"stranger{suffix}"
    wrong = {}
    for name, (content, part) in cases.items():
        path.write_bytes(content)
        started = time.process_time()
        with pytest.raises(CheckpointError) as caught:
            load_contestant(path)
        message = str(caught.value)
        assert time.process_time() - started < MOST_SECONDS, name
        reason = message.removeprefix(f"{path}: refused: ")
        short = len(reason) <= LONGEST_MESSAGE and printable(message) == message != reason
        if part not in message or not short:
            wrong[name] = message
    assert not wrong


def test_hostile_archives_are_refused_and_nothing_runs(archives: Cases, marker: Path, tmp_path: Path) -> None:
    assert len(archives) > 80
    check_refused(archives, ".pt", tmp_path)
    assert not marker.exists()


def test_nothing_runs_where_they_are_read_as_files_of_other_projects(archives: Cases, marker: Path) -> None:
    read = 0
    for name, (content, _) in archives.items():
        if name in ("three million lists", "pickle of 9 MiB", "shared lists of 10^12 values"):
            continue  # read within limits that are higher here: seconds
        started = time.process_time()
        with suppress(RefusedArchive):
            load_foreign(content)
            read += 1
        assert time.process_time() - started < MOST_SECONDS, name
    assert 20 < read < len(archives) and not marker.exists()


def test_hostile_tensor_files_are_refused(good: dict[str, bytes], tmp_path: Path) -> None:
    cases = hostile_tensors.cases(good[".safetensors"])
    assert len(cases) > 55
    check_refused(cases, ".safetensors", tmp_path)


def test_the_marker_would_be_written_by_a_careless_loader(tmp_path: Path) -> None:
    pickle.loads(hostile.legacy_pickle(tmp_path / "executed"))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_truncated_files_are_refused(good: dict[str, bytes], suffix: str, tmp_path: Path) -> None:
    path, content = tmp_path / f"cut{suffix}", good[suffix]
    for part in range(64):
        path.write_bytes(content[: len(content) * part // 64])
        with pytest.raises(CheckpointError):
            load_contestant(path)
    path.write_bytes(content)
    load_contestant(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_no_flipped_bit_goes_unnoticed(good: dict[str, bytes], suffix: str, tmp_path: Path) -> None:
    """Whatever still loads is, but for a zip's dates and paddings, what was saved."""
    path = tmp_path / f"flipped{suffix}"
    path.write_bytes(good[suffix])
    original = checkpoint.to_bytes(checkpoint.load(path))
    refused = 0
    for place in range(0, len(good[suffix]), 127):
        changed = bytearray(good[suffix])
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        try:
            assert checkpoint.to_bytes(checkpoint.load(path)) == original
        except CheckpointError:
            refused += 1
    assert refused > 10


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits of POSIX")
def test_bombs_need_no_memory(archives: Cases, tmp_path: Path) -> None:
    """A process of its own, whose peak is that of importing the package and little more."""
    names = (
        "real zip bomb", "shared lists of 10^12 values", "storage of eight gigabytes", "memo at two billion",
        "three million lists", "monstrous width", "bytearray of a terabyte",
        "a trillion numbers in four bytes",
        "a large dictionary copied ten thousand times", "a large dictionary of attributes ten thousand times",
    )  # fmt: skip
    for number, name in enumerate(names):
        (tmp_path / f"{number}.pt").write_bytes(archives[name][0])
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from gancross.checkpoint.file import load_contestant\n"
        "from gancross.errors import CheckpointError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sorted(Path(sys.argv[1]).glob('*.pt')):\n"
        "    try: load_contestant(path)\n"
        "    except CheckpointError: continue\n"
        "    sys.exit('loaded ' + str(path))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 400 * 1024


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    for suffix in (".pt", ".safetensors"):
        with pytest.raises(UsageError, match="no such file"):
            load_contestant(tmp_path / f"missing{suffix}")
        (tmp_path / f"folder{suffix}").mkdir()
        with pytest.raises(UsageError, match="is a folder"):
            load_contestant(tmp_path / f"folder{suffix}")
        if hasattr(os, "mkfifo"):
            os.mkfifo(tmp_path / f"pipe{suffix}")
            with pytest.raises(UsageError, match="not a regular file"):
                load_contestant(tmp_path / f"pipe{suffix}")


def test_a_program_that_torch_exported_is_refused(tmp_path: Path) -> None:
    import torch

    program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "program.pt2")
    with pytest.raises(CheckpointError, match="refused"):
        load_contestant(tmp_path / "program.pt2")
