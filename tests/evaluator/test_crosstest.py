"""The protocol on models whose answers are known, and the laws that every cross-test obeys."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from changed_results import matrix_of
from crosstests import figures
from grey_models import REALS, BlackOrWhite, Brightness, ConstantGrey, ConstantScore, greys, model
from torch import nn

from gancross import Contestant, Result, crosstest, load_contestant, load_result
from gancross.errors import DivergenceError, UsageError
from gancross.evaluator.codec.fields import JsonObject
from gancross.evaluator.estimates import Estimate, Missing, Proportion


class Shift(nn.Module):
    """Adds a number."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + self.shift


def test_judges_of_known_fp_and_fn_give_exactly_those() -> None:
    strict = model("strict", BlackOrWhite(0.25), Brightness(0.0))
    lax = model("lax", ConstantGrey(-0.2), Brightness(-0.5))
    result = crosstest([strict, lax], data=REALS, num_samples=1000, seed=3)
    own = result.cells["strict", "strict"].fp
    assert isinstance(own, Proportion)
    white = own.count
    assert abs(white - 250) < 60  # the latents are uniform; what follows is exact
    assert matrix_of(result, "strict").counts == ((7, white), (3, 1000 - white))
    assert matrix_of(result, "strict").rates == ((0.7, white / 1000), (0.3, 1 - white / 1000))
    assert matrix_of(result, "lax").counts == ((9, 1000), (1, 0))
    assert result.cells["strict", "lax"].fp == Proportion(count=0, n=1000)  # -0.2 is darker than 0 …
    assert result.cells["lax", "strict"].fp == Proportion(count=white, n=1000)  # … black than -0.5
    assert result.verdict.paper.winner == "strict"
    area = result.cells["strict", "lax"].auc
    assert isinstance(area, Estimate) and area.value == pytest.approx(0.7)


DIGITS = ["digits-plain", "digits-regularized"]


@pytest.fixture(scope="module")
def usual_figures(checkpoints: dict[str, Path]) -> JsonObject:
    return figures(run(checkpoints, DIGITS))


@pytest.mark.parametrize("batch_size", [1, 500, 777, 4000])
def test_the_batch_size_changes_no_figure(
    checkpoints: dict[str, Path], usual_figures: JsonObject, batch_size: int
) -> None:
    assert figures(run(checkpoints, DIGITS, batch_size=batch_size)) == usual_figures


def run(checkpoints: dict[str, Path], names: list[str], **options: Any) -> Result:
    contestants = [load_contestant(checkpoints[name], name=name) for name in names]
    data = names[0].split("-")[0]
    usual: dict[str, Any] = {"data": data, "num_samples": 1200, "device": "cpu"}
    return crosstest(contestants, **(usual | options))


@pytest.mark.parametrize("data", ["digits", "mixture"])
def test_the_same_call_gives_the_same_bytes(checkpoints: dict[str, Path], data: str) -> None:
    names = [f"{data}-plain", f"{data}-regularized"]
    first, second = run(checkpoints, names), run(checkpoints, names)
    assert json.dumps(figures(first)) == json.dumps(figures(second))
    assert first.protocol.data.num_real == {"digits": 596, "mixture": 1200}[data]


def test_swapping_contestants_permutes_the_tables_and_changes_nothing_else(
    checkpoints: dict[str, Path],
) -> None:
    names = ["mixture-plain", "mixture-regularized"]
    forth, back = run(checkpoints, names), run(checkpoints, names[::-1])
    assert forth.cells == back.cells
    for part in ("protocol", "confusion", "flags", "format", "status", "ranking", "duality_gap", "groups",
                 "controls", "batch_norm", "generalisation_gap", "histograms", "roc"):  # fmt: skip
        assert figures(forth)[part] == figures(back)[part]
    assert forth.verdict.paper.winner == back.verdict.paper.winner
    assert forth.verdict.discriminator.winner == back.verdict.discriminator.winner
    assert forth.names == back.names[::-1] == names


def test_latents_belong_to_the_name_and_the_seed() -> None:
    def area(name: str, seed: int) -> float:
        judge = nn.Linear(2, 1)
        with torch.no_grad():
            judge.weight.fill_(1.0)
        contestant = Contestant(name=name, generator=nn.Identity(), discriminator=judge, latent_dim=2)
        result = crosstest(
            [contestant], data=torch.linspace(-1, 1, 100).reshape(50, 2), num_samples=100, seed=seed
        )
        figure = result.cells[name, name].auc
        assert isinstance(figure, Estimate)
        return figure.value

    assert len({area("a", 0), area("b", 0), area("a", 1)}) == 3


def test_flipped_orientation_and_probabilities_give_the_same_decisions() -> None:
    class Probability(Brightness):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(super().forward(images))[:, None]

    generator = BlackOrWhite(0.3)
    plain = model("x", generator, Brightness(0.1))
    flipped = model("x", generator, Brightness(0.1, sign=-1), orientation="fake_high")
    shifted = model("x", generator, Brightness(0.0), threshold=0.1)
    probable = model("x", generator, Probability(0.1), score_kind="probability")
    cut = 0.1 - math.log(3)  # so that the decision lies at odds of 3 to 1
    surer = replace(probable, discriminator=Probability(cut), threshold=0.75)
    of_fake: dict[str, Any] = {
        "discriminator": Probability(cut, sign=-1),
        "orientation": "fake_high",
        "threshold": 0.25,
    }
    expected = crosstest([plain], data=REALS, num_samples=700).confusion
    for same in (flipped, shifted, probable, surer, replace(probable, **of_fake)):
        assert crosstest([same], data=REALS, num_samples=700).confusion == expected


def test_a_critic_ranks_but_does_not_decide_and_folders_only_stand_trial() -> None:
    critic = model("critic", BlackOrWhite(0.5), Brightness(0.0), score_kind="critic", threshold=None)
    images = Contestant(name="images", samples=greys([0, 10, 250]))
    result = crosstest([critic, images], data=REALS, num_samples=500)
    cell = result.cells["critic", "images"]
    assert isinstance(cell.fp, Missing) and "no threshold" in cell.fp.reason
    assert isinstance(cell.auc, Estimate) and 0 < cell.auc.value < 1
    assert isinstance(result.confusion["images"], Missing)
    assert result.verdict.paper.winner is None
    assert "'images': only 3 samples, 500 asked for" in result.flags
    assert {cell.judge for cell in result.cross} == {"critic"}


def test_without_a_threshold_given_a_score_kind_s_own_decides() -> None:
    """Scores 1 too high: of f-gan:kl they decide as logits do; of a critic they decide nothing."""
    generator, higher = BlackOrWhite(0.3), nn.Sequential(Brightness(0.0), Shift(1.0))
    kl = model("a", generator, higher, score_kind="f-gan:kl")
    same = crosstest([kl], data=REALS, num_samples=300).confusion
    assert same == crosstest([model("a", generator, Brightness(0.0))], data=REALS, num_samples=300).confusion
    for kind in ("critic", "wgan", "relativistic", "energy"):
        critics = [model(name, generator, higher, score_kind=kind) for name in ("a", "b")]
        result = crosstest(critics, data=REALS, num_samples=300)
        assert result.verdict.paper.winner is result.verdict.discriminator.winner is None
        assert all(isinstance(matrix, Missing) for matrix in result.confusion.values())


def test_a_record_tells_how_its_contestants_were_described() -> None:
    by_hand = replace(model("a", GREY, BRIGHT, batch_size=7), latent=lambda normal: normal.abs())
    samples = Contestant(name="b", samples=REALS, discriminator=BRIGHT, data_range=(0, 1))
    made, given = crosstest([by_hand, samples], data=REALS, num_samples=10).contestants
    dim = by_hand.latent_dim
    assert (made.latent_dim, made.latent_shape, made.latent) == (dim, (dim,), "callable")
    assert (made.batch_size, made.data_range) == (7, by_hand.data_range)
    assert (given.batch_size, given.data_range) == (64, (0.0, 1.0))
    assert (given.latent, given.latent_dim, given.latent_shape, given.arch, made.arch) == (None,) * 5


def test_vectors_are_judged_as_they_are() -> None:
    class First(nn.Module):
        def forward(self, vectors: torch.Tensor) -> torch.Tensor:
            return vectors[:, :1] - 5.5

    contestant = Contestant(
        name="v", generator=Shift(5), discriminator=First(), latent_dim=2, latent="uniform01"
    )
    reals = np.array([[5.25, 0], [5.75, 0], [9, 0]], dtype=np.float32)
    (tp, fp), _ = matrix_of(crosstest([contestant], data=reals, num_samples=2000), "v").counts
    assert tp == 2 and abs(fp - 1000) < 150


def test_modules_are_left_as_they_were() -> None:
    judge = nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Dropout(0.5))
    judge[2].eval()
    contestant = model("x", ConstantGrey(0.0), judge)
    first = crosstest([contestant], data=REALS, num_samples=10)
    assert judge.training and judge[1].training and not judge[2].training
    assert figures(first) == figures(crosstest([contestant], data=REALS, num_samples=10))


GREY, BRIGHT = ConstantGrey(0), Brightness(0)


@pytest.mark.parametrize(
    ("contestants", "data", "complaint"),
    [
        ([], REALS, "no contestants"),
        ([model("a", GREY, BRIGHT)] * 2, REALS, "two contestants are called 'a'"),
        ([Contestant(name="a", samples=REALS)], REALS, "nobody can judge"),
        ([model("a", GREY, BRIGHT)], greys([1, 2, 3]).reshape(1, 3, 4, 4), r"\(1, 4, 4\).*\(3, 4, 4\)"),
        ([model("a", GREY, BRIGHT)], REALS.float(), "expected uint8 images"),
        ([model("a", GREY, nn.Flatten())], REALS, "one score per sample"),
        ([model("a", GREY, nn.Linear(7, 1))], REALS, "'a': its discriminator cannot judge"),
        ([model("a", GREY, BRIGHT, score_kind="probability")], REALS, "scores reach from"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    contestants: list[Contestant], data: torch.Tensor, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        crosstest(contestants, data=data, num_samples=20)


@pytest.mark.parametrize("samples", [REALS / 127.5 - 1, REALS[0], REALS[:0], torch.zeros(4, 3).double()])
def test_samples_of_a_contestant_are_canonical_or_refused(samples: torch.Tensor) -> None:
    with pytest.raises(UsageError, match=r"contestant 'a': expected uint8 images .* or float32 vectors"):
        Contestant(name="a", samples=samples)


def test_nan_scores_and_samples_stop_with_the_contestants_name() -> None:
    sane = model("sane", GREY, BRIGHT)
    for mad in (
        model("mad", ConstantGrey(float("nan")), BRIGHT),
        model("mad", GREY, Brightness(float("nan"))),
    ):
        with pytest.raises(DivergenceError, match="'mad'") as caught:
            crosstest([sane, mad], data=REALS, num_samples=20)
        assert caught.value.exit_code == 4


def test_contestants_check_their_fields() -> None:
    bad: list[dict[str, Any]] = [
        {"generator": None}, {"samples": REALS}, {"latent_dim": None}, {"latent_shape": (3,)},
        {"latent": "cauchy"}, {"score_kind": "vibes"}, {"orientation": "up"}, {"threshold": float("nan")},
        {"data_range": (1.0, 0.0)}, {"batch_size": 0}, {"name": ""},
    ]  # fmt: skip
    good: dict[str, Any] = {"name": "x", "generator": GREY, "latent_dim": 2}
    for fields in bad:
        with pytest.raises(UsageError):
            Contestant(**(good | fields))


def test_unquantized_samples_are_judged_as_the_network_made_them() -> None:
    """0.001 is brighter than 0 as a float, and level 128 of 255, 0.0039, as an image file has it."""
    contestant = model("x", ConstantGrey(0.001), Brightness(0.002))
    as_file = crosstest([contestant], data=REALS, num_samples=10)
    as_float = crosstest([contestant], data=REALS, num_samples=10, quantize=False)
    assert matrix_of(as_file, "x").fp.rate == 1.0 and matrix_of(as_float, "x").fp.rate == 0.0


def test_the_generalisation_gap_needs_training_data() -> None:
    contestant = model("x", GREY, BRIGHT)
    without = crosstest([contestant], data=REALS, num_samples=10)
    assert without.generalisation_gap["x"] == Missing("no training data given")
    assert without.to_dict()["generalisation_gap"] == {
        "x": {"value": None, "value_reason": "no training data given"}
    }
    bright = greys([200] * 20)
    gap = crosstest([contestant], data=REALS, train_data=bright, num_samples=20).generalisation_gap["x"]
    assert isinstance(gap, Estimate) and gap.value == pytest.approx(1.0 - 0.7) and gap.low > 0
    sorted_by_class = greys([200] * 60 + [0] * 60)  # the first 20 would all be bright
    mixed = crosstest([contestant], data=REALS, train_data=sorted_by_class, num_samples=20)
    gap = mixed.generalisation_gap["x"]
    assert isinstance(gap, Estimate) and gap.value < 0.2


@pytest.mark.parametrize(("score", "answer"), [(3.0, "real"), (-3.0, "fake")])
def test_judges_that_give_one_answer_win_nothing(score: float, answer: str) -> None:
    always = model("always", GREY, ConstantScore(score))
    result = crosstest(
        [always, model("sane", BlackOrWhite(0.5), Brightness(-0.5))], data=REALS, num_samples=600
    )
    assert result.verdict.discriminator.winner is None
    assert f"'always' calls every sample {answer}" in result.verdict.discriminator.reason
    cell = result.cells["always", "sane"]
    assert isinstance(cell.auc, Estimate) and cell.auc.value == 0.5
    assert not isinstance(cell.fp_at_fn5, Missing) and cell.fp_at_fn5.value == 1.0
    assert cell.fp_at_fn5.thresholds == (None, None)
    assert any("no score has FN ≤ 5 %" in flag for flag in result.flags)


class Alike(nn.Module):
    """A judge of vectors by how near their first number is to 0; two of them decide alike."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return 1.5 - vectors[:, :1].abs()


class Normals(nn.Module):
    """Vectors around a point, as wide as the data or narrower."""

    def __init__(self, centre: float, width: float) -> None:
        super().__init__()
        self.centre, self.width = centre, width

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.centre + self.width * latents


def test_a_collapsed_generator_leads_nowhere_but_by_the_papers_rule() -> None:
    """Two identical judges, a generator equal to the data and one that has collapsed where both say real."""
    reals = torch.randn(10_000, 2, generator=torch.Generator().manual_seed(0))
    generators = {"perfect": (0.0, 1.0), "collapsed": (0.0, 0.05), "third": (1.5, 1.0)}
    contestants = [
        Contestant(name=name, generator=Normals(*at), discriminator=Alike(), latent_dim=2)
        for name, at in generators.items()
    ]
    pair = crosstest(contestants[:2], data=reals, device="cpu").verdict
    assert pair.paper.winner == "collapsed"
    assert pair.discriminator.winner is None and pair.strict.winner is None
    result = crosstest(contestants, data=reals, device="cpu")
    assert all(pair.verdict.discriminator.winner is None for pair in result.pairs)
    ranked = result.ranking.generators
    assert not isinstance(ranked, Missing) and ranked[0].name == "perfect" and not ranked[0].unresolved


def test_several_runs_are_ranked_and_grouped() -> None:
    contestants = [
        model(f"{method}{seed}", BlackOrWhite(share), Brightness(0.1 * seed), method=method)
        for method, share in (("even", 0.5), ("rare", 0.1))
        for seed in range(2)
    ]
    result = crosstest(contestants, data=REALS, num_samples=600)
    assert result.verdict.discriminator.winner is None and len(result.pairs) == 6
    assert not isinstance(result.ranking.generators, Missing)
    assert {entry.name for entry in result.ranking.generators} == set(result.names)
    # Half of the samples of "even" are white, which every judge calls real.
    assert result.ranking.generators[0].name.startswith("even")
    assert result.groups.methods == {"even": ("even0", "even1"), "rare": ("rare0", "rare1")}
    assert not isinstance(result.groups.claims, Missing)
    (claim,) = result.groups.claims
    assert claim.winner is None and "fewer than 4 runs" in claim.reason
    assert all(not isinstance(gap, Missing) and gap.value >= 0 for gap in result.duality_gap.values())


@pytest.mark.parametrize("data", ["digits", "mixture"])
def test_fidelity_is_measured_on_the_samples_that_the_judges_see(
    checkpoints: dict[str, Path], data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    names = [f"{data}-plain", f"{data}-regularized"]
    key = {"digits": "frechet_distance[digits-cnn]", "mixture": "frechet_distance[identity]"}[data]

    def distances(result: Result) -> dict[str, Any]:
        assert not isinstance(result.fidelity, Missing)
        measured = {name: figures.of(key) for name, figures in result.fidelity.items()}
        return {name: figure.value for name, figure in measured.items() if not isinstance(figure, Missing)}

    options: dict[str, Any] = {"metrics": ["fid", "kid"], "kid_subset_size": 100}
    first = run(checkpoints, names, save_fid_statistics=tmp_path / "real.npz", **options)
    expected = distances(first)
    assert set(expected) == set(names) and all(value > 0 for value in expected.values())
    swapped = run(checkpoints, names[::-1], batch_size=1700, quantize=True, **options)  # from the cache
    assert distances(swapped) == pytest.approx(expected, rel=1e-12)
    from_file = run(checkpoints, names, metrics=["fid"], fid_statistics=tmp_path / "real.npz")
    assert distances(from_file) == pytest.approx(expected, rel=1e-9)
    first.save(tmp_path / "result.json")
    protocol = load_result(tmp_path / "result.json").protocol
    assert protocol.fidelity is not None and protocol.fidelity.metrics == ("fid", "kid")


def test_without_metrics_fidelity_is_missing_with_a_reason() -> None:
    result = crosstest([model("x", GREY, BRIGHT)], data=REALS, num_samples=5)
    assert isinstance(result.fidelity, Missing) and "no metrics asked for" in result.fidelity.reason
