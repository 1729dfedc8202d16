"""`gancross train`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.completion import data_names, recipe_names
from gancross.cli.options import common, deterministic, notes_console, progress_bar
from gancross.machine.distributed import is_rank_zero, process_count

if TYPE_CHECKING:
    from gancross.trainer.recipes.fields import Setting
    from gancross.trainer.recipes.recipe import Recipe


@click.command()
@click.argument("name", metavar="RECIPE", shell_complete=recipe_names)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/RECIPE-seedN]"
)
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Override a field of the recipe.")
@click.option("--steps", type=int, help="Generator updates.")
@click.option("--gamma", type=float, help="Variance γ of the virtual noise; 0 is --regularizer none.")
@click.option("--anneal/--no-anneal", default=None, help="γ_t = γ₀·α^(t/T) instead of a constant γ.")
@click.option("--objective", help="js-logit, an f-GAN such as kl, lsgan, wgan or wgan-gp.")
@click.option("--regularizer", help="Ω of the objective, or none for the unregularized GAN.")
@click.option("--data", help="Data set, or folder:PATH.", shell_complete=data_names)
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of named data sets.")
@click.option("--download", is_flag=True, help="Fetch a missing data set where torchvision can.")
@click.option("--workers", type=int, help="Processes that read large data sets.  [default: up to 4]")
@click.option("--image-size", type=int, help="Resize a folder's images to this side.")
@click.option("--seed", type=int, help="Of initial weights, latents and data order.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, … or mps.")
@click.option(
    "--resume/--no-resume", default=True, help="Go on where the run in --out stopped.  [default: on]"
)
@click.option(
    "--checkpoint-every", type=int, help="Steps between checkpoints.  [default: a twentieth of all]"
)
@click.option("--log-every", type=int, default=100, show_default=True, help="Steps between lines of the log.")
@click.option(
    "--tensorboard", is_flag=True, help="Log and pictures as TensorBoard events, too, in RUN/tensorboard."
)
@click.option(
    "--compile/--no-compile", "compiling", default=False,
    help="Compile the regularizer's gradient; worth its minute in long runs.  [default: off]",
)  # fmt: skip
@deterministic
@common
def train(
    name: str, out: Path | None, settings: tuple[str, ...], data_root: Path | None, download: bool,
    workers: int | None, device: str, resume: bool, checkpoint_every: int | None, log_every: int,
    tensorboard: bool, compiling: bool, deterministic: bool, **fields: Any,
) -> None:  # fmt: skip
    """Train the GAN of a recipe (see 'gancross recipes'); the same command again resumes."""
    chosen = chosen_recipe(name, settings, fields)
    folder = out or default_out(chosen)
    from gancross.data import catalogue
    from gancross.trainer.loop import train as run
    from gancross.trainer.noise import check_divisible
    from gancross.trainer.run.tracking import TensorBoard

    console = notes_console()
    console.print(f"{chosen.method}, seed {chosen.seed}: {chosen.steps:,} steps into {folder}", markup=False)
    if process_count() > 1:
        check_divisible(chosen, process_count())
        console.print(division_note(chosen, process_count()), markup=False)
    with ExitStack() as stack, progress_bar(console) as bar:
        writes_events = tensorboard and is_rank_zero()
        observers = [stack.enter_context(TensorBoard(folder / "tensorboard"))] if writes_events else []
        task = bar.add_task("training", total=chosen.steps, figures="", rate="")

        was_collapsed = [False]

        def show(step: int, steps: int, figures: dict[str, float] | None) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, completed=step, rate=f"{speed:.1f} steps/s" if speed else "")
            if figures is not None:
                bar.update(task, figures=summary(figures))
                if figures["collapsed"] and not was_collapsed[0]:
                    console.print(
                        f"step {step:,}: the generator's samples are nearly identical", markup=False
                    )
                was_collapsed[0] = bool(figures["collapsed"])
                if bar.disable and (step * 20 // steps) != ((step - log_every) * 20 // steps):
                    console.print(f"step {step:,} of {steps:,}  {summary(figures)}", markup=False)

        last = run(
            chosen, folder, resume=resume, device=device, progress=show,
            data_root=data_root or catalogue.DEFAULT_ROOT, download=download, workers=workers,
            checkpoint_every=checkpoint_every, log_every=log_every, observers=observers,
            note=lambda text: console.print(text, markup=False), deterministic=deterministic,
            compile=compiling,
        )  # fmt: skip
    console.print(f"done: {last}", markup=False)


def division_note(recipe: Recipe, processes: int) -> str:
    """How several processes divide the batches."""
    part = recipe.batch_size // processes
    batch_norm = f"; batch norm sees {part}" if recipe.normalization != "none" else ""
    return f"{processes} processes, batch {recipe.batch_size} = {processes} × {part}{batch_norm}"


def chosen_recipe(name: str, settings: tuple[str, ...], fields: dict[str, Any]) -> Recipe:
    """The named recipe with `--set` and the options that stand for fields; options win.

    Raises:
        UsageError: unknown names or bad values.
    """
    from gancross.trainer.recipes.paper import recipe
    from gancross.trainer.recipes.recipe import parse_setting

    changes: dict[str, Setting] = dict(parse_setting(setting) for setting in settings)
    changes |= {key: value for key, value in fields.items() if value is not None}
    return recipe(name).with_changes(changes)


def default_out(recipe: Recipe) -> Path:
    """`runs/RECIPE[-unregularized]-seedN`; the middle part only where the recipe has a regularizer."""
    from gancross.trainer.recipes.paper import RECIPES

    named = RECIPES.get(recipe.name, recipe)
    removed = recipe.regularizer == "none" != named.regularizer
    unregularized = "-unregularized" if removed else ""
    return Path("runs") / f"{recipe.name}{unregularized}-seed{recipe.seed}"


def summary(figures: dict[str, float]) -> str:
    """Losses, penalty and the monitor's figures."""
    names = {"loss_discriminator": "D", "loss_generator": "G", "penalty": "Ω", "modes": "modes"}
    return "  ".join(f"{short} {figures[key]:.3g}" for key, short in names.items() if key in figures)
