"""Laws of the codec: what is written is read again, fits its schema, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gancross.evaluator.codec.encoding import NOT_RECORDED, decode, encode
from gancross.evaluator.codec.fields import (
    Count,
    Items,
    JsonObject,
    JsonValue,
    Pattern,
    Range,
    Recorded,
    Sha256,
    Size,
    Text,
    UnitFloat,
)
from gancross.evaluator.codec.schema import schema
from gancross.evaluator.estimates import Estimate, Missing, Proportion


@dataclass(frozen=True, kw_only=True)
class Labelled(Estimate):
    """An estimate with more than its interval."""

    fn: UnitFloat
    replicates: Annotated[tuple[float, ...], Recorded(skipped=True)] = field(default=(), compare=False)


@dataclass(frozen=True, kw_only=True)
class Part:
    """An object of its own."""

    counts: tuple[tuple[Count, Count], ...]
    winner: str | None


@dataclass(frozen=True, kw_only=True)
class Options:
    """Stands among the fields of its parent."""

    num_samples: Annotated[Size, Recorded(key="num_fake")]
    norm: Literal["eval", "batch"]
    verbose: Annotated[bool, Recorded(skipped=True)] = False


@dataclass(frozen=True, kw_only=True)
class Free:
    """An object whose keys nobody knows before."""

    n: Size
    figures: Annotated[Mapping[str, float | Missing], Recorded(inline=True)]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A field of every kind."""

    name: Text
    digest: Sha256
    flag: bool
    step: int | None
    level: Annotated[float, Range(-1, 1)]
    proportion: Proportion | Missing
    estimate: Estimate | Missing
    labelled: Labelled | Missing
    limits: tuple[float, float] | Missing
    part: Part | Missing
    parts: Annotated[tuple[Part, ...], Items(1, 3)]
    p_value: Annotated[UnitFloat | Missing, Recorded(within="tests")]
    tests: Annotated[Count, Recorded(key="number", within="tests")]
    options: Annotated[Options, Recorded(inline=True)]
    free: Mapping[str, Free]
    gap: Annotated[Estimate | Missing, Recorded(nulls=("value",))]
    gaps: Annotated[Mapping[str, Estimate | Missing], Recorded(nulls=("value",))]
    matrices: Annotated[Mapping[str, Part | Missing], Recorded(nulls=("counts", "winner"))]
    seconds: Annotated[float | None, Recorded(absent=True)] = None
    recipe: Mapping[str, JsonValue] | None = None


finite = st.floats(-1e6, 1e6)
unit = st.floats(0, 1)
keys = st.text("abc", min_size=1, max_size=2)
missing = st.builds(Missing, st.text(max_size=9))
proportions = st.integers(1, 50).flatmap(
    lambda n: st.builds(Proportion, count=st.integers(0, n), n=st.just(n))
)
estimates = st.builds(Estimate, value=finite, low=finite, high=finite)
parts = st.builds(
    Part,
    counts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=3).map(tuple),
    winner=st.none() | keys,
)
documents = st.builds(
    Document,
    name=st.text("abc", min_size=1), digest=st.text("0123456789abcdef", min_size=64, max_size=64),
    flag=st.booleans(), step=st.none() | st.integers(), level=st.floats(-1, 1),
    proportion=missing | proportions, estimate=missing | estimates,
    labelled=missing | st.builds(Labelled, value=finite, low=finite, high=finite, fn=unit),
    limits=missing | st.tuples(finite, finite), part=missing | parts,
    parts=st.lists(parts, min_size=1, max_size=3).map(tuple), p_value=missing | unit,
    tests=st.integers(0, 9),
    options=st.builds(Options, num_samples=st.integers(1), norm=st.sampled_from(["eval", "batch"])),
    free=st.dictionaries(
        keys,
        st.builds(Free, n=st.integers(1, 9), figures=st.dictionaries(keys, missing | finite, max_size=2)),
        max_size=2,
    ),
    gap=missing | estimates, gaps=st.dictionaries(keys, missing | estimates, max_size=3),
    matrices=st.dictionaries(keys, missing | parts, max_size=3),
    seconds=st.none() | finite, recipe=st.none() | st.dictionaries(keys, st.integers() | st.text()),
)  # fmt: skip

SCHEMA = schema(Document, name="test", title="Test", description="Every kind of field.")
VALIDATOR = Draft202012Validator(SCHEMA)
EXAMPLE = Document(
    name="x", digest="0" * 64, flag=True, step=None, level=0.5, proportion=Proportion(count=1, n=4),
    estimate=Missing("too few"), labelled=Labelled(value=0.5, low=0.0, high=1.0, fn=0.05),
    limits=(0.0, 1.0), part=Missing("none"), parts=(Part(counts=((1, 2), (3, 4)), winner=None),),
    p_value=Missing("needs scores"), tests=3, options=Options(num_samples=5, norm="eval"),
    free={"a": Free(n=2, figures={"fid": 1.5, "kid": Missing("few")})},
    gap=Missing("no data"), gaps={"a": Estimate(value=0.0, low=-1.0, high=1.0), "b": Missing("no data")},
    matrices={"a": Missing("no threshold")},
)  # fmt: skip


def record(document: Document) -> dict[str, Any]:
    """Through text, as a file would have it."""
    return cast(dict[str, Any], json.loads(json.dumps(encode(document))))


@given(documents)
def test_what_is_written_is_read_again_and_fits_the_schema(document: Document) -> None:
    content = record(document)
    assert decode(Document, content) == document
    assert encode(decode(Document, content)) == content
    VALIDATOR.validate(content)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == "Test"


def test_every_kind_of_field_has_its_place() -> None:
    lower, upper = Proportion(count=1, n=4).ci95
    assert record(EXAMPLE) == {
        "name": "x", "digest": "0" * 64, "flag": True, "step": None, "level": 0.5,
        "proportion": {"count": 1, "n": 4, "rate": 0.25, "ci95": [lower, upper]},
        "estimate": None, "estimate_reason": "too few",
        "labelled": {"value": 0.5, "ci95": [0.0, 1.0], "fn": 0.05},
        "limits": [0.0, 1.0], "part": None, "part_reason": "none",
        "parts": [{"counts": [[1, 2], [3, 4]], "winner": None}],
        "tests": {"p_value": None, "p_value_reason": "needs scores", "number": 3},
        "num_fake": 5, "norm": "eval",
        "free": {"a": {"n": 2, "fid": 1.5, "kid": None, "kid_reason": "few"}},
        "gap": {"value": None, "value_reason": "no data"},
        "gaps": {
            "a": {"value": 0.0, "ci95": [-1.0, 1.0]},
            "b": {"value": None, "value_reason": "no data"},
        },
        "matrices": {
            "a": {
                "counts": None, "counts_reason": "no threshold",
                "winner": None, "winner_reason": "no threshold",
            },
        },
        "recipe": None,
    }  # fmt: skip


def test_none_leaves_an_absent_field_out_and_any_other_null() -> None:
    assert "seconds" not in record(EXAMPLE) and record(EXAMPLE)["step"] is None
    assert record(replace(EXAMPLE, seconds=1.5))["seconds"] == 1.5
    assert decode(Document, record(replace(EXAMPLE, seconds=1.5))).seconds == 1.5


def test_a_skipped_field_is_not_written() -> None:
    labelled = Labelled(value=0.5, low=0.0, high=1.0, fn=0.05, replicates=(1.0, 2.0))
    document = replace(EXAMPLE, labelled=labelled, options=replace(EXAMPLE.options, verbose=True))
    assert record(document) == record(EXAMPLE)
    assert decode(Document, record(document)).options.verbose is False


def test_a_figure_without_a_reason_was_not_measured() -> None:
    content = record(EXAMPLE)
    del content["estimate_reason"]
    VALIDATOR.validate(content)
    assert decode(Document, content).estimate == Missing(NOT_RECORDED)


def test_whole_numbers_are_read_as_floats_where_floats_are_meant() -> None:
    level = decode(Document, record(EXAMPLE) | {"level": 1}).level
    assert level == 1 and isinstance(level, float)


def test_other_values_have_no_json() -> None:
    with pytest.raises(TypeError, match="no JSON for set"):
        encode({"a": {1, 2}})


PLACES: dict[str, tuple[str | int, ...]] = {
    "document": (), "proportion": ("proportion",), "estimate": ("labelled",), "list": ("parts", 0),
    "within": ("tests",), "nulls": ("matrices", "a"), "figure": ("gap",), "mapping": ("gaps", "b"),
}  # fmt: skip


def at(content: Any, way: tuple[str | int, ...]) -> Any:
    for step in way:
        content = content[step]
    return content


@pytest.mark.parametrize("place", PLACES)
def test_a_key_too_few_or_too_many_is_refused(place: str) -> None:
    for key in [key for key in at(record(EXAMPLE), PLACES[place]) if not key.endswith("_reason")]:
        content = record(EXAMPLE)
        del at(content, PLACES[place])[key]
        assert not VALIDATOR.is_valid(content), key
    content = record(EXAMPLE)
    at(content, PLACES[place])["unknown"] = 1
    assert not VALIDATOR.is_valid(content)


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("name",), 1), (("name",), ""), (("name",), None), (("digest",), "0" * 63), (("flag",), 1),
        (("step",), 1.5), (("level",), 1.01), (("level",), "0.5"), (("proportion",), 0.25),
        (("proportion", "count"), -1), (("proportion", "n"), 0), (("proportion", "rate"), 2),
        (("proportion", "ci95"), [0]), (("labelled", "fn"), -0.1), (("labelled", "value"), None),
        (("limits",), [0, 1, 2]), (("estimate_reason",), 3), (("parts",), []),
        (("parts", 0, "counts", 0), [1]), (("parts", 0, "counts", 0, 0), -1), (("parts", 0, "winner"), 1),
        (("tests", "p_value"), 1.1), (("tests", "number"), -1), (("num_fake",), 0), (("norm",), "other"),
        (("free", "a", "n"), 0), (("free", "a", "fid"), "low"), (("gaps", "b", "value"), 0.5),
        (("gap", "value"), 0.5),
        (("matrices", "a", "counts"), [[1]]), (("seconds",), "1"), (("recipe",), 1),
    ],
)  # fmt: skip
def test_a_value_of_another_type_or_out_of_range_is_refused(way: tuple[str | int, ...], value: Any) -> None:
    content = record(EXAMPLE)
    VALIDATOR.validate(content)
    at(content, way[:-1])[way[-1]] = value
    assert not VALIDATOR.is_valid(content)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A class that holds itself."""

    value: int
    branches: tuple[Tree, ...]


def test_a_class_that_holds_itself_is_read_and_described() -> None:
    tree = Tree(value=1, branches=(Tree(value=2, branches=()),))
    content = encode(tree)
    assert decode(Tree, content) == tree
    described: JsonObject = schema(Tree, name="tree", title="Tree", description="")
    assert Draft202012Validator(described).is_valid(content)
    assert not Draft202012Validator(described).is_valid({"value": 1, "branches": [{"value": "2"}]})


@dataclass(frozen=True, kw_only=True)
class Patterned:
    """A text with a pattern of its own."""

    code: Annotated[str, Pattern("^[A-Z]{2}$")]


def test_a_pattern_is_checked() -> None:
    validator = Draft202012Validator(schema(Patterned, name="p", title="P", description=""))
    assert validator.is_valid({"code": "AB"}) and not validator.is_valid({"code": "ab"})
