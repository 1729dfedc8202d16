"""What the processes of a run tell each other; run in each of three, an AssertionError is a failure."""

from __future__ import annotations

import torch

from gancross.errors import UsageError
from gancross.machine.distributed import current, joined, said_elsewhere


@joined()
def talk() -> None:
    me = current()
    assert me.size == 3
    with joined():  # once more is the same group
        assert current() is me

    pair = [torch.full((2, 3), float(me.rank)), torch.tensor(10.0 * me.rank)]
    me.average(pair)
    assert pair[0].eq(1.0).all() and float(pair[1]) == 10.0
    assert me.highest(me.rank, -me.rank) == (2, 0)

    rows = torch.arange(10.0)[me.share(10)]
    assert torch.equal(me.gathered(rows), torch.arange(10.0))
    nobody_but_first = torch.arange(4.0) if me.first else torch.empty(0)
    assert torch.equal(me.gathered(nobody_but_first), torch.arange(4.0))
    others = list(me.from_others(torch.full((me.rank, 2), float(me.rank))))
    assert [part.tolist() for part in others] == [[[1.0, 1.0]], [[2.0, 2.0]] * 2]

    assert me.from_first(b"word" if me.first else b"") == b"word"
    assert me.from_first(b"") == b""
    buffers = [torch.tensor(me.rank), torch.full((2,), float(me.rank))]
    me.copy_from_first(buffers)
    assert int(buffers[0]) == 0 and buffers[1].eq(0).all()


@joined()
def fails(rank: int) -> None:
    if current().rank == rank:
        raise UsageError("only here")
    current().highest(1)


@joined()
def fails_everywhere() -> None:
    raise UsageError("alike")


def caught(call: object, *arguments: object) -> UsageError:
    assert callable(call)
    try:
        call(*arguments)
    except UsageError as error:
        return error
    raise AssertionError("nothing was raised")


if __name__ == "__main__":
    talk()
    for rank in (0, 1):
        error = caught(fails, rank)
        print(rank, error, said_elsewhere(error))
    print("all", said_elsewhere(caught(fails_everywhere)))
    talk()  # what went before was left in order
