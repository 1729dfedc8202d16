"""The protocol on models whose answers are known, and the laws that every cross-test obeys."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gancross.evaluator.result.result import Result
from rich.console import Console
from torch import nn

from gancross import Contestant, crosstest, load_contestant, load_result
from gancross.errors import DataError, DivergenceError, UsageError
from gancross.evaluator.contestants.naming import contestant_names, split_argument
from gancross.evaluator.statistics.confusion import paper_rate
from gancross.report.text.console import print_result


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


@pytest.mark.parametrize("samples", [REALS / 127.5 - 1, REALS[0], REALS[:0], torch.zeros(4, 3).double()])
def test_samples_of_a_contestant_are_canonical_or_refused(samples: torch.Tensor) -> None:
    with pytest.raises(UsageError, match=r"contestant 'a': expected uint8 images .* or float32 vectors"):
        Contestant(name="a", samples=samples)


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


class Leaky(nn.Module):
    """A judge with batch norm: batch statistics show it whether a batch is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        with torch.no_grad():
            self.norm.running_mean.fill_(0.25)  # type: ignore[union-attr]
            self.norm.running_var.fill_(0.5)  # type: ignore[union-attr]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(images).flatten(1).mean(1)


def test_batch_statistics_are_those_of_groups_in_order_with_wrap_around() -> None:
    """Against a slow reading of the protocol, with 10 reals in groups of 4: 4, 4, and 2 + the first 2."""
    judge = Leaky()
    contestant = model("leaky", Mixes(0.5), judge, batch_size=4)
    result = crosstest([contestant], data=REALS, num_samples=30, norm="batch")
    images = REALS.float() * (2 / 255) - 1
    expected = []
    for start in (0, 4, 8):
        index = [(start + k) % 10 for k in range(4)]
        group = images[index]
        normal = (group - group.mean()) / (group.var(correction=0) + 1e-5).sqrt()
        expected += normal.flatten(1).mean(1)[: min(4, 10 - start)].tolist()
    fn = sum(score <= 0 for score in expected)
    assert result.document["confusion"]["leaky"]["fn"]["count"] == fn
    modes = result.document["batch_norm"]["leaky"]["modes"]
    assert modes["batch"]["fn"]["count"] == fn
    running = (images.flatten(1).mean(1) - 0.25) / 0.5**0.5
    assert modes["eval"]["fn"]["count"] == int((running <= 0).sum())
    assert float(judge.norm.running_mean) == 0.25 and judge.norm.num_batches_tracked == 0  # type: ignore[arg-type]


def test_both_modes_are_compared_flagged_and_needed() -> None:
    # A batch of nothing but white looks average to itself.
    pair = [model("leaky", Paints(1.0), Leaky()), model("plain", Paints(-1.0), Brightness(0.0))]
    checked = crosstest(pair, data=REALS, num_samples=600).document
    assert checked["batch_norm"]["leaky"]["flagged"]
    assert any("'leaky': a rate moves by" in flag for flag in checked["flags"])
    assert checked["batch_norm"]["plain"]["modes"] is None
    unchecked = crosstest(pair, data=REALS, num_samples=600, norm_check=False).document
    assert unchecked["verdict"]["strict"]["winner"] is None
    reasons = (unchecked["verdict"]["strict"]["reason"], unchecked["batch_norm"]["leaky"]["modes_reason"])
    assert "batch-norm modes not compared" in reasons[1]


def test_controls_find_blind_judges() -> None:
    class Contrast(nn.Module):
        def __init__(self, sign: float) -> None:
            super().__init__()
            self.sign = sign

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.sign * (images.flatten(1).std(1) - 0.2)  # noise has much, test images none

    blind, sees = model("blind", Paints(0.0), Contrast(1.0)), model("sees", Paints(0.0), Contrast(-1.0))
    found = crosstest([blind, sees], data=REALS, num_samples=300).document
    judges = found["controls"]["judges"]
    assert judges["blind"]["noise"]["rate"] == 1.0 and judges["blind"]["blind"]
    assert judges["sees"]["noise"]["rate"] == 0.0 and not judges["sees"]["blind"]
    assert judges["sees"]["blurred"]["count"] == len(REALS)
    assert found["controls"]["references"]["always-fake"] == {"fp": 0.0, "fn": 1.0}
    assert any("'blind' is blind" in flag for flag in found["flags"])
    assert crosstest([sees], data=REALS, num_samples=30, controls=False).document["controls"] is None


def test_vectors_have_noise_in_their_bounding_box_and_no_blur() -> None:
    from gancross.evaluator.judging.controls import blurred, uniform_noise

    test = torch.tensor([[0.0, 5.0], [1.0, 7.0], [0.5, 6.0]])
    noise = uniform_noise(test, 1200, seed=0)
    assert noise.shape == (1200, 2) and blurred(test) is None
    assert bool(((noise >= test.amin(0)) & (noise <= test.amax(0))).all())
    assert torch.allclose(noise.mean(0), torch.tensor([0.5, 6.0]), atol=0.1)
    assert torch.equal(noise[:500], uniform_noise(test, 500, seed=0))


def test_unquantized_samples_are_judged_as_the_network_made_them() -> None:
    """0.001 is brighter than 0 as a float, and level 128 of 255, 0.0039, as an image file has it."""
    contestant = model("x", Paints(0.001), Brightness(0.002))
    as_file = crosstest([contestant], data=REALS, num_samples=10).document["confusion"]["x"]
    as_float = crosstest([contestant], data=REALS, num_samples=10, quantize=False).document["confusion"]["x"]
    assert as_file["fp"]["rate"] == 1.0 and as_float["fp"]["rate"] == 0.0


def test_the_generalisation_gap_needs_training_data() -> None:
    contestant = model("x", Paints(0.0), Brightness(0.0))
    without = crosstest([contestant], data=REALS, num_samples=10).document["generalisation_gap"]["x"]
    assert without == {"value": None, "value_reason": "no training data given"}
    bright = greys([200] * 20)
    gap = crosstest([contestant], data=REALS, train_data=bright, num_samples=20).document[
        "generalisation_gap"
    ]
    assert gap["x"]["value"] == pytest.approx(1.0 - 0.7)
    sorted_by_class = greys([200] * 60 + [0] * 60)  # the first 20 would all be bright
    mixed = crosstest([contestant], data=REALS, train_data=sorted_by_class, num_samples=20)
    assert mixed.document["generalisation_gap"]["x"]["value"] < 0.2
    assert gap["x"]["ci95"][0] > 0


@pytest.mark.parametrize("constant", [3.0, -3.0])
def test_judges_that_give_one_answer_win_nothing(constant: float) -> None:
    class Constant(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.new_full((len(images),), constant)

    always, sane = model("always", Paints(0.0), Constant()), model("sane", Mixes(0.5), Brightness(-0.5))
    found = crosstest([always, sane], data=REALS, num_samples=600).document
    assert found["verdict"]["strict"]["winner"] is None
    said = "real" if constant > 0 else "fake"
    assert f"'always' calls every sample {said}" in found["verdict"]["strict"]["reason"]
    cell = cells(Result(found))["always", "sane"]
    assert cell["auc"]["value"] == 0.5 and cell["fp_at_fn5"]["value"] == 1.0
    assert cell["fp_at_fn5"]["thresholds"] == [None, None]
    assert any("no score has FN ≤ 5 %" in flag for flag in found["flags"])


def test_several_runs_are_ranked_grouped_and_valid(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    contestants = [
        model(f"{method}{seed}", Mixes(share), Brightness(0.1 * seed), method=method)
        for method, share in (("even", 0.5), ("rare", 0.1))
        for seed in range(2)
    ]
    result = crosstest(contestants, data=REALS, num_samples=600)
    found = result.document
    assert found["verdict"]["strict"]["winner"] is None and len(found["pairs"]) == 6
    assert {entry["name"] for entry in found["ranking"]["generators"]} == set(result.names)
    best = found["ranking"]["generators"][0]["name"]
    assert best.startswith("even")  # half of its samples are white, which every judge calls real
    assert found["groups"]["methods"] == {"even": ["even0", "even1"], "rare": ["rare0", "rare1"]}
    (claim,) = found["groups"]["claims"]
    assert claim["winner"] is None and "fewer than 4 runs" in claim["reason"]
    assert all(gap["value"] >= 0 for gap in found["duality_gap"].values())
    console = Console(file=io.StringIO(), width=120)
    print_result(result, console)
    printed = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert f"Generators, by FP before common judges: {best} +" in printed
    assert "Method 'even' against 'rare': no claim. Fewer than 4 runs a side" in printed
    result.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json").to_dict() == result.to_dict()
    broken = result.to_dict()
    broken["cross"][0]["fp"]["rate"] = 2
    Result(broken).save(tmp_path / "broken.json")
    with pytest.raises(DataError, match=r"not a valid result: .*cross\[0\]"):
        load_result(tmp_path / "broken.json")


def test_many_contestants_are_told_in_lines() -> None:
    contestants = [
        model(f"model-with-a-long-name-{n}", Mixes(0.1 + 0.15 * n), Brightness(0.15 * n)) for n in range(6)
    ]
    result = crosstest(contestants, data=REALS, num_samples=600)
    console = Console(file=io.StringIO(), width=80)
    print_result(result, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in printed and "against" not in printed
    lines = [line.split() for line in printed.splitlines()]
    document, names = result.document, list(result.names)
    cells = {(cell["generator"], cell["judge"]): cell["fp"]["rate"] for cell in document["cross"]}
    fp = lines.index(next(line for line in lines if line[:2] == ["FP:", "share"])) + 1
    assert lines[fp] == ["#", *map(str, range(1, 7))]
    for number, generator in enumerate(names, start=1):
        assert lines[fp + number] == [str(number), *(f"{cells[generator, judge]:.2f}" for judge in names)]
    won = lines.index(next(line for line in lines if line[:2] == ["Who", "wins:"])) + 1
    for pair in document["pairs"]:
        a, b = sorted((names.index(pair["a"]), names.index(pair["b"])))
        for rule, row, column in (("paper", a, b), ("strict", b, a)):
            winner = pair[rule]["winner"]
            shown = lines[won + row + 1][1:]
            place = column if column < row else column - 1  # the diagonal is empty
            assert shown[place] == ("–" if winner is None else str(names.index(winner) + 1))
    first = document["confusion"][names[0]]
    (line,) = (line for line in lines if line[1:2] == [names[0]])
    assert line[2:6] == [paper_rate(first["rates"][row][column]) for row, column in
                         ((0, 0), (1, 0), (0, 1), (1, 1))]  # fmt: skip


@pytest.mark.parametrize("data", ["digits", "mixture"])
def test_fidelity_is_measured_on_the_samples_that_the_judges_see(
    checkpoints: dict[str, Path], data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCROSS_CACHE", str(tmp_path / "cache"))
    names = [f"{data}-plain", f"{data}-regularized"]
    options = {"metrics": ["fid", "kid"], "kid_subset_size": 100}
    first = run(checkpoints, names, save_fid_statistics=tmp_path / "real.npz", **options)
    key = {"digits": "frechet_distance[digits-cnn]", "mixture": "frechet_distance[identity]"}[data]
    distances = {name: figures[key] for name, figures in first.document["fidelity"].items()}
    assert set(distances) == set(names) and all(value > 0 for value in distances.values())
    swapped = run(checkpoints, names[::-1], batch_size=1700, quantize=True, **options)  # from the cache
    assert {n: f[key] for n, f in swapped.document["fidelity"].items()} == pytest.approx(distances, rel=1e-12)
    given = run(checkpoints, names, metrics=["fid"], fid_statistics=tmp_path / "real.npz")
    assert {n: f[key] for n, f in given.document["fidelity"].items()} == pytest.approx(distances, rel=1e-9)
    first.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json").document["protocol"]["fidelity"]["metrics"] == ["fid", "kid"]
    assert not list(tmp_path.glob("gancross-*"))


def test_without_metrics_fidelity_is_null_with_a_reason() -> None:
    found = crosstest([model("x", Paints(0.0), Brightness(0.0))], data=REALS, num_samples=5).document
    assert found["fidelity"] is None and "no metrics asked for" in found["fidelity_reason"]
