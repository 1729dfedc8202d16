"""Images read by worker processes: any number of them gives the same, and none is left behind."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from processes import environment, running

from gancross.data import catalogue
from gancross.data.images import FileReader
from gancross.data.lazy import LazyReals, Part, lazy, read_all
from gancross.data.workers import decoded_batches, resolve_workers
from gancross.errors import ResourceError, UsageError
from gancross.machine.cores import available_cores

N, BATCH = 23, 4
Batches = Generator[torch.Tensor, None, None]


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    """23 images whose pixels are all their number."""
    folder = tmp_path_factory.mktemp("numbers")
    names = [f"{number}.png".encode() for number in range(N)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((5, 5, 3), number, np.uint8)).save(folder / name.decode())
    reader = FileReader(folder=folder, shape=(3, 5, 5), image_size=None)
    return Part(items=np.array(names), reader=reader)


def batches(part: Part, *, workers: int, n: int, start: int = 0) -> list[torch.Tensor]:
    reals = LazyReals(name="numbers", part=part, workers=workers)
    iterator = reals.batches(seed=1, batch_size=BATCH, start=start)
    images = list(itertools.islice(iterator, n))
    iterator.close()
    return images


def alive() -> list[int]:
    return [process.pid for process in multiprocessing.active_children() if process.pid is not None]


@pytest.fixture
def being_read(part: Part) -> Generator[Batches, None, None]:
    """Batches that two running processes read."""
    iterator = LazyReals(name="numbers", part=part, workers=2).batches(seed=1, batch_size=BATCH, start=0)
    next(iterator)
    yield iterator
    iterator.close()


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("start", [0, 3, 8])
def test_the_number_of_workers_and_the_start_change_nothing(part: Part, workers: int, start: int) -> None:
    whole = batches(part, workers=0, n=start + 8)
    rest = batches(part, workers=workers, n=8, start=start)
    assert all(torch.equal(a, b) for a, b in zip(rest, whole[start:], strict=True))
    assert rest[0].dtype == torch.uint8
    assert rest[0].shape == (BATCH, 3, 5, 5)
    assert not alive()


def test_an_epoch_shows_every_image_once(part: Part) -> None:
    numbers = torch.cat(batches(part, workers=2, n=N // BATCH))[:, 0, 0, 0].tolist()
    assert len(set(numbers)) == len(numbers) == N // BATCH * BATCH


@pytest.mark.parametrize("workers", [0, 2])
def test_all_images_are_read_in_their_order(
    part: Part, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gancross.data.lazy.HELD_OUT_BATCH", 5)
    monkeypatch.setattr("gancross.data.lazy.IMAGES_PER_WORKER", 10)
    images = read_all(part, name="numbers", workers=workers).pixels
    assert images[:, 0, 0, 0].tolist() == list(range(N))


def test_held_out_images_are_read_once(part: Part) -> None:
    data = lazy("numbers", train=part, test=[part, part], split="", image_size=None, workers=0)
    assert data.held_out(3) is data.held_out(4)
    assert len(data.held_out(1)) == 2 * N


def numpy_state() -> str:
    return repr(np.random.get_state(legacy=False))


def test_no_global_random_state_is_touched(part: Part) -> None:
    torch.manual_seed(0)
    before, numpys = torch.get_rng_state(), numpy_state()
    batches(part, workers=1, n=3)
    assert torch.equal(torch.get_rng_state(), before)
    assert numpy_state() == numpys


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_workers_ignore_signals(being_read: Batches, number: signal.Signals) -> None:
    pids = alive()
    assert pids
    for pid in pids:
        os.kill(pid, number)
    for _ in range(20):
        next(being_read)
    assert alive() == pids


def test_an_interrupt_reaches_this_process_once_a_worker_has_started(part: Part) -> None:
    """Ctrl-C is held while a worker starts, not lost, and free afterwards."""
    iterator = LazyReals(name="numbers", part=part, workers=1).batches(seed=1, batch_size=BATCH, start=0)
    next(iterator)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    iterator.close()


def test_a_dead_worker_is_an_error_that_names_the_set(being_read: Batches) -> None:
    for pid in alive():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ResourceError, match=r"^data 'numbers': a process that reads images died") as caught:
        list(itertools.islice(being_read, 100))
    assert "\n" not in str(caught.value)


def test_the_others_leave_when_one_has_died_unnoticed(being_read: Batches) -> None:
    """The pool sends them SIGTERM, which they ignore."""
    os.kill(alive()[0], signal.SIGKILL)
    being_read.close()
    assert not alive()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_refused_image_is_one_line_from_any_process(
    part: Part, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gancross.data.lazy.IMAGES_PER_WORKER", 1)
    broken = Part(items=np.array([b"0.png", b"nowhere.png"]), reader=part.reader)
    with pytest.raises(ResourceError, match=r"nowhere\.png: cannot be read: No such file") as caught:
        read_all(broken, name="numbers", workers=workers)
    assert "\n" not in str(caught.value)


def test_a_set_smaller_than_a_batch_is_refused_before_a_process_starts(part: Part) -> None:
    reals = LazyReals(name="numbers", part=part, workers=2)
    with pytest.raises(UsageError, match="23 training images are fewer than one batch of 24"):
        next(reals.batches(seed=0, batch_size=24, start=0))
    assert not alive()


def test_workers_leave_when_their_parent_is_killed(part: Part, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, os, signal, sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from gancross.data.images import FileReader\n"
        "from gancross.data.workers import decoded_batches\n"
        "if __name__ == '__main__':\n"
        "    reader = FileReader(folder=Path(sys.argv[1]), shape=(3, 5, 5), image_size=None)\n"
        "    items = iter(lambda: np.array([b'1.png']), None)\n"
        "    iterator = decoded_batches(items, reader, name='x', workers=2)\n"
        "    next(iterator), next(iterator)\n"
        "    print(*(p.pid for p in multiprocessing.active_children()), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert isinstance(part.reader, FileReader)
    with running([str(script), str(part.reader.folder)], env=environment(), fork=False) as killed:
        assert killed.process.wait(60) == -signal.SIGKILL, killed.ended().err
        assert len(killed.ended().out.split()) == 2
        deadline = time.monotonic() + 20
        while left := killed.descendants():
            assert time.monotonic() < deadline, f"workers outlive their parent: {left}"
            time.sleep(0.05)


def test_a_finite_list_ends(part: Part) -> None:
    decoded = list(decoded_batches([part.items[:2], part.items[2:3]], part.reader, name="x", workers=1))
    assert [len(batch.pixels) for batch in decoded] == [2, 1]
    assert not alive()


def test_how_many_workers() -> None:
    assert resolve_workers(None) == min(4, available_cores())
    assert resolve_workers(9) == 9
    assert resolve_workers(0) == 0
    with pytest.raises(UsageError, match="workers must be at least 0, got -1"):
        catalogue.load("mixture", workers=-1)


def test_a_machine_where_processes_can_share_nothing() -> None:
    """In a mount namespace whose /dev/shm is read-only: this process reads, or the wish is refused."""
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none /dev/shm && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.call([*hidden, "true"], stderr=subprocess.DEVNULL):
        pytest.skip("this user cannot hide /dev/shm")
    code = (
        "from gancross.data.workers import resolve_workers as resolve\n"
        "from gancross.errors import ResourceError\n"
        "print(resolve(None), resolve(0))\n"
        "try: resolve(3)\n"
        "except ResourceError as error: print(error)"
    )
    ended = subprocess.run([*hidden, sys.executable, "-c", code], capture_output=True, text=True, check=True)
    numbers, refusal = ended.stdout.splitlines()
    assert numbers == "0 0" and refusal.startswith("3 workers: ") and "/dev/shm; give 0 workers" in refusal
    assert resolve_workers(3) == 3
