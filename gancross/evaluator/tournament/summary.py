"""What only several contestants, or several runs of a method, can say; as plain values of the record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from gancross.checkpoint.contestant import Contestant
from gancross.evaluator.statistics.proportions import Estimate, Unavailable
from gancross.evaluator.tournament.bradley_terry import bradley_terry, method_strengths
from gancross.evaluator.tournament.cross_table import CrossTable, cross_table
from gancross.evaluator.tournament.duality import duality_gaps
from gancross.evaluator.tournament.methods import MethodClaim, method_claims
from gancross.evaluator.tournament.ranking import discriminator_ranking, generator_ranking
from gancross.evaluator.verdict.cells import Cells

Plain = dict[str, Any]


def table_of(contestants: Sequence[Contestant], cells: Cells, *, blind: Collection[str]) -> CrossTable:
    """The matrix of all shares called real, from the cells of judges that decide."""
    decided = {key: cell.confusion for key, cell in cells.items() if cell.confusion is not None}
    return cross_table(
        [contestant.name for contestant in contestants],
        fp={key: table.fp for key, table in decided.items()},
        fn={judge: table.fn for (judge, _), table in decided.items()},
        blind=blind,
    )


def ranking_record(table: CrossTable) -> Plain:
    """Rankings of generators and of discriminators, apart, and Bradley–Terry strengths."""
    strengths = bradley_terry(table)
    if isinstance(strengths, Unavailable):
        fitted: Plain = {"bradley_terry": None, "bradley_terry_reason": strengths.reason}
    else:
        fitted = {"bradley_terry": asdict(strengths)}
    generators, discriminators = generator_ranking(table), discriminator_ranking(table)
    return _ranked("generators", generators) | _ranked("discriminators", discriminators) | fitted


def duality_record(table: CrossTable, *, seed: int) -> Plain:
    """The pool-restricted duality gap of every contestant."""
    gaps = duality_gaps(table, seed=seed)
    return {
        name: {"value": None, "value_reason": gap.reason}
        if isinstance(gap, Unavailable)
        else {"value": gap.value, "bias": gap.bias}
        for name, gap in gaps.items()
    }


def groups_record(contestants: Sequence[Contestant], table: CrossTable, *, seed: int) -> Plain:
    """Claims about methods, where contestants of at least two methods take part."""
    methods = {c.name: c.method for c in contestants if c.method is not None}
    runs = {
        method: sorted(n for n, m in methods.items() if m == method)
        for method in sorted(set(methods.values()))
    }
    if len(runs) < 2:
        return {"methods": runs, "claims": None, "claims_reason": "contestants of fewer than two methods"}
    strengths = method_strengths(table, methods, seed=seed)
    if isinstance(strengths, Unavailable):
        strong: Plain = {"strengths": None, "strengths_reason": strengths.reason}
    else:
        strong = {"strengths": {method: _interval(value) for method, value in strengths.items()}}
    claims = [_claim(claim) for claim in method_claims(table, methods, seed=seed)]
    return {"methods": runs, "claims": claims, **strong}


def _claim(claim: MethodClaim) -> Plain:
    return asdict(claim) | {"runs": list(claim.runs), "difference": _interval(claim.difference)}


def _interval(value: Estimate) -> Plain:
    return {"value": value.value, "ci95": [value.low, value.high]}


def _ranked(key: str, entries: Sequence[Any] | Unavailable) -> Plain:
    if isinstance(entries, Unavailable):
        return {key: None, f"{key}_reason": entries.reason}
    return {key: [asdict(entry) for entry in entries]}
