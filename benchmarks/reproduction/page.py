"""benchmarks/REPRODUCTION.md, generated from the records; do not edit it by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gancross.data import mixture
from gancross.evaluator.tournament.methods import FEWEST_RUNS
from gancross.untrusted.strict_json import parsed
from reproduction import (
    cross_verdicts,
    full_scale,
    image_tables,
    image_verdicts,
    new_runs,
    rules,
    tables,
    verdicts,
)
from reproduction.decisions import methods_shortage, undecided
from reproduction.dependence import along_training, at_the_end, relatives
from reproduction.histories import RULE
from reproduction.record import Record
from reproduction.sections import RESULTS, SECTIONS, Section
from reproduction.squared_j import COMPUTED, is_recorded

ANNEALING = "§4.2: constant γ against annealing"
PAGE = Path(__file__).parents[1] / "REPRODUCTION.md"
Body = Callable[[Record], list[str]]
TERMS = (
    "Real is positive: *FN* is the share of test data called generated, *FP* that of generated samples called"
    " real. The *margin* is the mean score of reals less that of generated samples. A mode of the mixture is"
    f" *covered* if at least a {2 * mixture.COMPONENTS}th of all samples lie within 0.1 of it; *off plane* is"
    " their mean distance from the plane of the modes. A *Fréchet distance* compares means and covariances of"
    " features: samples that share both with the data can differ from them in all else. Other figures are"
    " explained in [docs/reference/cross-test.md](../docs/reference/cross-test.md).\n\n"
    f"**Undecided** stands where a compared method has fewer than {FEWEST_RUNS} runs, the fewest with which"
    " an exact permutation of two equal sides can reach p < 0.05, where a permutation would decide between"
    " sides of different numbers of runs, or where runs are unfinished; the sentence then says what was seen"
    " in the runs there are. *Beyond chance* is a p below 0.05. Every verdict is about runs of this size."
)


def page(results: Path = RESULTS) -> str:
    """The page for the records in a folder; a section without a record is left out."""
    records = {key: parsed((results / section.record).read_bytes()) for key, section in SECTIONS.items()
             if (results / section.record).is_file()}  # fmt: skip
    needs = {SECTIONS[key].heading: _needs(key, record) for key, record in records.items()}
    gamma_records = [records[key] for key in ("fig1", "generator-objective") if key in records]
    is_annealed = any("annealed" in run["label"] for record in gamma_records for run in record["runs"])
    if is_annealed:
        needs[ANNEALING] = _annealing_needs(gamma_records)
    lines = [
        "# What of the paper is reproduced",
        "",
        "The claims of Roth et al. 2017 on the submanifold mixture, on scikit-learn's digits and on CIFAR-10"
        " as JPEG files, at the size that two CPU cores can train, each with the command that"
        " makes its runs. Every figure comes from a record in [results](results), and so does every verdict,"
        " by the rules in [reproduction/verdicts.py](reproduction/verdicts.py),"
        " [cross_verdicts.py](reproduction/cross_verdicts.py),"
        " [image_verdicts.py](reproduction/image_verdicts.py) and"
        " [decisions.py](reproduction/decisions.py). This page is written by `python"
        " benchmarks/reproduce.py`; a test holds it"
        " against the records. In brackets: the lowest and the highest of several runs.",
        "",
        *tables.table(
            ("section", "runs", "analysis", ""),
            [
                (section.heading, f"`{section.command}`", f"`{section.analysis_command}`",
                 "below" if key in records else "not run yet")
                for key, section in SECTIONS.items()
            ],
            left=4,
        ),
        *new_runs.summary(needs),
        "",
        TERMS,
        "",
        RULE,
    ]  # fmt: skip
    for key, record in records.items():
        section = SECTIONS[key]
        if (results / section.beside).is_file():
            record["beside"] = parsed((results / section.beside).read_bytes())
        lines += ["", *_section(section, record, results)]
    if is_annealed:
        lines += ["", *_annealing(gamma_records)]
    if (results / full_scale.RECORD).is_file():
        lines += ["", *full_scale.section(parsed((results / full_scale.RECORD).read_bytes()))]
    return "\n".join(lines) + "\n"


def _section(section: Section, record: Record, results: Path) -> list[str]:
    account = BODIES[section.key]
    machine, versions = record["machine"], record["versions"]
    remark = ["", section.remark] if section.remark else []
    missing = f" Not begun: {', '.join(record['missing'])}." if record["missing"] else ""
    lost_runs = ", ".join(run["name"] for run in record.get("lost", []))
    missing += f" Diverged before a step was saved: {lost_runs}." if lost_runs else ""
    unfinished = _is_unfinished(record)
    verdict_text = _so_far(account.verdict(record)) if unfinished else account.verdict(record)
    return [
        f"## {section.heading}",
        "",
        f"**The paper:** {section.claim}",
        "",
        f"**Verdict:** {verdict_text}",
        *remark,
        "",
        "```sh",
        record["command"],
        section.analysis_command,
        "```",
        "",
        f"**What was run:** {tables.amount(record['runs'])}{missing} gancross {versions['gancross']},"
        f" torch {versions['torch']}, Python {versions['python']}, {machine['cpu']}, {machine['cores']}"
        f" cores, one thread a run ([record](results/{section.record})).",
        "",
        *account.body(record),
        *(
            line
            for name, text in section.pictures.items()
            if (results / name).is_file()
            for line in ("", f"![{text}](results/{name})")
        ),
        *new_runs.line(_needs(section.key, record)),
    ]


def _needs(key: str, record: Record) -> list[str]:
    return new_runs.needs(record, shortage=BODIES[key].shortage(record))


def _is_unfinished(record: Record) -> bool:
    return bool(record["missing"]) or any(map(tables.is_unfinished, record["runs"]))


def _so_far(verdict: str) -> str:
    """The verdict so far, which unfinished runs may still change."""
    return f"{undecided('runs are unfinished')} So far: {verdict.replace('**', '')}"


def _stability(record: Record) -> list[str]:
    runs = record["runs"]
    return [
        "By method:", "", *tables.methods(runs), "",
        "By run; the columns from *modes* on are those of the last checkpoint:", "",
        *tables.runs_apart(runs), "",
        "Along training, the longest run of each method, 10,000 fresh samples and reals:", "",
        *tables.along(runs),
    ]  # fmt: skip


FROM_AFAR = (
    "The *coarse distance* is the Fréchet distance of images seen as 8×8 thumbnails, divided by the variance"
    " of the reals: a generator of nothing but their mean image has 1. *Texture distance*: the same of 5×5"
    " patches."
)


def _crosstest(record: Record) -> list[str]:
    protocol = record["protocol"]
    real, fake = protocol["num_real"], protocol["num_fake"]
    return [
        f"{real:,} test samples, {fake:,} of each generator, norm {protocol['norm']}.", "",
        *tables.confusions(record), *tables.verdicts(record), "", *tables.fidelity(record), "",
        *_explained(record),
        *_depends(record),
        "The picture: one run of each method along training, every step's discriminator on every step's"
        " samples, of its own method and of the other. There a method cannot be told from its one run:", "",
        *along_training(record["snapshots"]), "", *relatives(record["snapshots"]),
    ]  # fmt: skip


def _depends(record: Record) -> list[str]:
    table = at_the_end(record)
    if not table:
        return []
    return ["On what FP depends at the last step, own samples included:", "", *table, ""]


def _crosstest_in_all_modes(record: Record) -> list[str]:
    return [
        *_crosstest(record), "",
        "The same checkpoints under both uses of batch norm (one only where there is none), with generated"
        " images rounded to 8 bits and not:", "", *image_tables.modes(record), *rules.group_note(record),
    ]  # fmt: skip


def _ranked(record: Record) -> list[str]:
    protocol = record["protocol"]
    return [
        f"One cross-test of all runs: {protocol['num_real']:,} test samples, {protocol['num_fake']:,} of each"
        " generator. *Taken in*: the share of all other runs' samples that a discriminator calls real; *fool"
        " others*: the share of its samples that other discriminators, blind ones among them, call real."
        " *Mean Ĵ² − SE²*, J = 1 − FN − FP, SE² = FN(1−FN)/(n−1) + FP(1−FP)/(m−1) of n test and m generated"
        " samples, over other runs' discriminators that decide and are not blind: nearer to 0, less surely"
        f" told from test data.{'' if is_recorded(record) else COMPUTED} *Mean J* is of its discriminator on"
        " others' samples. FP alone, and so *fool others* and *strength* (Bradley–Terry), is no measure of"
        " samples: those of a generator that has collapsed can be called real most.",
        "", *image_tables.ranking(record), "", *_explained(record),
        "The picture: every method's samples under every method's discriminators.",
    ]  # fmt: skip


def _explained(record: Record) -> list[str]:
    return [FROM_AFAR, ""] if "coarse" in tables.qualities(record) else []


def _images(record: Record) -> list[str]:
    protocol = record["protocol"]
    size = f", resized to {protocol['image_size']}×{protocol['image_size']}" if protocol["image_size"] else ""
    return [
        f"Data: CIFAR-10 as JPEG files{size}; {protocol['num_fake']:,} samples of a step against"
        f" {protocol['num_real']:,} test images. {FROM_AFAR} A run is *alive* while its samples are"
        f" nearer to the data than that, and their *spread*, relative to the data's, is at least"
        f" {protocol['alive_spread']:g}. For comparison, generators that make so many of the test images"
        " over and over and nothing else have"
        f" {', '.join(f'{count}: {tables.small(far)}' for count, far in protocol['collapsed_to'].items())}:"
        " a collapse to a dozen images passes for alive.",
        "", *image_tables.along(record["runs"], protocol),
    ]  # fmt: skip


def _training_time(record: Record) -> list[str]:
    timed = f"A step's cost is the median of {record['timed_steps']:,}, the methods measured in turns."
    return [
        timed, "", *tables.costs(record), "",
        "A regularized step over an unregularized one, by network, median and quartiles, of processor time"
        " on one thread, of time on the clock on two (more in [README.md](README.md)); the paper has roughly"
        " 1.4:", "",
        *tables.step_ratios(record.get("beside", {"rows": []})),
    ]  # fmt: skip


def _annealing(records: list[Record]) -> list[str]:
    runs = [run for record in records for run in record["runs"] if run["label"].startswith("γ")]
    plain = [run for run in runs if "generator too" not in run["label"]]
    lengths = [run | {"label": f"{run['label']}, {run['steps']:,} steps"} for run in plain]
    verdict = verdicts.annealing(records)
    return [
        f"## {ANNEALING}",
        "",
        "**The paper:** a large γ early in training that decays exponentially to a small one is a reasonable"
        " scheme.",
        "",
        f"**Verdict:** {_so_far(verdict) if any(map(_is_unfinished, records)) else verdict}",
        "",
        "**What was run:** nothing more; the runs of §5.1 and §4.1 side by side.",
        "",
        *tables.methods(lengths),
        *new_runs.line(_annealing_needs(records)),
    ]


def _annealing_needs(records: list[Record]) -> list[str]:
    """Of the runs of both sections together."""
    both = {key: [entry for record in records for entry in record[key]] for key in ("runs", "missing")}
    return new_runs.needs(both, shortage=verdicts.annealing_shortage(records))


@dataclass(frozen=True, kw_only=True)
class Account:
    """How a record is told: its figures, the sentence of its verdict, and whose runs are too few for one."""

    body: Body
    verdict: Callable[[Record], str]
    shortage: Callable[[Record], str] = methods_shortage


STABLE = Account(body=_stability, verdict=verdicts.stability, shortage=verdicts.stability_shortage)
BODIES: dict[str, Account] = {
    "fig1": STABLE,
    "fig6": STABLE,
    "latent15": STABLE,
    "generator-objective": Account(body=_stability, verdict=verdicts.generator_objective),
    "crosstest-mixture": Account(body=_crosstest, verdict=cross_verdicts.crosstest),
    "crosstest-digits": Account(body=_crosstest, verdict=cross_verdicts.crosstest),
    "overfitting": Account(body=tables.overfitting, verdict=verdicts.overfitting),
    "training-time": Account(body=_training_time, verdict=verdicts.training_time),
    "crosstest-cifar10": Account(body=_crosstest_in_all_modes, verdict=cross_verdicts.crosstest),
    "crosstest-cifar10-plain": Account(body=_crosstest_in_all_modes, verdict=cross_verdicts.crosstest),
    "noise-digits": Account(body=_ranked, verdict=image_verdicts.noise),
    "noise-cifar10": Account(body=_ranked, verdict=image_verdicts.noise),
    "fig2": Account(body=_images, verdict=image_verdicts.architectures),
    "fig3": Account(body=_images, verdict=image_verdicts.levels),
}
