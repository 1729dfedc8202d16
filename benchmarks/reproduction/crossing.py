"""§5.4 and §5.5: what runs make of each other: pairs of two methods, and rankings of many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.file import load_contestant
from gancross.data import catalogue
from gancross.data.sets import DataSet
from gancross.evaluator.codec.encoding import encode
from gancross.evaluator.crosstest import crosstest, run_crosstest
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judged_data import load_reals
from gancross.evaluator.judging.batch_norm_passes import has_batch_norm
from gancross.evaluator.protocol import Norm
from gancross.evaluator.result.reading import load_result
from gancross.evaluator.result.types import Result
from gancross.evaluator.verdict.pairs import Pair
from gancross.evaluator.verdict.verdicts import Verdict
from gancross.report.paper_figures.saved_runs import common_steps, saved_run
from gancross.workflow.benchmark import contestant_of
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import Spec, common_data, common_size
from reproduction import records

Plain = dict[str, Any]
HEAT_STEPS = 4  # saved steps of each method's first run

T = TypeVar("T")


def crosstested(spec: Spec, out: Path) -> Plain:
    """§5.5: confusion matrices, cross FP, verdicts over all pairs of runs of two methods, the claim."""
    return _record(current_result(spec, out), spec, out)


def crosstested_in_all_modes(spec: Spec, out: Path) -> Plain:
    """As `crosstested`, and the same with both uses of batch norm, with and without rounding to 8 bits."""
    main = current_result(spec, out)
    record = _record(main, spec, out)
    contestants, reals = _contestants(spec, out), reals_of(spec)
    norms: tuple[Norm, ...] = ("eval", "batch") if any(map(has_batch_norm, contestants)) else ("eval",)
    options = main.protocol.options
    record["modes"] = []
    for norm, quantize in product(norms, (True, False)):
        result = main
        if (norm, quantize) != (options.norm, options.quantize):
            result = crosstest(
                contestants, data=reals, num_samples=spec.protocol.num_samples, seed=spec.protocol.seed,
                norm=norm, quantize=quantize, device="cpu",
            )  # fmt: skip
        record["modes"].append({"norm": norm, "quantize": quantize} | _judgement(result, record["runs"]))
    return record


def _record(result: Result, spec: Spec, out: Path) -> Plain:
    runs = [records.identity(run, out)[0] for run in records.started_runs(spec, out)]
    judgement = _judgement(result, runs)
    between = _between(result, {run["name"]: run["variant"] for run in runs})
    claims = result.groups.claims
    return {
        "protocol": _protocol(result),
        "runs": [
            run | rates | {"fidelity": _fidelity(result, run["name"])}
            for run, rates in zip(runs, judgement["runs"], strict=True)
        ],
        "cross_fp": judgement["cross_fp"],
        "verdicts": judgement["verdicts"],
        "refusals": Counter(
            _kind(verdict.reason)
            for verdict in (pair.verdict.discriminator for pair in between)
            if verdict.winner is None
        ),
        "blind": _blind(result),
        "claims": None if isinstance(claims, Missing) else encode(claims),
        "snapshots": snapshots(spec, out),
    }


def _judgement(result: Result, runs: Sequence[Plain]) -> Plain:
    """What one cross-test says of the runs of two methods."""
    methods = {run["name"]: run["variant"] for run in runs}
    return {
        "cross_fp": cross_fp(result),
        "runs": [{"name": name, "variant": way, **_own(result, name)} for name, way in methods.items()],
        "verdicts": _verdicts(result, methods),
    }


def ranked(spec: Spec, out: Path) -> Plain:
    """§5.4: one cross-test of all runs, with its rankings and whatever fidelity the benchmark asked for."""
    result = current_result(spec, out)
    ranking, crossed = result.ranking, cross_fp(result)
    generators, discriminators = _present(ranking.generators), _present(ranking.discriminators)
    distances = {ranked.name: ranked.distance.value for ranked in generators}
    mean_js = {ranked.name: ranked.mean_j for ranked in discriminators}
    strengths = {} if isinstance(ranking.bradley_terry, Missing) else ranking.bradley_terry.generators
    runs = []
    for run in records.started_runs(spec, out):
        known, name = records.identity(run, out)[0], run.name
        decides = name in crossed["judges"]
        runs.append(
            known | _own(result, name)
            | {
                "auc": _own_auc(result, name),
                "squared_j": distances.get(name), "mean_j": mean_js.get(name),
                "strength": strengths.get(name), "blind": name in _blind(result),
                "fooled": _mean(crossed["fp"][crossed["names"].index(name)], but=name, of=crossed["judges"]),
                "taken_in": _mean([row[crossed["judges"].index(name)] for row in crossed["fp"]], but=name,
                                  of=crossed["names"]) if decides else None,
                "fidelity": _fidelity(result, name),
            }
        )  # fmt: skip
    return {"protocol": _protocol(result), "runs": runs, "cross_fp": crossed, "unranked": {
        "generators": _reason(ranking.generators), "bradley_terry": _reason(ranking.bradley_terry),
    }}  # fmt: skip


def current_result(spec: Spec, out: Path) -> Result:
    """The result of the benchmark if it is of these checkpoints, else a cross-test of what there is."""
    contestants = _contestants(spec, out)
    hashes = [contestant.origin.sha256 for contestant in contestants if contestant.origin is not None]
    if (out / "result.json").is_file():
        result = load_result(out / "result.json")
        measured = not isinstance(result.fidelity, Missing) or not spec.protocol.metrics
        if [contestant.sha256 for contestant in result.contestants] == hashes and measured:
            return result
    reals = reals_of(spec)
    return run_crosstest(contestants, reals, spec.protocol, train=reals.train, device="cpu")


def snapshots(spec: Spec, out: Path) -> Plain:
    """Saved steps of the first run of every method, all judged by all.

    Returns:
        `variants` and `steps` of the rows (generators) and columns (judges), and `fp`.
    """
    first = records.first_runs(records.started_runs(spec, out))
    runs = {variant: saved_run(run_folder(out, run)) for variant, run in first.items()}
    steps = common_steps(list(runs.values()), None, most=HEAT_STEPS)
    places = [(variant, step) for variant in runs for step in steps]
    contestants = [
        load_contestant(runs[variant].checkpoints[step], name=f"{variant}-{step}") for variant, step in places
    ]
    result = crosstest(
        contestants, data=reals_of(spec), num_samples=spec.protocol.num_samples, seed=spec.protocol.seed,
        controls=False, norm_check=False, device="cpu",
    )  # fmt: skip
    return {
        "variants": [variant for variant, _ in places], "steps": [step for _, step in places],
        "fp": cross_fp(result)["fp"],
    }  # fmt: skip


def cross_fp(result: Result) -> Plain:
    """FP of all generators, `names`, under those that decide, `judges`."""
    rates = {place: cell.fp.rate for place, cell in result.cells.items() if isinstance(cell.fp, Proportion)}
    judges = [name for name in result.names if (name, name) in rates]
    fp = [[rates[judge, generator] for judge in judges] for generator in result.names]
    return {"names": result.names, "judges": judges, "fp": fp}


def _contestants(spec: Spec, out: Path) -> list[Contestant]:
    return [contestant_of(out, run) for run in records.started_runs(spec, out)]


def reals_of(spec: Spec) -> DataSet:
    """The data that all runs of a benchmark are judged on."""
    return _loaded(spec.data or common_data(spec), common_size(spec), spec.protocol.seed)


@lru_cache(maxsize=1)
def _loaded(name: str, image_size: int | None, seed: int) -> DataSet:
    """Kept, since one section asks several times and a folder of images takes a while to decode."""
    return load_reals(name, data_root=catalogue.DEFAULT_ROOT, image_size=image_size, seed=seed)


def _protocol(result: Result) -> Plain:
    protocol, options = result.protocol, result.protocol.options
    return {
        "num_fake": options.num_samples, "seed": options.seed, "norm": options.norm,
        "quantize": options.quantize, "threads": protocol.threads, "num_real": protocol.data.num_real,
    }  # fmt: skip


def _own(result: Result, name: str) -> Plain:
    """FN and FP of a discriminator with its own generator; None for one that makes no decisions."""
    matrix = result.confusion[name]
    if isinstance(matrix, Missing):
        return {"fn": None, "fp": None}
    return {"fn": matrix.fn.rate, "fp": matrix.fp.rate}


def _own_auc(result: Result, name: str) -> float | None:
    cell = result.cells.get((name, name))
    return None if cell is None or isinstance(cell.auc, Missing) else cell.auc.value


def _fidelity(result: Result, name: str) -> dict[str, float]:
    """Its figures alone, by their names."""
    if isinstance(result.fidelity, Missing):
        return {}
    figures = result.fidelity[name].figures
    return {key: figure.value for key, figure in figures.items() if not isinstance(figure, Missing)}


def _blind(result: Result) -> list[str]:
    if isinstance(result.controls, Missing):
        return []
    return [name for name, rates in result.controls.judges.items() if rates.blind]


def _between(result: Result, methods: dict[str, str]) -> list[Pair]:
    return [pair for pair in result.pairs if methods[pair.a] != methods[pair.b]]


def _verdicts(result: Result, methods: dict[str, str]) -> Plain:
    between = _between(result, methods)
    return {
        rule: _winners([pair.verdict.of(rule) for pair in between], methods)
        for rule in ("paper", "discriminator")
    }


def _winners(verdicts: Sequence[Verdict], methods: dict[str, str]) -> Plain:
    winners = Counter("nobody" if verdict.winner is None else methods[verdict.winner] for verdict in verdicts)
    return {"pairs": len(verdicts), **winners}


def _present(entries: tuple[T, ...] | Missing) -> tuple[T, ...]:
    return () if isinstance(entries, Missing) else entries


def _reason(figure: object) -> str | None:
    """Why a figure is missing; None where it is not."""
    return figure.reason if isinstance(figure, Missing) else None


def _kind(reason: str) -> str:
    """Why the rule about discriminators names nobody, without names and figures."""
    return re.sub(r"'[^']*'", "a judge", re.split(r"[:.;]", reason)[0]).strip()


def _mean(values: Sequence[float], *, but: str, of: Sequence[str]) -> float | None:
    """Over all but one's own."""
    opponents = [value for value, name in zip(values, of, strict=True) if name != but]
    return sum(opponents) / len(opponents) if opponents else None
