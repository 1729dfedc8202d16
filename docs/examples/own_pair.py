"""A generator and a discriminator of your own for `gancross train digits --networks own_pair.py:pair`."""

from torch import nn


class Discriminator(nn.Module):
    """Images (N, 1, 8, 8) → one raw score each, (N, 1)."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.second = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.score = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 1))

    def forward(self, images):
        """The scores."""
        features = nn.functional.leaky_relu(self.first(images), 0.2)
        return self.score(nn.functional.leaky_relu(self.second(features), 0.2))


def pair(recipe):
    """(generator, discriminator); the generator maps latents (N, latent_dim) to images in [−1, 1]."""
    generator = nn.Sequential(
        nn.Linear(recipe.latent_dim, 128), nn.SiLU(), nn.Unflatten(1, (32, 2, 2)),
        nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.BatchNorm2d(16), nn.SiLU(),
        nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1), nn.Tanh(),
    )  # fmt: skip
    return generator, Discriminator()
