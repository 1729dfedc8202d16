"""§5.4 and §5.5: what runs make of each other: pairs of two methods, and rankings of many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from gancross.evaluator.result.result import load_result

from gancross.checkpoint.contestant import Contestant
from gancross.checkpoint.file import load_contestant
from gancross.data import catalogue
from gancross.data.sets import DataSet
from gancross.evaluator.crosstest import crosstest, load_reals
from gancross.evaluator.judging.batch_norm_passes import has_batch_norm
from gancross.evaluator.protocol import Norm
from gancross.report.paper_figures.saved_runs import common_steps, saved_run
from gancross.workflow.benchmark import common_data, common_size, contestant_of
from gancross.workflow.plan import run_folder
from gancross.workflow.spec import Spec
from reproduction import records

Plain = dict[str, Any]
HEAT_STEPS = 4  # saved steps of each method's first run
PROTOCOL = ("num_fake", "seed", "norm", "quantize", "threads")


def crosstested(spec: Spec, out: Path) -> Plain:
    """§5.5: confusion matrices, cross FP, both verdicts over all pairs of runs of two methods, the claim."""
    return _told(judged(spec, out), spec, out)


def crosstested_in_all_modes(spec: Spec, out: Path) -> Plain:
    """As `crosstested`, and the same with both uses of batch norm, with and without rounding to 8 bits."""
    main = judged(spec, out)
    record = _told(main, spec, out)
    contestants, reals = _contestants(spec, out), reals_of(spec)
    norms: tuple[Norm, ...] = ("eval", "batch") if any(map(has_batch_norm, contestants)) else ("eval",)
    record["modes"] = []
    for norm, quantize in product(norms, (True, False)):
        document = main
        if (norm, quantize) != (main["protocol"]["norm"], main["protocol"]["quantize"]):
            document = dict(crosstest(
                contestants, data=reals, num_samples=spec.crosstest.num_samples, seed=spec.crosstest.seed,
                norm=norm, quantize=quantize, device="cpu",
            ).document)  # fmt: skip
        record["modes"].append({"norm": norm, "quantize": quantize} | _judgement(document, record["runs"]))
    return record


def _told(document: Plain, spec: Spec, out: Path) -> Plain:
    runs = [records.identity(run, out)[0] for run in records.started_runs(spec, out)]
    judgement = _judgement(document, runs)
    between = _between(document, {one["name"]: one["variant"] for one in runs})
    return {
        "protocol": _protocol(document),
        "runs": [
            one | found | {"fidelity": _fidelity(document, one["name"])}
            for one, found in zip(runs, judgement["runs"], strict=True)
        ],
        "cross_fp": judgement["cross_fp"],
        "verdicts": judgement["verdicts"],
        "refusals": Counter(
            _kind(pair["strict"]["reason"]) for pair in between if pair["strict"]["winner"] is None
        ),
        "blind": _blind(document),
        "claims": document["groups"]["claims"],
        "snapshots": snapshots(spec, out),
    }


def _judgement(document: Plain, runs: Sequence[Plain]) -> Plain:
    """What one cross-test says of the runs of two methods."""
    methods = {one["name"]: one["variant"] for one in runs}
    return {
        "cross_fp": cross_fp(document),
        "runs": [{"name": name, "variant": way, **_own(document, name)} for name, way in methods.items()],
        "verdicts": _verdicts(document, methods),
    }


def ranked(spec: Spec, out: Path) -> Plain:
    """§5.4: one cross-test of all runs, with its rankings and whatever fidelity the benchmark asked for."""
    document = judged(spec, out)
    ranking, crossed = document["ranking"], cross_fp(document)
    generators = {one["name"]: one["advantage"] for one in ranking["generators"] or ()}
    discriminators = {one["name"]: one["mean_j"] for one in ranking["discriminators"] or ()}
    strengths = (ranking["bradley_terry"] or {}).get("generators", {})
    runs = []
    for run in records.started_runs(spec, out):
        known, name = records.identity(run, out)[0], run.name
        decides = name in crossed["judges"]
        runs.append(
            known | _own(document, name)
            | {
                "auc": _own_auc(document, name),
                "advantage": generators.get(name), "mean_j": discriminators.get(name),
                "strength": strengths.get(name), "blind": name in _blind(document),
                "fooled": _mean(crossed["fp"][crossed["names"].index(name)], but=name, of=crossed["judges"]),
                "taken_in": _mean([row[crossed["judges"].index(name)] for row in crossed["fp"]], but=name,
                                  of=crossed["names"]) if decides else None,
                "fidelity": _fidelity(document, name),
            }
        )  # fmt: skip
    return {"protocol": _protocol(document), "runs": runs, "cross_fp": crossed, "unranked": {
        "generators": ranking.get("generators_reason"), "bradley_terry": ranking.get("bradley_terry_reason"),
    }}  # fmt: skip


def judged(spec: Spec, out: Path) -> Plain:
    """The result of the benchmark if it is of these checkpoints, else a cross-test of what there is."""
    contestants = _contestants(spec, out)
    hashes = [one.origin.sha256 for one in contestants if one.origin is not None]
    options = spec.crosstest
    if (out / "result.json").is_file():
        document = load_result(out / "result.json").document
        measured = document["fidelity"] is not None or not options.metrics
        if [one["sha256"] for one in document["contestants"]] == hashes and measured:
            return dict(document)
    result = crosstest(
        contestants, data=reals_of(spec), num_samples=options.num_samples, seed=options.seed,
        norm=options.norm, quantize=options.quantize, controls=options.controls,
        norm_check=options.norm_check, metrics=options.metrics, kid_subset_size=options.kid_subset_size,
        device="cpu",
    )  # fmt: skip
    return dict(result.document)


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
    document = crosstest(
        contestants, data=reals_of(spec), num_samples=spec.crosstest.num_samples, seed=spec.crosstest.seed,
        controls=False, norm_check=False, device="cpu",
    ).document  # fmt: skip
    return {
        "variants": [variant for variant, _ in places], "steps": [step for _, step in places],
        "fp": cross_fp(document)["fp"],
    }  # fmt: skip


def cross_fp(document: Plain) -> Plain:
    """FP of all generators, `names`, under those that judge, `judges`."""
    cells = {
        (cell["generator"], cell["judge"]): cell["fp"]["rate"] for cell in document["cross"] if cell["fp"]
    }
    names = [one["name"] for one in document["contestants"]]
    judges = [name for name in names if (name, name) in cells]
    fp = [[cells[generator, judge] for judge in judges] for generator in names]
    return {"names": names, "judges": judges, "fp": fp}


def _contestants(spec: Spec, out: Path) -> list[Contestant]:
    return [contestant_of(out, run) for run in records.started_runs(spec, out)]


def reals_of(spec: Spec) -> DataSet:
    """The data that all runs of a benchmark are judged on."""
    options = spec.crosstest
    return _loaded(options.data or common_data(spec), common_size(spec), options.seed)


@lru_cache(maxsize=1)
def _loaded(name: str, image_size: int | None, seed: int) -> DataSet:
    """Kept, since one section asks several times and a folder of images takes a while to decode."""
    return load_reals(name, data_root=catalogue.DEFAULT_ROOT, image_size=image_size, seed=seed)


def _protocol(document: Plain) -> Plain:
    protocol = document["protocol"]
    return {key: protocol[key] for key in PROTOCOL} | {"num_real": protocol["data"]["num_real"]}


def _own(document: Plain, name: str) -> Plain:
    """FN and FP of a discriminator with its own generator; None for one that makes no decisions."""
    entry = document["confusion"].get(name) or {}
    return {key: (entry.get(key) or {}).get("rate") for key in ("fn", "fp")}


def _own_auc(document: Plain, name: str) -> float | None:
    for cell in document["cross"]:
        if cell["generator"] == cell["judge"] == name:
            return float(cell["auc"]["value"])
    return None


def _fidelity(document: Plain, name: str) -> Plain:
    """Its figures alone, by their names."""
    entry = (document.get("fidelity") or {}).get(name) or {}
    return {key: value for key, value in entry.items() if isinstance(value, float)}


def _blind(document: Plain) -> list[str]:
    return [name for name, one in document["controls"]["judges"].items() if one["blind"]]


def _between(document: Plain, methods: dict[str, str]) -> list[Plain]:
    return [pair for pair in document["pairs"] if methods[pair["a"]] != methods[pair["b"]]]


def _verdicts(document: Plain, methods: dict[str, str]) -> Plain:
    between = _between(document, methods)
    return {rule: _winners(between, methods, rule) for rule in ("paper", "strict")}


def _winners(pairs: Sequence[Plain], methods: dict[str, str], rule: str) -> Plain:
    won = Counter(methods.get(pair[rule]["winner"], "nobody") for pair in pairs)
    return {"pairs": len(pairs), **won}


def _kind(reason: str) -> str:
    """Why strict names nobody, without names and figures."""
    return re.sub(r"'[^']*'", "a judge", re.split(r"[:.;]", reason)[0]).strip()


def _mean(values: Sequence[float], *, but: str, of: Sequence[str]) -> float | None:
    """Over all but one's own."""
    others = [value for value, name in zip(values, of, strict=True) if name != but]
    return sum(others) / len(others) if others else None
