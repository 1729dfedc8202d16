"""`gancross sample`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gancross.cli.completion import model_files
from gancross.cli.contestants import ModelOptions, load_models, model_options, parsed_models
from gancross.cli.options import common, notes_console, progress_bar
from gancross.errors import UsageError

if TYPE_CHECKING:
    import torch

    from gancross.checkpoint.contestant import Contestant

IMAGES = 64
POINTS = 5120  # ten batches of 512, as the paper's pictures of the mixture hold
SUFFIXES = (".png", ".npz")


@click.command()
@click.argument("model", metavar="[NAME=]CKPT", shell_complete=model_files)
@model_options
@click.option(
    "-n", "--num-samples", type=int,
    help=f"How many.  [default: {IMAGES} images or {POINTS:,} vectors]",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path),
    help="FILE.png: a grid of images, or a scatter of 3-d vectors coloured by their density. FILE.npz: the"
    " samples themselves, key 'samples', uint8 images (N, C, H, W) or float32 vectors (N, d)."
    "  [default: CKPT with '-samples.png' in place of '.pt']",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:0, … or mps.")
@click.option("--columns", type=int, help="Images in a row of the grid.  [default: a square grid]")
@common
def sample(
    model: str, num_samples: int | None, out: Path | None, seed: int, device: str, columns: int | None,
    model_options: ModelOptions,
) -> None:  # fmt: skip
    """Draw samples of a model as a picture, or as an array for other tools.

    They are made as in a cross-test: in chunks of 500, in evaluation mode, images rounded to 8 bits; the
    latents depend only on --seed and the model's name.
    """
    from gancross.evaluator.judging.scoring import canonical_samples
    from gancross.machine.devices import resolve_device
    from gancross.machine.files import write_atomically

    (parsed,) = parsed_models([model])
    path = parsed.files[0] if parsed.files[0].name else parsed.files[0].absolute()  # "." has no name
    target = out or path.with_name(f"{path.stem}-samples.png")
    _check_options(target, seed, columns)
    (contestant,) = load_models(
        [parsed], model_options, num_samples=num_samples or IMAGES, seed=seed, purpose="sample"
    )
    console = notes_console()
    with progress_bar(console) as bar:
        task = bar.add_task("sampling", total=None, figures="", rate="")

        def draw(n: int) -> torch.Tensor:
            return canonical_samples(
                contestant, num_samples=n, seed=seed, device=resolve_device(device),
                progress=lambda done, n: bar.update(task, completed=done, total=n),
            )  # fmt: skip

        samples = draw(IMAGES if num_samples is None else num_samples)
        if num_samples is None and samples.ndim == 2:
            samples = draw(POINTS)
    array = target.suffix.lower() == ".npz"
    content = _archive(samples) if array else _picture(samples, contestant, columns)
    write_atomically(target, content)
    console.print(f"{len(samples):,} samples of {contestant.name}: {target}", markup=False)


def _check_options(target: Path, seed: int, columns: int | None) -> None:
    """Checks options before anything is loaded."""
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {target}: give a file that ends in {' or '.join(SUFFIXES)}")
    if seed < 0:
        raise UsageError(f"seed must be at least 0, got {seed}")
    if columns is not None and columns < 1:
        raise UsageError(f"--columns must be at least 1, got {columns}")
    if columns is not None and target.suffix.lower() != ".png":
        raise UsageError(f"--columns lays out a picture, {target} is an array: leave it out")


def _archive(samples: torch.Tensor) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, samples=samples.numpy())
    return buffer.getvalue()


def _picture(samples: torch.Tensor, contestant: Contestant, columns: int | None) -> bytes:
    """A grid or a scatter.

    Raises:
        UsageError: vectors of another dimension than 3, or columns for points.
    """
    from gancross.pictures import MIXTURE_CUBE, image_grid, scatter

    if samples.ndim == 4:
        return image_grid(samples, columns=columns)
    if columns is not None:
        raise UsageError(f"--columns lays out images, '{contestant.name}' makes vectors: leave it out")
    if samples.shape[1] != 3:
        raise UsageError(
            f"'{contestant.name}' makes {samples.shape[1]}-d vectors, a picture needs 3-d ones:"
            " give --out FILE.npz"
        )
    mixture = contestant.origin is not None and contestant.origin.recipe.get("data") == "mixture"
    title = f"{contestant.name}, {len(samples):,} samples"
    return scatter(samples, title=title, limits=MIXTURE_CUBE if mixture else None)
