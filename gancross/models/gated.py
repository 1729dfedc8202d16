"""The DCGAN pair with gates σ(a)·tanh(b) for hidden nonlinearities, after the authors' 64×64 program.

Every hidden layer is twice as wide as the DCGAN's and the gate halves it again. Convolutions have He
weights here, the linear layers Glorot ones (`gancross.models.initialization`).
"""

from __future__ import annotations

from torch import nn

from gancross.models.dcgan import stage_widths
from gancross.models.initialization import he_convolutions
from gancross.models.layers import Gate, Normalization, normalize
from gancross.models.network import Network


class GatedGenerator(Network, nn.Sequential):
    """Latents (N, latent_dim) → images (N, channels, image_size, image_size) in [−1, 1] through tanh.

    Raises:
        UsageError: an unknown text, or image_size is not bottom·2ᵏ with k ≥ 1.
    """

    architecture_name = "gated-generator"
    initial_std = staticmethod(he_convolutions)

    def __init__(
        self, *, image_size: int, channels: int, width: int, latent_dim: int,
        normalization: Normalization = "batch", bottom: int = 4,
    ) -> None:  # fmt: skip
        widths = stage_widths(image_size, width, bottom)[::-1]
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, 2 * widths[0] * bottom * bottom),
            nn.Unflatten(1, (2 * widths[0], bottom, bottom)),
        ]
        for inputs, outputs in zip(widths, [*(2 * width for width in widths[1:]), channels], strict=True):
            layers += [*normalize(2 * inputs, normalization), Gate()]
            layers.append(nn.ConvTranspose2d(inputs, outputs, 5, 2, padding=2, output_padding=1))
        super().__init__(*layers, nn.Tanh())
        self.input_shape, self.output_shape = (latent_dim,), (channels, image_size, image_size)


class GatedDiscriminator(Network, nn.Sequential):
    """Images (N, channels, image_size, image_size) → logits (N, 1); no normalization in the first layer.

    Raises:
        UsageError: an unknown text, or image_size is not bottom·2ᵏ with k ≥ 1.
    """

    architecture_name = "gated-discriminator"
    initial_std = staticmethod(he_convolutions)

    def __init__(
        self, *, image_size: int, channels: int, width: int,
        normalization: Normalization = "batch", bottom: int = 4,
    ) -> None:  # fmt: skip
        widths = stage_widths(image_size, width, bottom)
        layers: list[nn.Module] = []
        for inputs, outputs in zip([channels, *widths], widths, strict=False):
            layers.append(nn.Conv2d(inputs, 2 * outputs, 5, 2, padding=2))
            if len(layers) > 1:
                layers += normalize(2 * outputs, normalization)
            layers.append(Gate())
        super().__init__(*layers, nn.Flatten(), nn.Linear(widths[-1] * bottom * bottom, 1))
        self.input_shape, self.output_shape = (channels, image_size, image_size), (1,)
