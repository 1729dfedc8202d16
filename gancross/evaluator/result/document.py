"""The record of a cross-test, put together from the scores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gancross.checkpoint.contestant import Contestant
from gancross.data.sets import DataSet
from gancross.evaluator.judging.batch_norm_passes import Norm
from gancross.evaluator.judging.sampling import CHUNK
from gancross.evaluator.judging.scoring import Judged
from gancross.evaluator.result import record
from gancross.evaluator.result.result import FORMAT
from gancross.evaluator.statistics.matched_fp import FEW_REALS, draw_halves
from gancross.evaluator.tournament import summary as tournament
from gancross.evaluator.verdict.cells import OTHER, Cells, Halves, all_cells, compared, strict_verdicts
from gancross.evaluator.verdict.pairs import PairTests
from gancross.evaluator.verdict.paper import paper_verdict

Plain = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the caller asked for, as the record states it.

    `no_training` says why there are no training reals, where there are none.
    """

    num_samples: int
    seed: int
    norm: Norm
    quantize: bool
    controls: bool
    norm_check: bool
    no_training: str


def document(
    contestants: Sequence[Contestant], judged: Judged, *, reals: DataSet, test: torch.Tensor, asked: Asked
) -> Plain:
    """Everything of the record but `provenance`."""
    halves = draw_halves(len(test), seed=asked.seed) if len(test) > 1 else None
    cells = all_cells(contestants, judged, norm=asked.norm, halves=halves, seed=asked.seed)
    judges = [contestant for contestant in contestants if contestant.discriminator is not None]
    scores = {judge.name: judged.of(judge.name, asked.norm) for judge in judges}
    names = [contestant.name for contestant in contestants]
    blind = record.blind_judges(judges, scores)
    table = tournament.table_of(contestants, cells, blind=blind)
    pairs = _pairs(contestants, judged, cells, halves, asked)
    modes = {judge.name: record.batch_norm_record(judge, judged, names) for judge in judges}
    controls: Plain = {"controls": None, "controls_reason": "not asked for"}
    if asked.controls:
        controls = {"controls": record.controls_record(judges, scores)}
    return {
        "format": FORMAT,
        "status": "ok",
        "protocol": protocol(reals, test, asked),
        "contestants": [identity(contestant) for contestant in contestants],
        "confusion": {
            c.name: record.confusion_record(c, record.own_cell(cells, c.name)) for c in contestants
        },
        "cross": [record.cell_record(cell) for cell in cells.values()],
        "pairs": pairs,
        "verdict": _verdict(pairs, len(contestants)),
        "generalisation_gap": {
            judge.name: record.generalisation_record(judge, scores[judge.name], asked.no_training)
            for judge in judges
        },
        "batch_norm": modes,
        **controls,
        "ranking": tournament.ranking_record(table),
        "duality_gap": tournament.duality_record(table, seed=asked.seed),
        "groups": tournament.groups_record(contestants, table, seed=asked.seed),
        "histograms": {judge.name: record.histogram_record(scores[judge.name], names) for judge in judges},
        "roc": {
            judge.name: {name: record.roc_record(scores[judge.name], name) for name in names}
            for judge in judges
        },
        "flags": flags(contestants, judged, cells, modes, blind, asked),
    }


def _pairs(
    contestants: Sequence[Contestant], judged: Judged, cells: Cells, halves: Halves, asked: Asked
) -> list[Plain]:
    """Both verdicts and all tests of every pair; in the other batch-norm mode too where one was scored."""
    tests = compared(contestants, judged, cells, asked.norm)
    others: list[PairTests] | None = None
    if asked.norm_check and judged.batch_normalised:
        other = OTHER[asked.norm]
        twins = all_cells(contestants, judged, norm=other, halves=halves, seed=asked.seed)
        others = compared(contestants, judged, twins, other)
    strict = strict_verdicts(tests, others, judged, asked.norm)
    return [
        record.pair_record(test, paper=paper_verdict(test.a, test.b), strict=verdict)
        for test, verdict in zip(tests, strict, strict=True)
    ]


def _verdict(pairs: list[Plain], n: int) -> Plain:
    if len(pairs) == 1:
        return {"paper": pairs[0]["paper"], "strict": pairs[0]["strict"]}
    none = {"winner": None, "reason": f"{n} contestants: see the verdicts of the pairs"}
    return {"paper": none, "strict": none}


def array_sha256(test: torch.Tensor) -> str:
    """SHA-256 of a canonical array: its type, its shape, its values."""
    digest = hashlib.sha256(f"{test.dtype} {tuple(test.shape)}\n".encode())
    digest.update(test.contiguous().numpy().tobytes())
    return digest.hexdigest()


def protocol(reals: DataSet, test: torch.Tensor, asked: Asked) -> Plain:
    """How the figures were found; equal protocols make results comparable."""
    return {
        "data": {
            "name": reals.name, "split": reals.split, "image_size": reals.image_size,
            "shape": list(reals.shape), "sha256": array_sha256(test), "num_real": len(test),
        },
        "num_fake": asked.num_samples, "seed": asked.seed, "norm": asked.norm,
        "norm_check": asked.norm_check, "quantize": asked.quantize, "chunk": CHUNK,
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def identity(contestant: Contestant) -> Plain:
    """What is known of a contestant."""
    origin = contestant.origin
    return {
        "name": contestant.name,
        "path": origin and origin.path,
        "sha256": origin and origin.sha256,
        "method": contestant.method,
        "score_kind": contestant.score_kind,
        "orientation": contestant.orientation,
        "threshold": contestant.threshold,
        "step": origin and origin.step,
        "recipe": (origin and origin.recipe) or None,
    }


def flags(
    contestants: Sequence[Contestant], judged: Judged, cells: Cells, modes: Plain, blind: Sequence[str],
    asked: Asked,
) -> list[str]:  # fmt: skip
    """What a reader must know before believing the figures."""
    found = [
        f"'{name}': {count} probabilities were clipped to [2^-24, 1-2^-24] before they became logits"
        for name, count in judged.clipped.items()
        if count
    ]
    for one in contestants:
        if one.samples is not None and len(one.samples) < asked.num_samples:
            found.append(f"'{one.name}': only {len(one.samples)} samples, {asked.num_samples} asked for")
    found += [
        f"'{one.name}': {note}" for one in contestants if one.origin is not None for note in one.origin.notes
    ]
    found += [
        f"'{name}' is blind: it calls more than half of uniform noise real, so fooling it is no credit"
        for name in blind
    ]
    found += [
        f"'{name}': a rate moves by {mode['largest_move']:.2f} between running averages and batch statistics"
        for name, mode in modes.items()
        if mode.get("flagged")
    ]
    matched = [cell.matched for cell in cells.values() if cell.matched is not None]
    if any(one.few_reals for one in matched):
        found.append(f"fewer than {FEW_REALS:,} test samples set the threshold of FP at matched FN")
    found += [
        f"'{cell.judge}' on '{cell.generator}': no score has FN ≤ 5 %, so FP at matched FN is 1 by definition"
        for cell in cells.values()
        if cell.matched is not None and cell.matched.unmatched
    ]
    return sorted(found)  # whatever the order of the contestants
