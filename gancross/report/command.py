"""The command that makes a result again, from its own record."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from gancross.checkpoint.reductions import CALLABLE
from gancross.data.catalogue import FOLDER
from gancross.errors import GancrossError
from gancross.evaluator.codec.fields import JsonValue
from gancross.evaluator.estimates import Missing
from gancross.evaluator.referees.protocol import BUDGETS, HELD_OUT_REALS
from gancross.evaluator.result.contestant_record import ContestantRecord
from gancross.evaluator.result.types import Result
from gancross.report.formatting import listed
from gancross.trainer.recipes.recipe import Recipe

IN_MEMORY = "in memory"


def command(result: Result) -> str:
    """`gancross crosstest …`, or `gancross referee …` where no discriminator judged.

    Quoted for a POSIX shell. Paths are those of the call and relative to the folder it was made in.
    """
    data, options = result.protocol.data, result.protocol.options
    words = ["gancross", "crosstest" if result.judges else "referee", "--data", data.name]
    if data.image_size is not None:
        words += ["--image-size", str(data.image_size)]
    words += ["--num-samples", str(options.num_samples), "--seed", str(options.seed)]
    if options.chunk is not None:
        words += ["--chunk", str(options.chunk)]
    if options.resize is not None:
        words += ["--resize", str(options.resize)]
    words += [] if options.classes is None else ["--classes", ",".join(options.classes)]
    words += _judging(result) if result.judges else []
    if isinstance(result.referees, Missing):
        words += ["--referees", "none"] if result.judges else []
    else:
        protocol = result.referees.protocol.options
        words += ["--referees" if result.judges else "--budget", protocol.budget]
        if protocol.seeds != BUDGETS[protocol.budget][protocol.form].seeds:
            words += ["--referee-seeds", str(protocol.seeds)]
    if result.provenance.device is not None:
        words += ["--device", result.provenance.device]
    for contestant in result.contestants:
        method = contestant.method if result.judges else None
        if method is not None and method != _own_method(contestant.recipe):
            words += ["--method", f"{contestant.name}={method}"]
        words += _model_options(contestant)
    # After "--" nothing is an option, however a model is called.
    words += ["--", *(f"{contestant.name}={contestant.path}" for contestant in result.contestants)]
    return shlex.join(words)


def _judging(result: Result) -> list[str]:
    """The options of `crosstest` alone: how discriminators judged, and fidelity beside them."""
    options = result.protocol.options
    words = ["--norm", options.norm]
    flags = {
        "--no-norm-check": not options.norm_check,
        "--no-quantize": not options.quantize,
        "--no-controls": isinstance(result.controls, Missing),
    }
    words += [flag for flag, given in flags.items() if given]
    if options.num_real is not None:
        words += ["--num-real", str(options.num_real)]
    if options.metrics:
        words += ["--metrics", ",".join(options.metrics)]
        if "kid" in options.metrics:
            words += ["--kid-subset-size", str(options.kid_subset_size)]
    return words


def obstacles(result: Result) -> list[str]:
    """Why the command alone may not give this result again; empty where it does, on equal files.

    Of a record in which contestants are not described a model without a recipe may be of other code. The
    command never gives `--trust-code`: a record may come from a stranger, and only its reader can trust code.
    """
    texts = []
    unsaved = [contestant.name for contestant in result.contestants if contestant.path is None]
    if unsaved:
        texts.append(f"{listed(unsaved)}: made in memory, not read from a file")
    foreign = [
        contestant.name for contestant in result.contestants
        if contestant.path is not None and contestant.recipe is None and not contestant.is_described
        and not contestant.path.startswith(FOLDER)
    ]  # fmt: skip
    if foreign:
        texts.append(
            f"{listed(foreign)}: without a recipe; if --arch or --describe said what it is, add them"
        )
    with_code = [contestant for contestant in result.contestants if _has_code(contestant)]
    for what, is_alone in (("--arch", False), ("code.py:factory", True)):
        names = [contestant.name for contestant in with_code if _is_code(contestant) == is_alone]
        if names:
            texts.append(f"{listed(names)}: {what} runs Python code: add --trust-code if you trust it")
    if result.protocol.data.name == IN_MEMORY:
        texts.append("the data were an array in memory")
    with_equals = [name for name in result.names if "=" in name]
    if with_equals:
        texts.append(f"{listed(with_equals)}: a name with '=' cannot be given on the command line")
    if any("," in name for name in result.protocol.options.classes or ()):
        texts.append("a class whose name has a comma cannot be given by it: give its number to --classes")
    referees = result.referees
    if not isinstance(referees, Missing) and referees.protocol.reals != HELD_OUT_REALS:
        texts.append(f"referees saw {referees.protocol.reals}: add --referee-reals")
    fidelity = result.protocol.fidelity
    if fidelity is not None and fidelity.fid_statistics_sha256 is not None:
        texts.append("FID's real statistics were read from a file: add --fid-statistics")
    return texts


def _model_options(contestant: ContestantRecord) -> list[str]:
    """What its files do not tell: the code of its networks, or the description of ONNX files."""
    if _has_code(contestant) and not _is_code(contestant):
        return [
            "--arch",
            f"{contestant.name}={contestant.arch}",
            *_described(contestant, _outputs(contestant) | _labels(contestant)),
        ]
    path = contestant.path or ""
    is_onnx = path.lower().endswith(".onnx") and not path.startswith(FOLDER)
    if not (is_onnx or _is_code(contestant)) or contestant.data_range is None:
        recipe = contestant.recipe or {}
        return _described(contestant, _prior(contestant, known=recipe.get("label_prior", "uniform")))
    threshold = "none" if contestant.threshold is None else repr(contestant.threshold)
    values = {
        "score_kind": contestant.score_kind, "orientation": contestant.orientation, "threshold": threshold,
        "data_range": ",".join(map(repr, contestant.data_range)), "latent": contestant.latent,
        "latents": contestant.latents,
    }  # fmt: skip
    given = {
        key: value for key, value in values.items()
        if value is not None and CALLABLE.rstrip(":") not in value.replace(",", ":").split(":")
    }  # fmt: skip
    return _described(contestant, given | _outputs(contestant) | _labels(contestant))


def _described(contestant: ContestantRecord, values: Mapping[str, str | None]) -> list[str]:
    settings = [f"{contestant.name}={key}={value}" for key, value in values.items()]
    return [word for setting in settings for word in ("--describe", setting)]


def _outputs(contestant: ContestantRecord) -> dict[str, str | None]:
    """How its networks' outputs are reduced, by names; a function is the factory's own."""
    given = {"score": contestant.score, "generate": contestant.generate}
    return {key: how for key, how in given.items() if how is not None and not how.startswith(CALLABLE)}


def _labels(contestant: ContestantRecord) -> dict[str, str | None]:
    """That its networks take labels, which other code may not say."""
    if contestant.num_classes is None:
        return {}
    values: dict[str, str | None] = {"num_classes": str(contestant.num_classes)}
    if contestant.judge_labels is not None:
        values["judge_labels"] = str(contestant.judge_labels).lower()
    return values | _prior(contestant, known=None)


def _prior(contestant: ContestantRecord, known: object) -> dict[str, str | None]:
    """How its labels were drawn, where its files do not say that; `known` is what they say."""
    prior, weights = contestant.label_prior, contestant.label_weights
    if prior is None or prior == known:
        return {}
    return {"label_prior": ",".join(map(repr, weights)) if prior == "given" and weights else prior}


def _has_code(contestant: ContestantRecord) -> bool:
    return contestant.path is not None and contestant.arch is not None


def _is_code(contestant: ContestantRecord) -> bool:
    """Whether it is code alone, without a file of weights."""
    return contestant.arch is not None and contestant.arch == contestant.path


def _own_method(recipe: Mapping[str, JsonValue] | None) -> str | None:
    """What a checkpoint says it is a run of, where its recipe is one of ours."""
    plain = {
        key: value for key, value in (recipe or {}).items()
        if value is None or isinstance(value, bool | int | float | str)
    }  # fmt: skip
    try:
        return None if recipe is None or len(plain) < len(recipe) else Recipe.from_dict(plain).method
    except GancrossError:
        return None
