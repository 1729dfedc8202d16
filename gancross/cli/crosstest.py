"""`gancross crosstest`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from gancross.cli.completion import model_files
from gancross.cli.contestants import ModelOptions, load_models, model_options, parsed_models
from gancross.cli.options import (
    FILE,
    FILE_OR_STDOUT,
    chunk,
    classes_option,
    common_with_tables,
    device,
    notes_console,
    progress_line,
    resize,
    silent_console,
    threads,
    timeout,
)
from gancross.cli.outputs import checked_record, show, written
from gancross.cli.referee_arguments import RefereeArguments, going_on, referee_arguments
from gancross.cli.report import STDOUT, Reports, reports
from gancross.cli.training_data import common_data, common_image_size, data_options
from gancross.errors import UsageError, unknown_name
from gancross.machine.distributed import is_rank_zero
from gancross.machine.files import every_output, is_stream

if TYPE_CHECKING:
    from rich.console import Console

    from gancross.checkpoint.contestant import Contestant
    from gancross.evaluator.referees.options import RefereeBudget
    from gancross.evaluator.referees.saved import SavedReferees
    from gancross.evaluator.result.types import Result


@click.command()
@click.argument(
    "models", metavar="[NAME=]A.pt [NAME=]B.pt ...", nargs=-1, required=True, shell_complete=model_files
)
@model_options
@data_options
@click.option(
    "-n", "--num-samples", type=int, default=10_000, show_default=True, help="Samples of each model."
)
@click.option(
    "--num-real",
    type=int,
    help="Test samples, a part that follows from --seed.  [default: all of a finite set]",
)
@classes_option
@click.option("--seed", type=int, default=0, show_default=True, help="Of the latents and of endless data.")
@click.option(
    "--norm", type=click.Choice(["eval", "batch"]), default="eval", show_default=True,
    help="How judges with batch norm normalise: running averages or batch statistics.",
)  # fmt: skip
@click.option(
    "--no-norm-check", is_flag=True, help="Do not score judges with batch norm in the other mode too."
)
@click.option("--no-quantize", is_flag=True, help="Judge generated images before they are rounded to 8 bits.")
@click.option("--no-controls", is_flag=True, help="Do not judge noise and blurred reals.")
@click.option(
    "--referees", type=click.Choice(["none", "quick", "full"]), default="quick", show_default=True,
    envvar="GANCROSS_REFEREES", show_envvar=True,
    help="Train judges alike for every model, to tell whose samples are nearer to the data.",
)  # fmt: skip
@referee_arguments
@click.option("--metrics", default="", metavar="fid,is,kid,pr", help="Fidelity beside the cross-test.")
@click.option(
    "--feature-extractor-weights-path", "feature_weights", type=FILE,
    help="Inception's weights.  [default: where torch-fidelity keeps them]",
)  # fmt: skip
@click.option("--fid-statistics", type=FILE, help="Read mu and sigma of the real data.")
@click.option("--save-fid-statistics", type=FILE, help="Write the computed ones.")
@click.option(
    "--kid-subset-size", type=int, default=1000, show_default=True, help="Samples of KID's subsets."
)
@click.option(
    "--method", "methods", metavar="NAME=METHOD", multiple=True,
    help="What a model is a run of.  [default: its recipe and overrides without the seed]",
)  # fmt: skip
@device
@threads
@click.option("--batch-size", type=int, help="Samples on the device at a time; changes no figure.")
@chunk
@resize
@click.option(
    "--json", "json_out", metavar="FILE|-", type=FILE_OR_STDOUT,
    help="Write the record, and sample grids in FILE-samples/ without '.json'; '-' prints nothing but JSON.",
)  # fmt: skip
@reports
@click.option("--deterministic", is_flag=True, help="Only operations that repeat bit by bit, on a GPU too.")
@timeout
@common_with_tables
def crosstest(
    models: tuple[str, ...], data: str | None, data_root: Path, image_size: int | None,
    num_samples: int, num_real: int | None, classes: tuple[str, ...] | None, seed: int,
    norm: Literal["eval", "batch"], no_norm_check: bool, no_quantize: bool, no_controls: bool,
    referees: RefereeBudget, referee_arguments: RefereeArguments, metrics: str, feature_weights: Path | None,
    fid_statistics: Path | None, save_fid_statistics: Path | None, kid_subset_size: int,
    methods: tuple[str, ...], device: str, batch_size: int | None, chunk: int | None,
    resize: str | None, json_out: str | None, reports: Reports, deterministic: bool,
    model_options: ModelOptions,
) -> None:  # fmt: skip
    """Let every model's discriminator judge every model's samples and the held-out test data.

    A model is a checkpoint; two ONNX files, generator.onnx,discriminator.onnx; folder:PATH or a file
    .npz or .npy, generated samples that judge nobody; weights of other code with --arch; or
    code.py:factory, code that loads its own weights.
    """
    from gancross.data.resizing import parsed_resize
    from gancross.evaluator.protocol import Protocol

    referee_arguments.check_budget(referees)
    parsed = parsed_models(models)
    statistics = [] if save_fid_statistics is None else [save_fid_statistics]
    record = checked_record(json_out, reports, models=parsed, others=statistics)
    referee_arguments.check_outputs(record, reports)
    protocol = Protocol(
        num_samples=num_samples, seed=seed, norm=norm, norm_check=not no_norm_check,
        quantize=not no_quantize, controls=not no_controls,
        metrics=tuple(metric for metric in metrics.split(",") if metric), kid_subset_size=kid_subset_size,
        chunk=chunk, num_real=num_real, resize=parsed_resize(resize), classes=classes,
    )  # fmt: skip
    contestants = load_models(parsed, model_options, num_samples=num_samples, seed=seed)
    contestants = with_methods(contestants, methods)
    # Seconds of imports, which a file that cannot be read should not have to wait for.
    from gancross.evaluator.crosstest import run_crosstest
    from gancross.evaluator.fidelity.preparation import FidelityFiles
    from gancross.evaluator.judged_data import known_training, load_reals, trained_data
    from gancross.evaluator.judged_labels import as_judged
    from gancross.evaluator.refereeing import with_referees
    from gancross.evaluator.referees.labels import training_labels

    size = image_size if image_size is not None else common_image_size(contestants)
    reals = load_reals(
        data or common_data(contestants), trained_on=trained_data(contestants), data_root=data_root,
        image_size=size, seed=seed,
    )  # fmt: skip
    contestants, reals, protocol = as_judged(contestants, reals, protocol, device=device)
    options = referee_arguments.checked_options(referees, contestants, reals, protocol)
    notes, to_json = notes_console(), json_out == STDOUT
    with progress_line(notes) as progress:
        result = run_crosstest(
            contestants, reals, protocol, train=reals.train, device=device, batch_size=batch_size,
            deterministic=deterministic, progress=progress,
            files=FidelityFiles(
                weights=feature_weights, statistics=fid_statistics, save_statistics=save_fid_statistics
            ),
        )  # fmt: skip

    def write(result: Result, record: Path | None, reports: Reports, notes: Console) -> None:
        if is_rank_zero():
            written(
                result, record, reports, notes, contestants=contestants, reals=reals, protocol=protocol,
                device=device,
            )  # fmt: skip

    trained: list[SavedReferees] = []

    def finish(result: Result, notes: Console) -> None:
        """What cannot be written costs no other output, and no screen."""
        if not is_rank_zero():
            return
        with every_output() as attempt:
            attempt(lambda: write(result, record, reports, notes))
            if options is not None:
                folder = options.folder
                attempt(lambda: referee_arguments.save_trained(trained, folder, result, notes_console()))
            attempt(lambda: show(result, reports, record, to_json=to_json))

    if options is None:
        finish(result, notes)
        return
    try:
        # Streams take one document, which awaits the referees.
        early = None if record is None or is_stream(record) else record
        write(result, early, reports.on_disk, notes)
        with progress_line(notes) as progress, going_on():
            result = with_referees(
                result, contestants, reals, protocol, options,
                training=known_training(reals.train, protocol),
                training_labels=training_labels(reals.train, reals, protocol), device=device,
                progress=progress, announce=referee_arguments.announcement(notes, progress),
                keep=trained.append,
            )  # fmt: skip
    except BaseException:
        # Whoever stops during the referees keeps what was measured before: the record and this screen.
        if is_rank_zero() and not to_json:
            show(result, reports, record, to_json=False)
        raise
    finish(result, silent_console())  # over the same files


def with_methods(contestants: list[Contestant], given: tuple[str, ...]) -> list[Contestant]:
    """The contestants, some with the method that `--method NAME=METHOD` says."""
    methods = dict(text.partition("=")[::2] for text in given)
    names = [contestant.name for contestant in contestants]
    for name, method in methods.items():
        if not method:
            raise UsageError(f"--method {name}: write NAME=METHOD")
        if name not in names:
            raise unknown_name("contestant", name, names)
    return [
        replace(contestant, method=methods.get(contestant.name, contestant.method))
        for contestant in contestants
    ]
