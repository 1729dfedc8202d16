"""Networks are tried out before a cross-test: what is odd is flagged, what is sound stays silent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import torch
from small_recipes import small
from torch import nn

from gancross import Contestant, Result, crosstest, load_contestant
from gancross.data import catalogue
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe
from gancross.evaluator.judging.range_probes import other_range
from gancross.trainer.loop import train

SHAPE = (3, 8, 8)
WIDTH = 192
FINDINGS = {
    field.name for kind in (GeneratorProbe, DiscriminatorProbe) for field in fields(kind)
    if field.type == "bool" or "Warn" in str(field.type)
}  # fmt: skip


def data(n: int = 600) -> torch.Tensor:
    return torch.randint(0, 256, (n, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Call(nn.Module):
    """A network with one function more at its end."""

    def __init__(self, network: nn.Module, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(self.network(inputs))


def generator(*last: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(16, WIDTH), *last, nn.Tanh(), nn.Unflatten(1, SHAPE))


def judge(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(WIDTH, 16), *middle, nn.LeakyReLU(0.2), nn.Linear(16, 1))


def normalized_judge() -> nn.Sequential:
    """Its batch norm has seen batches."""
    network = judge(nn.BatchNorm1d(16))
    for _ in range(3):
        network.train()(torch.randn(64, *SHAPE))
    return network


def scripted(network: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module: nn.Module = torch.jit.script(network)
    return module


def frozen(network: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module: nn.Module = torch.jit.freeze(scripted(network.eval()))
    return module


class OwnNorm(nn.Module):
    """Batch norm whose averages are attributes of its own names."""

    def __init__(self) -> None:
        super().__init__()
        self.mu, self.variance = torch.ones(16) / 2, torch.ones(16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mu, variance = (x.mean(0), x.var(0)) if self.training else (self.mu, self.variance)
        if self.training:
            self.mu, self.variance = (0.9 * self.mu + 0.1 * mu).detach(), variance.detach()
        return (x - mu) / (variance + 1e-5).sqrt()


def exported(network: nn.Module) -> nn.Module:
    batches = ({0: torch.export.Dim.AUTO},)
    module: nn.Module = torch.export.export(
        network.eval(), (torch.rand(8, *SHAPE),), dynamic_shapes=batches
    ).module()
    return module


def traced(network: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        module: nn.Module = torch.jit.trace(network.eval(), torch.zeros(2, *SHAPE))  # type: ignore[no-untyped-call]
    return module


class OwnBatchNorm(nn.Module):
    """As other projects write it."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, like: nn.BatchNorm1d) -> None:
        super().__init__()
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, getattr(like, name).clone())

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return nn.functional.batch_norm(
            rows, self.running_mean, self.running_var, training=self.training, eps=1e-5
        )


def own_batch_norm(network: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*(OwnBatchNorm(x) if isinstance(x, nn.BatchNorm1d) else x for x in network))


class Discrimination(nn.Module):
    """Scores from the distances to the other samples of the batch."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows = images.flatten(1)
        return torch.exp(-torch.cdist(rows, rows) / 5).sum(1, keepdim=True)


class Deviation(nn.Module):
    """A minibatch standard deviation in groups of 4 and nothing else."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows = images.flatten(1).reshape(4, -1, WIDTH)
        return (rows - rows.mean(0)).square().mean(0).add(1e-8).sqrt().mean(1).repeat(4)[:, None] - 1.3


class Place(nn.Module):
    """A score that grows along the batch."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).mean(1) + torch.linspace(0, 1, len(images))


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls: torch.Tensor
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return images.flatten(1).mean(1) + self.calls


def numpy_noise(scores: torch.Tensor) -> torch.Tensor:
    import numpy as np

    return scores + torch.from_numpy(np.random.rand(*scores.shape)).float()


def dropout(rows: torch.Tensor) -> torch.Tensor:
    return nn.functional.dropout(rows)  # evaluation mode does not reach it


def contestant(
    discriminator: nn.Module | None = None, made_by: nn.Module | None = None, **options: Any
) -> Contestant:
    return Contestant(
        name="a",
        generator=made_by or generator(),
        discriminator=discriminator or judge(),
        latent_dim=16,
        **options,
    )


@dataclass(frozen=True, kw_only=True)
class Odd:
    """A contestant, which of its networks is odd, what the probe finds, and words of the flag."""

    model: Callable[[], Contestant]
    network: str = "discriminator"
    found: frozenset[str]
    flag: str


def odd_judge(network: Callable[[], nn.Module], *findings: str, flag: str) -> Odd:
    return Odd(model=lambda: contestant(network()), found=frozenset(findings), flag=flag)


def odd_generator(network: Callable[[], nn.Module], *findings: str, flag: str) -> Odd:
    return Odd(
        model=lambda: contestant(made_by=network()), network="generator", found=frozenset(findings), flag=flag
    )


COMPANY = "depends on the other samples"
ODD = {
    "a judge that drops out": odd_judge(lambda: Call(judge(), dropout), "noise", flag="draws noise of"),
    "noise of numpy": odd_judge(
        lambda: Call(judge(), numpy_noise), "noise", "unseeded", flag="does not reach"
    ),
    "minibatch discrimination": odd_judge(Discrimination, "coupled", flag=COMPANY),
    "minibatch deviation": odd_judge(Deviation, "coupled", flag=COMPANY),
    "batch norm without averages": odd_judge(
        lambda: judge(nn.BatchNorm1d(16, track_running_stats=False)), "coupled", flag=COMPANY
    ),
    "noise and deviation": odd_judge(
        lambda: Call(Deviation(), dropout), "noise", "coupled", flag="draws noise"
    ),
    "the place in the batch": odd_judge(Place, "coupled", flag=COMPANY),
    "a counter": odd_judge(Counting, "changes_buffers", flag="changes its buffers"),
    "batch norm that has seen no batch": odd_judge(
        lambda: judge(nn.BatchNorm1d(16)), "untrained_norm", flag="has seen no batch"
    ),
    "traced batch norm": odd_judge(
        lambda: traced(normalized_judge()), "unreachable_norm", flag="cannot be switched"
    ),
    "averages under other names": odd_judge(
        lambda: judge(OwnNorm()), "unreachable_norm", flag="cannot be switched"
    ),
    "exported batch norm": odd_judge(
        lambda: exported(normalized_judge()), "unreachable_norm", flag="cannot be switched"
    ),
    "probabilities": odd_judge(
        lambda: nn.Sequential(judge(), nn.Sigmoid()), "like_probabilities", flag="score_kind=probability"
    ),
    "a generator's dropout": odd_generator(
        lambda: generator(Call(nn.Identity(), dropout)), "noise", flag="draws noise"
    ),
    "a generator's batch norm": odd_generator(
        lambda: generator(nn.BatchNorm1d(WIDTH)), "untrained_norm", flag="has seen no batch"
    ),
    "0…1 under −1…1": odd_generator(
        lambda: Call(generator(), lambda x: (x + 1) / 2), "one_half", flag="one half of data_range"
    ),
    "0…255 under −1…1": odd_generator(
        lambda: Call(generator(), lambda x: (x + 1) * 127.5), "one_half", flag="lie outside data_range"
    ),
}  # fmt: skip


def tried_out(model: Contestant, **options: Any) -> Result:
    return crosstest([model], data=data(300), num_samples=300, device="cpu", **options)


def flags(result: Result) -> list[str]:
    """Those that are not of the figures of a judge that was never trained."""
    figures = ("blind", "test samples set", "AUC", "a rate moves")
    return [flag for flag in result.flags if not any(word in flag for word in figures)]


@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_is_found_and_flagged(kind: str) -> None:
    odd = ODD[kind]
    result = tried_out(odd.model(), norm_check=False)
    assert not isinstance(result.probes, Missing)
    probe = getattr(result.probes["a"], odd.network)
    assert {name for name in FINDINGS if getattr(probe, name, False) is True} == odd.found
    assert any(odd.flag in flag for flag in flags(result)), result.flags


SOUND: dict[str, Callable[[], Contestant]] = {
    "plain": contestant,
    "batch norm": lambda: contestant(normalized_judge()),
    "0…1 as declared": lambda: contestant(
        made_by=Call(generator(), lambda x: (x + 1) / 2), data_range=(0.0, 1.0)
    ),
    "uint8 under −1…1": lambda: contestant(
        made_by=Call(generator(), lambda x: ((x + 1) * 127.5).to(torch.uint8))
    ),
    "uint8 as declared": lambda: contestant(
        made_by=Call(generator(), lambda x: ((x + 1) * 127.5).to(torch.uint8)), data_range=(0.0, 255.0)
    ),
    "probabilities as declared": lambda: contestant(
        nn.Sequential(judge(), nn.Sigmoid()), score_kind="probability"
    ),
    "scripted batch norm": lambda: contestant(scripted(normalized_judge())),
    "batch norm of another project": lambda: contestant(own_batch_norm(normalized_judge())),
    "logits that happen to lie in 0…1": lambda: contestant(Call(judge(), lambda scores: scores / 100 + 0.5)),
    "a generator before any training": lambda: contestant(made_by=Call(generator(), lambda x: x.abs() / 100)),
    "dropout in training alone": lambda: contestant(judge(nn.Dropout())),
    "frozen, as torch.jit does it": lambda: contestant(frozen(normalized_judge())),
    "squeezed": lambda: contestant(Call(judge(), torch.squeeze)),  # a batch of one has no batch
}


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_sound_stays_silent(kind: str) -> None:
    assert flags(tried_out(SOUND[kind]())) == []


@pytest.mark.parametrize("rewritten", [scripted, own_batch_norm])
def test_batch_norm_has_two_modes_however_it_is_written(
    rewritten: Callable[[nn.Sequential], nn.Module],
) -> None:
    figures = []
    for network in (normalized_judge(), rewritten(normalized_judge())):
        averages = [buffer.clone() for buffer in network.buffers()]
        moves = tried_out(contestant(network)).batch_norm["a"]
        assert not isinstance(moves, Missing)
        figures.append(moves.modes)
        assert all(map(torch.equal, network.buffers(), averages))
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (lambda: traced(normalized_judge()), "cannot be switched"),
        (lambda: judge(nn.BatchNorm1d(16, track_running_stats=False)), "in groups of 50"),
        (judge, "no batch norm with running averages"),
    ],
)
def test_a_judge_of_one_mode_says_why(network: Callable[[], nn.Module], reason: str) -> None:
    moves = tried_out(contestant(network(), batch_size=50), norm="batch").batch_norm["a"]
    assert isinstance(moves, Missing) and reason in moves.reason


@pytest.mark.parametrize("kind", ["a judge that drops out", "noise and deviation", "a generator's dropout"])
def test_noise_is_the_same_in_the_same_call(kind: str) -> None:
    counts = []
    for _ in range(2):
        fp = tried_out(ODD[kind].model(), controls=False).cells["a", "a"].fp
        assert isinstance(fp, Proportion)
        counts.append(fp.count)
        torch.rand(7)  # whatever a program draws meanwhile
    assert counts[0] == counts[1]


def test_a_judge_of_company_sees_groups_of_its_training_batch_and_proves_nothing() -> None:
    model = contestant(Discrimination(), threshold=13.0, batch_size=20)
    for norm in ("eval", "batch"):
        result = tried_out(model, norm=norm)
        cell = result.cells["a", "a"]
        assert isinstance(cell.fp, Proportion) and cell.fp.effective_n is not None
        assert isinstance(cell.j, Missing) and isinstance(cell.jsd_bound_nats, Missing)
        assert isinstance(result.batch_norm["a"], Missing)


@pytest.mark.parametrize(("groups", "batch_size"), [(5, 50), (6, 48), (7, 7), (25, 50)])
def test_a_judge_that_takes_batches_of_its_training_size_alone_is_tried_out(
    groups: int, batch_size: int
) -> None:
    class Grouped(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            rows = images.reshape(groups, -1, WIDTH)
            return (rows - rows.mean(0)).square().mean(2).flatten() - 0.3

    result = tried_out(contestant(Grouped(), batch_size=batch_size), norm_check=False)
    assert any(COMPANY in flag for flag in result.flags)
    fp = result.cells["a", "a"].fp
    assert isinstance(fp, Proportion) and fp.effective_n is not None


def test_data_in_one_half_excuse_samples_in_it() -> None:
    bright = data() // 2 + 128
    result = crosstest(
        [contestant(made_by=Call(generator(), lambda x: (x + 1) / 2))], data=bright, num_samples=300,
        device="cpu",
    )  # fmt: skip
    assert not any("one half" in flag for flag in result.flags)


def test_a_turned_orientation_is_asked_about() -> None:
    class Brightness(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1).mean(1)

    dark = Call(generator(), lambda x: -x.abs())
    sound = crosstest([contestant(Brightness(), dark)], data=data(), num_samples=300, device="cpu")
    turned = crosstest(
        [contestant(Brightness(), dark, orientation="fake_high")], data=data(), num_samples=300, device="cpu"
    )
    asked = [any("orientation" in flag for flag in result.flags) for result in (sound, turned)]
    assert asked == [False, True]


@pytest.mark.parametrize("objective", ["gan", "lsgan", "wgan"])
def test_trained_pairs_stay_silent(objective: str, tmp_path: Path) -> None:
    recipe = small("digits", steps=40, objective=objective, width=8)
    model = load_contestant(train(recipe, tmp_path / "run"))
    assert flags(crosstest([model], data="digits", num_samples=500, device="cpu")) == []


def test_a_spectrally_normalized_pair_stays_silent() -> None:
    """Its power iteration moves its vectors in training mode alone."""
    from torch.nn.utils.parametrizations import spectral_norm

    torch.manual_seed(0)
    reals = catalogue.load("digits", root=Path(), image_size=None, test_seed=0).held_out(500)
    made_by = nn.Sequential(
        nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh(),
        nn.Unflatten(1, (1, 8, 8)),
    )  # fmt: skip
    discriminator = nn.Sequential(
        spectral_norm(nn.Conv2d(1, 16, 3, 2, 1)), nn.LeakyReLU(0.1), nn.Flatten(),
        spectral_norm(nn.Linear(256, 1)),
    )  # fmt: skip
    optimizers = [torch.optim.Adam(net.parameters(), 1e-3, (0.0, 0.9)) for net in (made_by, discriminator)]
    for step in range(40):
        batch = reals[step % 7 * 64 : step % 7 * 64 + 64].float() / 127.5 - 1
        hinge = (1 - discriminator(batch)).relu().mean() + (
            1 + discriminator(made_by(torch.randn(64, 16)).detach())
        ).relu().mean()
        optimizers[1].zero_grad()
        hinge.backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        (-discriminator(made_by(torch.randn(64, 16))).mean()).backward()
        optimizers[0].step()
    model = Contestant(name="a", generator=made_by, discriminator=discriminator, latent_dim=16)
    assert flags(crosstest([model], data=reals, num_samples=500, device="cpu")) == []


@pytest.mark.parametrize(("shift", "calls"), [(0.0, 0), (-2.0, 2)], ids=["decides", "calls all fake"])
def test_a_judge_is_tried_in_other_ranges_only_where_one_could_tell_more(shift: float, calls: int) -> None:
    """Its AUC is 1 in its own range, and its threshold lies between data and samples, or above both."""
    images = torch.zeros(8, 1, 2, 2, dtype=torch.uint8)
    scores = torch.tensor([1.0] * 4 + [-1.0] * 4) + shift
    tried = []

    def score(described: Contestant, _: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        tried.append(described.data_range)
        return scores

    model = Contestant(name="a", generator=nn.Linear(2, 4), discriminator=nn.Flatten(), latent_dim=2)
    assert other_range(model, images, scores, score, reals=4) is None
    assert len(tried) == calls
