"""What a network in evaluation mode does beside its task: noise, coupling of samples, changed buffers."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from gancross.checkpoint.contestant import NETWORK_FAILURES
from gancross.checkpoint.replicas import Within, as_it_is
from gancross.errors import UsageError

SINGLES = 2  # samples that are tried one by one
FEW = 64  # samples that show what most networks do, or the nearest number of whole training batches
ALIKE, ALIKE_ALONE = 1e-3, 2e-2  # of the spread; a batch of another length may take another kernel
ROUNDING = 1e-5  # of the largest output


class Call(typing.Protocol):
    """A network on some of its inputs."""

    def __call__(self, rows: torch.Tensor, seed: int, *, within: Within = as_it_is) -> torch.Tensor:
        """Output for these rows of the inputs, int64 (N,), in that order.

        Args:
            seed: of the network's own noise.
            within: as of `applied`.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class FewRows:
    """A call of few inputs in another place and in other company, with seed 1, that showed no difference.

    Attributes:
        rows: int64 (N,).
        output: for them.
    """

    rows: torch.Tensor
    output: torch.Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Behaviour:
    """The fields of a `NetworkProbe`, but for its batch norm; and the call that showed most of them.

    Attributes:
        few: None where it was not tried, where the network refused it, or where it showed a difference.
    """

    noise: bool
    unseeded: bool
    coupled: bool
    changes_buffers: bool
    few: FewRows | None

    def fields(self) -> dict[str, bool]:
        """Those of a `NetworkProbe`."""
        names = ("noise", "unseeded", "coupled", "changes_buffers")
        return {name: getattr(self, name) for name in names}


def behaviour(
    call: Call, n: int, total: int, *, base: torch.Tensor, length: int | None = None
) -> Behaviour:  # fmt: skip
    """What a network does beside its task.

    Most networks need one short call more: about 64 of the inputs in another place and with hardly any of
    their company, under another seed. Where that shows a difference, or is refused, half of the inputs among
    as many strangers, and further calls, tell noise from coupling. So noise that changes one sample in 20 is
    missed in 4 % of cases, one in 10 in 0.1 %.

    Args:
        n, total: the first n inputs are probed, the others are strangers.
        base: output for the first n inputs with seed 0.
        length: of the short call; None: there is none.
    """
    buffers = _BufferWatch()
    few = None if length is None else _few_rows(call, n, base=base, length=length, buffers=buffers)
    noise = unseeded = coupled = False
    half, rows, mixed = n - (total - n), torch.arange(n), mixed_rows(n, total)
    if few is None:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
        moved = torch.empty_like(base)
        moved[order] = call(mixed[order], 1, within=buffers.watched)
        if not alike(base[:half], moved[:half]):
            noise = not alike(base, call(rows, 1))
            unseeded = noise and not alike(base, call(rows, 0))
            # Noise of the same seed falls on the same places.
            coupled = not unseeded and not alike(base[:half], call(mixed, 0)[:half])
            if not noise and not coupled:  # its place alone makes a difference
                coupled = True
    if not noise and not coupled and not _alike_alone(call, base):
        coupled = True
    return Behaviour(
        noise=noise, unseeded=unseeded, coupled=coupled, changes_buffers=buffers.changed, few=few
    )  # fmt: skip


def few_inputs(batch_size: int) -> int:
    """About `FEW`, in whole training batches."""
    return batch_size * max(1, round(FEW / batch_size))


def few_rows_length(n: int, *, batch_size: int = 1, odd: bool = True) -> int | None:
    """Of a short call: about `FEW` inputs; None if it would be no shorter than half of all n.

    Args:
        batch_size: whole batches, which a network may need.
        odd: one more, which a network that needs them refuses.
    """
    length = few_inputs(batch_size) + odd
    return length if 2 <= length <= n // 2 else None


def _few_rows(
    call: Call, n: int, *, base: torch.Tensor, length: int, buffers: _BufferWatch
) -> FewRows | None:  # fmt: skip
    """Inputs and one stranger in another order; None where their output is another one.

    Most are the first ones, so that their company is another one too where a judge's first inputs are reals;
    a few are from all places after them, where outputs may be others.
    """
    order = torch.randperm(length, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(length)
    late = length // 16
    rows[length - 1 - late : -1] = torch.linspace(length, n - 1, late).long()
    rows[-1] = n
    try:
        output = call(rows[order], 1, within=buffers.watched)
    except (UsageError, *NETWORK_FAILURES):
        return None
    known = order < length - 1
    if not alike(base[rows[order][known]], output[known]):
        return None
    return FewRows(rows=rows[order], output=output)


def mixed_rows(n: int, total: int) -> torch.Tensor:
    """Rows of as many inputs as there are no strangers to replace, then all strangers."""
    return torch.cat([torch.arange(n - (total - n)), torch.arange(n, total)])


def alike(first: torch.Tensor, second: torch.Tensor, *, share: float = ALIKE) -> bool:
    """Whether two outputs for the same samples differ by less than a share of their spread; NaN never."""
    return bool(((first - second).abs() <= _tolerance(first, share)).all())


def _alike_alone(call: Call, base: torch.Tensor) -> bool:
    """Whether a sample by itself has the same output; a network that takes no batch of one is believed."""
    for i in range(SINGLES):
        try:
            alone = call(torch.tensor([i]), 0)
        except (UsageError, *NETWORK_FAILURES):
            return True
        if bool(((alone[0] - base[i]).abs() > _tolerance(base, ALIKE_ALONE)).any()):
            return False
    return True


def _tolerance(output: torch.Tensor, share: float) -> float:
    """A share of an output's standard deviation, or its rounding where it hardly varies."""
    return max(share * float(output.double().std()), ROUNDING * float(output.abs().amax()))


class _BufferWatch:
    """Whether a call of a network changed its buffers, which `applied` puts back after it."""

    changed = False

    @contextmanager
    def watched(self, network: nn.Module) -> Iterator[None]:
        """Around the call."""
        before = {name: buffer.clone() for name, buffer in network.named_buffers()}
        yield
        after = dict(network.named_buffers())
        self.changed |= bool(before) and (
            before.keys() != after.keys()
            or any(
                not torch.equal(buffer.nan_to_num(), after[name].nan_to_num())
                for name, buffer in before.items()
            )
        )
