"""A result put together from the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gancross.checkpoint.contestant import Contestant
from gancross.data.order import ContentOrder
from gancross.data.sets import DataSet
from gancross.evaluator.classes.figures import class_figures
from gancross.evaluator.estimates import Missing
from gancross.evaluator.fidelity.figures import MeasuredFidelity
from gancross.evaluator.fidelity.metrics import METRICS
from gancross.evaluator.judging import figures
from gancross.evaluator.judging.probe_results import Probes, probe_findings
from gancross.evaluator.judging.scores import Scores
from gancross.evaluator.protocol import Protocol, chunk_length
from gancross.evaluator.result.contestant_record import contestant_record
from gancross.evaluator.result.flags import flags
from gancross.evaluator.result.types import (
    REFERENCE_JUDGES,
    Controls,
    DataRecord,
    ProtocolRecord,
    Provenance,
    Result,
)
from gancross.evaluator.tournament.tournament import tournament
from gancross.evaluator.verdict.cells import all_cells, all_pairs, without_resamples
from gancross.evaluator.verdict.halving import Halving
from gancross.evaluator.verdict.verdicts import RULES, Verdict, Verdicts
from gancross.machine.crew import crew, most_threads

NO_METRICS = Missing(f"no metrics asked for ({', '.join(METRICS)})")
NOT_REFEREED = Missing("no referees were trained")


def assembled(
    contestants: Sequence[Contestant], scores: Scores, protocol: Protocol, probes: Mapping[str, Probes], *,
    reals: DataSet,
    order: ContentOrder, no_training: str, fidelity: MeasuredFidelity | None, provenance: Provenance,
    notes: Sequence[str] = (),
) -> Result:  # fmt: skip
    """Every figure of a cross-test.

    Args:
        order: of the test reals, in which the judges saw them.
        no_training: why there are no training reals, if there are none.
        notes: flags of the call.
    """
    judges = [contestant for contestant in contestants if contestant.discriminator is not None]
    of_judges = {judge.name: scores.of(judge.name, protocol.norm) for judge in judges}
    names = [contestant.name for contestant in contestants]
    rates = {judge.name: figures.control_rates(judge, of_judges[judge.name]) for judge in judges}
    blind = [name for name, controls in rates.items() if controls.blind]
    matrices = {c.name: figures.confusion_matrix(c, of_judges.get(c.name)) for c in contestants}
    sizes = [each.group_size for by_judge in scores.by_norm.values() for each in by_judge.values()]
    with crew(most_threads()) as workers:
        halving = Halving(order.items, seed=protocol.seed, group_sizes=sizes, workers=workers)
        histograms = {name: workers.submit(figures.histogram, s, names) for name, s in of_judges.items()}
        roc = {
            judge: {name: workers.submit(figures.roc_curve, s, name) for name in names}
            for judge, s in of_judges.items()
        }
        cells = all_cells(
            contestants, scores, norm=protocol.norm, halving=halving, seed=protocol.seed, workers=workers
        )
        pairs = all_pairs(contestants, scores, cells, halving, protocol, workers)
        cells = without_resamples(cells)
        curves = {
            judge: {name: curve.result() for name, curve in of_judge.items()}
            for judge, of_judge in roc.items()
        }
        bins = {judge: histogram.result() for judge, histogram in histograms.items()}
    table = tournament(
        contestants, of_judges, cells, matrices, blind=blind, norm=protocol.norm, seed=protocol.seed
    )
    strengths = table.ranking.bradley_terry
    residual = None if isinstance(strengths, Missing) else strengths.residual
    claims = () if isinstance(table.groups.claims, Missing) else table.groups.claims
    moves = {
        judge.name: figures.batch_norm_moves(judge, scores, names, probes[judge.name]) for judge in judges
    }
    controls = Controls(judges=rates, references=REFERENCE_JUDGES)
    nobody = Verdict(winner=None, reason=f"{len(contestants)} contestants: see the verdicts of the pairs")
    usual, chunk = chunk_length(reals.shape), chunk_length(reals.shape, protocol.chunk)
    alone = pairs[0].verdict if len(pairs) == 1 else None
    return Result(
        protocol=ProtocolRecord(
            data=DataRecord(
                name=reals.name, split=reals.split, image_size=reals.image_size, shape=reals.shape,
                sha256=order.sha256, num_real=len(order.index),
            ),
            options=replace(protocol, chunk=None if chunk == usual else chunk),
            chunk=chunk,
            fidelity=None if fidelity is None else fidelity.protocol,
        ),
        contestants=tuple(
            contestant_record(contestant, scores.clipped_values.get(contestant.name))
            for contestant in contestants
        ),
        probes=probes, confusion=matrices, cross=tuple(cells.values()), pairs=pairs,
        verdict=alone or Verdicts(**dict.fromkeys(RULES, nobody)),
        generalisation_gap={
            judge.name: figures.judge_generalisation_gap(judge, of_judges[judge.name], no_training)
            for judge in judges
        },
        batch_norm=moves, controls=controls if protocol.controls else Missing("not asked for"),
        ranking=table.ranking, duality_gap=table.duality_gap, groups=table.groups,
        histograms=bins, roc=curves,
        # Sorted, so that the order of the contestants changes nothing.
        flags=tuple(sorted([
            *(finding.flag for c in contestants for finding in probe_findings(c, probes[c.name])),
            *flags(contestants, scores, cells, moves, blind, residual, claims, len(order.index), protocol),
            *(() if fidelity is None else fidelity.flags), *reals.notes, *notes,
        ])),
        fidelity=NO_METRICS if fidelity is None else fidelity.figures, referees=NOT_REFEREED,
        classes=class_figures(judges, of_judges, scores.classes, names, reals.class_names),
        provenance=provenance,
    )  # fmt: skip
