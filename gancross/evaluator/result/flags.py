"""What a reader must know before believing the figures: one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.figures import BatchNormMoves
from gancross.evaluator.judging.findings import own_findings
from gancross.evaluator.judging.scores import Scores
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.statistics.matched_fp import FEW_REALS, has_few_reals
from gancross.evaluator.tournament.methods import MethodClaim
from gancross.evaluator.verdict.cells import Cells
from gancross.models.batch_norm import averaging_layers

MISFIT = 3.0  # times the sampling error


def flags(
    contestants: Sequence[Contestant], scores: Scores, cells: Cells,
    moves: Mapping[str, BatchNormMoves | Missing], blind: Sequence[str], strengths_residual: float | None,
    claims: Sequence[MethodClaim], num_real: int, protocol: Protocol,
) -> Iterator[str]:  # fmt: skip
    """All flags but those of probes and of fidelity."""
    yield from _contestant_flags(contestants, protocol)
    yield from _cell_flags(cells, {contestant.name: contestant.score_kind for contestant in contestants})
    for name, count in scores.clipped.items():
        if count:
            limits = "[2^-24, 1-2^-24]"
            yield f"'{name}': {count} probabilities were clipped to {limits} before they became logits"
    for name in blind:
        yield f"'{name}' is blind: it calls more than half of uniform noise real, so fooling it is no credit"
    for name, move in moves.items():
        if not isinstance(move, Missing) and move.flagged:
            size = f"{move.largest_move:.4f}"
            yield f"'{name}': a rate moves by {size} between running averages and batch statistics"
    if strengths_residual is not None and strengths_residual > MISFIT:
        yield (
            f"Bradley–Terry strengths do not describe the table: its rates lie {strengths_residual:.0f} times"
            " their sampling error from them"
        )
    yield from {note for claim in claims for note in claim.flags}
    if has_few_reals(num_real) and not all(isinstance(cell.fp_at_fn5, Missing) for cell in cells.values()):
        yield (
            f"each half of the {num_real:,} test samples sets a threshold of FP at matched FN: fewer than"
            f" {FEW_REALS:,}"
        )


def _contestant_flags(contestants: Sequence[Contestant], protocol: Protocol) -> Iterator[str]:
    for contestant in contestants:
        samples, name = contestant.samples, contestant.name
        if samples is not None and len(samples) < protocol.num_samples:
            yield f"'{name}': only {len(samples)} samples, {protocol.num_samples} asked for"
        judge = contestant.discriminator
        if judge is not None and contestant.batch_size == 1 and averaging_layers(judge):
            yield f"'{name}' trained on batches of one: it was judged with running averages alone"
        for note in () if contestant.origin is None else contestant.origin.notes:
            yield f"'{name}': {note}"


def _cell_flags(cells: Cells, kinds: Mapping[str, str]) -> Iterator[str]:
    for cell in cells.values():
        if cell.is_own and not isinstance(cell.auc, Missing):
            separation = None if isinstance(cell.j, Missing) else cell.j.value
            for finding in own_findings(
                cell.judge, score_kind=kinds[cell.judge], auc=cell.auc.value, separation=separation
            ):
                yield finding.flag
        if not isinstance(cell.fp_at_fn5, Missing) and cell.fp_at_fn5.is_unmatched:
            where = f"'{cell.judge}' on '{cell.generator}'"
            yield f"{where}: no score has FN ≤ 5 %, so FP at matched FN is 1 by definition"
