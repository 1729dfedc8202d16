"""What a cross-test holds beside its samples: chunks of them, whatever their number."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gancross import Contestant, crosstest
from gancross.data.views import BLOCK
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.machine.crew import crew

CPU = torch.device("cpu")
CHUNK, SHAPE = 100, (3, 8, 8)


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most bytes of 8-bit images that any operation returns as one tensor, views of `known` left out."""

    def __init__(self, *known: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.nbytes, self._known = 0, {tensor.untyped_storage().data_ptr() for tensor in known}

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            images = isinstance(tensor, torch.Tensor) and tensor.dtype == torch.uint8 and tensor.ndim == 4
            if images and tensor.untyped_storage().data_ptr() not in self._known:
                self.nbytes = max(self.nbytes, tensor.nbytes)
        return made


def pair(name: str) -> Contestant:
    judge = nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 1), nn.Flatten(0)
    )
    generator = nn.Sequential(nn.Linear(2, 192), nn.Tanh(), nn.Unflatten(1, SHAPE))
    return Contestant(name=name, generator=generator, discriminator=judge, latent_dim=2, batch_size=10)


def images(n: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_no_copy_of_all_samples_is_made() -> None:
    """Of networks, given samples and controls: the largest parts are the blocks of the controls."""
    data, samples = images(1100), images(1101)
    with Largest(data, samples) as found:
        given = Contestant(name="given", samples=samples)
        crosstest([pair("a"), given], data=data, num_samples=len(data), chunk=CHUNK, device="cpu")
    assert found.nbytes == BLOCK * data[0].nbytes < data.nbytes / 2


def test_samples_of_a_generator_are_held_once() -> None:
    with Largest() as found:
        samples = canonical_samples(pair("a"), num_samples=1000, device=CPU, chunk=CHUNK)
    assert found.nbytes == samples.nbytes  # and no second one is joined from parts


@pytest.mark.parametrize("threads", [1, 2])
def test_a_finished_piece_of_work_lets_go_of_what_it_worked_on(threads: int) -> None:
    with crew(threads) as workers:
        chunk = torch.zeros(3)
        held = weakref.ref(chunk)
        piece = workers.submit(torch.sum, chunk)
        piece.wait()
        del chunk
        assert held() is None and float(piece.result()) == 0
