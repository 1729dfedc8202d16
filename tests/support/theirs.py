"""Networks with the interfaces of other projects, for the examples of docs/how-to/models.md.

All discriminators say the same of an image, all generators make the same images; only what they return
differs. So every example that describes its network rightly has the figures of the first one.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

LATENTS, CLASSES, MARGIN = 16, 10, 10.0


class _Then(nn.Module):
    """A network, and what its project does with its output before it returns it."""

    def __init__(self, network: nn.Module, then: Any) -> None:
        super().__init__()
        self.network, self.then = network, then

    def forward(self, *inputs: Any) -> Any:
        return self.then(self.network(*inputs))


class _Reconstruction(nn.Module):
    """Reconstructs images with an error of its own choice, in every value."""

    def __init__(self, network: nn.Module, error: Any) -> None:
        super().__init__()
        self.network, self.error = network, error

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        errors: torch.Tensor = self.error(self.network(images))
        return images + errors[:, :, None, None]


class _ListOfLatents(nn.Module):
    """As StyleGAN2's `G([z])` returns images and latents."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, styles: list[torch.Tensor]) -> tuple[torch.Tensor, None]:
        return self.network(styles[0]), None


class _NoiseAndCode(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, noise: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = self.network(torch.cat([noise, code], 1))
        return images


def _levels(images: torch.Tensor) -> torch.Tensor:
    return (images + 1) * 127.5


with torch.random.fork_rng():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(LATENTS, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))
    logits = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    _fake_logit = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))


def _with_fake_class(v: torch.Tensor) -> torch.Tensor:
    """K equal logits and one more, so that their log-sum-exp less the last one is v."""
    fake = v.sin()
    return torch.cat([(v + fake - math.log(CLASSES)).repeat(1, CLASSES), fake], 1)


def _patches(v: torch.Tensor) -> torch.Tensor:
    """A map (N, 1, 2, 2) whose mean is v."""
    return v[:, :, None, None] + torch.tensor([[-1.0, 1.0], [2.0, -2.0]])


# By their losses.
probabilities = _Then(logits, torch.sigmoid)
hinge = _Then(logits, lambda v: v)
squares = _Then(logits, lambda v: v + 0.5)
signed_squares = _Then(logits, lambda v: v)
other_squares = _Then(logits, lambda v: v + 2)  # targets 1 and 3
critic = _Then(logits, lambda v: v + 8)
relativistic = _Then(logits, lambda v: v - 8)
classes = _Then(logits, lambda v: (v - math.log(CLASSES)).repeat(1, CLASSES))
classes_and_fake = _Then(logits, _with_fake_class)
acgan = _Then(logits, lambda v: (v.sigmoid(), v.repeat(1, CLASSES)))
ebgan = _Reconstruction(logits, lambda v: (MARGIN / 2 * torch.exp(-v / 4)).sqrt())
began = _Reconstruction(logits, lambda v: torch.exp(-v / 4))
patches = _Then(logits, lambda v: _patches(v + 0.5))
two_scales = _Then(
    logits, lambda v: [[v, _patches(v + 1)], [v, _patches(v)]]
)  # pix2pixHD: features, then maps
low_for_data = _Then(logits, torch.neg)

# By what they return.
flat = _Then(logits, lambda v: v[:, 0])
maps = _Then(logits, _patches)
score_and_features = _Then(logits, lambda v: (v, v.repeat(1, 64)))
heads = _Then(logits, lambda v: {"cls_output": v.repeat(1, CLASSES), "adv_output": v})
pyramid = _Then(logits, lambda v: [_patches(3 * v), _patches(v)])
unit_logits = nn.Sequential(_Then(nn.Identity(), lambda x: 2 * x - 1), logits)
unit_generator = _Then(generator, lambda x: (x + 1) / 2)
level_generator = _Then(generator, _levels)
byte_generator = _Then(generator, lambda x: _levels(x).round().to(torch.uint8))
styled = _Then(generator, lambda x: (x, x.mean((1, 2, 3))))
growing = _Then(generator, lambda x: [x[:, :, ::2, ::2], x])
named = _Then(generator, lambda x: {"images": x, "mask": x > 0})
channels_last = _Then(generator, lambda x: x.permute(0, 2, 3, 1))
stylegan2 = _ListOfLatents(generator)
infogan = _NoiseAndCode(generator)


# By projects: the calls that they are made for.
class _SquareLatents(nn.Module):
    """PyTorch's DCGAN tutorial: latents (N, nz, 1, 1)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.main = network

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        assert latents.ndim == 4
        images: torch.Tensor = self.main(latents.flatten(1))
        return images


class _StyleGAN2(nn.Module):
    """rosinality's stylegan2-pytorch: a list of latents, (images, None) or (images, latents)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, styles: list[torch.Tensor], return_latents: bool = False, truncation: float = 1,
        randomize_noise: bool = True,
    ) -> tuple[torch.Tensor, list[torch.Tensor] | None]:  # fmt: skip
        images: torch.Tensor = self.network(truncation * styles[0])
        if randomize_noise:
            images = (images + 0.1 * torch.randn_like(images)).clamp(-1, 1)
        return images, styles if return_latents else None


class _WithCondition(nn.Module):
    """NVIDIA's stylegan2-ada-pytorch and stylegan3: a condition beside the input, or None."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, inputs: torch.Tensor, c: torch.Tensor | None, truncation_psi: float = 1
    ) -> torch.Tensor:
        outputs: torch.Tensor = self.network(inputs)
        return outputs


class _Mimicry(nn.Module):
    """mimicry: labels that may be left out; self-supervised ones return two outputs."""

    def __init__(self, network: nn.Module, *, two: bool) -> None:
        super().__init__()
        self.network, self.two = network, two

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> Any:
        output = self.network(x)
        return (output, output.repeat(1, 4)) if self.two else output


class _LightweightGAN(nn.Module):
    """lucidrains: averaged weights in GE; images in 0…1; three outputs, low for data."""

    def __init__(self) -> None:
        super().__init__()
        self.GE = unit_generator
        self.D = _Then(unit_logits, lambda v: (_patches(-v).flatten(1), -v, None))


tutorial_generator = _SquareLatents(generator)
g_ema = _StyleGAN2(generator)
nvidia_generator, nvidia_discriminator = _WithCondition(generator), _WithCondition(logits)
mimicry_generator, ssgan_discriminator = _Mimicry(generator, two=False), _Mimicry(logits, two=True)
lightweight_gan = _LightweightGAN()
