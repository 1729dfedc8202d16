"""On how many threads a run computes: chosen once, kept in `threads.json`, the same after resuming.

Last bits of weights depend on the number. Networks whose operations take a few milliseconds at most compute
on one thread: where another process is busy, several threads wait for each other at the end of every
operation, each time for a time slice of that process. Larger networks have two threads for each core: torch
divides an operation in equal parts, and the whole waits for the last. With one part for each core that is the
part on a core that another process shares; of two, a core that is done takes one over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gancross.errors import GancrossError, ResourceError, UsageError, printable
from gancross.machine.files import read_bytes, write_atomically
from gancross.machine.threads import available_threads, checked_threads, torch_threads, uses_all_cores
from gancross.models.buffers import seeded, unchanged
from gancross.random_streams import Stream, latents
from gancross.trainer.run.resume import Note
from gancross.trainer.state import Run
from gancross.untrusted.strict_json import parsed

THREADS = "threads.json"
PART = 5e7  # FLOP of an operation for each thread: a millisecond of one core that does 50 GFLOP/s
PARTS = 2  # of an operation for each core
TRIED = 4  # samples that are counted
LARGEST_FILE = 1 << 16


def read_threads(root: Path) -> int | None:
    """The number that the run in a folder has kept; None if there is no such file.

    Raises:
        UsageError: the file is not what `write_threads` writes, or its number is absurdly large; or it is no
            file.
        ResourceError: it cannot be read, or is too long.
    """
    path = root / THREADS
    _check_place(path)
    if not path.exists():
        return None
    try:
        kept = parsed(read_bytes(path, limit=LARGEST_FILE))
        if not isinstance(kept, dict) or list(kept) != ["threads"] or type(kept["threads"]) is not int:
            raise UsageError('expected {"threads": N}')
        return checked_threads(kept["threads"])
    except (GancrossError, ValueError) as error:
        reason = printable(str(error).removeprefix(f"{path}: "), limit=200)
        kind = ResourceError if isinstance(error, ResourceError) else UsageError
        raise kind(f"{path}: not a number of threads: {reason}; --threads N replaces it") from None


def write_threads(root: Path, count: int) -> None:
    """Keeps the number of threads of the run in a folder.

    Raises:
        UsageError: what lies in the file's place is no file.
        ResourceError: the file cannot be written.
    """
    path = root / THREADS
    _check_place(path)
    write_atomically(path, (json.dumps({"threads": count}) + "\n").encode())


def _check_place(path: Path) -> None:
    """A folder is not replaced by writing, and a pipe would be written into and wait for a reader."""
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or a device"
        raise UsageError(f"{path}: is {what}, expected the file that a run keeps its threads in; remove it")


@contextmanager
def computing_on(run: Run, root: Path, threads: int | None, note: Note) -> Iterator[None]:
    """Inside, torch computes on as many threads as the run has or is given; all processes as rank 0 does.

    On a GPU, where torch's threads decide no weight, their number is as it was unless one is given.

    Args:
        root: the run's folder, locked by rank 0.
        threads: None: the number that the run has kept, else that of `chosen_threads`.
        note: called with the number and why.

    Raises:
        UsageError: the file of the number that the run has kept holds something else, or is no file.
        ResourceError: the number cannot be kept.
    """
    if threads is None and run.device.type != "cpu":
        yield
        return
    content = b""
    if run.processes.is_rank_zero:
        count, reason = _number(run, root, threads)
        note(f"threads: {count}, {reason}")
        write_threads(root, count)
        content = str(count).encode()
    with torch_threads(int(run.processes.broadcast_from_rank0(content))):
        yield


def _number(run: Run, root: Path, threads: int | None) -> tuple[int, str]:
    if threads is not None:
        return threads, "as asked for"
    kept = read_threads(root)
    return (kept, "as before") if kept is not None else chosen_threads(run)


def chosen_threads(run: Run) -> tuple[int, str]:
    """As many threads as have `PART` of each operation of the networks, at most two for each core; and why.

    Where torch may use some of the cores only, as `OMP_NUM_THREADS` says, one for each of those at most.

    The choice follows from recipe, networks and cores, not from the load of the machine: the same command
    has the same number, and so the same weights, whatever else is running.
    """
    available = available_threads()
    if available == 1:
        return 1, "all that are available"
    most = available * PARTS if uses_all_cores() else available
    part = run.recipe.batch_size // (run.processes.size * run.recipe.accumulate)
    flop = operation_flop(run) * part / TRIED
    size = f"operations of {flop / 1e6:.3g} MFLOP"
    count = max(1, min(most, int(flop / PART)))
    return (1, f"small {size}") if count == 1 else (count, f"{size} on {available} cores")


def operation_flop(run: Run) -> float:
    """Mean FLOP of the convolutions and matrix products of one forward pass of `TRIED` samples, G and then D.

    Weights, buffers and torch's generators stay as they are.
    """
    recipe, counter = run.recipe, OperationCounter()
    stream = Stream(recipe.seed, "threads")
    latents_ND = latents(stream, 0, TRIED, dim=recipe.latent_dim, prior=recipe.latent).to(run.device)
    labels = None if recipe.conditional == "none" else torch.zeros(TRIED, dtype=torch.int64)
    with torch.no_grad(), seeded(stream.integer(0), run.device), counter:
        samples = _passed(run.players.generator, latents_ND, labels)
        _passed(run.players.discriminator, samples, labels if recipe.conditional == "labels" else None)
    return counter.flop / max(1, counter.operations)


def _passed(network: nn.Module, batch: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
    with unchanged(network):
        output: torch.Tensor = network(batch, *([] if labels is None else [labels]))
    return output


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts convolutions and matrix products inside, and their multiplications and additions."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flop, self.operations = 0.0, 0

    def __torch_dispatch__(
        self, operation: Any, types: object, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        """Runs and counts one operation."""
        from torch.utils.flop_counter import flop_registry  # imports a compiler

        output = operation(*args, **(kwargs or {}))
        formula = flop_registry.get(operation._overloadpacket)
        if formula is not None:
            self.operations += 1
            self.flop += float(formula(*args, **(kwargs or {}), out_val=output))
        return output
