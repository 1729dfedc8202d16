"""The check of dominance of a call: every contestant that would be named, before all judges at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.probes import judge_probe
from gancross.evaluator.judging.scoring import evaluating
from gancross.evaluator.protocol import chunk_length
from gancross.evaluator.referees.arena import Arena
from gancross.evaluator.referees.check_records import Dominance, StandingReferees
from gancross.evaluator.referees.cross import (
    Advance,
    Judges,
    NoisyDiscriminator,
    Unseen,
    dominance,
    referee_judges,
)
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.halves import SampleSet
from gancross.evaluator.referees.standing import Standing, standing_judges, standing_record


def dominances(
    named: Sequence[str], *, contestants: Sequence[Contestant], sets: Mapping[str, SampleSet],
    entries: Mapping[str, Sequence[Entry]], standing: Sequence[Standing], arena: Arena,
    chunk: int | None = None, advance: Advance | None = None,
) -> tuple[tuple[Dominance, ...], tuple[StandingReferees, ...]]:  # fmt: skip
    """The check of every contestant that would be named, and the part of every file of saved referees.

    The judges at hand are the referees of the other contestants, contestants' discriminators and saved
    referees. Discriminators that take labels are among them where referees see labels: they tell pairs of a
    sample and a class, of which other referees are not asked.

    Args:
        named: who would be.
        chunk: of the discriminators, as of `chunk_length`.
    """
    own = judging_alike(contestants, arena)
    modules = [c.discriminator for c in own if c.discriminator is not None]
    checks: list[Dominance] = []
    of_files: list[dict[str, Missing | None]] = [{} for _ in standing]  # by contestant why not, or None
    with evaluating(modules, arena.device) if modules else nullcontext():
        grouped = _grouped(own, sets, arena, chunk) if named else {}
        for name in named:
            judges: dict[str, Judges] = {
                f"the referees of '{other}'": referee_judges(entries[other], arena)
                for other in sets if other != name
            }  # fmt: skip
            for contestant in own:
                network = NoisyDiscriminator(contestant, arena, chunk=chunk, grouped=grouped[contestant.name])
                judges[f"scores of the discriminator of '{contestant.name}'"] = lambda *_, n=network: n
            unseen: dict[str, Unseen] = {}
            for entry, reasons in zip(standing, of_files, strict=True):
                if entry.misfit:
                    continue
                saved = standing_judges(entry, sets[name], entries[name], arena)
                if isinstance(saved, Missing):
                    reasons[name] = saved
                else:
                    judges[entry.title], unseen[entry.title] = saved.judges, saved.unseen
                    reasons[name] = None
            check = dominance(name, sets[name], entries[name], judges, arena, unseen=unseen, advance=advance)
            checks += [] if check is None else [check]
    records = [standing_record(entry, reasons) for entry, reasons in zip(standing, of_files, strict=True)]
    return tuple(checks), tuple(records)


def _grouped(
    judges: Sequence[Contestant], sets: Mapping[str, SampleSet], arena: Arena, chunk: int | None
) -> dict[str, bool]:
    """Of each contestant's discriminator, whether it sees whole training batches, as in a cross-test."""
    reals = arena.reals.array
    length = chunk_length(tuple(reals.shape[1:]), chunk)
    return {
        judge.name: judge_probe(
            judge,
            reals=reals,
            fakes=sets[judge.name].array,
            device=arena.device,
            chunk=length,
            labels=arena.reals.labels,
            fake_labels=sets[judge.name].labels,
        ).grouped
        for judge in judges
    }


def judging_alike(contestants: Sequence[Contestant], arena: Arena) -> list[Contestant]:
    """The contestants with a discriminator that takes no labels, or such as the call's referees see."""
    seen = arena.protocol.num_classes is not None
    return [
        each for each in contestants if each.discriminator is not None and (seen or not each.judge_labels)
    ]
