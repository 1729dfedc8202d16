"""The protocol on models whose answers are known, and the laws that every cross-test obeys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gancross import Contestant, crosstest, load_contestant, load_result
from gancross.errors import DataError, DivergenceError, UsageError
from gancross.evaluator.naming import contestant_names, split_argument
from gancross.evaluator.result import Result


class Paints(nn.Module):
    """A generator of constant grey 4×4 images: the level is the first latent's rank among quantiles."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return torch.full((len(latents), 1, 4, 4), self.level)


class Mixes(nn.Module):
    """A generator that paints white where the first latent is below `share`, else black."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        white = (latents[:, 0] < self.share).float() * 2 - 1
        return white[:, None, None, None].expand(-1, 1, 4, 4)


class Brightness(nn.Module):
    """A judge whose score is the mean grey level minus a cut: bright is real."""

    def __init__(self, cut: float, sign: float = 1.0) -> None:
        super().__init__()
        self.cut, self.sign = cut, sign

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.sign * (images.flatten(1).mean(1) - self.cut)


def model(name: str, generator: nn.Module, judge: nn.Module | None, **fields: Any) -> Contestant:
    return Contestant(
        name=name, generator=generator, discriminator=judge, latent_dim=2, latent="uniform01", **fields
    )


def greys(levels: list[int]) -> torch.Tensor:
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 4, 4).contiguous()


# Ten test images of which three are darker than 0, one darker than -0.5 (levels 0…255 map to -1…1).
REALS = greys([20, 90, 100, 140, 150, 160, 200, 220, 240, 255])


def cells(result: Result) -> dict[tuple[str, str], dict[str, Any]]:
    return {(cell["judge"], cell["generator"]): cell for cell in result.document["cross"]}


def test_judges_of_known_fp_and_fn_give_exactly_those() -> None:
    strict, lax = model("strict", Mixes(0.25), Brightness(0.0)), model("lax", Paints(-0.2), Brightness(-0.5))
    result = crosstest([strict, lax], data=REALS, num_samples=1000, seed=3)
    confusion, cross = result.document["confusion"], cells(result)
    white = cross["strict", "strict"]["fp"]["count"]
    assert abs(white - 250) < 60  # the latents are uniform; what follows is exact
    assert confusion["strict"]["counts"] == [[7, white], [3, 1000 - white]]
    assert confusion["strict"]["rates"] == [[0.7, white / 1000], [0.3, 1 - white / 1000]]
    assert confusion["lax"]["counts"] == [[9, 1000], [1, 0]]
    assert cross["strict", "lax"]["fp"]["count"] == 0  # -0.2 is darker than 0 …
    assert cross["lax", "strict"]["fp"]["count"] == white  # … and black is darker than -0.5
    assert result.document["verdict"]["paper"]["winner"] == "strict"
    assert cross["strict", "lax"]["auc"]["value"] == pytest.approx(0.7)


@pytest.mark.parametrize("batch_size", [1, 500, 777, 4000])
def test_the_batch_size_changes_no_figure(checkpoints: dict[str, Path], batch_size: int) -> None:
    assert figures(
        run(checkpoints, ["digits-plain", "digits-regularized"], batch_size=batch_size)
    ) == figures(run(checkpoints, ["digits-plain", "digits-regularized"]))


def run(checkpoints: dict[str, Path], names: list[str], **options: Any) -> Result:
    contestants = [load_contestant(checkpoints[name], name=name) for name in names]
    data = names[0].split("-")[0]
    return crosstest(contestants, **({"data": data, "num_samples": 1200, "device": "cpu"} | options))


def figures(result: Result) -> dict[str, Any]:
    return {key: value for key, value in result.to_dict().items() if key != "provenance"}


@pytest.mark.parametrize("data", ["digits", "mixture"])
def test_the_same_call_gives_the_same_bytes(checkpoints: dict[str, Path], data: str) -> None:
    names = [f"{data}-plain", f"{data}-regularized"]
    first, second = figures(run(checkpoints, names)), figures(run(checkpoints, names))
    assert json.dumps(first) == json.dumps(second)
    assert first["protocol"]["data"]["num_real"] == {"digits": 596, "mixture": 1200}[data]


def test_swapping_contestants_permutes_the_tables_and_changes_nothing_else(
    checkpoints: dict[str, Path],
) -> None:
    names = ["mixture-plain", "mixture-regularized"]
    one, other = run(checkpoints, names), run(checkpoints, names[::-1])
    assert cells(one) == cells(other)
    for key in ("protocol", "confusion", "flags", "format", "status", "ranking", "duality_gap", "groups",
                "controls", "batch_norm", "generalisation_gap", "histograms", "roc"):  # fmt: skip
        assert one.document[key] == other.document[key]
    for rule in ("paper", "strict"):
        assert one.document["verdict"][rule]["winner"] == other.document["verdict"][rule]["winner"]
    assert sorted(c["name"] for c in one.document["contestants"]) == sorted(names)


def test_latents_belong_to_the_name_and_the_seed() -> None:
    def area(name: str, seed: int) -> float:
        contestant = Contestant(
            name=name, generator=nn.Identity(), discriminator=nn.Linear(2, 1), latent_dim=2
        )
        with torch.no_grad():
            contestant.discriminator.weight.fill_(1.0)  # type: ignore[union-attr, operator]
        result = crosstest(
            [contestant], data=torch.linspace(-1, 1, 100).reshape(50, 2), num_samples=100, seed=seed
        )
        value: float = cells(result)[name, name]["auc"]["value"]
        return value

    assert len({area("a", 0), area("b", 0), area("a", 1)}) == 3


def test_flipped_orientation_and_probabilities_give_the_same_decisions() -> None:
    class Probability(Brightness):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(super().forward(images))[:, None]

    plain = model("x", Mixes(0.3), Brightness(0.1))
    flipped = model("x", Mixes(0.3), Brightness(0.1, sign=-1), orientation="fake_high")
    shifted = model("x", Mixes(0.3), Brightness(0.0), threshold=0.1)
    probable = model("x", Mixes(0.3), Probability(0.1), score_kind="probability")
    expected = crosstest([plain], data=REALS, num_samples=700).document["confusion"]
    for same in (flipped, shifted, probable):
        assert crosstest([same], data=REALS, num_samples=700).document["confusion"] == expected


def test_a_critic_ranks_but_does_not_decide_and_folders_only_stand_trial() -> None:
    critic = model("critic", Mixes(0.5), Brightness(0.0), score_kind="critic", threshold=None)
    images = Contestant(name="images", samples=greys([0, 10, 250]))
    result = crosstest([critic, images], data=REALS, num_samples=500)
    cell = cells(result)["critic", "images"]
    assert cell["fp"] is None and "no threshold" in cell["fp_reason"] and 0 < cell["auc"]["value"] < 1
    assert result.document["confusion"]["images"]["counts"] is None
    assert result.document["verdict"]["paper"]["winner"] is None
    assert "'images': only 3 samples, 500 asked for" in result.document["flags"]
    assert all(cell["judge"] == "critic" for cell in result.document["cross"])


def test_vectors_are_judged_as_they_are() -> None:
    class Shift(nn.Module):
        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            return latents + 5

    class First(nn.Module):
        def forward(self, vectors: torch.Tensor) -> torch.Tensor:
            return vectors[:, :1] - 5.5

    contestant = Contestant(
        name="v", generator=Shift(), discriminator=First(), latent_dim=2, latent="uniform01"
    )
    reals = np.array([[5.25, 0], [5.75, 0], [9, 0]], dtype=np.float32)
    counts = crosstest([contestant], data=reals, num_samples=2000).document["confusion"]["v"]["counts"]
    assert counts[0][0] == 2 and abs(counts[0][1] - 1000) < 150


def test_modules_are_left_as_they_were() -> None:
    judge = nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Dropout(0.5))
    judge[2].eval()
    contestant = model("x", Paints(0.0), judge)
    first = crosstest([contestant], data=REALS, num_samples=10)
    assert judge.training and judge[1].training and not judge[2].training
    assert figures(first) == figures(crosstest([contestant], data=REALS, num_samples=10))


@pytest.mark.parametrize(
    ("contestants", "data", "complaint"),
    [
        ([], REALS, "no contestants"),
        ([model("a", Paints(0), Brightness(0))] * 2, REALS, "two contestants are called 'a'"),
        ([Contestant(name="a", samples=REALS)], REALS, "nobody can judge"),
        ([model("a", Paints(0), Brightness(0))], greys([1]).repeat(1, 3, 1, 1), r"\(1, 4, 4\).*\(3, 4, 4\)"),
        ([model("a", Paints(0), Brightness(0))], REALS.float(), "expected uint8 images"),
        ([model("a", Paints(0), nn.Flatten())], REALS, "one score per sample"),
        ([model("a", Paints(0), nn.Linear(7, 1))], REALS, "'a': its discriminator cannot judge"),
        ([model("a", Paints(0), Brightness(0), score_kind="probability")], REALS, "scores reach from"),
    ],
)
def test_what_does_not_fit_together_is_said(contestants: Any, data: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        crosstest(contestants, data=data, num_samples=20)


def test_nan_scores_and_samples_stop_with_the_contestants_name() -> None:
    sane = model("sane", Paints(0.0), Brightness(0.0))
    for mad in (
        model("mad", Paints(float("nan")), Brightness(0.0)),
        model("mad", Paints(0.0), Brightness(float("nan"))),
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
    for fields in bad:
        with pytest.raises(UsageError):
            Contestant(**({"name": "x", "generator": Paints(0), "latent_dim": 2} | fields))


def test_results_come_back_from_their_files(tmp_path: Path) -> None:
    result = crosstest([model("é [/red]", Paints(0), Brightness(0))], data=REALS, num_samples=5)
    result.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json").to_dict() == result.to_dict()
    for text in ("{", "[]", '{"format": "gancross.result/9"}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError):
            load_result(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a/last.pt", "runs/b/last.pt"], ["a", "b"]),
        (["modelA.pt", "modelB.pt"], ["modelA", "modelB"]),
        (["runs/a/last.pt"], ["a"]),
        (["last.pt"], ["last"]),
        (["x.pt", "x.pt"], ["x", "x#2"]),
        (["r/x/s0/last.pt", "r/y/s0/last.pt", "r/x/s1/last.pt"], ["x/s0", "y/s0", "x/s1"]),
        (["a/checkpoints/step-1.pt", "a/checkpoints/step-2.pt"], ["step-1", "step-2"]),
        (["a/m.pt", "b/c/m.pt"], ["a", "c"]),
    ],
)
def test_names_are_the_shortest_distinguishing_parts(paths: list[str], names: list[str]) -> None:
    assert contestant_names([(None, path) for path in paths]) == names
    if "#" not in "".join(names):
        assert contestant_names([(None, path) for path in paths[::-1]]) == names[::-1]


def test_given_names_win(tmp_path: Path) -> None:
    assert split_argument("a=b.pt") == ("a", "b.pt")
    odd = tmp_path / "a=b.pt"
    odd.touch()
    assert split_argument(str(odd)) == (None, str(odd))
    assert contestant_names([("x", "a.pt"), ("x", "b.pt"), (None, "x.pt")]) == ["x", "x#2", "x#3"]
    for argument in ("=b.pt", "a="):
        with pytest.raises(UsageError):
            split_argument(argument)
