"""benchmarks/REPRODUCTION.md, generated from the records; do not edit it by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gancross.data import mixture
from gancross.untrusted.strict_json import parsed
from reproduction import cross_verdicts, full_scale, image_tables, image_verdicts, tables, verdicts
from reproduction.dependence import along_training, at_the_end, relatives
from reproduction.histories import RULE
from reproduction.record import Record
from reproduction.sections import RESULTS, SECTIONS, Section

PAGE = Path(__file__).parents[1] / "REPRODUCTION.md"
Body = Callable[[Record], list[str]]
TERMS = (
    "Real is positive: *FN* is the share of test data called generated, *FP* that of generated samples called"
    " real. The *margin* is the mean score of reals less that of generated samples. A mode of the mixture is"
    f" *covered* if at least a {2 * mixture.COMPONENTS}th of all samples lie within 0.1 of it; *off plane* is"
    " their mean distance from the plane of the modes. Other figures are explained in"
    " [docs/protocol.md](../docs/protocol.md)."
)


def page(results: Path = RESULTS) -> str:
    """The page for the records in a folder; a section without a record is left out."""
    records = {key: parsed((results / section.record).read_bytes()) for key, section in SECTIONS.items()
             if (results / section.record).is_file()}  # fmt: skip
    lines = [
        "# What of the paper is reproduced",
        "",
        "The claims of Roth et al. 2017 on the submanifold mixture, on scikit-learn's digits and on CIFAR-10"
        " as JPEG files, at the size that two CPU cores can train, each with the command that"
        " makes its runs. Every figure comes from a record in [results](results), and so does every verdict,"
        " by the rules in [reproduction/verdicts.py](reproduction/verdicts.py),"
        " [cross_verdicts.py](reproduction/cross_verdicts.py) and"
        " [image_verdicts.py](reproduction/image_verdicts.py). This page is written by `python"
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
        "",
        TERMS,
        "",
        RULE,
    ]  # fmt: skip
    for key, record in records.items():
        section = SECTIONS[key]
        if section.beside:
            record["beside"] = parsed((results / section.beside).read_bytes())
        lines += ["", *_section(section, record, results)]
    gamma_records = [records[key] for key in ("fig1", "generator-objective") if key in records]
    if any("annealed" in section["label"] for record in gamma_records for section in record["runs"]):
        lines += ["", *_annealing(gamma_records)]
    if (results / full_scale.RECORD).is_file():
        lines += ["", *full_scale.section(parsed((results / full_scale.RECORD).read_bytes()))]
    return "\n".join(lines) + "\n"


def _section(section: Section, record: Record, results: Path) -> list[str]:
    body, verdict = BODIES[section.key]
    machine, versions = record["machine"], record["versions"]
    remark = ["", section.remark] if section.remark else []
    missing = f" Not begun: {', '.join(record['missing'])}." if record["missing"] else ""
    lost_runs = ", ".join(run["name"] for run in record.get("lost", []))
    missing += f" Diverged before a step was saved: {lost_runs}." if lost_runs else ""
    unfinished = _is_unfinished(record)
    verdict_text = _so_far(verdict(record)) if unfinished else verdict(record)
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
        *body(record),
        *(
            line
            for name, text in section.pictures.items()
            if (results / name).is_file()
            for line in ("", f"![{text}](results/{name})")
        ),
    ]


def _is_unfinished(record: Record) -> bool:
    return bool(record["missing"]) or any(map(tables.is_unfinished, record["runs"]))


def _so_far(verdict: str) -> str:
    """The verdict so far, which unfinished runs may still change."""
    return f"{verdicts.UNDECIDED} Runs are unfinished. So far: {verdict.replace('**', '')}"


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
    return ["On what FP depends at the last step, own samples included:", "", *table, ""] if table else []


def _crosstest_in_all_modes(record: Record) -> list[str]:
    return [
        *_crosstest(record), "",
        "The same checkpoints under both uses of batch norm (one only where there is none), with generated"
        " images rounded to 8 bits and not:", "", *image_tables.modes(record),
    ]  # fmt: skip


def _ranked(record: Record) -> list[str]:
    protocol = record["protocol"]
    return [
        f"One cross-test of all runs: {protocol['num_real']:,} test samples, {protocol['num_fake']:,} of each"
        " generator. *Taken in*: the share of all other runs' samples that a discriminator calls real, lower"
        " is better; *fool others*: the share of its samples that other discriminators, blind ones among"
        " them, call real, higher is better; advantage, strength (Bradley–Terry) and J are the rankings'."
        " Lower distances are better.",
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
        *tables.step_ratios(record["beside"]),
    ]  # fmt: skip


def _annealing(records: list[Record]) -> list[str]:
    runs = [run for record in records for run in record["runs"] if run["label"].startswith("γ")]
    plain = [run for run in runs if "generator too" not in run["label"]]
    lengths = [run | {"label": f"{run['label']}, {run['steps']:,} steps"} for run in plain]
    verdict = verdicts.annealing(records)
    return [
        "## §4.2: constant γ against annealing",
        "",
        "**The paper:** a large γ early in training that decays exponentially to a small one is a reasonable"
        " scheme.",
        "",
        f"**Verdict:** {_so_far(verdict) if any(map(_is_unfinished, records)) else verdict}",
        "",
        "**What was run:** nothing more; the runs of §5.1 and §4.1 side by side.",
        "",
        *tables.methods(lengths),
    ]


STABLE: tuple[Body, Callable[[Record], str]] = (_stability, verdicts.stability)
BODIES: dict[str, tuple[Body, Callable[[Record], str]]] = {
    "fig1": STABLE,
    "fig6": STABLE,
    "latent15": STABLE,
    "generator-objective": (_stability, verdicts.generator_objective),
    "crosstest-mixture": (_crosstest, cross_verdicts.crosstest),
    "crosstest-digits": (_crosstest, cross_verdicts.crosstest),
    "overfitting": (tables.overfitting, verdicts.overfitting),
    "training-time": (_training_time, verdicts.training_time),
    "crosstest-cifar10": (_crosstest_in_all_modes, cross_verdicts.crosstest),
    "crosstest-cifar10-plain": (_crosstest_in_all_modes, cross_verdicts.crosstest),
    "noise-digits": (_ranked, image_verdicts.noise),
    "noise-cifar10": (_ranked, image_verdicts.noise),
    "fig2": (_images, image_verdicts.architectures),
    "fig3": (_images, image_verdicts.levels),
}
