"""`gancross.save_checkpoint`: every field comes back; networks of other code need it to load."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import foreign
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gancross import Contestant, crosstest, load_contestant, save_checkpoint
from gancross.checkpoint.file import load
from gancross.errors import CheckpointError, UsageError
from gancross.random_streams import PRIORS
from gancross.score_kinds import SCORE_KINDS

SUFFIXES = (".pt", ".safetensors")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return foreign.dcgan()


def linear_pair(**changes: Any) -> Contestant:
    plain = Contestant(name="x", generator=nn.Linear(6, 2), discriminator=nn.Linear(2, 1), latent_dim=6)
    return replace(plain, **changes)


def build(states: dict[str, dict[str, torch.Tensor]]) -> Contestant:
    """Linear networks of a checkpoint's weights."""
    networks = []
    for state in states.values():
        rows, columns = state["weight"].shape
        network = nn.Linear(columns, rows)
        network.load_state_dict(state)
        networks.append(network)
    return linear_pair(generator=networks[0], discriminator=networks[1])


FLOATS = st.floats(-100, 100, allow_nan=False)


@given(
    suffix=st.sampled_from(SUFFIXES),
    values=st.fixed_dictionaries({
        "score_kind": st.sampled_from(list(SCORE_KINDS)),
        "orientation": st.sampled_from(["real_high", "fake_high"]),
        "threshold": st.none() | st.just("auto") | FLOATS | st.integers(-3, 3),
        "latent": st.sampled_from(PRIORS),
        "data_range": st.tuples(FLOATS, FLOATS).filter(lambda ends: ends[0] < ends[1]) | st.just((0, 1)),
        "batch_size": st.integers(1, 1 << 20), "method": st.none() | st.text("abc γ", min_size=1, max_size=9),
    }),
    probability=st.floats(0, 1, exclude_min=True, exclude_max=True),
)  # fmt: skip
def test_every_field_comes_back(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, values: dict[str, Any], probability: float
) -> None:
    path = tmp_path_factory.mktemp("saved") / f"pair{suffix}"
    if values["score_kind"] == "probability" and not isinstance(values["threshold"], str | None):
        values = values | {"threshold": probability}
    pair = linear_pair(**values)
    save_checkpoint(path, pair)
    back = load_contestant(path, name="x", build=build)
    for spec in fields(Contestant):
        if spec.name not in ("generator", "discriminator", "samples", "origin", "threshold"):
            assert getattr(back, spec.name) == getattr(pair, spec.name), spec.name
    assert back.threshold == pair.decision_threshold
    for network in ("generator", "discriminator"):
        assert torch.equal(getattr(back, network).weight, getattr(pair, network).weight)
    assert back.origin is not None and back.origin.step is None and back.origin.recipe == {}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_latent_shapes_come_back_and_figures_are_the_same(
    example: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str
) -> None:
    pair = replace(example.contestant(), name="pair")
    path = tmp_path / f"pair{suffix}"
    save_checkpoint(path, pair)
    reals = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    arch = f"pair={foreign.EXAMPLES / 'dcgan.py'}:contestant"
    options = ("--arch", arch, "--trust-code", "--data", "digits", "-n", 50, "--json", tmp_path / "r.json")
    code, message = foreign.call(capfd, "crosstest", path, *map(str, options))
    assert code == 0, message

    def same(states: dict[str, dict[str, torch.Tensor]]) -> Contestant:
        contestant: Contestant = example.contestant()
        assert contestant.generator is not None and contestant.discriminator is not None
        contestant.generator.load_state_dict(states["generator"])
        contestant.discriminator.load_state_dict(states["discriminator"])
        return contestant

    results = [
        crosstest([contestant], data=reals, num_samples=50, device="cpu").to_dict()["cross"]
        for contestant in (pair, load_contestant(path, name="pair", build=same))
    ]
    assert results[0] == results[1]


def test_networks_of_gancross_need_no_code(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    old = load_contestant(checkpoints["digits-regularized"], name="x")
    save_checkpoint(tmp_path / "again.pt", replace(old, discriminator=None))
    alone = load_contestant(tmp_path / "again.pt", name="x")
    assert alone.discriminator is None and alone.generator is not None
    save_checkpoint(tmp_path / "again.pt", old)
    new = load_contestant(tmp_path / "again.pt", name="x")
    assert old.origin is not None and new.origin is not None
    assert new.origin.recipe == old.origin.recipe and new.origin.step == old.origin.step
    assert load(tmp_path / "again.pt").generator == load(checkpoints["digits-regularized"]).generator
    with pytest.raises(UsageError, match="leave out --arch"):
        load_contestant(tmp_path / "again.pt", build=build)
    # A head of one's own on a network of gancross is other code.
    assert new.discriminator is not None
    save_checkpoint(tmp_path / "mixed.pt", replace(old, discriminator=nn.Sequential(new.discriminator)))
    with pytest.raises(UsageError, match="name their code with --arch NAME=module:factory --trust-code"):
        load_contestant(tmp_path / "mixed.pt")


def test_a_generator_alone_and_tied_weights(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    tied[1].weight = tied[0].weight
    save_checkpoint(tmp_path / "tied.pt", linear_pair(generator=tied, discriminator=None))
    back = load_contestant(
        tmp_path / "tied.pt",
        build=lambda states: linear_pair(
            generator=nn.Linear(6, 6), discriminator=None if not states["discriminator"] else nn.Linear(1, 1)
        ),
    )
    assert back.discriminator is None
    state = load(tmp_path / "tied.pt").generator_state
    assert torch.equal(state["0.weight"], state["1.weight"])


class WithState(nn.Linear):
    """Keeps something that is no tensor."""

    def get_extra_state(self) -> str:
        return "extra"

    def set_extra_state(self, state: str) -> None: ...


def nan_linear() -> nn.Linear:
    network = nn.Linear(2, 1)
    nn.init.constant_(network.weight, float("nan"))
    return network


def with_complex_buffer() -> nn.Linear:
    network = nn.Linear(2, 1)
    network.register_buffer("phase", torch.zeros(1, dtype=torch.complex64))
    return network


UNSAVABLE: list[tuple[dict[str, Any], str]] = [
    ({"latent": lambda u: u}, "latent prior is a function"),
    ({"generator": None, "samples": torch.zeros(2, 2)}, "samples in place of a generator"),
    ({"generator": nn.Linear(5, 2)}, "cannot take latents"),
    ({"discriminator": nan_linear()}, "cannot be saved: 'weight' holds NaN"),
    ({"discriminator": WithState(2, 1)}, "expected a tensor"),
    ({"discriminator": with_complex_buffer()}, "cannot be saved"),
    ({"batch_size": 1 << 21}, "'batch_size' from 1 to"),
]


@pytest.mark.parametrize(("changes", "part"), UNSAVABLE, ids=[part for _, part in UNSAVABLE])
def test_what_cannot_be_saved_is_refused(tmp_path: Path, changes: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError, match=part) as caught:
        save_checkpoint(tmp_path / "x.pt", linear_pair(**changes))
    assert "contestant 'x'" in str(caught.value) and not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="ends in"):
        save_checkpoint(tmp_path / "x.pth", linear_pair())


@pytest.mark.parametrize(
    "change", [{"latent_shape": (-2, -3)}, {"latent_shape": (4,)}, {"latent_shape": [6]}, {"generator": 3}]
)
def test_checkpoints_of_other_code_are_checked_too(tmp_path: Path, change: dict[str, Any]) -> None:
    save_checkpoint(tmp_path / "x.pt", linear_pair())
    content = torch.load(tmp_path / "x.pt", weights_only=True) | change
    buffer = io.BytesIO()
    torch.save(content, buffer)
    (tmp_path / "x.pt").write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError):
        load_contestant(tmp_path / "x.pt", build=build)
