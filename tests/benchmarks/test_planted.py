"""Planted pairs: their sets are as planned, a small form runs and resumes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import planted
import pytest
import torch
from planted_pairs import fidelity, site
from planted_pairs.data_sets import PARTS, Replicate, Source, digits_material, sources, toy_material
from planted_pairs.design import PlannedPair, PlantedSet, planned_pairs
from planted_pairs.evidence import evidence
from planted_pairs.faults import CLEAN, GAUSSIAN, KINDS, LEFT_OUT
from planted_pairs.records import PairOptions, append, lines
from planted_pairs.site import Site

from gancross.data.sets import check_canonical
from gancross.errors import UsageError

SHAPES = {"mixture": (3,), "moons": (2,), "correlated-10d": (10,), "digits": (1, 8, 8)}
LARGE = (3, 32, 32)


@pytest.fixture(scope="module")
def digits_site() -> Site:
    material = digits_material(0)
    return Site("digits", Replicate(part="choosing"), material, common=material.pool)


@pytest.fixture(scope="module")
def moons_site() -> Site:
    material = toy_material("moons", 1, reals=520)
    return Site("moons", Replicate(part="reporting"), material, common=material.pool)


def planned(data: str) -> Counter[str]:
    return Counter(pair.group for pair in planned_pairs(SHAPES.get(data, LARGE)))


def test_there_are_enough_pairs_of_every_data_set() -> None:
    known = sources(Path("images"))
    pairs = {name: source.replicates * planned(name).total() for name, source in known.items()}
    images = pairs.keys() - SHAPES.keys()
    assert len(PARTS) * sum(pairs[name] for name in SHAPES if name != "digits") >= 200
    assert len(PARTS) * pairs["digits"] >= 100
    assert [len(PARTS) * pairs[name] >= 30 for name in images] == [True]
    reporting = sum(known[name].replicates * planned(name)["nested"] for name in SHAPES)
    assert reporting >= 150


@pytest.mark.parametrize("shape", [(3,), (1, 8, 8), LARGE])
def test_pairs_share_sets(shape: tuple[int, ...]) -> None:
    pairs = list(planned_pairs(shape))
    sets = {planted for pair in pairs for planted in (pair.first, pair.second)}
    assert len(sets) < 0.8 * len(pairs)
    assert len({str(pair) for pair in pairs}) == len(pairs)
    for pair in pairs:
        if pair.group == "nested":
            assert pair.first.severity < pair.second.severity
            assert pair.first.kind in (CLEAN, pair.second.kind)
        elif pair.group == "equal":
            assert pair.second == replace(pair.first, draw=1)


@pytest.mark.parametrize("name", ["digits_site", "moons_site"])
def test_all_sets_have_one_size_and_come_from_training_samples(
    name: str, request: pytest.FixtureRequest
) -> None:
    own: Site = request.getfixturevalue(name)
    held_out = {sample.numpy().tobytes() for sample in own.material.held_out}
    for pair in planned_pairs(own.reals.shape):
        for chosen in (pair.first, pair.second):
            samples = own.samples(chosen)
            check_canonical(samples, str(chosen))
            assert samples.shape == (own.material.num_samples, *own.reals.shape)
            if chosen.kind in (CLEAN, LEFT_OUT):
                assert not held_out & {sample.numpy().tobytes() for sample in samples}


def test_replicates_leave_out_the_same_common_clusters() -> None:
    """So a pair and its twins differ in samples alone: no left-out region of one is filled in the other."""
    materials = [toy_material("moons", index, reals=520) for index in range(2)]
    sites = [
        Site("moons", Replicate(part=part), material, common=materials[0].pool)
        for part, material in zip(PARTS, materials, strict=True)
    ]

    def farthest(planted: PlantedSet) -> float:
        """Of the distances from a sample of one site to the nearest of the other's."""
        first, second = (own.samples(planted) for own in sites)
        apart = torch.cdist(first, second)
        return max(float(apart.amin(1).quantile(0.9)), float(apart.amin(0).quantile(0.9)))

    clean = farthest(PlantedSet(kind=CLEAN))
    own, common = (farthest(PlantedSet(kind=LEFT_OUT, severity=4, common=common)) for common in (False, True))
    assert common < 1.5 * clean < own


def test_two_halves_of_the_reals_have_nothing_in_common(digits_site: Site) -> None:
    first, second = (
        {image.numpy().tobytes() for image in digits_site.samples(PlantedSet(kind=CLEAN, draw=draw))}
        for draw in (0, 1)
    )
    assert not first & second


@pytest.mark.parametrize("kind", ["noise", "shift", "blur or spread", "JPEG"])
def test_a_higher_severity_moves_images_farther(digits_site: Site, kind: str) -> None:
    images = digits_site.material.pool[:200]
    distances = [
        float((KINDS[kind].plant(images, severity, 0).float() - images).square().mean())
        for severity in KINDS[kind].images
    ]
    assert 0 < distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("kind", ["contamination", "another's samples"])
def test_a_share_of_the_samples_is_replaced(moons_site: Site, kind: str) -> None:
    points = moons_site.material.pool[:500]
    for severity in KINDS[kind].vectors:
        same = (KINDS[kind].plant(points, severity, 0) == points).all(1)
        assert int((~same).sum()) == round(severity * len(points))


def test_the_fitted_generator_has_the_moments_of_the_data(moons_site: Site) -> None:
    pool, samples = moons_site.material.pool[:2000], moons_site.samples(PlantedSet(kind=GAUSSIAN))
    assert torch.allclose(samples.mean(0), pool.mean(0), atol=0.2)
    assert torch.allclose(samples.T.cov(), pool.T.cov(), atol=0.15)


def test_a_fault_that_leaves_too_few_samples_is_refused(digits_site: Site) -> None:
    with pytest.raises(UsageError, match="left-out 9 leaves"):
        digits_site.samples(PlantedSet(kind="left-out", severity=9))


def test_either_name_may_be_the_nearer(digits_site: Site) -> None:
    pairs = [pair for pair in planned_pairs((1, 8, 8)) if pair.group == "nested"]
    names = Counter(digits_site.contestants(pair)[0].name for pair in pairs)
    assert set(names) == {"a", "b"}


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append(path, {"pair": "one"})
    with path.open("a") as file:
        file.write('\n{"pair": "tw')
    append(path, {"pair": "three"})
    assert list(lines(path)) == [{"pair": "one"}, {"pair": "three"}]


def test_a_tenth_of_the_steps_is_another_setting() -> None:
    whole, tenth = (PairOptions(divisor=divisor) for divisor in (1, 10))
    assert 10 * tenth.protocol((2,)).steps == whole.protocol((2,)).steps
    settings = {options.setting(shape) for options in (whole, tenth) for shape in ((2,), (1, 8, 8), LARGE)}
    assert len(settings) == 6


def test_a_small_form_runs_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def few(shape: tuple[int, ...]) -> list[PlannedPair]:
        levels = [PlantedSet(kind=CLEAN), *(PlantedSet(kind="contamination", severity=s) for s in (0.3, 0.9))]
        pairs = [(levels[0], levels[2]), (levels[1], levels[2])]
        return [PlannedPair(group="nested", first=first, second=second) for first, second in pairs]

    def call(*words: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", [
            "planted.py", "--tenth", "--part", "reporting", "--cache", str(tmp_path),
            "--lines", str(tmp_path / "lines.jsonl"), "--out", str(tmp_path / "counts.json"), *words,
        ])  # fmt: skip
        assert planted.main() == 1  # too few pairs for the claim
        document: dict[str, Any] = json.loads((tmp_path / "counts.json").read_text("utf-8"))
        return document

    material = partial(toy_material, "moons", reals=520)
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path))
    monkeypatch.setattr(planted, "sources", lambda _: {"moons": Source(replicates=1, material=material)})
    monkeypatch.setattr(planted, "planned_pairs", few)
    monkeypatch.setattr(planted, "PairOptions", partial(PairOptions, seeds=1))
    monkeypatch.setattr(site, "STEPS", (30, 60))
    monkeypatch.setattr(fidelity, "KID_SUBSET_SIZE", 100)
    first = call("--most", "1")["parts"]["reporting"]["nested"]["moons"]
    capsys.readouterr()
    second = call()["parts"]["reporting"]["nested"]["moons"]
    assert len(capsys.readouterr().out.partition("**")[0].splitlines()) == 1  # the other pair alone
    assert (first["generator"]["wrong"]["n"], second["generator"]["wrong"]["n"]) == (1, 2)
    assert set(second) == {"paper", "discriminator", "generator", "Fréchet distance", "KID"}
    assert second["generator"]["wrong"]["count"] == 0
    assert second["Fréchet distance"]["right"]["count"] == 2
    assert call("--table")["parts"]["reporting"]["nested"]["moons"] == second
    for each in lines(tmp_path / "lines.jsonl"):
        assert evidence(each).mean < 0
        assert each["answer"] in ("named", "too close for this budget", "not told apart", "withheld")
