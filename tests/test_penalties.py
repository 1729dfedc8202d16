"""gancross.penalties against automatic differentiation in float64, on networks as people write them."""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from discriminators import assert_close_gradients
from hypothesis import given, settings
from hypothesis import strategies as st
from imports import heavy_imports
from loop_networks import CASES, SHAPE, Batch, Case, Residual, Wrapper, network_and_batch, plain
from torch import nn
from torch.nn.utils import parametrize

from gancross import penalties
from gancross.errors import UsageError
from gancross.trainer.gradient import tracing

GAMMA = 0.7


def losses(real: torch.Tensor, fake: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of some objectives, written out."""
    zero = torch.zeros(()).double()
    return {
        "js-logit": torch.logaddexp(zero, -real).mean() + torch.logaddexp(zero, fake).mean(),
        "kl": (fake - 1).exp().mean() - real.mean(),
        "lsgan": ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2,
        "wgan": fake.mean() - real.mean(),
    }


def one(v: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(v)


Weight = Callable[[torch.Tensor], torch.Tensor] | None
# objective, penalty, weights of the squared norm of real and of generated samples
PENALTIES: dict[str, tuple[str, str, Weight, Weight]] = {
    "Omega_JS": ("js-logit", "jensen-shannon", lambda v: (1 - v.sigmoid()) ** 2, lambda v: v.sigmoid() ** 2),
    "Omega_f": ("kl", "f-divergence", None, lambda v: (v - 1).exp()),
    "R1": ("js-logit", "r1", one, None),
    "R2": ("lsgan", "r2", None, one),
    "R1+R2": ("wgan", "r1+r2", one, one),
    "none": ("js-logit", "none", None, None),
}  # fmt: skip


def plain_loop(network: nn.Module, batch: Batch, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and penalty by D(real), D(fake) and double backward, without gancross; adds the gradients."""
    objective, _, *weights = PENALTIES[name]
    scores, penalty = [], torch.zeros(()).double()
    labels_of = batch.labels.get("real_labels"), batch.labels.get("fake_labels")
    for samples, labels, weight in zip((batch.real, batch.fake), labels_of, weights, strict=True):
        x = samples.clone().requires_grad_(True)
        v = network(x, *([] if labels is None else [labels])).flatten()
        scores.append(v)
        if weight is not None:
            (gradient,) = torch.autograd.grad(v.sum(), x, create_graph=True)
            penalty = penalty + (weight(v) * (gradient**2).sum((1, 2, 3))).mean()
    loss = losses(*scores)[objective]
    torch.autograd.backward(loss + GAMMA / 2 * penalty)
    return loss, penalty


def gradients(network: nn.Module) -> list[torch.Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", CASES)
def test_gradients_and_buffers_are_those_of_the_plain_loop(name: str, penalty: str) -> None:
    """Two steps: the second starts from buffers that the first has changed, and adds to its gradients."""
    network, reference, batch = network_and_batch(CASES[name])
    objective, chosen, *_ = PENALTIES[penalty]
    for step in range(2):
        torch.manual_seed(step)  # of dropout and noise
        expected, expected_penalty = plain_loop(reference, batch, penalty)
        torch.manual_seed(step)
        result = penalties.backward(
            network, real=batch.real, fake=batch.fake, objective=objective, penalty=chosen, gamma=GAMMA,
            **batch.labels,
        )  # fmt: skip
        torch.testing.assert_close(result.loss, expected.detach(), rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(result.penalty, expected_penalty.detach(), rtol=1e-10, atol=1e-14)
    assert_close_gradients(gradients(network), gradients(reference))
    for (key, buffer), value in zip(network.named_buffers(), reference.buffers(), strict=True):
        assert torch.equal(buffer, value), key
    assert not (result.loss.requires_grad or result.penalty.requires_grad or result.scores_real.requires_grad)
    assert result.scores_real.shape == (5,) and result.scores_fake.shape == (4,)


@pytest.mark.parametrize("name", CASES)
def test_every_network_takes_its_route(name: str, caplog: pytest.LogCaptureFixture) -> None:
    case = CASES[name]
    network, reference, batch = network_and_batch(case)
    labels = batch.labels.get("real_labels")
    before = torch.get_rng_state()
    route = penalties.route(network, batch.real, labels=labels)
    assert route.closed_form == case.route.endswith("passes") and case.route in route.description
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in network.parameters())
    for key, value in reference.state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key
    with caplog.at_level(logging.INFO, "gancross.penalties"):
        for _ in range(2):
            penalties.backward(network, real=batch.real, fake=batch.fake, gamma=GAMMA, **batch.labels)
    lines = [record.message for record in caplog.records if record.name == "gancross.penalties"]
    assert lines == [f"{type(network).__name__}: {route.description}"]


@st.composite
def networks(draw: st.DrawFn) -> nn.Module:
    """Stacks of convolutions, normalizations, activations, pools and shortcuts."""
    torch.manual_seed(draw(st.integers(0, 99)))
    layers: list[nn.Module] = []
    width = 3
    for _ in range(draw(st.integers(1, 3))):
        outputs = draw(st.integers(1, 3))
        layer: nn.Module = nn.Conv2d(
            width, outputs, draw(st.sampled_from([1, 3])), padding=1, bias=draw(st.booleans())
        )
        if draw(st.booleans()):
            layer = nn.utils.parametrizations.spectral_norm(layer)
        layers.append(layer)
        layers += draw(st.sampled_from([[], [nn.BatchNorm2d(outputs)], [nn.MaxPool2d(2)], [nn.AvgPool2d(2)]]))
        layers.append(
            draw(st.sampled_from([nn.ReLU(), nn.LeakyReLU(0.1), nn.Tanh(), nn.Identity(), nn.ELU()]))
        )
        width = outputs
    head = Residual(lambda layer: layer)
    head.blocks = nn.Sequential(*layers)
    head.out = nn.Linear(width, 1)
    return Wrapper(head)


@given(networks(), st.sampled_from(list(PENALTIES)))
@settings(max_examples=25)
def test_random_networks(network: nn.Module, penalty: str) -> None:
    network.double()
    state = {key: value.clone() for key, value in network.state_dict().items()}
    batch = Batch(torch.randn(3, *SHAPE).double(), torch.randn(2, *SHAPE).double(), {})
    plain_loop(network, batch, penalty)
    expected = [gradient.clone() for gradient in gradients(network)]
    after = {key: value.clone() for key, value in network.state_dict().items()}
    network.zero_grad()
    network.load_state_dict(state)
    objective, chosen, *_ = PENALTIES[penalty]
    penalties.backward(
        network, real=batch.real, fake=batch.fake, objective=objective, penalty=chosen, gamma=GAMMA
    )
    assert_close_gradients(gradients(network), expected)
    assert all(torch.equal(value, after[key]) for key, value in network.state_dict().items())


def test_tracing_happens_once_for_every_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    network, _, batch = network_and_batch(CASES["residual"])
    calls = []

    def counted(*args: object, **kwargs: object) -> object:
        calls.append(1)
        return original(*args, **kwargs)  # type: ignore[arg-type]

    original = tracing.traced
    monkeypatch.setattr("gancross.trainer.gradient.structure.traced", counted)
    for training in (True, True, False, True, False):
        network.train(training)
        penalties.backward(network, real=batch.real, fake=batch.fake, gamma=GAMMA, score=lambda out: out)
    assert len(calls) == 2


def test_a_number_that_changes_between_steps_is_read_anew() -> None:
    class Fading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.alpha, self.settings = nn.Linear(192, 1), 0.5, {"beta": 1.0}

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.alpha * self.settings["beta"] * self.linear(x.flatten(1))
            return result

    network = Fading().double()
    x = torch.randn(4, *SHAPE).double()
    norms = []
    for alpha, beta in ((0.5, 1.0), (1.0, 1.0), (1.0, 2.0)):
        network.alpha, network.settings["beta"] = alpha, beta
        norms.append(float(penalties.backward(network, real=x, fake=x, penalty="r1", gamma=1.0).penalty))
    assert norms[1:] == pytest.approx([4 * norms[0], 16 * norms[0]])


def test_forgotten_networks_are_freed() -> None:
    import gc
    import weakref

    network, _, batch = network_and_batch(CASES["spectral norm, residual"])
    penalties.backward(network, real=batch.real, fake=batch.fake, gamma=GAMMA)
    reference = weakref.ref(network)
    del network
    gc.collect()
    assert reference() is None


def test_patches_need_a_score() -> None:
    patches = Case(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 1, 3)))
    network, reference, batch = network_and_batch(patches)
    with pytest.raises(UsageError, match=r"\(5, 1, 4, 4\) for 5 samples.*score=lambda"):
        penalties.backward(network, real=batch.real, fake=batch.fake, gamma=GAMMA)
    for _ in range(2):
        penalties.backward(
            network, real=batch.real, fake=batch.fake, gamma=GAMMA, score=lambda out: out.flatten(1).mean(1)
        )
        plain_loop(nn.Sequential(reference, nn.Flatten(), nn.AvgPool1d(16)), batch, "Omega_JS")
    assert_close_gradients(gradients(network), gradients(reference))
    assert penalties.route(network, batch.real, score=lambda out: out.flatten(1).mean(1)).closed_form


def test_tuples_need_a_score() -> None:
    class Tuple(Wrapper):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
            return self.net(x), 1

    network, reference, batch = network_and_batch(CASES["plain"])
    with pytest.raises(UsageError, match=r"returns a tuple.*score=lambda out: out\[0\]"):
        penalties.backward(Tuple(network), real=batch.real, fake=batch.fake, gamma=GAMMA)
    score = operator.itemgetter(0)
    penalties.backward(Tuple(network), real=batch.real, fake=batch.fake, gamma=GAMMA, score=score)
    plain_loop(reference, batch, "Omega_JS")
    assert_close_gradients(gradients(network), gradients(reference))
    assert penalties.route(Tuple(network), batch.real, score=score).closed_form


class FunctionalSigmoid(nn.Module):
    """A sigmoid that is not a module."""

    def __init__(self) -> None:
        super().__init__()
        self.net = plain()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.net(x)).view(-1)


class Gated(nn.Module):
    """A sigmoid inside that is not the last step."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.gate = nn.Linear(192, 1), nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.gate(self.linear(x.flatten(1))) * 0.5
        return result


def test_probabilities_are_refused() -> None:
    x = torch.randn(4, *SHAPE)
    squeezed = FunctionalSigmoid()
    for network in (
        nn.Sequential(plain(), nn.Sigmoid()),
        nn.Sequential(plain(), nn.Sigmoid(), nn.Flatten(0)),
        squeezed,
    ):
        with pytest.raises(UsageError, match=r"probabilities.*return the logits"):
            penalties.backward(network, real=x, fake=x, gamma=GAMMA)
    with pytest.raises(UsageError, match="return the logits; if it does so, say so by score="):
        penalties.backward(Gated(), real=x, fake=x, gamma=GAMMA)
    penalties.backward(Gated(), real=x, fake=x, gamma=GAMMA, score=lambda out: out)


def test_errors_say_what_to_do() -> None:
    network, x = plain(), torch.randn(4, *SHAPE)

    def refused(match: str, network: nn.Module = network, **changes: object) -> None:
        with pytest.raises(UsageError, match=match) as caught:
            penalties.backward(network, **{"real": x, "fake": x, "gamma": 0.1} | changes)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
        assert all(parameter.grad is None for parameter in network.parameters())

    refused("one real sample or more", real=x[:0])
    refused("one fake sample or more", fake=x[0, 0, 0])
    refused("differ: .*3, 8, 8.*against.*3, 4, 4", fake=x[:, :, ::2, ::2])
    refused("convert them to floating point", real=x.int())
    refused("fake samples are on meta, the discriminator on cpu", fake=x.to("meta"))
    refused("does not take samples", real=x[:, :2], fake=x[:, :2])
    refused("does not take samples", real=x.double(), fake=x.double())
    refused("gamma must be a finite number ≥ 0, got -1", gamma=-1)
    refused("gamma must be", gamma=math.nan)
    refused("unknown objective 'js': ", objective="js")
    refused("unknown penalty 'r3': choose from", penalty="r3")
    refused("'jensen-shannon' is defined for js-logit, not for 'kl'", objective="kl")
    refused("real_labels and fake_labels, or neither", real_labels=torch.zeros(4))
    refused("real_labels: expected 4 on cpu, got 3", real_labels=torch.zeros(3), fake_labels=torch.zeros(4))
    refused("takes no labels", real_labels=torch.zeros(4), fake_labels=torch.zeros(4))
    refused("no parameter of the discriminator", network=plain().requires_grad_(False))
    refused("expected a tensor of real samples", real=[1.0])
    with torch.no_grad():
        refused(r"outside of torch\.no_grad")
    with pytest.raises(UsageError, match=r"expected a torch\.nn\.Module"):
        penalties.backward(lambda x: x, real=x, fake=x, gamma=0.1)  # type: ignore[arg-type]


def test_values_of_other_types_are_refused() -> None:
    network, _, batch = network_and_batch(CASES["residual"])
    for gamma in (None, "1", [1]):
        with pytest.raises(UsageError, match="gamma must be a finite number"):
            penalties.backward(network, real=batch.real, fake=batch.fake, gamma=gamma)  # type: ignore[arg-type]
    labels: Any = [0] * len(batch.real)
    with pytest.raises(UsageError, match="real_labels: expected a tensor, got list"):
        penalties.backward(
            network, real=batch.real, fake=batch.fake, gamma=1.0, real_labels=labels, fake_labels=labels
        )


def test_frozen_parameters_stay_without_gradient() -> None:
    for name in ("plain", "spectral norm", "functional"):
        network, reference, batch = network_and_batch(CASES[name])
        for candidate in (network, reference):
            next(candidate.parameters()).requires_grad_(False)
        penalties.backward(network, real=batch.real, fake=batch.fake, gamma=GAMMA)
        plain_loop(reference, batch, "Omega_JS")
        assert next(network.parameters()).grad is None
        assert_close_gradients(gradients(network), gradients(reference))


def test_compiled_networks_take_the_route_of_the_original() -> None:
    """torch has no gradients of gradients of a compiled function; nothing is compiled here."""
    network, reference, batch = network_and_batch(CASES["residual"])
    penalties.backward(torch.compile(network), real=batch.real, fake=batch.fake, gamma=GAMMA)  # type: ignore[arg-type]
    plain_loop(reference, batch, "Omega_JS")
    assert_close_gradients(gradients(network), gradients(reference))


def test_distributed_networks_are_refused() -> None:
    class Distributed(nn.parallel.DistributedDataParallel):
        def __init__(self) -> None:
            nn.Module.__init__(self)

    with pytest.raises(UsageError, match=r"pass its \.module, and average"):
        penalties.route(Distributed(), torch.zeros(2, *SHAPE))


def test_cached_parametrizations() -> None:
    network, reference, batch = network_and_batch(CASES["spectral norm"])
    for _ in range(2):
        with parametrize.cached():
            penalties.backward(network, real=batch.real, fake=batch.fake, gamma=GAMMA)
        with parametrize.cached():
            plain_loop(reference, batch, "Omega_JS")
    assert all(map(torch.equal, network.buffers(), reference.buffers()))
    assert_close_gradients(gradients(network), gradients(reference))


def test_hooks_of_parameters_and_autocast_are_respected() -> None:
    network, reference, batch = network_and_batch(CASES["plain"])
    for candidate in (network, reference):
        next(candidate.parameters()).register_hook(lambda gradient: 3 * gradient)  # type: ignore[no-untyped-call]
    assert "hooks on parameters" in penalties.route(network, batch.real).description
    penalties.backward(network, real=batch.real, fake=batch.fake, gamma=GAMMA)
    plain_loop(reference, batch, "Omega_JS")
    assert_close_gradients(gradients(network), gradients(reference))
    with torch.autocast("cpu", torch.bfloat16):
        assert "autocast" in penalties.route(plain(), batch.real.float()).description


def test_functions_are_the_formulas() -> None:
    """Of v(x) = a·x, whose gradient is a."""
    a = torch.tensor([[3.0, 4.0]]).double()
    network = nn.Linear(2, 1, bias=False).double()
    with torch.no_grad():
        network.weight.copy_(a)
    real, fake = torch.randn(3, 2).double(), torch.randn(4, 2).double()
    v_real, v_fake = (real @ a.t()).flatten(), (fake @ a.t()).flatten()
    assert penalties.r1(network, real).item() == pytest.approx(25)
    assert penalties.r2(network, fake).item() == pytest.approx(25)
    assert penalties.gradient_penalty(network, real, real).item() == pytest.approx(16)
    expected = 25 * ((1 - v_real.sigmoid()).square().mean() + v_fake.sigmoid().square().mean())
    assert penalties.omega_js(network, real, fake).item() == pytest.approx(expected.item())
    expected = 25 * (v_fake - 1).exp().mean()
    assert penalties.omega_f(network, fake, "kl").item() == pytest.approx(expected.item())
    torch.autograd.backward(penalties.r1(network, real))
    assert network.weight.grad is not None and torch.allclose(network.weight.grad, 2 * a)
    with pytest.raises(UsageError, match="need pairs of samples"):
        penalties.gradient_penalty(network, real, fake)


def test_penalties_are_not_imported_before_they_are_used() -> None:
    assert not heavy_imports("import gancross")[0]
