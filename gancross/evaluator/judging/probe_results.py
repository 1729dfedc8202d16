"""What the probes of a contestant's networks found, and the flags that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from gancross.evaluator.codec.fields import Recorded, UnitFloat, declared
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judging.findings import Finding

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant

CHANCE = 0.5  # of a score to be the higher one of two, where labels tell nothing
OUTSIDE = 0.01  # share of values beyond the range from which on it is flagged


@dataclass(frozen=True)
class Warn:
    """The flag of a probe that finds something, and what to do about it.

    In both, {network} is the generator or the discriminator.
    """

    text: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class NetworkProbe:
    """What a network in evaluation mode shows.

    Attributes:
        noise: whether it draws noise beside its input.
        unseeded: whether that noise comes from elsewhere than torch's global generators.
        coupled: whether its output for a sample depends on the samples beside it.
        changes_buffers: whether a forward pass changes them.
        untrained_norm: whether a layer's running averages are those of no batch, mean 0 and variance 1.
    """

    noise: Annotated[bool, Warn(
        "the {network} draws noise of its own; each of its calls had a seed, so that the same cross-test"
        " gives the same figures",
        "nothing, if it is meant to; a network in evaluation mode should not drop out",
    )]  # fmt: skip
    unseeded: Annotated[bool, Warn(
        "the {network} draws noise that torch's seed does not reach: the same cross-test gives other figures",
        "draw its noise by torch's functions, or from its input",
    )]  # fmt: skip
    coupled: Annotated[bool, Warn(
        "the {network}'s output for a sample depends on the other samples of the batch, as with minibatch"
        " statistics or batch norm without running averages",
        "give batch_size, the samples that it saw at a time in training, if that is not {batch_size};"
        " generators make whole chunks at a time",
    )]  # fmt: skip
    changes_buffers: Annotated[bool, Warn(
        "the {network}'s forward pass changes its buffers in evaluation mode; they were put back each time",
        "change buffers only `if self.training`",
    )]  # fmt: skip
    untrained_norm: Annotated[bool, Warn(
        "a batch norm of the {network} has seen no batch (running mean 0, variance 1): were its buffers left"
        " out when weights were averaged or saved?",
        "save the whole state_dict(), buffers included; beside averaged weights copy the buffers too",
    )]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class GeneratorProbe(NetworkProbe):
    """Beside the behaviour of any network, the values of its samples.

    Attributes:
        low, high: the extreme values.
        outside: share of the values beyond `data_range`, which are clipped.
        one_half: whether all values lie in one half of `data_range`, and the test data's do not.
        stale_norm: whether running averages are those of other weights: by the statistics of their own batch
            samples are others. None: recorded before it was tried.
        labels_ignored: whether samples of the same latents are the same under other labels; None: it takes
            none, or there is one class.
    """

    low: float
    high: float
    outside: UnitFloat | Missing
    one_half: Annotated[bool, Warn(
        "the generator's values, {low:g} to {high:g}, fill one half of data_range {range} at most: expected"
        " another data_range? (0,1 and 0,255 are common)",
        "give data_range, the values of black and white in its images",
    )]  # fmt: skip
    stale_norm: Annotated[bool | None, Recorded(absent=True), Warn(
        "the running averages of the {network}'s batch norm are not those of its weights (by the statistics"
        " of their own batch its samples are others): were buffers left out when weights were averaged or"
        " saved?",
        "save the whole state_dict(), buffers included; beside averaged weights copy the buffers too",
    )] = None  # fmt: skip
    labels_ignored: Annotated[bool | None, Recorded(absent=True), Warn(
        "the generator makes the same samples of the same latents under other labels: does it use them?",
        "call it so that they reach its layers, or leave out num_classes if it takes none",
    )] = None  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DiscriminatorProbe(NetworkProbe):
    """Beside the behaviour of any network, what its scores look like.

    Attributes:
        unreachable_norm: whether layers that cannot be switched to batch statistics keep running averages,
            as in a traced module, or see a sample's company in training mode alone.
        like_probabilities: whether all scores lie in 0…1, of images of any contrast too, and the threshold
            of their kind does not.
        other_range: the common range of images in which it tells its own generator's samples from the data,
            where it hardly does in `data_range`. None: there is none, or it was recorded before it was tried.
        whole_batches: true of a judge that takes no other batches than whole ones of training, and sees
            these, although a sample's score does not depend on its company.
        labels_ignored: whether samples have the same scores under other labels; None: it takes none, or
            there is one class.
        only_reads: whether its input was as before after a call; in memory alone.
        right_labels: of test samples whose score is another under the label of another one, a different
            class, how many score higher under their own; None: it takes none, or no such scores differ.
    """

    unreachable_norm: Annotated[bool, Warn(
        "the discriminator normalises by running averages in layers that cannot be switched to batch"
        " statistics (traced, or of its own making?): it was judged with running averages alone",
        "give the module instead of its trace; name averages of its own running_mean and running_var",
    )]  # fmt: skip
    like_probabilities: Annotated[bool, Warn(
        "all probed scores lie in 0…1 under score_kind '{score_kind}': a probability? then give"
        " score_kind=probability",
        "give score_kind=probability if it ends in a sigmoid",
    )]  # fmt: skip
    other_range: Annotated[str | None, Recorded(absent=True), Warn(
        "given images in {other_range} the {network} tells its own generator's samples from the data, given"
        " data_range {range} it does so less or not at all: expected another data_range?",
        "give data_range, the values of black and white that it was trained on: {other_range}?",
    )] = None  # fmt: skip
    whole_batches: Annotated[bool | None, Recorded(absent=True)] = None
    labels_ignored: Annotated[bool | None, Recorded(absent=True), Warn(
        "the discriminator gives samples the same scores under other labels: does it use its labels?",
        "call it so that they reach its layers, or give judge_labels=False if it takes none",
    )] = None  # fmt: skip
    right_labels: Annotated[Proportion | None, Recorded(absent=True)] = None
    only_reads: Annotated[bool, Recorded(skipped=True)] = field(default=False, repr=False, compare=False)

    @property
    def grouped(self) -> bool:
        """Whether it sees whole training batches at a time."""
        return self.coupled or bool(self.whole_batches)


@dataclass(frozen=True, kw_only=True)
class Probes:
    """One contestant's networks."""

    generator: GeneratorProbe | Missing
    discriminator: DiscriminatorProbe | Missing


def unswitchable(probes: Mapping[str, Probes]) -> frozenset[str]:
    """The judges whose batch norm cannot be switched to batch statistics."""
    return frozenset(
        name for name, probe in probes.items()
        if not isinstance(probe.discriminator, Missing) and probe.discriminator.unreachable_norm
    )  # fmt: skip


def coupled(probes: Mapping[str, Probes]) -> frozenset[str]:
    """The judges whose scores depend on a sample's company."""
    return frozenset(
        name for name, probe in probes.items()
        if not isinstance(probe.discriminator, Missing) and probe.discriminator.coupled
    )  # fmt: skip


def readers(probes: Mapping[str, Probes]) -> frozenset[str]:
    """The judges that do not write into their input."""
    return frozenset(
        name for name, probe in probes.items()
        if not isinstance(probe.discriminator, Missing) and probe.discriminator.only_reads
    )  # fmt: skip


def noisy(probes: Mapping[str, Probes]) -> bool:
    """Whether a network draws noise beside its input."""
    networks = [network for probe in probes.values() for network in (probe.generator, probe.discriminator)]
    return any(not isinstance(network, Missing) and network.noise for network in networks)


def grouped(probes: Mapping[str, Probes]) -> frozenset[str]:
    """The judges that see whole training batches: coupled ones, and those that take no others."""
    return frozenset(
        name for name, probe in probes.items()
        if not isinstance(probe.discriminator, Missing) and probe.discriminator.grouped
    )  # fmt: skip


def probe_findings(contestant: Contestant, probes: Probes) -> Iterator[Finding]:
    """Everything that the probes of a contestant found."""
    low, high = contestant.data_range
    for network, probe in (("generator", probes.generator), ("discriminator", probes.discriminator)):
        if isinstance(probe, Missing):
            continue
        facts = vars(probe) | {
            "network": network, "range": f"{low:g}…{high:g}", "score_kind": contestant.score_kind,
            "batch_size": contestant.batch_size,
        }  # fmt: skip
        for name, warn in declared(type(probe), Warn).items():
            if getattr(probe, name) and not (name == "noise" and probe.unseeded):
                yield Finding(
                    flag=f"'{contestant.name}': {warn.text.format(**facts)}",
                    remedy=warn.remedy.format(**facts),
                )
    probe = probes.generator
    if not isinstance(probe, Missing) and not isinstance(probe.outside, Missing) and probe.outside > OUTSIDE:
        yield Finding(
            flag=f"'{contestant.name}': {probe.outside:.0%} of the generator's values lie outside data_range"
            f" {low:g}…{high:g}, from {probe.low:g} to {probe.high:g}, and were clipped: expected another"
            " data_range?",
            remedy="give data_range, the values of black and white in its images",
        )
    yield from _wrong_labels(contestant.name, probes.discriminator)


def _wrong_labels(judge: str, probe: DiscriminatorProbe | Missing) -> Iterator[Finding]:
    """Of a conditional judge whose scores do not show which labels of reals are right."""
    if isinstance(probe, Missing) or probe.right_labels is None or probe.labels_ignored:
        return
    right = probe.right_labels
    low, high = right.ci95
    if low > CHANCE:
        return
    yield Finding(
        flag=f"'{judge}': {right.count} of {right.n} test samples ({right.rate:.0%}, {low:.0%} to {high:.0%})"
        " score higher under their own label than under that of another class: its scores do not tell right"
        " labels from wrong ones; are its classes numbered as the data's are?",
        remedy="number the classes as the data do, or choose the data that it was trained on",
    )
