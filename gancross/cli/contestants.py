"""Models on the command line: a checkpoint, `G.onnx,D.onnx`, `folder:PATH`, `SAMPLES.npz`, code; options."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gancross.cli.description_keys import (
    DESCRIPTION_KEYS,
    LABEL_KEYS,
    LATENTS,
    OUTPUT_KEYS,
    THRESHOLDS,
    described_value,
)
from gancross.data.catalogue import FOLDER
from gancross.errors import UsageError, unknown_name
from gancross.machine.files import composed
from gancross.score_kinds import SCORE_KINDS

if TYPE_CHECKING:
    from gancross.checkpoint.contestant import Contestant
    from gancross.evaluator.contestants.onnx_models import Description

Command = Callable[..., Any]
ARRAYS = (".npy", ".npz")
ARCH_FORM = "NAME=module:factory"
TRUST = "runs Python code on this machine with all your rights: add --trust-code if you trust it"


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The options that concern models, as written."""

    arch: tuple[str, ...]
    trust_code: bool
    describe: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of the command line: its name, and its files or its folder of images.

    Attributes:
        code: `file.py:factory` or `module:factory` of a model that is code alone; files then holds the file.
    """

    name: str
    files: tuple[Path, ...]
    is_folder: bool
    code: str | None = None

    @property
    def is_array(self) -> bool:
        """Whether its file holds samples."""
        return not self.is_folder and self.code is None and _is_array(self.files[0])

    @property
    def is_onnx(self) -> bool:
        """Whether its networks are ONNX files."""
        return (
            not self.is_folder
            and self.code is None
            and all(file.suffix.lower() == ".onnx" for file in self.files)
        )


def model_options(command: Command) -> Command:
    """Adds `--arch`, `--trust-code` and `--describe`; the command is called with `model_options`."""

    @click.option(
        "--arch", metavar="NAME=module:factory", multiple=True,
        help="Code that builds a model's networks, where its file holds only weights; or file.py:factory.",
    )  # fmt: skip
    @click.option("--trust-code", is_flag=True, help="Let --arch run that code.")
    @click.option(
        "--describe", metavar="NAME=key=value", multiple=True,
        help=(
            f"What an ONNX file or a factory does not say: {', '.join(DESCRIPTION_KEYS)}; repeat it. With"
            f" --arch: {', '.join(OUTPUT_KEYS + LABEL_KEYS)}; label_prior of any model with labels."
            f"  [score_kind: {', '.join(SCORE_KINDS)}; threshold: {THRESHOLDS}]"
        ),
    )  # fmt: skip
    @functools.wraps(command)
    def wrapped(*, arch: tuple[str, ...], trust_code: bool, describe: tuple[str, ...], **rest: Any) -> Any:
        options = ModelOptions(arch=arch, trust_code=trust_code, describe=describe)
        return command(model_options=options, **rest)

    return wrapped


def parsed_models(arguments: Sequence[str]) -> list[Model]:
    """Names and paths; no file is opened.

    Raises:
        UsageError: a malformed argument.
    """
    from gancross.evaluator.contestants.naming import contestant_names, named_code, split_argument

    split = [(None, text) if text.startswith(FOLDER) else split_argument(text) for text in arguments]
    models, paths = list[Model](), list[str]()
    for _, path in split:
        code = named_code(path)
        if code is not None:
            file, function = Path(os.path.expanduser(code[0])), code[1]
            models.append(Model(name="", files=(file,) * (file.suffix == ".py"), is_folder=False, code=path))
            paths.append(str(file.with_suffix("") / function))
            continue
        files, folder = _place(path)
        models.append(Model(name="", files=files, is_folder=folder))
        # With the generic stem `last` naming.py takes the folder's whole name, dots included.
        paths.append(str(files[0] / "last" if folder else files[0]))
    names = contestant_names([(name, path) for (name, _), path in zip(split, paths, strict=True)])
    return [replace(model, name=name) for model, name in zip(models, names, strict=True)]


def load_models(
    models: Sequence[Model], options: ModelOptions, *, num_samples: int, seed: int, purpose: str = "crosstest"
) -> list[Contestant]:
    """The contestants of the command line; names and keys of options are checked before files are read.

    `num_samples`, `seed` and `purpose` decide which images of a folder are used.

    Raises:
        UsageError: an option names no model or does not fit it, or user code fails.
        CheckpointError, DataError: a file is refused.
    """
    codes = _codes(models, options)
    descriptions = _descriptions(models, options.describe, codes)
    contestants = []
    for model in models:
        if model.is_array:
            from gancross.evaluator.contestants.sample_arrays import array_contestant

            contestant = array_contestant(model.files[0], name=model.name)
        elif model.is_folder:
            from gancross.evaluator.contestants.image_folders import folder_contestant

            n = max(1, num_samples)
            contestant = folder_contestant(
                model.files[0], name=model.name, num_samples=n, seed=seed, purpose=purpose
            )
        else:
            contestant = _contestant(model, codes.get(model.name), descriptions.get(model.name))
        contestants.append(contestant)
    return contestants


def _contestant(model: Model, code: str | None, description: Description | None) -> Contestant:
    """The contestant of one model whose networks lie in files."""
    if model.code is not None:
        from gancross.evaluator.contestants.code_models import code_contestant

        return code_contestant(model.code, {} if description is None else description.fields, name=model.name)
    if model.is_onnx:
        from gancross.evaluator.contestants.onnx_models import Description, onnx_contestant

        return onnx_contestant(model.files, description or Description(), name=model.name)
    if code is None:
        from gancross.checkpoint.file import load_contestant

        return _with_fields(load_contestant(model.files[0], name=model.name), description, LABEL_KEYS)
    from gancross.evaluator.contestants.factories import load_factory
    from gancross.evaluator.contestants.weights import foreign_contestant
    from gancross.trainer.recipes.recipe import Recipe

    place = f"--arch {model.name}={code}"
    factory = load_factory(code, place=place)
    contestant = foreign_contestant(
        model.files, factory, name=model.name, place=place, arch=code, as_recipe=Recipe.from_dict
    )
    return _with_fields(contestant, description, OUTPUT_KEYS + LABEL_KEYS)


def _with_fields(
    contestant: Contestant, description: Description | None, keys: Sequence[str]
) -> Contestant:  # fmt: skip
    """With what a description says of these fields."""
    given = {key: getattr(description, key, None) for key in keys}
    return replace(contestant, **{key: how for key, how in given.items() if how is not None})


def _place(path: str) -> tuple[tuple[Path, ...], bool]:
    """The files and False, or a folder and True."""
    if path.startswith(FOLDER):
        if path == FOLDER:
            raise UsageError("folder: needs a path; write [NAME=]folder:PATH")
        return (Path(os.path.expanduser(path.removeprefix(FOLDER))),), True
    path = ",".join(map(os.path.expanduser, path.split(",")))
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder, expected a file; a folder of images is folder:{path}")
    if path.endswith(".py"):
        raise UsageError(f"{path}: is code: write {path}:FUNCTION for the function that returns the model")
    parts = [path] if os.path.lexists(path) else path.split(",")
    if len(parts) > 2 or not all(parts):
        raise UsageError(f"{path}: write one file, or the generator's and the discriminator's: G,D")
    files = tuple(Path(part) for part in parts)
    if len(files) > 1 and any(map(_is_array, files)):
        raise UsageError(f"{path}: samples are one file, .npz or .npy, without a second one")
    if len({file.suffix.lower() == ".onnx" for file in files}) > 1:
        raise UsageError(f"{path}: one of two files is an ONNX file; both must be ONNX files, or neither")
    return files, False


def _is_array(file: Path) -> bool:
    return file.suffix.lower() in ARRAYS


def _codes(models: Sequence[Model], options: ModelOptions) -> dict[str, str]:
    """`module:factory` by the name of its model."""
    codes = _by_name(models, options.arch, option="--arch", form=ARCH_FORM)
    for model in models:
        if model.name in codes and model.code is not None:
            raise UsageError(f"--arch {model.name}: '{model.code}' names its code already; leave out --arch")
        if model.name in codes and (model.is_onnx or model.is_folder or model.is_array):
            raise UsageError(
                f"--arch {model.name}: not a file of weights, so it needs no code; leave out --arch"
            )
        if len(model.files) > 1 and not model.is_onnx and model.name not in codes:
            needed = f"--arch {model.name}=module:factory --trust-code"
            raise UsageError(f"'{model.name}': two files of weights need {needed}")
    named = [f"--arch {text}" for text in options.arch]
    named += [f"{model.name}={model.code}" for model in models if model.code is not None]
    if named and not options.trust_code:
        raise UsageError(f"{named[0]} {TRUST}")
    if options.trust_code and not named:
        raise UsageError(f"--trust-code needs --arch {ARCH_FORM}, or a model NAME=module:factory")
    return codes


def _descriptions(
    models: Sequence[Model], arguments: Sequence[str], codes: Mapping[str, str]
) -> dict[str, Description]:
    """The values of `--describe NAME=key=value` by name; of a model of other code, of its outputs alone."""
    if not arguments:
        return {}
    from gancross.evaluator.contestants.onnx_models import Description

    values: dict[str, dict[str, Any]] = {}
    for text in arguments:
        ((name, setting),) = _by_name(models, [text], option="--describe", form="NAME=key=value").items()
        key, _, value = setting.partition("=")
        if not value:
            raise UsageError(f"--describe {text}: write NAME=key=value")
        if key not in DESCRIPTION_KEYS:
            raise unknown_name("key of --describe", key, DESCRIPTION_KEYS)
        model = next(model for model in models if model.name == name)
        is_onnx = model.is_onnx
        if model.code is not None:
            values.setdefault(name, {})[key] = described_value(key, value, text)
            continue
        if is_onnx and key == LATENTS:
            raise UsageError(f"--describe {text}: its input has the shape that the file says; give latent")
        if is_onnx and key in LABEL_KEYS:
            raise UsageError(f"--describe {text}: networks of ONNX files take one input, so no labels")
        if model.is_array or model.is_folder:
            raise UsageError(f"--describe {text}: '{name}' is samples, which need no description")
        if not is_onnx and name not in codes and key != "label_prior":
            raise UsageError(f"--describe {text}: '{name}' is not an ONNX file; its own description is used")
        if not is_onnx and key not in OUTPUT_KEYS + LABEL_KEYS:
            fields = ", ".join(OUTPUT_KEYS + LABEL_KEYS)
            raise UsageError(f"--describe {text}: its code says so; of '{name}' give {fields} alone")
        values.setdefault(name, {})[key] = described_value(key, value, text)
    return {name: Description(**setting) for name, setting in values.items()}


def _by_name(models: Sequence[Model], arguments: Sequence[str], *, option: str, form: str) -> dict[str, str]:
    """`NAME=TEXT` options as a dictionary whose keys are names of models."""
    names, settings = [model.name for model in models], dict[str, str]()
    for text in arguments:
        splits = [(text[:end], text[end + 1 :]) for end, sign in enumerate(text) if sign == "="]
        known = [(composed(name), setting) for name, setting in splits if composed(name) in names]
        name, setting = (known or splits or [(text, "")])[0]
        if not name or not setting:
            raise UsageError(f"{option} {text}: write {form}")
        if name not in names:
            hint = f"; a model that is code alone is written {text}" if form == ARCH_FORM else ""
            raise UsageError(f"{unknown_name('contestant', name, names)}{hint}")
        if name in settings:
            raise UsageError(f"{option} names '{name}' twice")
        settings[name] = setting
    return settings
