"""Curves as one array each: a sequence of tuples to Python, lists to JSON, back without a copy of floats."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pytest

from gancross.errors import DivergenceError
from gancross.evaluator.codec.encoding import decode, encode
from gancross.evaluator.codec.fields import Items, UnitFloat
from gancross.evaluator.codec.finite import with_finite_figures
from gancross.evaluator.codec.points import Points
from gancross.evaluator.codec.schema import schema

POINTS = [(0.0, 0.0), (0.1, 1 / 3), (1.0, 1.0)]


@dataclass(frozen=True, kw_only=True)
class AsArray:
    curves: Mapping[str, Annotated[Points[tuple[UnitFloat, UnitFloat]], Items(2, 9)]]


@dataclass(frozen=True, kw_only=True)
class AsTuples:
    curves: Mapping[str, Annotated[tuple[tuple[UnitFloat, UnitFloat], ...], Items(2, 9)]]


def test_they_are_the_sequence_that_they_are_made_of() -> None:
    points = Points[tuple[float, float]](POINTS)
    assert list(points) == POINTS and points[1] == POINTS[1] and points[-1] == POINTS[-1]
    assert list(points[1:]) == POINTS[1:] and len(points) == 3 and {*map(type, points[1])} == {float}
    assert points == Points(POINTS) and hash(points) == hash(Points(POINTS))
    assert points != Points(POINTS[:2]) and points != POINTS
    with pytest.raises(ValueError, match="read-only"):
        points.array[0] = 1


def test_json_and_schema_are_those_of_tuples() -> None:
    array, tuples = AsArray(curves={"a": Points(POINTS)}), AsTuples(curves={"a": tuple(POINTS)})
    assert json.dumps(encode(array)) == json.dumps(encode(tuples))
    schemas = [schema(kind, name="x", title="x", description="x") for kind in (AsArray, AsTuples)]
    assert schemas[0] == schemas[1]
    assert decode(AsArray, json.loads(json.dumps(encode(array)))) == array


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
def test_points_that_are_not_finite_are_refused(value: float) -> None:
    finite = AsArray(curves={"a": Points(POINTS)})
    assert with_finite_figures(finite) is finite
    with pytest.raises(DivergenceError, match=f"not a finite number: {value}"):
        with_finite_figures(AsArray(curves={"a": Points([(0.0, 0.0), (value, 1.0)])}))
