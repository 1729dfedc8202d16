"""`gancross train`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.completion import data_names, recipe_names
from gancross.cli.networks import networks_options, own_pair, trusted_code
from gancross.cli.options import (
    FILE,
    common,
    data_root,
    device,
    download,
    notes_console,
    progress_bar,
    timeout,
)
from gancross.errors import UsageError
from gancross.machine.distributed import is_rank_zero, process_count

if TYPE_CHECKING:
    from gancross.trainer.recipes.fields import Setting
    from gancross.trainer.recipes.recipe import Recipe


@click.command()
@click.argument("name", metavar="RECIPE", shell_complete=recipe_names)
@click.option("--out", type=FILE, help="Folder of the run.  [default: runs/RECIPE-seedN]")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Override a field of the recipe.")
@click.option("--steps", type=int, help="Generator updates.")
@click.option("--gamma", type=float, help="Variance γ of the virtual noise; 0 is --regularizer none.")
@click.option("--anneal/--no-anneal", default=None, help="γ_t = γ₀·α^(t/T) instead of a constant γ.")
@click.option(
    "--objective", help="js-logit, an f-GAN such as kl, lsgan, hinge, relativistic, wgan, wgan-gp or wgan-lp."
)
@click.option(
    "--regularizer", help="Ω of the objective, r1, r2, r1+r2, dragan, or none for the unregularized GAN."
)
@click.option("--data", help="Data set, or folder:PATH.", shell_complete=data_names)
@data_root
@download
@click.option("--workers", type=int, help="Processes that read large data sets.  [default: up to 4]")
@click.option(
    "--threads", type=click.IntRange(min=1),
    help="Of the CPU.  [default: one for small networks, two a core for large ones; as before when resuming]",
)  # fmt: skip
@click.option("--image-size", type=int, help="Resize a folder's images to this side.")
@click.option("--seed", type=int, help="Of initial weights, latents and data order.")
@networks_options
@device
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
@click.option(
    "--channels-last/--no-channels-last", default=False,
    help="Images and convolutions lie in memory with channels last, which may pay on a GPU.  [default: off]",
)  # fmt: skip
@click.option("--deterministic", is_flag=True, help="Only operations that repeat bit by bit, on a GPU too.")
@timeout
@common
def train(
    name: str, out: Path | None, settings: tuple[str, ...], data_root: Path, download: bool,
    workers: int | None, threads: int | None, device: str, resume: bool, checkpoint_every: int | None,
    log_every: int, tensorboard: bool, compiling: bool, channels_last: bool, deterministic: bool,
    networks: str | None, trust_code: bool, **fields: Any,
) -> None:  # fmt: skip
    """Train the GAN of a recipe (see 'gancross recipes'); the same command again resumes."""
    code = trusted_code(networks, trust_code=trust_code)
    chosen = chosen_recipe(name, settings, fields, own=code is not None)
    folder = out or default_out(chosen)
    from gancross.trainer.loop import train as run
    from gancross.trainer.noise import check_divisible
    from gancross.trainer.run.tracking import TensorBoard

    pair = own_pair(code, chosen)
    console = notes_console()
    console.print(f"{chosen.method}, seed {chosen.seed}: {chosen.steps:,} steps into {folder}")
    if process_count() > 1:
        check_divisible(chosen, process_count())
        part = chosen.batch_size // process_count()
        batch_norm = f"; batch norm sees {part}" if code or chosen.normalization != "none" else ""
        console.print(
            f"{process_count()} processes, batch {chosen.batch_size} = {process_count()} × {part}{batch_norm}"
        )
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
                    console.print(f"step {step:,}: the generator's samples are nearly identical")
                was_collapsed[0] = bool(figures["collapsed"])
                if bar.disable and (step * 20 // steps) != ((step - log_every) * 20 // steps):
                    console.print(f"step {step:,} of {steps:,}  {summary(figures)}")

        last = run(
            chosen, folder, networks=pair, resume=resume, device=device, progress=show, data_root=data_root,
            download=download, workers=workers, threads=threads, checkpoint_every=checkpoint_every,
            log_every=log_every, observers=observers, note=console.print, deterministic=deterministic,
            compile=compiling, channels_last=channels_last,
        )  # fmt: skip
    console.print(f"done: {last}")


def chosen_recipe(
    name: str, settings: tuple[str, ...], fields: dict[str, Any], *, own: bool = False
) -> Recipe:  # fmt: skip
    """The named recipe with `--set` and the options that stand for fields; options win.

    Args:
        own: `--networks` is given, so that `network=own`.
    """
    from gancross.trainer.recipes.named_recipes import recipe
    from gancross.trainer.recipes.network_settings import OWN
    from gancross.trainer.recipes.settings import parse_setting

    changes: dict[str, Setting] = dict(parse_setting(setting) for setting in settings)
    changes |= {key: value for key, value in fields.items() if value is not None}
    if own and changes.setdefault("network", OWN) != OWN:
        raise UsageError(f"--networks names the networks: leave out --set network={changes['network']}")
    return recipe(name).with_changes(changes)


def default_out(recipe: Recipe) -> Path:
    """`runs/RECIPE[-unregularized]-seedN`; the middle part only where the recipe has a regularizer."""
    from gancross.trainer.recipes.named_recipes import RECIPES

    removed = recipe.regularizer == "none" != RECIPES.get(recipe.name, recipe).regularizer
    unregularized = "-unregularized" if removed else ""
    return Path("runs") / f"{recipe.name}{unregularized}-seed{recipe.seed}"


def summary(figures: dict[str, float]) -> str:
    """Losses, penalty and the monitor's figures."""
    names = {"loss_discriminator": "D", "loss_generator": "G", "penalty": "Ω", "modes": "modes"}
    return "  ".join(f"{short} {figures[key]:.3g}" for key, short in names.items() if key in figures)
