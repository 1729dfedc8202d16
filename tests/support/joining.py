"""Communication between the processes of a run; run in each of three, an AssertionError is a failure."""

from __future__ import annotations

import threading

import torch

from gancross.errors import GancrossError, UsageError
from gancross.machine.distributed import current, is_reported_elsewhere, joined


@joined()
def talk() -> None:
    processes = current()
    assert processes.size == 3
    with joined():  # once more is the same group
        assert current() is processes

    pair = [torch.full((2, 3), float(processes.rank)), torch.tensor(10.0 * processes.rank)]
    processes.average(pair)
    assert pair[0].eq(1.0).all() and float(pair[1]) == 10.0
    assert processes.all_reduce_max(processes.rank, -processes.rank) == (2, 0)

    rows = torch.arange(10.0)[processes.share(10)]
    assert torch.equal(processes.all_gather(rows), torch.arange(10.0))
    only_rank_zero = torch.arange(4.0) if processes.is_rank_zero else torch.empty(0)
    assert torch.equal(processes.all_gather(only_rank_zero), torch.arange(4.0))
    others = list(processes.rows_of_other_ranks(torch.full((processes.rank, 2), float(processes.rank))))
    assert [part.tolist() for part in others] == [[[1.0, 1.0]], [[2.0, 2.0]] * 2]

    assert processes.broadcast_from_rank0(b"word" if processes.is_rank_zero else b"") == b"word"
    assert processes.broadcast_from_rank0(b"") == b""
    buffers = [torch.tensor(processes.rank), torch.full((2,), float(processes.rank))]
    processes.copy_from_rank0(buffers)
    assert int(buffers[0]) == 0 and buffers[1].eq(0).all()


@joined()
def fails(rank: int) -> None:
    if current().rank == rank:
        raise UsageError("only here\nsecond line")
    current().all_reduce_max(1)


@joined()
def fails_everywhere() -> None:
    raise UsageError("alike")


def caught(call: object, *arguments: object) -> GancrossError:
    assert callable(call)
    try:
        call(*arguments)
    except GancrossError as error:
        raised = error
    assert raised.exit_code == UsageError.exit_code
    return raised


if __name__ == "__main__":
    talk()
    for rank in (0, 1):
        error = caught(fails, rank)
        print(rank, str(error).splitlines(), is_reported_elsewhere(error))
    print("all", is_reported_elsewhere(caught(fails_everywhere)))
    talk()  # what went before was left in order
    # A thread that asks the store while Python ends would abort the process.
    assert threading.enumerate() == [threading.main_thread()]
