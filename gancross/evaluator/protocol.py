"""What a cross-test is asked for: one object from the command line to the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from gancross.arguments import integer, truth
from gancross.errors import UsageError
from gancross.evaluator.codec.fields import Recorded, Size
from gancross.random_streams import check_seed

Norm = Literal["eval", "batch"]
NORMS: tuple[Norm, ...] = ("eval", "batch")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Everything that decides the figures of given contestants on given data.

    Attributes:
        num_samples: drawn from each generator.
        seed: of the latents, of endless data, of noise and of all resampling.
        norm: how judges with batch norm normalise: `eval`, running averages; `batch`, statistics of
            groups of their training batch size, pure real or pure fake.
        norm_check: score judges with batch norm in both modes; without it `discriminator` names none of them.
        quantize: round generated images to 8 bits, as a file would hold them.
        controls: judge uniform noise and blurred reals too.
        metrics: of `fid`, `is`, `kid`, `pr`: fidelity beside the cross-test.
        kid_subset_size: samples in each of KID's 100 subsets; at most the size of the smallest set.

    Raises:
        UsageError: a value of another type or out of its range, or there is no such norm.
    """

    num_samples: Annotated[Size, Recorded(key="num_fake", description="samples asked of each generator")] = (
        10_000
    )
    seed: int = 0
    norm: Norm = "eval"
    norm_check: bool = True
    quantize: bool = True
    controls: Annotated[bool, Recorded(skipped=True)] = True
    metrics: Annotated[tuple[str, ...], Recorded(skipped=True)] = ()
    kid_subset_size: Annotated[int, Recorded(skipped=True)] = 1000

    def __post_init__(self) -> None:
        for what, words in (("num_samples", "the number of samples"), ("kid_subset_size", "kid_subset_size")):
            object.__setattr__(self, what, integer(getattr(self, what), words))
        for what in ("norm_check", "quantize", "controls"):
            object.__setattr__(self, what, truth(getattr(self, what), what))
        if self.num_samples < 1:
            raise UsageError(f"the number of samples must be at least 1, is {self.num_samples}")
        object.__setattr__(self, "seed", check_seed(self.seed))
        if self.norm not in NORMS:
            raise UsageError(f"norm must be 'eval' or 'batch', is {self.norm!r}")
