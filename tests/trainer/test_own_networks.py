"""Any pair of modules trains with every objective, resumes bit for bit, or is refused at the start."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from paths import ROOT
from processes import side_by_side
from run_folders import identical, log, weights
from small_recipes import small
from torch import nn
from torch.autograd.function import once_differentiable

import gancross
from gancross.checkpoint import file as checkpoint
from gancross.checkpoint.own_networks import NetworkPair
from gancross.errors import CheckpointError, UsageError
from gancross.machine.distributed import ALONE
from gancross.models import FAMILIES
from gancross.models.families import ARCHITECTURES
from gancross.models.mlp import MLP
from gancross.trainer.gradient.route import Route, add_gradients, route_of
from gancross.trainer.loop import train
from gancross.trainer.recipes.network_settings import OWN
from gancross.trainer.recipes.objective_settings import OBJECTIVES
from gancross.trainer.recipes.recipe import Recipe

DIM = 16
pair: Callable[[Recipe], NetworkPair] = runpy.run_path(str(ROOT / "docs" / "examples" / "own_pair.py"))[
    "pair"
]


class Noisy(nn.Module):
    """A generator that draws noise of its own in either mode, has a tied weight, and a buffer that moves."""

    calls: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.second.weight = self.first.weight
        self.last = nn.utils.parametrizations.spectral_norm(nn.Linear(DIM, 64))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        hidden = self.second(self.first(z).relu()) + 0.1 * torch.randn_like(z)
        return torch.tanh(self.last(hidden)).reshape(-1, 1, 8, 8)


def judge() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(8, 1))


def example(seed: int = 0) -> NetworkPair:
    """The pair of docs/examples, with the same initial weights for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return pair(small("digits"))


def noisy(seed: int = 0) -> NetworkPair:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Noisy(), judge()


def channels_last(seed: int = 0) -> NetworkPair:
    """Of several channels, so that its weights lie in another order than contiguous ones."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = nn.Sequential(
            nn.Linear(small("digits").latent_dim, 64), nn.Unflatten(1, (4, 4, 4)), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip
        discriminator = nn.Sequential(
            nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 8, 3, 1, 1), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(128, 1),
        )  # fmt: skip
    generator.to(memory_format=torch.channels_last)
    return generator, discriminator.to(memory_format=torch.channels_last)


def trained(folder: Path, networks: NetworkPair, *, steps: int = 4, **changes: float | str | bool) -> Path:
    recipe = gancross.recipe("digits", batch_size=16, steps=steps, **changes)
    return train(recipe, folder, networks=networks, device="cpu", checkpoint_every=2, log_every=1)


def test_the_example_is_short() -> None:
    assert len((ROOT / "docs" / "examples" / "own_pair.py").read_text(encoding="utf-8").splitlines()) <= 30


@pytest.mark.parametrize(
    ("networks", "ema"),
    [(example, 0.0), (noisy, 0.9), (channels_last, 0.9)],
    ids=["dropout", "own noise and ema", "channels-last"],
)
def test_a_run_that_stops_resumes_bit_for_bit(
    networks: Callable[..., NetworkPair], ema: float, tmp_path: Path
) -> None:
    whole = trained(tmp_path / "whole", networks(), ema=ema)
    trained(tmp_path / "parts", networks(), steps=2, ema=ema)
    torch.manual_seed(77)  # torch's global generator stands elsewhere, and the fresh networks differ
    resumed = trained(tmp_path / "parts", networks(seed=5), ema=ema)
    assert identical(whole, resumed)
    assert log(tmp_path / "whole") == log(tmp_path / "parts")


def test_noise_follows_from_the_seed_and_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = trained(tmp_path / "first", noisy())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(4)
    assert identical(first, trained(tmp_path / "second", noisy()))
    third = weights(trained(tmp_path / "third", noisy(), seed=1))
    assert not all(torch.equal(a, b) for a, b in zip(weights(first), third, strict=True))


def test_logs_and_pictures_change_nothing(tmp_path: Path) -> None:
    """The buffer of `Noisy` counts its calls, also in evaluation mode."""
    recipe = gancross.recipe("digits", batch_size=16, steps=4)
    often, rarely = (
        train(
            recipe, tmp_path / name, networks=noisy(), device="cpu", checkpoint_every=every, log_every=every
        )
        for name, every in (("often", 1), ("rarely", 4))
    )
    assert identical(often, rarely)


def test_the_modules_are_trained_in_place_from_their_weights(tmp_path: Path) -> None:
    generator, discriminator = networks = example()
    start = [parameter.clone() for parameter in discriminator.parameters()]
    saved = checkpoint.load(trained(tmp_path, networks, steps=1))
    assert saved.generator is None and saved.discriminator is None and saved.is_foreign
    assert saved.recipe["network"] == OWN and saved.recipe["normalization"] == "none"
    for network, state in ((generator, saved.generator_state), (discriminator, saved.discriminator_state)):
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    for parameter, before in zip(discriminator.parameters(), start, strict=True):
        assert 0 < float((parameter - before).detach().abs().max()) < 1e-3  # one step of Adam: 2e-4


def test_weights_that_are_not_to_be_trained_stay(tmp_path: Path) -> None:
    generator, discriminator = Noisy(), judge()
    frozen = discriminator.get_parameter("1.weight").requires_grad_(False)
    before = frozen.clone()
    trained(tmp_path, (generator, discriminator), steps=2)
    assert torch.equal(frozen, before) and not frozen.requires_grad


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains(objective: str, tmp_path: Path) -> None:
    networks = example()
    before = [parameter.clone() for parameter in networks[0].parameters()]
    trained(tmp_path, networks, steps=1, objective=objective)
    assert not all(torch.equal(a, b) for a, b in zip(before, networks[0].parameters(), strict=True))


class Failing(Noisy):
    """Fails at its sixth call."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        if self.calls > 5:
            raise LookupError("no such row")
        return super().forward(z)


def test_a_failure_in_training_is_one_line_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    recipe = gancross.recipe("digits", batch_size=16, steps=9)
    with pytest.raises(UsageError, match="networks: failed in training: LookupError: no such row"):
        train(recipe, tmp_path, networks=(Failing(), judge()), device="cpu", checkpoint_every=1)
    assert checkpoint.load(tmp_path / "last.pt").step == 2  # each step calls it twice


def test_what_is_said_at_the_start(tmp_path: Path) -> None:
    recipe, said = gancross.recipe("digits", batch_size=16, steps=1), list[str]()
    train(
        recipe, tmp_path / "example", networks=example(), device="cpu", note=said.append, compile=True,
        deterministic=True,
    )  # fmt: skip
    train(recipe, tmp_path / "sequence", networks=noisy(), device="cpu", note=said.append)
    assert [message.split(":")[0] for message in said] == [
        "the regularizer by double backward", "not compiled", "threads", "the regularizer in closed form",
        "threads",
    ]  # fmt: skip


def test_both_players_at_once(tmp_path: Path) -> None:
    assert trained(tmp_path, noisy(), steps=2, update="simultaneous").is_file()


def test_lazy_layers_get_their_shape_and_weights_from_the_seed(tmp_path: Path) -> None:
    def lazy() -> NetworkPair:
        generator = nn.Sequential(
            nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.LazyLinear(64), nn.Unflatten(1, (1, 8, 8)), nn.Tanh()
        )
        return generator, nn.Sequential(nn.Flatten(), nn.LazyLinear(1))

    last = trained(tmp_path / "a", lazy())
    assert identical(last, trained(tmp_path / "b", lazy()))
    generator = gancross.load_contestant(
        last, build=lazy
    ).generator  # lazy layers take the shapes of the file
    assert generator is not None and generator(torch.zeros(3, 16)).shape == (3, 1, 8, 8)


def test_vectors_have_no_range(tmp_path: Path) -> None:
    generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softplus())
    recipe = gancross.recipe("mixture", batch_size=32, steps=2)
    networks = generator, nn.Sequential(nn.Linear(3, 8), nn.GELU(), nn.Linear(8, 1), nn.Flatten(0))
    assert train(recipe, tmp_path, networks=networks, device="cpu").is_file()


class Tuple(nn.Module):
    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, int]:
        return samples.flatten(1)[:, :1], 1


class Detached(nn.Module):
    """Its scores have no gradient of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 1)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return torch.as_tensor(self.layer(samples.flatten(1)))


class Double(torch.autograd.Function):
    """2x, with one derivative."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return 2 * gradient


class Once(nn.Linear):
    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(Double.apply(super().forward(samples))).square()


class Remembering(nn.Linear):
    """Has a state that is no tensor."""

    def get_extra_state(self) -> str:
        return "state"

    def set_extra_state(self, state: str) -> None:
        """Nothing."""


IMAGES, FLAT = (nn.Unflatten(1, (1, 8, 8)), nn.Tanh()), nn.Flatten()
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a module alone": (judge, r"expected \(generator, discriminator\), .* got Sequential"),
    "three": (lambda: (Noisy(), judge(), judge()), "got 3 values"),
    "a function": (lambda: (torch.tanh, judge()), "as generator"),
    "the same module": (lambda: (judge(),) * 2, "share weights"),
    "no weights": (lambda: (Noisy(), nn.Flatten()), "discriminator has no weights to train"),
    "no values": (lambda: (Noisy().to("meta"), judge()), "on the device 'meta'"),
    "a state that is no tensor": (
        lambda: (Noisy(), nn.Sequential(FLAT, Remembering(64, 1))), "'1._extra_state' is a str"),
    "other latents": (
        lambda: (nn.Sequential(nn.Linear(3, 64), *IMAGES), judge()), r"latents of shape \(16,\).*latent_dim"),
    "latents as images": (
        lambda: (nn.Sequential(nn.ConvTranspose2d(DIM, 1, 8), nn.Tanh()), judge()),
        r"Unflatten\(1, \(16, 1, 1\)\)"),
    "other samples": (
        lambda: (nn.Sequential(nn.Linear(DIM, 64), nn.Tanh()), judge()), r"\(4, 64\).*need \(4, 1, 8, 8\)"),
    "images in [0, 1]": (
        lambda: (nn.Sequential(nn.Linear(DIM, 64), IMAGES[0], nn.Sigmoid()), judge()),
        "end in torch.nn.Tanh"),
    "another dtype": (
        lambda: (nn.Sequential(nn.Linear(DIM, 64), IMAGES[0]).double(), judge()),
        "the generator cannot take"),
    "NaN": (lambda: (nan(nn.Sequential(nn.Linear(DIM, 64), *IMAGES)), judge()), "samples are not finite"),
    "scores for other samples": (
        lambda: (Noisy(), nn.Sequential(FLAT, nn.Linear(3, 1))), r"samples of shape \(1, 8, 8\)"),
    "a map of scores": (lambda: (Noisy(), nn.Conv2d(1, 1, 3)), r"\(4, 1, 6, 6\).*flatten\(1\).mean\(1\)"),
    "one score for all": (lambda: (Noisy(), nn.Sequential(judge(), Mean())), "one score for each"),
    "a tuple": (lambda: (Noisy(), nn.Sequential(nn.Conv2d(1, 1, 1), Tuple())), "got tuple: return it alone"),
    "probabilities": (
        lambda: (Noisy(), nn.Sequential(*judge().children(), nn.Sigmoid(), nn.Flatten(0))), "in a sigmoid"),
    "detached scores": (lambda: (Noisy(), Detached()), "gradient fails"),
    "one derivative": (lambda: (Noisy(), nn.Sequential(FLAT, Once(64, 1))), "needs two derivatives"),
}  # fmt: skip


class Mean(nn.Module):
    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        return scores.mean()


def nan(network: nn.Module) -> nn.Module:
    nn.init.constant_(next(network.parameters()), math.nan)
    return network


@pytest.mark.parametrize(("networks", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    networks: Callable[[], Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        gancross.train(
            gancross.recipe("digits", steps=1), tmp_path / "run", networks=networks(), device="cpu"
        )
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()


def test_one_derivative_is_enough_without_a_regularizer(tmp_path: Path) -> None:
    networks = Noisy(), nn.Sequential(nn.Flatten(), Once(64, 1))
    assert trained(tmp_path, networks, steps=1, regularizer="none").is_file()


def test_a_run_needs_its_networks_again(tmp_path: Path) -> None:
    last = trained(tmp_path, example(), steps=2)
    content = last.read_bytes()
    recipe = gancross.recipe("digits", batch_size=16, steps=4)
    with pytest.raises(UsageError, match="networks of your own, whose code no file names: give it again"):
        train(recipe, tmp_path, device="cpu")
    with pytest.raises(UsageError, match="network=own: the networks are your own code"):
        train(recipe.with_changes({"network": OWN}), tmp_path, device="cpu")
    _, discriminator = other = noisy()
    start = [parameter.clone() for parameter in discriminator.parameters()]
    with pytest.raises(
        CheckpointError, match=r"other networks than those given: .*give the same code"
    ) as refused:
        trained(tmp_path, other)
    assert "\n" not in str(refused.value) and last.read_bytes() == content
    assert all(torch.equal(a, b) for a, b in zip(start, discriminator.parameters(), strict=True))
    trained(tmp_path, example())


def test_a_changed_recipe() -> None:
    recipe = gancross.recipe("digits", gamma=0.5, seed=3)
    assert recipe == gancross.recipe("digits").with_changes({"gamma": 0.5, "seed": 3})
    own = gancross.recipe("digits", network=OWN)
    assert own.method == "digits network=own" and Recipe.from_dict(own.to_dict()) == own
    assert OWN not in FAMILIES
    with pytest.raises(UsageError, match="unknown recipe key 'gama': did you mean 'gamma'"):
        gancross.recipe("digits", gama=1.0)
    with pytest.raises(UsageError, match="width=8 would do nothing: network=own"):
        gancross.recipe("digits", network=OWN, width=8)


def test_a_checkpoint_opens_in_python_with_its_pair(tmp_path: Path) -> None:
    last = trained(tmp_path / "run", example(), steps=2)
    with pytest.raises(UsageError, match="not gancross architectures"):
        gancross.load_contestant(last)
    contestant = gancross.load_contestant(last, build=lambda: pair(small("digits")))
    saved = checkpoint.load(last)
    for network, state in zip(
        contestant.networks, (saved.generator_state, saved.discriminator_state), strict=True
    ):
        assert not network.training
        assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert (contestant.latent_dim, contestant.data_range, contestant.batch_size) == (DIM, (-1.0, 1.0), 16)
    with pytest.raises(UsageError, match="do not fit the generator of the code given: the file has no"):
        gancross.load_contestant(last, build=noisy_pair)
    with pytest.raises(UsageError, match=r"expected \(generator, discriminator\).*got Noisy"):
        gancross.load_contestant(last, build=cast(Any, Noisy))
    gancross.save_checkpoint(tmp_path / "shared.pt", contestant)
    gancross.load_contestant(tmp_path / "shared.pt", build=lambda: pair(small("digits")))


def noisy_pair() -> NetworkPair:
    return noisy()


class Registered(MLP):
    architecture_name = "registered"


def test_a_network_registered_by_hand_opens_with_its_code(tmp_path: Path) -> None:
    """A program that adds a class to the table trains it; other programs do not know its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ARCHITECTURES, "registered", Registered)
        patch.setattr(MLP, "architecture_name", "registered")
        last = train(small("mixture"), tmp_path, device="cpu")
    with pytest.raises(CheckpointError, match=r"unknown architecture 'registered'; .*--arch"):
        gancross.load_contestant(last)

    def mlps() -> NetworkPair:
        return MLP(sizes=(2, 8, 8, 3), activation="tanh"), MLP(sizes=(3, 8, 8, 1), activation="tanh")

    assert gancross.load_contestant(last, build=mlps).latent_dim == 2


ROUTES: dict[str, Callable[[], nn.Module]] = {
    "in place": judge,
    "attention": lambda: nn.TransformerEncoderLayer(8, 2, batch_first=True),
    "recurrent": lambda: nn.LSTM(8, 8),
    "lazy": lambda: nn.LazyLinear(1),
    "parametrized": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 1))),
    "empty": nn.Sequential,
    "odd normalization": lambda: nn.Sequential(nn.BatchNorm1d(4, affine=False), nn.Linear(4, 1)),
    "padding by name": lambda: nn.Sequential(nn.Conv2d(1, 1, 3, padding="same", padding_mode="reflect")),
}  # fmt: skip


@pytest.mark.parametrize("network", ROUTES.values(), ids=ROUTES)
def test_every_module_has_a_route(network: Callable[[], nn.Module]) -> None:
    assert isinstance(route_of(network()).closed_form, bool)


@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "partly frozen"])
def test_the_gradient_is_that_of_double_backward(frozen: bool) -> None:
    """By whatever route; in-place layers overwrite what an autograd graph would need."""
    discriminator = judge().double()
    discriminator.get_submodule("1").requires_grad_(not frozen)
    copied = deepcopy(discriminator)
    real, fake = torch.rand(2, 5, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for network, route in ((discriminator, route_of(discriminator)), (copied, Route())):
        add_gradients(
            network, route, small("digits", gamma=2.0), real=real, fake=fake, gamma=2.0, update=0,
            processes=ALONE,
        )  # fmt: skip
    assert route_of(discriminator).closed_form is not frozen
    for parameter, expected in zip(discriminator.parameters(), copied.parameters(), strict=True):
        assert (parameter.grad is None) == (expected.grad is None) == (not parameter.requires_grad)
        if parameter.grad is not None and expected.grad is not None:
            torch.testing.assert_close(parameter.grad, expected.grad, rtol=1e-10, atol=1e-12)


def test_processes_share_one_pair_and_resume_bit_for_bit(tmp_path: Path) -> None:
    """Each starts with other weights: all get those of rank 0, and each draws dropout of its own."""
    script = str(ROOT / "tests" / "support" / "own_networks_in_processes.py")
    example_file = str(ROOT / "docs" / "examples" / "own_pair.py")
    ended = side_by_side(2, [script, example_file, str(tmp_path)])
    assert [process.code for process in ended] == [0, 0], ended
    assert ended[0].out == ended[1].out
    whole, _, parts = (line.split()[-1] for line in ended[0].out.splitlines())
    assert whole == parts and identical(tmp_path / "whole" / "last.pt", tmp_path / "parts" / "last.pt")
