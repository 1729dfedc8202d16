"""Markdown tables of the page, from records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gancross.evaluator.statistics.confusion import paper_rate
from reproduction import rules
from reproduction.histories import LATE
from reproduction.record import Record

DASH = "–"
QUALITY = {  # figures of fidelity by their names in a result, and those of `reproduction.imaging`
    "frechet_distance[identity]": "Fréchet distance ↓",
    "frechet_distance[digits-cnn]": "Fréchet distance ↓",
    "precision[identity]": "precision ↑",
    "precision[digits-cnn]": "precision ↑",
    "recall[identity]": "recall ↑",
    "recall[digits-cnn]": "recall ↑",
    "coarse": "coarse distance ↓",
    "texture": "texture distance ↓",
}
NORMS = {"eval": "running averages", "batch": "statistics of the batch"}
ROUNDED = {True: "8 bits", False: "not rounded"}
DISTANCES = [key for key, text in QUALITY.items() if "distance" in text]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines of a Markdown table; the first `left` columns are left-aligned."""
    rule = ["---" if place < left else "---:" for place in range(len(header))]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def whole(value: float | None) -> str:
    """A step with a thousands separator; a dash for None."""
    return DASH if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A rate with three decimals; a dash for None."""
    return DASH if value is None else f"{value:.3f}"


def small(value: float | None) -> str:
    """A number with three significant digits; a dash for None."""
    return DASH if value is None else f"{value:.3g}"


def spread(values: Sequence[float | None], fmt: Callable[[float | None], str] = share) -> str:
    """Mean and [lowest, highest] of the values that are not None."""
    present = [value for value in values if value is not None]
    if not present:
        return DASH
    mean = fmt(sum(present) / len(present))
    return mean if len(present) == 1 else f"{mean} [{fmt(min(present))}, {fmt(max(present))}]"


def by(runs: Sequence[Record], key: str) -> dict[str, list[Record]]:
    """Runs grouped by the value of a key, in the order of the record."""
    groups: dict[str, list[Record]] = {}
    for run in runs:
        groups.setdefault(run[key], []).append(run)
    return groups


def broke(run: Record) -> bool:
    """Whether a run failed: it broke, or was never good."""
    history = run["history"]
    return history["good_from"] is None or history["broken_at"] is not None


def failed_by(run: Record, step: int) -> bool:
    """Whether a run had broken, or was not yet good, at a step that it reached."""
    history = run["history"]
    good, broken = history["good_from"], history["broken_at"]
    return good is None or good > step or (broken is not None and broken <= step)


def amount(runs: Sequence[Record]) -> str:
    """A summary of the runs: methods, seeds, steps, time, diverged and unfinished runs."""
    steps = sum(run["reached"] for run in runs)
    minutes = sum(run["seconds"] for run in runs) / 60
    kinds = []
    named = [run | {"label": f"{run['facet']}, {run['label']}"} if "facet" in run else run for run in runs]
    for method, group in by(named, "label").items():
        reached = by([run | {"reached": whole(run["reached"])} for run in group], "reached")
        lengths = (f"{length} ({_seeds(group)})" for length, group in reached.items())
        kinds.append(f"{method}: {', '.join(lengths)}")
    text = f"{len(runs)} runs, {steps:,} generator updates, {minutes:,.0f} minutes in all."
    text += f" Steps: {'; '.join(kinds)}."
    diverged = [f"{run['name']} after step {run['reached']:,}" for run in runs if run.get("diverged")]
    text += f" Diverged: {', '.join(diverged)}." if diverged else ""
    behind = [f"{run['name']} of {run['steps']:,}" for run in runs if is_unfinished(run)]
    return text + (f" Unfinished: {', '.join(behind)}." if behind else "")


def is_unfinished(run: Record) -> bool:
    """Whether a run has not reached its last step; a diverged run has ended."""
    return run["reached"] < run["steps"] and not run.get("diverged")


def _seeds(runs: Sequence[Record]) -> str:
    numbers = [str(run["seed"]) for run in runs]
    return f"seed {numbers[0]}" if len(numbers) == 1 else f"seeds {', '.join(numbers)}"


def methods(runs: Sequence[Record]) -> list[str]:
    """One row for each method of a section on stability."""
    late = f"last {LATE:.0%}: "
    header = (
        "method", "runs", "broke", "lost", "never good", "good from step", "breaks at step", "bad since good",
        *(late + what for what in ("modes", "in 0.1", "in 3 std", "margin")),
    )  # fmt: skip
    rows = []
    for text, group in by(runs, "label").items():
        past, end = [run["history"] for run in group], [run["late"] for run in group]
        rows.append((
            text, str(len(group)), str(sum(run["broken_at"] is not None for run in past)),
            str(sum(run["lost_from"] is not None for run in past)),
            str(sum(run["good_from"] is None for run in past)),
            *(spread([run[key] for run in past], whole) for key in ("good_from", "broken_at")),
            spread([run["bad_share"] for run in past]),
            spread([run["modes"] for run in end], small),
            *(spread([run[key] for run in end]) for key in ("within_0.1", "within_3_std")),
            spread([run["margin"] for run in end], small),
        ))  # fmt: skip
    return table(header, rows)


def runs_apart(runs: Sequence[Record]) -> list[str]:
    """One row for each run: its history, and its last checkpoint on 10,000 fresh samples."""
    header = ("method", "seed", "to step", "good from", "all modes from", "breaks", "recovers", "lost from",
              "collapses", "modes", "in 3 std", "in 0.1", "off plane", "FN", "FP",
              "margin: middle → end")  # fmt: skip
    rows = []
    for run in (run for group in by(runs, "label").values() for run in group):
        past, along = run["history"], run["trace"]
        margins = along["margin"]
        steps = (past[key] for key in (
            "good_from", "whole_from", "broken_at", "recovered_at", "lost_from", "collapsed_at",
        ))  # fmt: skip
        rows.append((
            run["label"], str(run["seed"]), whole(run["reached"]), *map(whole, steps),
            whole(along["modes"][-1]), *(share(along[key][-1]) for key in ("within_3_std", "within_0.1")),
            small(along["plane_distance"][-1]), *(share(along[key][-1]) for key in ("fn", "fp")),
            f"{small(margins[(len(margins) - 1) // 2])} → {small(margins[-1])}",
        ))  # fmt: skip
    return table(header, rows)


def along(runs: Sequence[Record], *, most: int = 5) -> list[str]:
    """Saved steps of the longest run of each method: samples, and the discriminator's own confusion."""
    header = ("method", "step", "γ", "modes", "in 3 std", "in 0.1", "off plane", "FN", "FP", "margin")
    rows = []
    for text, group in by(runs, "label").items():
        trace = max(group, key=lambda run: run["reached"])["trace"]
        count = len(trace["step"])
        for number in sorted(
            {(count * (part + 1) - 1) // min(most, count) for part in range(min(most, count))}
        ):
            rows.append((
                text, whole(trace["step"][number]), small(trace["gamma"][number]),
                whole(trace["modes"][number]),
                *(share(trace[key][number]) for key in ("within_3_std", "within_0.1")),
                small(trace["plane_distance"][number]), *(share(trace[key][number]) for key in ("fn", "fp")),
                small(trace["margin"][number]),
            ))  # fmt: skip
    return table(header, rows)


def confusions(record: Record) -> list[str]:
    """The tables of §5.5, means over runs with the lowest and the highest."""
    lines: list[str] = []
    for variant, group in by(record["runs"], "variant").items():
        fn, fp = [run["fn"] for run in group], [run["fp"] for run in group]
        cells = [
            [spread([1 - value for value in fn], _paper), spread(fp, _paper)],
            [spread(fn, _paper), spread([1 - value for value in fp], _paper)],
        ]
        level = "" if group[0]["label"] == variant else f" ({group[0]['label']})"
        lines += [f"{variant.capitalize()} GAN{level}, {len(group)} runs, mean [lowest, highest]:", ""]
        lines += table(
            ("", "", "true condition: positive", "negative"),
            [("predicted", "positive", *cells[0]), ("", "negative", *cells[1])], left=2,
        )  # fmt: skip
        crossed = cross_rates(record, judge=variant)
        lines += ["", f"Cross-testing: FP: {spread(crossed, _paper)} over {len(crossed)} pairs of runs", ""]
    return lines


def cross_rates(record: Record, *, judge: str) -> list[float]:
    """FP of one method's discriminators on the other's samples, every run on every run."""
    variants = {run["name"]: run["variant"] for run in record["runs"]}
    crossed = record["cross_fp"]
    return [
        value
        for generator, row in zip(crossed["names"], crossed["fp"], strict=True)
        for name, value in zip(crossed["judges"], row, strict=True)
        if variants[name] == judge and variants[generator] != judge
    ]


def qualities(record: Record, among: Iterable[str] = QUALITY) -> list[str]:
    """The fidelity metrics that every run of a record has."""
    return [kind for kind in among if all(kind in run["fidelity"] for run in record["runs"])]


def fidelity(record: Record) -> list[str]:
    """One row of fidelity metrics for each method."""
    kinds = qualities(record)
    rows = [
        (text, *(spread([run["fidelity"][kind] for run in group], small) for kind in kinds))
        for text, group in by(record["runs"], "label").items()
    ]
    return table(("figures of the samples", *(QUALITY[kind] for kind in kinds)), rows)


def verdicts(record: Record) -> list[str]:
    """Whose discriminator each rule names, over all pairs of runs of different methods."""
    variants = list(by(record["runs"], "variant"))
    rows = [
        (rules.rule_name(rule), str(won["pairs"]), *(str(won.get(who, 0)) for who in (*variants, "nobody")))
        for rule, won in record["verdicts"].items()
    ]
    counted = rules.counting(record)
    header = ("", "pairs", *(f"names a discriminator of {who}" for who in variants), "nobody")
    return [*table(header, rows), *(["", counted] if counted else [])]


def overfitting(record: Record) -> list[str]:
    """The gap of each run and its method's mean."""
    header = ("method", "seed", "step", "TPR on training − on test reals", "95 % interval",
              "AUC, training against test reals", "FN on test reals")  # fmt: skip
    rows = [
        (run["label"], str(run["seed"]), whole(run["reached"]), small(run["gap"]),
         f"[{small(run['gap_ci95'][0])}, {small(run['gap_ci95'][1])}]", share(run["auc"]),
         share(run["along"]["fn"][-1]))
        for run in record["runs"]
    ]  # fmt: skip
    for text, group in by(record["runs"], "label").items():
        rows.append((
            f"**{text}**", f"{len(group)} runs", "", spread([run["gap"] for run in group], small), "",
            spread([run["auc"] for run in group]), spread([run["along"]["fn"][-1] for run in group]),
        ))  # fmt: skip
    return table(header, rows)


def costs(record: Record) -> list[str]:
    """The cost of a step, and the time until samples were good."""
    header = ("method", "ms a step, median [lowest, highest]", "× unregularized", "good from step",
              "seconds until good", f"last {LATE:.0%}: in 3 std")  # fmt: skip
    runs = by(record["runs"], "variant")
    rows = []
    for variant, cost in record["costs"].items():
        group = runs.get(variant, [])
        good = [run["history"]["good_from"] for run in group]
        ms = middle(cost["milliseconds"])
        late = "" if None not in good else f" ({sum(step is None for step in good)} of {len(good)} never)"
        rows.append((
            cost["label"], f"{ms:.2f} [{min(cost['milliseconds']):.2f}, {max(cost['milliseconds']):.2f}]",
            f"{middle(cost['ratio']):.2f}", spread(good, whole) + late,
            spread(seconds_until_good(record, variant), small),
            spread([run["late"]["within_3_std"] for run in group]),
        ))  # fmt: skip
    return table(header, rows)


def step_ratios(speed: Record) -> list[str]:
    """The speed record's ratios of a regularized to an unregularized step."""
    rows = [
        (
            row["work"].partition(": ")[0].replace("`", ""), str(row["threads"]),
            "{median:.2f} [{low:.2f}, {high:.2f}]".format_map(row["measured"]),
        )
        for row in step_rows(speed)
    ]  # fmt: skip
    return table(("network", "threads", "× unregularized"), rows)


def step_rows(speed: Record | None) -> list[Record]:
    """The rows that compare a regularized with an unregularized step; none without a record."""
    rows = [] if speed is None else speed["rows"]
    return [row for row in rows if row["work"].partition(": ")[2] == "regularized / unregularized step"]


def seconds_until_good(record: Record, variant: str) -> list[float | None]:
    """Seconds by the measured cost of a step; None for a run that was never good."""
    cost = middle(record["costs"][variant]["milliseconds"]) / 1e3
    good = [run["history"]["good_from"] for run in record["runs"] if run["variant"] == variant]
    return [None if step is None else step * cost for step in good]


def middle(values: Sequence[float]) -> float:
    """The median of an odd number of values."""
    return sorted(values)[len(values) // 2]


def _paper(value: float | None) -> str:
    return DASH if value is None else paper_rate(value)
