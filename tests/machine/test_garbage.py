"""Objects in cycles are collected at the end of a call, and the collector is as it was."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from gancross.machine.garbage import cycles_collected


class Node:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


Made = list["weakref.ref[Node]"]


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector works, whatever other tests left."""
    gc.enable()
    yield
    gc.enable()


def old_cycles(made: Made) -> None:
    """Makes nodes among so many other objects that a working collector promotes them."""
    nodes = [Node() for _ in range(3)]
    made += map(weakref.ref, nodes)
    others = [[] for _ in range(50_000)]  # type: ignore[var-annotated]
    assert len(others) == 50_000


@pytest.mark.usefixtures("collector")
def test_cycles_are_gone_at_the_end() -> None:
    made: Made = []
    cycles_collected()(old_cycles)(made)
    assert len(made) == 3 and not any(node() for node in made)
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_a_collector_that_is_off_stays_off_and_collects_nothing() -> None:
    gc.disable()
    made: Made = []
    cycles_collected()(old_cycles)(made)
    assert not gc.isenabled() and all(node() for node in made)


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_collector_works_again_after_an_error(error: type[BaseException]) -> None:
    @cycles_collected()
    def failing() -> None:
        assert not gc.isenabled()
        raise error

    with pytest.raises(error):
        failing()
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_calls_within_calls_leave_the_collector_to_the_outer_one() -> None:
    made: Made = []
    inner: Callable[[Made], None] = cycles_collected()(old_cycles)

    @cycles_collected()
    def outer() -> None:
        inner(made)
        assert not gc.isenabled()

    outer()
    assert gc.isenabled() and not any(node() for node in made)
