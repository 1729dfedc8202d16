"""`gancross sample` and `gancross export`."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.completion import model_files
from gancross.cli.contestants import ModelOptions, load_models, model_options, parsed_models
from gancross.cli.options import FILE, bars, chunk, common, device, notes_console, threads
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
    "-n", "--num-samples", type=int, help=f"How many.  [default: {IMAGES} images or {POINTS:,} vectors]"
)
@click.option(
    "--out", type=FILE,
    help="FILE.png: a grid of images, or a scatter of 3-d vectors coloured by their density. FILE.npz: the"
    " samples themselves, key 'samples', uint8 images (N, C, H, W) or float32 vectors (N, d);"
    " of a conditional model also 'labels'."
    "  [default: CKPT with '-samples.png' in place of '.pt']",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents.")
@device
@threads
@chunk
@click.option(
    "--class", "label", type=int, metavar="NUMBER",
    help="Of a conditional model, samples of this class, 0…K−1.  [default: all classes, uniformly]",
)  # fmt: skip
@click.option("--columns", type=int, help="Images in a row of the grid.  [default: a square grid]")
@common
def sample(
    model: str, num_samples: int | None, out: Path | None, seed: int, device: str, chunk: int | None,
    columns: int | None, label: int | None, model_options: ModelOptions,
) -> None:  # fmt: skip
    """Draw samples of a model as a picture, or as an array for other tools.

    They are made as in a cross-test: in the same chunks, in evaluation mode, images rounded to 8 bits; the
    latents depend only on --seed and the model's name, and so do the labels of a conditional model.
    """
    import numpy as np

    from gancross.evaluator.judging.label_streams import sample_labels
    from gancross.evaluator.judging.scoring import canonical_samples
    from gancross.evaluator.protocol import checked_chunk
    from gancross.machine.devices import resolve_device
    from gancross.machine.files import check_new_target, check_outputs, write_atomically
    from gancross.random_streams import check_seed

    (parsed,) = parsed_models([model])
    path = parsed.files[0] if parsed.files else Path(f"{parsed.name}.py")  # a module's is not known yet
    path = path if path.name else path.absolute()  # "." has no name
    target = out or path.with_name(f"{path.stem}-samples.png")
    if target.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {target}: give a file that ends in {' or '.join(SUFFIXES)}")
    check_seed(seed)
    checked_chunk(chunk)
    if columns is not None and columns < 1:
        raise UsageError(f"--columns must be at least 1, got {columns}")
    if columns is not None and target.suffix.lower() != ".png":
        raise UsageError(f"--columns lays out a picture, {target} is an array: leave it out")
    check_new_target(target)
    check_outputs([target], inputs=parsed.files)
    (contestant,) = load_models(
        [parsed], model_options, num_samples=num_samples or IMAGES, seed=seed, purpose="sample"
    )
    contestant, classes = _of_class(contestant, label)
    notes = notes_console()
    if parsed.is_folder and contestant.origin is not None:
        for note in contestant.origin.notes:
            notes.print(note, markup=False)
    with bars(notes) as progress:
        progress("sampling", 0, None)
        draw = partial(
            canonical_samples, contestant, seed=seed, device=resolve_device(device), chunk=chunk,
            progress=partial(progress, "sampling"),
        )  # fmt: skip
        samples = draw(num_samples=IMAGES if num_samples is None else num_samples)
        if num_samples is None and samples.ndim == 2:
            samples = draw(num_samples=POINTS)
    if target.suffix.lower() == ".npz":
        buffer = io.BytesIO()
        drawn = sample_labels(contestant, 0, len(samples), seed=seed, purpose="sample")
        arrays: dict[str, Any] = {"samples": samples.numpy()}
        arrays |= {} if drawn is None else {"labels": drawn.numpy()}
        np.savez_compressed(buffer, **arrays)
        write_atomically(target, buffer.getvalue())
    else:
        write_atomically(target, _picture(samples, contestant, columns))
    notes.print(f"{len(samples):,} samples of {contestant.name}{classes}: {target}")


def _of_class(contestant: Contestant, label: int | None) -> tuple[Contestant, str]:
    """The model, of which only samples of one class are drawn if there is a label; and that in words."""
    classes = contestant.num_classes
    if label is None and classes is None:
        return contestant, ""
    if label is None:
        if isinstance(contestant.label_prior, str):  # here are no data whose frequencies to follow
            return replace(contestant, label_prior="uniform"), f", labels uniform over {classes} classes"
        return contestant, f", labels over {classes} classes as label_prior says"
    if classes is None or contestant.generator is None:
        raise UsageError(f"--class {label}: '{contestant.name}' takes no labels: leave it out")
    if not 0 <= label < classes:
        raise UsageError(f"--class {label}: '{contestant.name}' has the classes 0…{classes - 1}")
    from gancross.models.conditional import OneClass

    generator = OneClass(contestant.generator, label)
    alone = replace(
        contestant, generator=generator, num_classes=None, label_prior="uniform", judge_labels=None
    )
    return alone, f", class {label}"


def _picture(samples: torch.Tensor, contestant: Contestant, columns: int | None) -> bytes:
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


@click.command()
@click.argument("ckpt", type=FILE)
@click.option(
    "--out", type=FILE, required=True,
    help="FILE.pt or FILE.safetensors; replaced where it exists.",
)  # fmt: skip
@common
def export(ckpt: Path, out: Path) -> None:
    """Write a checkpoint for sharing: both networks and their recipe, without optimizer states.

    It can be cross-tested and sampled, not resumed.
    """
    from gancross.checkpoint import file as checkpoint
    from gancross.machine.files import check_target

    if out.suffix not in checkpoint.WRITERS:
        raise UsageError(f"--out {out}: give a file that ends in {' or '.join(checkpoint.WRITERS)}")
    check_target(out)
    if out.exists() and ckpt.exists() and out.samefile(ckpt):
        raise UsageError(f"--out {out}: is the checkpoint itself, whose optimizer states would be lost")
    checkpoint.save(out, replace(checkpoint.load(ckpt), training={}))
    notes_console().print(f"{ckpt} without optimizer states: {out}")
