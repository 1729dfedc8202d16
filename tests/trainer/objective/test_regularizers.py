"""Ω_JS and Ω_f against the authors' figures and finite differences; WGAN's penalty and clipping."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from gancross.divergences import DIVERGENCES, Function
from gancross.errors import UsageError
from gancross.machine.distributed import ALONE
from gancross.trainer.gradient.route import Route, add_gradients, route_of
from gancross.trainer.objective.objectives import OBJECTIVES
from gancross.trainer.objective.regularizers import (
    clip_weights,
    f_divergence,
    gradient_penalty,
    jensen_shannon,
    slope_penalty,
)
from gancross.trainer.objective.slope_penalties import SLOPE_PENALTIES, Surroundings
from gancross.trainer.recipes.fields import Setting
from gancross.trainer.recipes.named_recipes import recipe

# Figures of the paper authors' own program in float64: discriminator 3-16-16-1, tanh, γ = 0.1.
AUTHORS_REGULARIZER = 1.0759948092708667
AUTHORS_DISC_LOSS = 1.7848058266775464
AUTHORS_TOTAL = 1.8386055671410897
AUTHORS_GEN_NONSATURATING = 0.4616340040825137
AUTHORS_GEN_SATURATING = -1.1927588797275535
AUTHORS_GRAD_L2 = [
    0.5417384746858558, 0.4063289691831099, 1.32674499389113,
    0.35418574465668456, 1.4860137564240918, 0.2605552980737285,
]  # fmt: skip
AUTHORS_GRAD_FIRST = [
    0.1928500395703432, 0.0899669777025437, 0.01705509026751688,
    0.010812491057374932, 0.4644954487083999, 0.2605552980737285,
]  # fmt: skip
AUTHORS_TP, AUTHORS_FP = 0.625, 0.71875


def authors_discriminator() -> nn.Module:
    """y = x @ W + b with W_k[a,b] = 0.9 sin(1 + k + 0.7a + 1.3b), b_k[j] = 0.2 cos(k + 0.9j)."""
    sizes = (3, 16, 16, 1)
    layers: list[nn.Module] = []
    for k, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        layer = nn.Linear(fan_in, fan_out, dtype=torch.float64)
        a, b = torch.arange(fan_in, dtype=torch.float64), torch.arange(fan_out, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(0.9 * torch.sin(1 + k + 0.7 * a[None, :] + 1.3 * b[:, None]))
            layer.bias.copy_(0.2 * torch.cos(k + 0.9 * b))
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def authors_points(k: int) -> torch.Tensor:
    i, j = torch.arange(32, dtype=torch.float64), torch.arange(3, dtype=torch.float64)
    return torch.sin(0.37 * k + 0.61 * i[:, None] + 1.7 * j[None, :])


def test_authors_figures() -> None:
    discriminator = authors_discriminator()
    real, fake = authors_points(1), 0.8 * authors_points(2) + 0.1
    objective = OBJECTIVES["js-logit"]
    omega = jensen_shannon(discriminator, real, fake)
    logits_real, logits_fake = discriminator(real), discriminator(fake)
    loss = objective.discriminator_loss(real=logits_real, fake=logits_fake)
    total = loss + 0.1 / 2 * omega
    scores = {"real": logits_real, "fake": logits_fake}
    figures = [omega, loss, total, *(f(**scores) for f in objective.generator_losses.values())]
    expected = [
        AUTHORS_REGULARIZER, AUTHORS_DISC_LOSS, AUTHORS_TOTAL,
        AUTHORS_GEN_NONSATURATING, AUTHORS_GEN_SATURATING,
    ]  # fmt: skip
    assert list(objective.generator_losses) == ["non-saturating", "saturating"]
    assert [value.item() for value in figures] == pytest.approx(expected, abs=1e-9, rel=0)
    gradients = torch.autograd.grad(total, list(discriminator.parameters()))
    assert [float(g.norm()) for g in gradients] == pytest.approx(AUTHORS_GRAD_L2, abs=1e-9, rel=0)
    assert [float(g.flatten()[0]) for g in gradients] == pytest.approx(AUTHORS_GRAD_FIRST, abs=1e-9, rel=0)
    assert float((logits_real > 0).double().mean()) == AUTHORS_TP
    assert float((logits_fake > 0).double().mean()) == AUTHORS_FP


def small_discriminator(*, norm: bool = False) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    layers: list[nn.Module] = [nn.Conv2d(1, 3, 3, 2, padding=1), nn.Tanh(), nn.Conv2d(3, 4, 3, 2, padding=1)]
    layers += [nn.BatchNorm2d(4)] if norm else []
    network = nn.Sequential(*layers, nn.Softplus(), nn.Flatten(), nn.Linear(16, 1)).double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.6, generator=generator)
    return network


def images(seed: int) -> torch.Tensor:
    return torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def squared_norms_by_differences(
    discriminator: nn.Module, samples: torch.Tensor, step: float = 1e-5
) -> torch.Tensor:
    """‖∇ₓ Σ v‖² of every sample, one input dimension at a time."""
    norms = torch.zeros(len(samples), dtype=torch.float64)
    for position in range(samples.numel()):
        shift = torch.zeros(samples.numel(), dtype=torch.float64)
        shift[position] = step
        shift = shift.reshape(samples.shape)
        change = discriminator(samples + shift).sum() - discriminator(samples - shift).sum()
        norms[position // samples[0].numel()] += (change / (2 * step)) ** 2
    return norms


@torch.no_grad()
def omega_js_by_differences(discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    real_probability = torch.sigmoid(discriminator(real).flatten())
    fake_probability = torch.sigmoid(discriminator(fake).flatten())
    term_real = (1 - real_probability) ** 2 * squared_norms_by_differences(discriminator, real)
    term_fake = fake_probability**2 * squared_norms_by_differences(discriminator, fake)
    return torch.as_tensor((term_real + term_fake).mean())


@torch.no_grad()
def omega_f_by_differences(discriminator: nn.Module, fake: torch.Tensor, name: str) -> torch.Tensor:
    """Through ψ, not v: f*''(ψ)‖∇ψ‖² with ψ differentiated as a whole."""
    entry = DIVERGENCES[name]
    psi = nn.Sequential(discriminator, Activation(entry.activation))
    norms = squared_norms_by_differences(psi, fake)
    return torch.as_tensor((entry.conjugate_second(psi(fake).flatten()) * norms).mean())


class Activation(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        return self.function(scores)


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "batch-norm"])
def test_omega_js_by_finite_differences(norm: bool) -> None:
    discriminator, real, fake = small_discriminator(norm=norm), images(2), images(3)
    expected = omega_js_by_differences(discriminator, real, fake)
    torch.testing.assert_close(
        jensen_shannon(discriminator, real, fake).detach(), expected, rtol=1e-7, atol=0
    )


@pytest.mark.parametrize("name", DIVERGENCES)
def test_omega_f_by_finite_differences(name: str) -> None:
    discriminator, fake = small_discriminator(), images(3)
    expected = omega_f_by_differences(discriminator, fake, name)
    torch.testing.assert_close(f_divergence(discriminator, fake, name).detach(), expected, rtol=1e-7, atol=0)


# The formulas of today's programs by numpy, with complex steps for gradients: the discriminator and the
# samples of the authors' figures above. Total loss, then the L2 norm of its gradient by each parameter.
# GAN_stability: softplus(−D(x)) + softplus(D(G)) + reg_param·‖∇D‖², reg_param 10, ∇D at x, at G or at both.
# R3GAN: softplus(−(D(x) − D(G))) + γ/2·(R1 + R2), γ 0.05.
TODAY: dict[str, tuple[dict[str, Setting], float, list[float]]] = {
    "r1": ({"regularizer": "r1", "gamma": 20.0}, 19.914293621273774, [
        36.47008924596651, 18.18387385310983, 86.03768419565014, 9.735948703265151, 80.26906383851129,
        0.258349434689926]),
    "r2": ({"regularizer": "r2", "gamma": 20.0}, 20.736279007445642, [
        51.047422139513316, 26.011593094573136, 110.07168307575289, 29.64954779907788, 82.2055723735519,
        0.258349434689926]),
    "r1+r2": ({"regularizer": "r1+r2", "gamma": 20.0}, 38.86576680204187, [
        79.8656386491122, 29.55673595395282, 192.49025855891148, 35.61120808757466, 160.75084800969327,
        0.258349434689926]),
    "r3gan": ({"objective": "relativistic", "regularizer": "r1+r2", "gamma": 0.05}, 0.9208783808276824, [
        0.38290293499946254, 0.18903464838633788, 0.932798500009268, 0.2240804426326824, 0.8256351987201302,
        0.0]),
}  # fmt: skip


@pytest.mark.parametrize("closed_form", [False, True], ids=["double-backward", "closed-form"])
@pytest.mark.parametrize("name", TODAY)
def test_figures_of_todays_programs(name: str, closed_form: bool) -> None:
    changes, total, norms = TODAY[name]
    chosen = recipe("mixture").with_changes(changes)
    discriminator, real, fake = authors_discriminator(), authors_points(1), 0.8 * authors_points(2) + 0.1
    result = add_gradients(
        discriminator, route_of(discriminator) if closed_form else Route(), chosen, real=real, fake=fake,
        gamma=chosen.gamma, update=0, processes=ALONE,
    )  # fmt: skip
    assert result.penalty is not None
    assert float(result.loss + chosen.gamma / 2 * result.penalty) == pytest.approx(total, rel=1e-12)
    gradients = [weight.grad for weight in discriminator.parameters() if weight.grad is not None]
    assert [float(g.norm()) for g in gradients] == pytest.approx(norms, rel=1e-10, abs=1e-12)


# By numpy likewise, at ε_i = i/31; DRAGAN at U = (1 + sin …)/2 and α_i = (1 + cos i)/2. Norms as above.
SLOPES: dict[str, tuple[float, list[float]]] = {
    "gradient-penalty": (0.5346817572187463, [
        1.9369779800231879, 1.190825324700938, 4.388208279216232, 1.169409683351895, 3.804109229763124]),
    "lipschitz-penalty": (0.41957787714446704, [
        1.9064136251257169, 0.9427562807959705, 4.636217354170151, 0.9622399112739127, 3.8277796318741677]),
    "dragan": (0.4994947069749557, [
        1.703384885458849, 0.9883893315121175, 3.773656822647339, 0.9814559133069294, 3.265671380563646]),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPE_PENALTIES)
def test_slope_penalties_are_those_of_their_programs(name: str) -> None:
    entry, (value, norms) = SLOPE_PENALTIES[name], SLOPES[name]
    i = torch.arange(32, dtype=torch.float64)
    draws = torch.cat([(1 + torch.cos(i))[:, None] / 2, (1 + authors_points(5)) / 2], dim=1)
    batch = Surroundings(
        real=authors_points(1), fake=0.8 * authors_points(2) + 0.1, mean=lambda mean: mean,
        uniforms=lambda k: i[:, None] / 31 if k == 1 else draws,
    )  # fmt: skip
    discriminator = authors_discriminator()
    penalty = slope_penalty(discriminator, entry.points(batch), entry.penalty)
    assert penalty.item() == pytest.approx(value, rel=1e-12)
    weights = list(discriminator.parameters())[:-1]  # not the last bias, on which no slope depends
    gradients = torch.autograd.grad(penalty, weights)
    assert [float(g.norm()) for g in gradients] == pytest.approx(norms, rel=1e-10)


def test_slopes_below_1_cost_only_the_two_sided_penalties() -> None:
    slopes = torch.tensor([0.0, 0.5, 1.0, 3.0])
    expected = {"gradient-penalty": [1.0, 0.25, 0.0, 4.0], "lipschitz-penalty": [0.0, 0.0, 0.0, 4.0]}
    for name, penalties in expected.items():
        assert SLOPE_PENALTIES[name].penalty(slopes).tolist() == penalties


Penalty = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


def f_penalty(name: str) -> Penalty:
    return lambda d, real, fake: f_divergence(d, fake, name)


PENALTIES: dict[str, Penalty] = {
    "js": jensen_shannon,
    **{name: f_penalty(name) for name in DIVERGENCES},
    "wgan-gp": lambda d, real, fake: gradient_penalty(
        d, real, fake, torch.linspace(0, 1, len(real), dtype=real.dtype)
    ),
}


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "batch-norm"])
@pytest.mark.parametrize("name", PENALTIES)
def test_parameter_gradient_by_finite_differences(name: str, norm: bool) -> None:
    """Along a random direction in all parameters: the gradient flows through norm and weight alike."""
    discriminator, real, fake = small_discriminator(norm=norm), images(2), images(3)
    penalty = PENALTIES[name]
    parameters = list(discriminator.parameters())
    gradients = torch.autograd.grad(penalty(discriminator, real, fake), parameters, allow_unused=True)
    generator = torch.Generator().manual_seed(4)
    direction = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in parameters]
    slope = sum((g * d).sum().item() for g, d in zip(gradients, direction, strict=True) if g is not None)

    def moved(step: float) -> float:
        with torch.no_grad():
            for parameter, d in zip(parameters, direction, strict=True):
                parameter.add_(d, alpha=step)
        value = float(penalty(discriminator, real, fake).detach())
        with torch.no_grad():
            for parameter, d in zip(parameters, direction, strict=True):
                parameter.sub_(d, alpha=step)
        return value

    assert slope == pytest.approx((moved(1e-6) - moved(-1e-6)) / 2e-6, rel=1e-6)


def test_gan_and_jensen_shannon_penalise_alike() -> None:
    discriminator, fake = small_discriminator(), images(3)
    gan, js = (f_divergence(discriminator, fake, name) for name in ("gan", "jensen-shannon"))
    torch.testing.assert_close(gan, js)


def test_total_variation_is_refused() -> None:
    with pytest.raises(UsageError, match=r"f\*'' = 0"):
        f_divergence(small_discriminator(), images(3), "total-variation")


def test_penalties_have_no_gradient_in_the_samples_origin() -> None:
    source = images(3).requires_grad_(True)
    discriminator = small_discriminator()
    for value in (
        jensen_shannon(discriminator, source * 2, source * 3),
        f_divergence(discriminator, source * 2, "kl"),
    ):
        torch.autograd.backward(value)
    assert source.grad is None


def test_gradient_penalty_of_a_linear_critic() -> None:
    critic = nn.Linear(4, 1, dtype=torch.float64)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[1.0, 2.0, 2.0, 4.0]]))
    samples = torch.zeros(3, 4, dtype=torch.float64)
    penalty = gradient_penalty(critic, samples, samples + 1, torch.full((3,), 0.5, dtype=torch.float64))
    assert penalty.item() == (5 - 1) ** 2


def test_gradient_penalty_is_taken_between_the_pairs() -> None:
    inputs: list[torch.Tensor] = []
    critic = nn.Linear(1, 1, dtype=torch.float64)
    critic.register_forward_hook(lambda module, arguments, result: inputs.append(arguments[0].detach()))
    real, fake = torch.tensor([[1.0], [1.0], [1.0]]).double(), torch.tensor([[3.0], [3.0], [3.0]]).double()
    gradient_penalty(critic, real, fake, torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64))
    assert inputs[0].flatten().tolist() == [3.0, 2.5, 1.0]


def test_gradient_penalty_of_a_flat_critic_has_a_finite_gradient() -> None:
    critic = nn.Linear(2, 1)
    nn.init.zeros_(critic.weight)
    torch.autograd.backward(gradient_penalty(critic, torch.zeros(2, 2), torch.ones(2, 2), torch.rand(2)))
    assert critic.weight.grad is not None and bool(critic.weight.grad.isfinite().all())


def test_clipping_bounds_every_weight_and_keeps_the_small_ones() -> None:
    critic = small_discriminator(norm=True)
    before = [parameter.detach().clone() for parameter in critic.parameters()]
    clip_weights(critic, 0.01)
    for old, new in zip(before, critic.parameters(), strict=True):
        assert torch.equal(old.clamp(-0.01, 0.01), new.detach())
