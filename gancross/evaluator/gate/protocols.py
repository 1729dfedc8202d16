"""Whether two results were measured alike, so that their figures can be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields

from gancross.errors import UsageError
from gancross.evaluator.estimates import Missing
from gancross.evaluator.gate.figures import Part
from gancross.evaluator.result.types import Result

# Of the protocol of referees: what follows from the rest, or describes it in words.
NOT_DECIDING = ("options", "spread", "lowered_by", "reals")

Facts = Mapping[str, object]


def check_comparable(new: Result, old: Result, *, parts: Collection[Part]) -> None:
    """Both were measured by the same protocol.

    Args:
        parts: those with a protocol of their own of which figures are compared.

    Raises:
        UsageError: the first difference is named.
    """
    new_facts, old_facts = facts(new, parts), facts(old, parts)
    for key in [key for key in new_facts if key in old_facts]:
        if new_facts[key] == old_facts[key]:
            continue
        if key == "protocol.data.sha256" and isinstance(old.probes, Missing):
            raise UsageError(
                "gate: not comparable: the baseline is of an earlier format, which hashed test samples in the"
                " order in which they were stored; record a new baseline with --record"
            )
        raise UsageError(
            f"gate: not comparable: {key} is {_short(new_facts[key])}, in the baseline"
            f" {_short(old_facts[key])}; cross-test again alike, or record a new baseline with --record"
        )


def facts(result: Result, parts: Collection[Part]) -> Facts:
    """What must agree, by its place in the record."""
    data, options = result.protocol.data, result.protocol.options
    entries: dict[str, object] = {
        "data.name": data.name, "data.sha256": data.sha256, "data.num_real": data.num_real,
        "num_fake": options.num_samples, "norm": options.norm, "quantize": options.quantize,
        "resize": options.resize,
        "chunk": result.protocol.chunk,
    }  # fmt: skip
    how = result.protocol.fidelity
    if "fidelity" in parts and how is not None:
        entries |= {
            "fidelity.extractor": how.extractor, "fidelity.weights_sha256": how.weights_sha256,
            "fidelity.resize": how.resize, "fidelity.fid_statistics_sha256": how.fid_statistics_sha256,
        }  # fmt: skip
    whole = {f"protocol.{key}": value for key, value in entries.items()}
    return {**whole, **_referee_facts(result)} if "referees" in parts else whole


def _referee_facts(result: Result) -> Facts:
    """The protocol of referees; the hash of the reals before what follows from them."""
    if isinstance(result.referees, Missing):
        return {}
    protocol = result.referees.protocol
    options = {field.name: getattr(protocol.options, field.name) for field in fields(protocol.options)}
    rest = {
        field.name: getattr(protocol, field.name)
        for field in sorted(fields(protocol), key=lambda field: field.name != "reals_sha256")
        if field.name not in NOT_DECIDING
    }
    return {f"referees.protocol.{key}": value for key, value in {**options, **rest}.items()}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 24 else f"{text[:16]}…"
