"""Tables of the page, in Markdown, from records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gancross.evaluator.statistics.confusion import paper_rate
from reproduction.histories import LATE

Plain = dict[str, Any]
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
    """Lines of a table, the first columns flush left."""
    rule = ["---" if place < left else "---:" for place in range(len(header))]
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def whole(value: float | None) -> str:
    """A step, with thousands; a dash where there is none."""
    return DASH if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """A share, with three places."""
    return DASH if value is None else f"{value:.3f}"


def small(value: float | None) -> str:
    """Anything else, with three digits."""
    return DASH if value is None else f"{value:.3g}"


def spread(values: Sequence[float | None], shown: Callable[[float | None], str] = share) -> str:
    """Mean, and in brackets the lowest and the highest, of those runs that have one."""
    known = [value for value in values if value is not None]
    if not known:
        return DASH
    mean = shown(sum(known) / len(known))
    return mean if len(known) == 1 else f"{mean} [{shown(min(known))}, {shown(max(known))}]"


def by(runs: Sequence[Plain], key: str) -> dict[str, list[Plain]]:
    """Runs by one of their words, in the order of the record."""
    found: dict[str, list[Plain]] = {}
    for one in runs:
        found.setdefault(one[key], []).append(one)
    return found


def broke(run: Plain) -> bool:
    """Whether a run failed: it broke, or never was good."""
    history = run["history"]
    return history["good_from"] is None or history["broken_at"] is not None


def amount(runs: Sequence[Plain]) -> str:
    """How much was run: methods, seeds, steps, time; what diverged, what is unfinished."""
    steps = sum(one["reached"] for one in runs)
    minutes = sum(one["seconds"] for one in runs) / 60
    kinds = []
    named = [one | {"label": f"{one['facet']}, {one['label']}"} if "facet" in one else one for one in runs]
    for text, some in by(named, "label").items():
        reached = by([one | {"reached": whole(one["reached"])} for one in some], "reached")
        lengths = (f"{far} ({_seeds(found)})" for far, found in reached.items())
        kinds.append(f"{text}: {', '.join(lengths)}")
    said = f"{len(runs)} runs, {steps:,} generator updates, {minutes:,.0f} minutes in all."
    said += f" Steps: {'; '.join(kinds)}."
    lost = [f"{one['name']} after step {one['reached']:,}" for one in runs if one.get("diverged")]
    said += f" Diverged: {', '.join(lost)}." if lost else ""
    behind = [f"{one['name']} of {one['steps']:,}" for one in runs if is_unfinished(one)]
    return said + (f" Unfinished: {', '.join(behind)}." if behind else "")


def is_unfinished(run: Plain) -> bool:
    """Whether a run has steps to go; a diverged one has ended."""
    return run["reached"] < run["steps"] and not run.get("diverged")


def _seeds(runs: Sequence[Plain]) -> str:
    numbers = [str(one["seed"]) for one in runs]
    return f"seed {numbers[0]}" if len(numbers) == 1 else f"seeds {', '.join(numbers)}"


def methods(runs: Sequence[Plain]) -> list[str]:
    """One row for each method of a section on stability."""
    late = f"last {LATE:.0%}: "
    header = (
        "method", "runs", "broke", "lost", "never good", "good from step", "breaks at step", "bad since good",
        *(late + what for what in ("modes", "in 0.1", "in 3 std", "margin")),
    )  # fmt: skip
    rows = []
    for text, some in by(runs, "label").items():
        past, end = [one["history"] for one in some], [one["late"] for one in some]
        rows.append((
            text, str(len(some)), str(sum(one["broken_at"] is not None for one in past)),
            str(sum(one["lost_from"] is not None for one in past)),
            str(sum(one["good_from"] is None for one in past)),
            *(spread([one[key] for one in past], whole) for key in ("good_from", "broken_at")),
            spread([one["bad_share"] for one in past]),
            spread([one["modes"] for one in end], small),
            *(spread([one[key] for one in end]) for key in ("within_0.1", "within_3_std")),
            spread([one["margin"] for one in end], small),
        ))  # fmt: skip
    return table(header, rows)


def runs_apart(runs: Sequence[Plain]) -> list[str]:
    """One row for each run: its history, and its last checkpoint on 10,000 fresh samples."""
    header = ("method", "seed", "to step", "good from", "all modes from", "breaks", "recovers", "lost from",
              "collapses", "modes", "in 3 std", "in 0.1", "off plane", "FN", "FP",
              "margin: middle → end")  # fmt: skip
    rows = []
    for one in (one for some in by(runs, "label").values() for one in some):
        past, along = one["history"], one["trace"]
        margins = along["margin"]
        steps = (past[key] for key in (
            "good_from", "whole_from", "broken_at", "recovered_at", "lost_from", "collapsed_at",
        ))  # fmt: skip
        rows.append((
            one["label"], str(one["seed"]), whole(one["reached"]), *map(whole, steps),
            whole(along["modes"][-1]), *(share(along[key][-1]) for key in ("within_3_std", "within_0.1")),
            small(along["plane_distance"][-1]), *(share(along[key][-1]) for key in ("fn", "fp")),
            f"{small(margins[(len(margins) - 1) // 2])} → {small(margins[-1])}",
        ))  # fmt: skip
    return table(header, rows)


def along(runs: Sequence[Plain], *, most: int = 5) -> list[str]:
    """Saved steps of the longest run of each method: samples, and the discriminator's own confusion."""
    header = ("method", "step", "γ", "modes", "in 3 std", "in 0.1", "off plane", "FN", "FP", "margin")
    rows = []
    for text, some in by(runs, "label").items():
        found = max(some, key=lambda one: one["reached"])["trace"]
        count = len(found["step"])
        for number in sorted(
            {(count * (part + 1) - 1) // min(most, count) for part in range(min(most, count))}
        ):
            rows.append((
                text, whole(found["step"][number]), small(found["gamma"][number]),
                whole(found["modes"][number]),
                *(share(found[key][number]) for key in ("within_3_std", "within_0.1")),
                small(found["plane_distance"][number]), *(share(found[key][number]) for key in ("fn", "fp")),
                small(found["margin"][number]),
            ))  # fmt: skip
    return table(header, rows)


def confusions(record: Plain) -> list[str]:
    """The tables of §5.5, means over runs with the lowest and the highest."""
    lines: list[str] = []
    for variant, some in by(record["runs"], "variant").items():
        fn, fp = [one["fn"] for one in some], [one["fp"] for one in some]
        cells = [
            [spread([1 - value for value in fn], _paper), spread(fp, _paper)],
            [spread(fn, _paper), spread([1 - value for value in fp], _paper)],
        ]
        level = "" if some[0]["label"] == variant else f" ({some[0]['label']})"
        lines += [f"{variant.capitalize()} GAN{level}, {len(some)} runs, mean [lowest, highest]:", ""]
        lines += table(
            ("", "", "true condition: positive", "negative"),
            [("predicted", "positive", *cells[0]), ("", "negative", *cells[1])], left=2,
        )  # fmt: skip
        crossed = cross_rates(record, judge=variant)
        lines += ["", f"Cross-testing: FP: {spread(crossed, _paper)} over {len(crossed)} pairs of runs", ""]
    return lines


def cross_rates(record: Plain, *, judge: str) -> list[float]:
    """FP of one method's discriminators on the other's samples, every run on every run."""
    variants = {one["name"]: one["variant"] for one in record["runs"]}
    crossed = record["cross_fp"]
    return [
        value
        for generator, row in zip(crossed["names"], crossed["fp"], strict=True)
        for name, value in zip(crossed["judges"], row, strict=True)
        if variants[name] == judge and variants[generator] != judge
    ]


def qualities(record: Plain, among: Iterable[str] = QUALITY) -> list[str]:
    """The measures of the samples themselves that every run of a record has."""
    return [kind for kind in among if all(kind in one["fidelity"] for one in record["runs"])]


def fidelity(record: Plain) -> list[str]:
    """How good the samples are, whatever any discriminator says: a row for each method."""
    kinds = qualities(record)
    rows = [
        (text, *(spread([one["fidelity"][kind] for one in some], small) for kind in kinds))
        for text, some in by(record["runs"], "label").items()
    ]
    return table(("the samples themselves", *(QUALITY[kind] for kind in kinds)), rows)


def verdicts(record: Plain) -> list[str]:
    """How often each rule named whom, over all pairs of runs of different methods."""
    variants = list(by(record["runs"], "variant"))
    rows = [
        (f"{rule} rule", str(won["pairs"]), *(str(won.get(who, 0)) for who in (*variants, "nobody")))
        for rule, won in record["verdicts"].items()
    ]
    return table(("", "pairs", *(f"{who} wins" for who in variants), "nobody"), rows)


def overfitting(record: Plain) -> list[str]:
    """The gap of each run and its method's mean."""
    header = ("method", "seed", "step", "TPR on training − on test reals", "95 % interval",
              "AUC, training against test reals", "FN on test reals")  # fmt: skip
    rows = [
        (one["label"], str(one["seed"]), whole(one["reached"]), small(one["gap"]),
         f"[{small(one['gap_ci95'][0])}, {small(one['gap_ci95'][1])}]", share(one["auc"]),
         share(one["along"]["fn"][-1]))
        for one in record["runs"]
    ]  # fmt: skip
    for text, some in by(record["runs"], "label").items():
        rows.append((
            f"**{text}**", f"{len(some)} runs", "", spread([one["gap"] for one in some], small), "",
            spread([one["auc"] for one in some]), spread([one["along"]["fn"][-1] for one in some]),
        ))  # fmt: skip
    return table(header, rows)


def costs(record: Plain) -> list[str]:
    """What a step costs, and the time until samples were good."""
    header = ("method", "ms a step, median [lowest, highest]", "× unregularized", "good from step",
              "seconds until good", f"last {LATE:.0%}: in 3 std")  # fmt: skip
    runs = by(record["runs"], "variant")
    rows = []
    for variant, cost in record["costs"].items():
        some = runs.get(variant, [])
        good = [one["history"]["good_from"] for one in some]
        ms = middle(cost["milliseconds"])
        late = "" if None not in good else f" ({sum(step is None for step in good)} of {len(good)} never)"
        rows.append((
            cost["label"], f"{ms:.2f} [{min(cost['milliseconds']):.2f}, {max(cost['milliseconds']):.2f}]",
            f"{middle(cost['ratio']):.2f}", spread(good, whole) + late,
            spread(seconds_until_good(record, variant), small),
            spread([one["late"]["within_3_std"] for one in some]),
        ))  # fmt: skip
    return table(header, rows)


def step_ratios(speed: Plain) -> list[str]:
    """Rows of the speed record that compare a regularized step with an unregularized one, nothing else."""
    rows = []
    for one in speed["rows"]:
        what, _, compared = one["work"].partition(": ")
        if compared == "regularized / unregularized step":
            found = one["measured"]
            rows.append((
                what.replace("`", ""), str(one["threads"]),
                f"{found['median']:.2f} [{found['low']:.2f}, {found['high']:.2f}]",
            ))  # fmt: skip
    return table(("network", "threads", "× unregularized"), rows)


def seconds_until_good(record: Plain, variant: str) -> list[float | None]:
    """By the measured cost of a step; None for a run that never was."""
    cost = middle(record["costs"][variant]["milliseconds"]) / 1e3
    good = [one["history"]["good_from"] for one in record["runs"] if one["variant"] == variant]
    return [None if step is None else step * cost for step in good]


def middle(values: Sequence[float]) -> float:
    """The median of an odd number of values."""
    return sorted(values)[len(values) // 2]


def _paper(value: float | None) -> str:
    return DASH if value is None else paper_rate(value)
