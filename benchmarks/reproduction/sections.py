"""The page's sections: which claim of the paper, which spec, which figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancross.workflow.spec import Spec
from reproduction import costs, drawings, records

Plain = dict[str, Any]
RESULTS = Path(__file__).parents[1] / "results"
SPECS = Path(__file__).parents[1] / "paper"

Analysis = Callable[[Spec, Path], Plain]
Drawing = Callable[[Plain, Path], None]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One claim and how it is looked at.

    Attributes:
        key: of spec, record and pictures.
        claim: the paper's, in our words; figures in it are the paper's or the settings'.
        shows_samples: whether a sheet of samples is drawn from the run folders.
        remark: what the figures do not say by themselves; holds none.
    """

    key: str
    heading: str
    claim: str
    analysis: Analysis
    picture: Drawing
    shows_samples: bool = False
    remark: str = ""

    @property
    def spec(self) -> Path:
        """What to train."""
        return SPECS / f"{self.key}.toml"

    @property
    def command(self) -> str:
        """How its runs are made."""
        return f"gancross benchmark benchmarks/paper/{self.key}.toml --device cpu"

    @property
    def analysis_command(self) -> str:
        """How its record is made of the runs."""
        return f"python benchmarks/reproduce.py {self.key}"

    @property
    def record(self) -> str:
        """The record's file in `benchmarks/results`."""
        return f"paper-{self.key}.json"

    @property
    def pictures(self) -> dict[str, str]:
        """Files in `benchmarks/results`, with a text for those who do not see them."""
        found = {f"paper-{self.key}.png": f"{self.heading}: along training"}
        if self.shows_samples:
            found[f"paper-{self.key}-samples.png"] = f"{self.heading}: samples"
        return found


SECTIONS: dict[str, Section] = {
    section.key: section
    for section in (
        Section(
            key="fig1", heading="§5.1, Fig. 1: stability on the submanifold mixture",
            claim="The unregularized GAN collapses in every run after about 50,000 steps, while the"
            " discriminator's margin"
            " keeps growing; the regularized one trains on without collapse at every γ, with and without"
            " annealing.",
            analysis=records.stability, picture=drawings.stability, shows_samples=True,
        ),
        Section(
            key="fig6", heading="§5.1, Fig. 6: five discriminator updates per generator update",
            claim="With n_φ = 5 the stabilizing effect of the regularizer is even more pronounced.",
            analysis=records.stability, picture=drawings.stability, shows_samples=True,
        ),
        Section(
            key="latent15", heading="§7.3: 15-dimensional latents",
            claim="Latents of 15 dimensions give the same picture as those of two.",
            analysis=records.stability, picture=drawings.stability, shows_samples=True,
        ),
        Section(
            key="generator-objective", heading="§4.1: the regularized objective for the generator too",
            claim="It may speed up early training, and destabilizes training close to convergence.",
            analysis=records.stability, picture=drawings.stability, shows_samples=True,
        ),
        Section(
            key="crosstest-mixture", heading="§5.5: cross-testing on the mixture",
            claim="The regularized discriminator recognises the unregularized GAN's samples (cross-testing"
            " FP 0.0 on"
            " CIFAR-10), the unregularized one takes the regularized GAN's for real (1.0).",
            analysis=records.crosstested, picture=drawings.heat_maps,
        ),
        Section(
            key="crosstest-digits", heading="§5.5: cross-testing on the digits",
            claim="As on the mixture; the digits stand in for CIFAR-10 at a size that a CPU can train.",
            analysis=records.crosstested, picture=drawings.heat_maps,
        ),
        Section(
            key="overfitting", heading="§6: the regularizer prevents overfitting",
            claim="Regularized GANs overfit less, and so generalise better: the discriminator should tell"
            " training from"
            " test data less.",
            analysis=records.overfitted, picture=drawings.gaps,
        ),
        Section(
            key="training-time", heading="§5.3: training time",
            claim="Regularization costs about 1.4 times an unregularized step; f-GANs, regularized or not,"
            " make good"
            " samples sooner than Wasserstein GANs.",
            analysis=costs.timed, picture=drawings.against_time,
        ),
    )
}  # fmt: skip
