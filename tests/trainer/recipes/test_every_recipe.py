"""Each recipe builds its networks and takes three steps on files of its data set's real format."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from official_formats import write_celeba, write_cifar10, write_idx, write_lsun
from processes import gancross

from gancross import load_contestant
from gancross.checkpoint import file as checkpoint
from gancross.divergences import DIVERGENCES
from gancross.trainer.loop import train
from gancross.trainer.recipes.conditional import CONDITIONAL
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import RECIPES, SOURCES, recipe
from gancross.trainer.recipes.variants import VARIANTS

WIDTH = 4  # resnet101-64 needs a multiple of 4
GROUP = 8  # R3GAN's networks need a multiple of 8
BATCH = 8


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("official")
    write_celeba(root, parts=[0] * 12 + [2] * 2)
    write_lsun(root, train=20, val=2)
    write_idx(root, "mnist")
    return root


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_three_steps(name: str, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = data_root
    if RECIPES[name].data == "cifar10":
        write_cifar10(tmp_path, monkeypatch)
        root = tmp_path
    width = GROUP if RECIPES[name].network.startswith("r3gan") else WIDTH
    small: dict[str, Setting] = {"width": width, "batch_size": BATCH, "steps": 3}
    logged: list[dict[str, float]] = []
    last = train(
        recipe(name).with_changes(small), tmp_path / "run", device="cpu", data_root=root, workers=0,
        checkpoint_every=3, log_every=3, progress=lambda step, steps, figures: logged.append(figures or {}),
    )  # fmt: skip
    assert len(logged) == 3
    (figures,) = filter(None, logged)  # of the third step; what is not finite before stays so
    assert all(map(math.isfinite, figures.values()))
    loaded = checkpoint.load(last)
    chosen = RECIPES[name]
    assert loaded.step == 3 and loaded.recipe["objective"] == chosen.objective
    kinds = {"js-logit": "logit", "wgan-gp": "wgan", "wgan-lp": "wgan"}
    f_gans = {name: f"f-gan:{name}" for name in DIVERGENCES}
    assert loaded.score_kind == (kinds | f_gans).get(chosen.objective, chosen.objective)
    assert (loaded.threshold is None) == (loaded.score_kind in ("wgan", "relativistic"))
    assert load_contestant(last).method is not None
    if chosen.gamma > 0:
        assert figures["penalty"] > 0


def test_every_recipe_has_its_figure_or_section_or_another_source() -> None:
    newer = {entry.name for entry in (*VARIANTS, *CONDITIONAL)}
    paper = r"\w+ (and \w+|et al\.) 20\d\d|ours|authors' program"
    for name, text in SOURCES.items():
        assert re.search(paper if name in newer else "§|Fig|ours|authors' program", text), name


def test_lsun_resnet_trains_from_the_command_line(data_root: Path, tmp_path: Path) -> None:
    """With worker processes, as a user would run it."""
    arguments = ["lsun-resnet", "--set", f"width={WIDTH}", "--set", f"batch_size={BATCH}", "--steps", "4"]
    arguments += ["--data-root", str(data_root), "--device", "cpu", "--workers", "1"]
    done = gancross("train", *arguments, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert checkpoint.load(tmp_path / "run" / "last.pt").step == 4
