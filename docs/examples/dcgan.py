"""A DCGAN as many projects have it: classes of one's own, weights as state dicts under `netG` and `netD`.

`python docs/examples/dcgan.py` writes gan.pth, in place of your training script.
"""

import torch
from torch import nn

import gancross

NZ, WIDTH = 16, 4


class Generator(nn.Module):
    """Latents (N, NZ, 1, 1) to grey 8×8 images in [−1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(NZ, 2 * WIDTH, 4, 1, 0, bias=False),
            nn.BatchNorm2d(2 * WIDTH),
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * WIDTH, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Images of latents."""
        return self.main(z)


class Discriminator(nn.Module):
    """Images to the probability of being real, (N, 1, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, WIDTH, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(WIDTH, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Probabilities of images."""
        return self.main(x)


def contestant() -> gancross.Contestant:
    """Fresh networks and what gancross cannot see in them; the weights come from the file."""
    return gancross.Contestant(
        name="dcgan",
        generator=Generator(),
        discriminator=Discriminator(),
        latent_dim=NZ,
        latent_shape=(NZ, 1, 1),
        score_kind="probability",  # of being real: the discriminator ends in a sigmoid
        batch_size=128,  # in training
    )


def averaged(content: dict) -> gancross.Contestant:
    """The same, choosing weights oneself: `content` is what the file holds."""
    made = contestant()
    made.generator.load_state_dict(content["netG_ema"])
    made.discriminator.load_state_dict(content["netD"])
    return made


def loaded() -> gancross.Contestant:
    """The same, loading the weights oneself: no file is named on the command line."""
    made, weights = contestant(), torch.load("gan.pth", weights_only=True)
    made.generator.load_state_dict(weights["netG"])
    made.discriminator.load_state_dict(weights["netD"])
    return made


if __name__ == "__main__":
    torch.manual_seed(0)
    net_g, net_d = Generator(), Discriminator()
    torch.save({"epoch": 5, "netG": net_g.state_dict(), "netD": net_d.state_dict()}, "gan.pth")
    torch.save(net_g.state_dict(), "netG.pth")
    torch.save(net_d.state_dict(), "netD.pth")
    weights = {"netG": net_g.state_dict(), "netG_ema": Generator().state_dict(), "netD": net_d.state_dict()}
    torch.save(weights, "gan-ema.pth")
