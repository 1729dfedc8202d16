"""`gancross export`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from gancross.cli.options import FILE, common, notes_console
from gancross.errors import UsageError


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
