"""The paper's experiments at full size: specs for GPUs, counted work, estimated hours, commands."""

from __future__ import annotations

from pathlib import Path

from gancross.trainer.noise import distinct_samples
from gancross.trainer.recipes.recipe import Recipe
from gancross.workflow.plan import PlannedVariant, planned_variants
from gancross.workflow.spec import PlannedRun, Spec, load_spec
from reproduction.record import Record
from reproduction.tables import table, whole

SPECS = Path(__file__).parents[1] / "full"
RECORD = "full-scale.json"
COMMANDS = SPECS / "COMMANDS.md"
PROCESSES = 4
# Peak of float32 outside tensor cores by NVIDIA's data sheets, TFLOP/s: gancross turns TF32 off.
CARDS = {"A100": 19.5, "H100 SXM": 66.9}
SHARES = (0.15, 0.5)  # of the peak that convolutions of batches of 64 are taken to reach
HEADINGS = {
    "crosstest-cifar10": "§5.5, CIFAR-10",
    "noise-cifar10": "§5.4, Figs. 4 and 9, CIFAR-10",
    "celeba": "Fig. 3, CelebA",
    "lsun": "§5.2, Figs. 2, 7 and 8, LSUN bedrooms",
}


def counted() -> Record:
    """The record: counted work of every variant, and hours on each card at two fractions of its peak."""
    return {
        "cards": CARDS, "shares": SHARES,
        "specs": {key: _spec(load_spec(SPECS / f"{key}.toml")) for key in HEADINGS},
    }  # fmt: skip


def _spec(spec: Spec) -> Record:
    recipes = {run.variant: run.recipe for run in spec.runs}
    planned = planned_variants(spec, Path("runs") / spec.name)
    variants = [_variant(variant, recipes[variant.name]) for variant in planned]
    pflop = sum(variant["runs"] * variant["pflop"] for variant in variants)
    images = sum(variant["runs"] * variant["images"] for variant in variants)
    hours = {card: [pflop * 1e3 / (peak * share) / 3600 for share in reversed(SHARES)]
             for card, peak in CARDS.items()}  # fmt: skip
    return {
        "variants": variants, "runs": len(spec.runs), "pflop": pflop, "images": images, "gpu_hours": hours,
    }  # fmt: skip


def _variant(planned: PlannedVariant, recipe: Recipe) -> Record:
    assert planned.work is not None, planned.name
    return {
        "name": planned.name, "runs": planned.runs, "steps": planned.steps,
        "images": planned.steps * recipe.n_phi * distinct_samples(recipe, "discriminator"),
        "gflop_a_step": planned.work.step_flop / 1e9, "pflop": planned.work.total_flop / 1e15,
    }  # fmt: skip


def section(record: Record) -> list[str]:
    """The section of the page."""
    rows = [
        (
            HEADINGS[key], f"`gancross benchmark benchmarks/full/{key}.toml --device cuda`",
            str(spec["runs"]), whole(spec["pflop"]), whole(spec["images"] / 1e6),
            *("–".join(map(_hours, spec["gpu_hours"][card])) for card in record["cards"]),
        )
        for key, spec in record["specs"].items()
    ]  # fmt: skip
    header = (
        "experiment", "command", "runs", "PFLOP", "million images read",
        *(f"hours of one {card}" for card in record["cards"]),
    )  # fmt: skip
    low, high = record["shares"]
    cards = " and ".join(f"{peak:g} TFLOP/s ({card})" for card, peak in record["cards"].items())
    return [
        "## At the paper's size: prepared, not run",
        "",
        "**Not testable without a GPU and the data.** The specs below are the paper's experiments at full"
        " width and length; `--dry-run` checks each and counts its work.",
        "",
        *table(header, rows, left=2),
        "",
        "**How the hours were estimated:** from the counted FLOP of convolutions and matrix products, at"
        f" {low:.0%} to {high:.0%} of the cards' float32 peak, {cards} by NVIDIA's data sheets, since"
        " gancross turns TF32 off. The shares are assumptions: nothing here was measured on a GPU. Reading"
        " images is not in them: small sets lie in memory, but CelebA's and LSUN's files are decoded for each"
        " batch by at most four processes, which a fast card may wait for; nor are cross-test and fidelity.",
        "",
        "A machine with several GPUs trains as many runs at a time, one on each. To divide one run instead:"
        f" the exact `torchrun` commands, {PROCESSES} GPUs to a run, are in"
        " [full/COMMANDS.md](full/COMMANDS.md). The benchmark's command then finds these runs finished and"
        " cross-tests them. Batch norm then takes its statistics over each GPU's share of the batch, which is"
        " not what the paper did: for its figures give each run one GPU.",
    ]  # fmt: skip


def commands() -> str:
    """The text of full/COMMANDS.md."""
    lines = [
        "# One run on several GPUs",
        "",
        f"Each line trains one run of a benchmark on {PROCESSES} GPUs into the folder where the benchmark"
        " looks for it. Written by `python benchmarks/full_scale.py`.",
        "",
        "## Before",
        "",
        "Data lie in `data/`, or where `GANCROSS_DATA` says; `gancross datasets` lists where each set comes"
        " from. The first line below fetches CIFAR-10, here by way of a run of one step; CelebA and LSUN are"
        " put there by hand, and LSUN needs an extra. All four benchmarks ask for FID: without Inception's"
        " weights they stop before they train anything, and say where to get them. For one GPU to a run,"
        " which is what the paper had, leave out the lines that begin with torchrun.",
        "",
        "```sh",
        "gancross train cifar10-dcgan --steps 1 --download --out runs/first",
        "pip install '.[lmdb]'",
        "```",
    ]  # fmt: skip
    for key, heading in HEADINGS.items():
        spec = load_spec(SPECS / f"{key}.toml")
        lines += ["", f"## {heading}", "", "```sh"]
        lines += [command(spec, run) for run in spec.runs]
        lines += [f"gancross benchmark benchmarks/full/{key}.toml --device cuda", "```"]
    return "\n".join(lines) + "\n"


def command(spec: Spec, run: PlannedRun) -> str:
    """`torchrun … gancross train …` for one run."""
    changes = [f"--set {word}" for word in run.recipe.method.split()[1:]]
    changes += [f"--seed {run.recipe.seed}"] if run.recipe.seed else []
    words = " ".join([run.recipe.name, *changes])
    folder = f"runs/{spec.name}/runs/{run.name}"
    return (
        f"torchrun --nproc-per-node {PROCESSES} -m gancross train {words} --device cuda --out {folder}"
    )  # fmt: skip


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
