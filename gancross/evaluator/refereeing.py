"""Referees of a call in reading order: samples, training, figures, checks, verdicts, record."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.order import content_order
from gancross.data.sets import DataSet
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.codec.finite import with_finite_figures
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.sampling import check_shape
from gancross.evaluator.judging.scoring import canonical_samples
from gancross.evaluator.protocol import Protocol, chunk_length
from gancross.evaluator.referees.arena import Arena, default_workers, equal_number
from gancross.evaluator.referees.budget import BudgetCheck, budget_check
from gancross.evaluator.referees.calibration import calibrated
from gancross.evaluator.referees.check_records import RefereeControls
from gancross.evaluator.referees.checks import dominance_reason, reasons
from gancross.evaluator.referees.comparison import Contender, contrasts
from gancross.evaluator.referees.contestant_records import RefereedContestant
from gancross.evaluator.referees.controls import (
    FEWEST_TRAINED,
    TrainedControls,
    control_call,
    trained_controls,
)
from gancross.evaluator.referees.copying import copying
from gancross.evaluator.referees.cost import TrainingEstimate, training_estimate
from gancross.evaluator.referees.cross import referee_cross
from gancross.evaluator.referees.decision import Decision, decided
from gancross.evaluator.referees.dominance import dominances, judging_alike
from gancross.evaluator.referees.entries import Entry
from gancross.evaluator.referees.figures import contestant_figures
from gancross.evaluator.referees.formats import ImageFormats, image_formats
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.referees.labels import SeenLabels, seen_labels
from gancross.evaluator.referees.ladder import ladder
from gancross.evaluator.referees.options import RefereeOptions
from gancross.evaluator.referees.placements import placements
from gancross.evaluator.referees.records import RefereeProtocolRecord, Referees
from gancross.evaluator.referees.saved import SavedReferees, saved_referees
from gancross.evaluator.referees.standing import Standing, standing_in
from gancross.evaluator.referees.steps import CheckSteps
from gancross.evaluator.referees.work import Progress, contestant_scores, refereed
from gancross.evaluator.result.reading import result_from_dict
from gancross.evaluator.result.refereed import refereed_result, unrefereed, with_clipped_values
from gancross.evaluator.result.types import RefereeCost, Result
from gancross.machine.devices import resolve_device
from gancross.machine.distributed import current, joined
from gancross.machine.process_state import own_turn
from gancross.random_streams import Stream

FEWEST_PLANTED = 100  # training reals in which faults are planted


@joined()
@own_turn()
def with_referees(
    result: Result, contestants: Sequence[Contestant], reals: DataSet, protocol: Protocol,
    options: RefereeOptions, *, training: torch.Tensor | Missing,
    training_labels: torch.Tensor | None = None, device: str = "auto",
    progress: Progress | None = None, announce: Callable[[TrainingEstimate], None] | None = None,
    keep: Callable[[SavedReferees], None] | None = None,
) -> Result:  # fmt: skip
    """A result with referees, and with the verdicts `generator` and `strict` that rest on them.

    Under torchrun every process calls this alike; they divide the referees among them.

    Args:
        result: of the same contestants, data and protocol, without referees.
        training: training reals, for the null control and the search for copies; or why there are none.
        training_labels: of these, where they are known; without them the controls of referees that see
            labels take held-out reals.
        progress: called with (what, done, in all), in the first process alone; of referees as by `refereed`,
            which may call it in a thread.
        announce: called with what the training will cost before it starts, likewise.
        keep: called with the referees of every contestant once all figures are known, likewise; whoever
            saves them then has a result that a full disk does not cost.

    Raises:
        UsageError: options or reals that do not fit.
        DivergenceError: samples or scores that are not finite.
    """
    clock, processes = time.perf_counter(), current()
    if options.calibrate and (isinstance(training, Missing) or len(training) < FEWEST_PLANTED):
        raise UsageError(
            f"calibration plants faults in training reals, at least {FEWEST_PLANTED}; known are"
            f" {0 if isinstance(training, Missing) else len(training)}: give training data"
        )
    target = processes.device(resolve_device(device))
    held_out, real_files = (
        (reals.held_out(protocol.num_samples), reals.file_formats()) if options.reals is None
        else (options.reals, options.reals_formats)
    )  # fmt: skip
    if tuple(held_out.shape[1:]) != reals.shape:
        raise UsageError(
            f"{options.reals_name}: samples of shape {tuple(held_out.shape[1:])}, but the data have shape"
            f" {reals.shape}; resize=N brings all images to one size"
        )
    if not isinstance(training, Missing) and tuple(training.shape[1:]) != reals.shape:
        raise UsageError(
            f"training samples have shape {tuple(training.shape[1:])}, but the data have shape {reals.shape}"
        )
    if held_out.is_floating_point() and not bool(held_out.isfinite().all()):
        raise UsageError(f"{options.reals_name}: hold NaN or infinite values")
    labels = seen_labels(contestants, reals, protocol, options)
    real_set = sample_set(held_out, labels.reals)
    sets, clipped_values = _sample_sets(
        contestants, reals.shape, protocol, target, labels=labels,
        progress=progress if processes.is_rank_zero else None,
    )  # fmt: skip
    result = with_clipped_values(result, clipped_values)
    budget = replace(options.protocol(reals.shape), num_classes=labels.num_classes)
    size = equal_number(real_set, sets.values(), seed=protocol.seed, seeds=budget.seeds)
    arena = Arena(
        reals=real_set, ladder=ladder(real_set.array), protocol=budget.at(size), size=size,
        seed=protocol.seed, device=target, on_cluster=options.on_cluster,
        workers=default_workers(target) if options.workers is None else options.workers,
    )  # fmt: skip
    if arena.size < FEWEST_TRAINED:
        return unrefereed(result, _too_few(real_set, sets))
    standing = () if options.folder is None else standing_in(options.folder, sets, arena)
    known = None if isinstance(training, Missing) else training
    of_controls = control_call(arena, known, labels=training_labels, num_samples=protocol.num_samples)
    if announce is not None and processes.is_rank_zero:
        parts = [] if isinstance(of_controls, Missing) else [(of_controls.parts, of_controls.arena)]
        estimate = training_estimate([(sets, arena), *parts])
        if estimate is not None:
            announce(estimate)
    entries, trained = refereed(sets, arena, progress=progress)
    controls = trained_controls(of_controls, progress=progress)
    if not processes.is_rank_zero:
        return result_from_dict(json.loads(processes.broadcast_from_rank0(b"")))
    refereed_call = _Call(
        contestants=contestants, arena=arena, sets=sets, entries=entries, controls=controls,
        budget=_budget(arena, known, reals, protocol, options, progress), options=options,
        formats=image_formats(real_files, contestants) if len(reals.shape) > 1 else None, standing=standing,
    )  # fmt: skip
    referees, decisions = _assembled(refereed_call, known, protocol, progress)
    count = len(sets) * len(arena.identities)
    cost = RefereeCost(trained=trained, cached=count - trained, seconds=round(time.perf_counter() - clock, 3))
    finished = with_finite_figures(
        refereed_result(result, referees, decisions, cost, notes=options.reals_notes)
    )
    processes.broadcast_from_rank0(finished.to_json().encode())
    if keep is not None:
        for name, own in entries.items():
            keep(saved_referees(name, sets[name], own, arena))
    return finished


def _sample_sets(
    contestants: Sequence[Contestant], shape: tuple[int, ...], protocol: Protocol, device: torch.device, *,
    labels: SeenLabels, progress: Progress | None,
) -> tuple[dict[str, SampleSet], dict[str, int]]:  # fmt: skip
    """The samples of every contestant, drawn as a cross-test draws them, and how many values were clipped.

    Raises:
        UsageError: samples of another shape than the data.
        DivergenceError: samples that are not finite.
    """
    sets, clipped_values = {}, dict[str, int]()
    for done, contestant in enumerate(contestants, start=1):
        name, clipped = contestant.name, dict[int, torch.Tensor]()
        samples = canonical_samples(
            contestant, num_samples=protocol.num_samples, seed=protocol.seed, purpose="crosstest",
            device=device, clipped=clipped, chunk=chunk_length(shape, protocol.chunk),
        )  # fmt: skip
        if clipped:
            clipped_values[name] = sum(map(int, clipped.values()))
        check_shape(name, tuple(samples.shape[1:]), shape)
        if samples.is_floating_point() and not bool(samples.isfinite().all()):
            raise DivergenceError(f"contestant '{name}': its samples hold NaN or infinite values")
        sets[name] = sample_set(samples, labels.contestants.get(name))
        if progress is not None:
            progress("samples", done, len(contestants))
    return sets, clipped_values


@dataclass(frozen=True, kw_only=True, eq=False)
class _Call:
    """What is known when all referees are trained."""

    contestants: Sequence[Contestant]
    arena: Arena
    sets: Mapping[str, SampleSet]
    entries: Mapping[str, Sequence[Entry]]
    controls: TrainedControls
    budget: BudgetCheck
    options: RefereeOptions
    formats: ImageFormats | None
    standing: Sequence[Standing]


def _assembled(
    call: _Call, training: torch.Tensor | None, protocol: Protocol, progress: Progress | None
) -> tuple[Referees, list[Decision]]:
    """Figures, comparisons, checks and verdicts."""
    arena, sigmas = call.arena, call.arena.ladder.sigmas
    scores = {name: contestant_scores(call.entries[name], arena.reals, call.sets[name]) for name in call.sets}
    placed = {name: placements(entry) for name, entry in scores.items()}
    figures = {name: contestant_figures(entry, sigmas, placed=placed[name]) for name, entry in scores.items()}
    contenders = [
        Contender(name=name, placed=placed[name], kappa_K=call.budget.kappa_of(_g(entry)))
        for name, entry in figures.items()
    ]
    pairs = contrasts(contenders, sigmas=sigmas)
    budget = arena.protocol.budget
    named = sorted({
        decision.verdict.winner for decision in decided(pairs, budget=budget) if decision.verdict.winner
    })  # fmt: skip
    steps = CheckSteps(progress, total=_num_steps(call, named))
    checks, standing = dominances(
        named, contestants=call.contestants, sets=call.sets, entries=call.entries, standing=call.standing,
        arena=arena, chunk=protocol.chunk, advance=steps.advance,
    )  # fmt: skip
    copies = {}
    for name, samples in call.sets.items():
        copies[name] = copying(
            samples.array, held_out=arena.reals.array, training=training, seed=protocol.seed
        )
        steps.advance()
    controls = RefereeControls(
        null=call.controls.null, power=call.controls.power, labels=call.controls.labels,
        budget=call.budget.control, dominance=checks,
        copying=copies, standing=None if call.options.folder is None else standing,
    )  # fmt: skip
    of_all = reasons(controls, reals=call.options.reals_name)
    of_one = {check.contestant: [dominance_reason(check)] for check in checks if check.fails}
    withheld = {(a, b): [*of_all, *of_one.get(a, ())] for a, b in permutations(call.sets, 2)}
    decisions = decided(pairs, budget=budget, withheld=withheld, what=arena.protocol.what)
    mean_g = np.mean([_g(entry) for entry in figures.values()], axis=0)
    cross = referee_cross(
        call.sets, call.entries, arena, rung=int(np.abs(mean_g - 0.5).argmin()), advance=steps.advance
    )
    steps.finish()
    referees = Referees(
        protocol=_protocol_record(call), contestants=figures,
        comparisons=tuple(decision.comparison for decision in decisions), cross=cross,
        controls=controls, formats=call.formats,
    )  # fmt: skip
    return referees, decisions


def _num_steps(call: _Call, named: Sequence[str]) -> int:
    """Of the checks, as `CheckSteps` counts them: dominance, the referees' cross-test, copying."""
    contestants = len(call.sets)
    discriminators = len(judging_alike(call.contestants, call.arena))
    standing = sum(not entry.misfit for entry in call.standing)
    judges = len(named) * (contestants + discriminators + standing)
    rungs = judges * len(call.arena.ladder.sigmas) + contestants**2
    return rungs * len(call.arena.identities) + contestants


def _budget(
    arena: Arena, training: torch.Tensor | None, reals: DataSet, protocol: Protocol, options: RefereeOptions,
    progress: Progress | None,
) -> BudgetCheck:  # fmt: skip
    """κ that ships, or measured on the data at hand where that was asked for."""
    if not options.calibrate:
        return budget_check(arena.protocol, reals.shape, arena.size)
    assert training is not None
    order = content_order(training, stream=Stream(protocol.seed, "referee", "calibration"))
    chosen = training[torch.from_numpy(order.index[: 6 * arena.size])]
    measured = calibrated(chosen, arena, name=f"the data at hand, {reals.name}", progress=progress)
    return budget_check(arena.protocol, reals.shape, arena.size, measured=measured)


def _g(figures: RefereedContestant) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([rung.g.value for rung in figures.rungs])


def _protocol_record(call: _Call) -> RefereeProtocolRecord:
    arena = call.arena
    fewest = min(map(len, call.sets.values()))
    lowered = tuple(sorted(name for name, samples in call.sets.items() if len(samples) == fewest))
    return RefereeProtocolRecord(
        options=arena.protocol, seed=arena.seed, sigmas=arena.ladder.sigmas, spread=arena.ladder.spread,
        num_training=arena.size, lowered_by=lowered if fewest < len(arena.reals) else (),
        reals=call.options.reals_name, num_reals=len(arena.reals), reals_sha256=arena.reals.sha256,
    )  # fmt: skip


def _too_few(reals: SampleSet, sets: Mapping[str, SampleSet]) -> str:
    sides = {"the held-out reals": reals, **{f"'{name}'": samples for name, samples in sets.items()}}
    side = min(sides, key=lambda key: len(sides[key]))
    return (
        f"{side}: {len(sides[side])} samples, of which referees need at least {2 * FEWEST_TRAINED} different"
        " ones, half to train on and half to be tested on"
    )
