"""`gancross crosstest`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gancross.cli.options import common, notes_console, progress_bar, tables_console
from gancross.errors import UsageError

if TYPE_CHECKING:
    from gancross.contestant import Contestant


@click.command()
@click.argument("models", metavar="[NAME=]A.pt [NAME=]B.pt ...", nargs=-1, required=True)
@click.option("--data", help="Data set or folder:PATH.  [default: the data the models were trained on]")
@click.option("--data-root", type=click.Path(path_type=Path), help="Where named data sets lie.")
@click.option("--image-size", type=int, help="Resize a folder's images.  [default: as in training]")
@click.option(
    "-n", "--num-samples", type=int, default=10_000, show_default=True, help="Samples of each model."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents and of endless data.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, … or mps.")
@click.option("--batch-size", type=int, help="Samples on the device at a time; changes no figure.")
@click.option("--json", "json_out", metavar="FILE|-", help="Write the record; '-' prints nothing but JSON.")
@common
def crosstest(
    models: tuple[str, ...], data: str | None, data_root: Path | None, image_size: int | None,
    num_samples: int, seed: int, device: str, batch_size: int | None, json_out: str | None,
) -> None:  # fmt: skip
    """Let every model's discriminator judge every model's samples and the held-out test data."""
    from gancross.checkpoint import load_contestant
    from gancross.data import catalogue
    from gancross.evaluator.crosstest import crosstest as run
    from gancross.evaluator.naming import contestant_names, split_argument
    from gancross.files import check_target
    from gancross.report.console import print_result

    if json_out not in (None, "-"):
        check_target(Path(json_out))
    arguments = [split_argument(model) for model in models]
    names = contestant_names(arguments)
    contestants = [load_contestant(path, name=name) for name, (_, path) in zip(names, arguments, strict=True)]
    with progress_bar(notes_console()) as bar:
        tasks = {}

        def show(label: str, done: int, n: int) -> None:
            if label not in tasks:
                tasks[label] = bar.add_task(f"judging {label}", total=n, figures="", rate="")
            bar.update(tasks[label], completed=done)

        result = run(
            contestants,
            data=data or recipe_data(contestants),
            data_root=data_root or catalogue.DEFAULT_ROOT,
            image_size=image_size if image_size is not None else recipe_image_size(contestants),
            num_samples=num_samples, seed=seed, device=device, batch_size=batch_size, progress=show,
        )  # fmt: skip
    if json_out == "-":
        sys.stdout.write(result.to_json())
        return
    print_result(result, tables_console())
    if json_out is not None:
        result.save(json_out)
        notes_console().print(f"\nrecord: {json_out}", markup=False)


def recipe_data(contestants: list[Contestant]) -> str:
    """The data that all contestants were trained on, by the name in their checkpoints.

    Raises:
        UsageError: they differ, or name a folder, which no checkpoint may open by itself.
    """
    from gancross.data.catalogue import DATASETS

    named = {str(c.origin.recipe.get("data")) for c in contestants if c.origin is not None}
    if len(named) > 1:
        raise UsageError(
            f"the models were trained on different data ({', '.join(sorted(named))}): give --data"
        )
    name = named.pop()
    if name not in DATASETS:
        raise UsageError(f"the models name the data '{name}', which is not opened by itself: give --data")
    return name


def recipe_image_size(contestants: list[Contestant]) -> int | None:
    """The side to which all contestants' training images were resized; None if they were not."""
    sizes = {c.origin.recipe.get("image_size") for c in contestants if c.origin is not None}
    size = sizes.pop() if len(sizes) == 1 else None
    return size if isinstance(size, int) else None
