"""Conditional models in a cross-test: who sees which labels, chosen classes, and labels that are wrong."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_referees import use_tiny
from torch import nn

import gancross
from gancross import Contestant, Result, crosstest
from gancross.data.labels import labels_of_arrays
from gancross.data.sets import DataSet, finite
from gancross.errors import UsageError
from gancross.evaluator import refereeing
from gancross.evaluator.estimates import Missing
from gancross.evaluator.judging.batch_norm_passes import scoring_pass
from gancross.evaluator.judging.scores import Scores
from gancross.evaluator.judging.scoring import canonical_labels
from gancross.evaluator.referees.halves import SampleSet, sample_set
from gancross.evaluator.result.reading import result_from_dict
from gancross.evaluator.verdict.figures import Cell
from gancross.machine.crew import crew
from gancross.random_streams import Stream

CLASSES = 4
NAMES = ("ant", "bee", "cat", "dog")
N = 130


def rows(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors whose last number is their class, and the classes, of which the last are rarer."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(n, generator=generator) ** 1.5 * CLASSES).long()
    return torch.cat([torch.randn(n, 2, generator=generator), labels[:, None].float()], 1), labels


def data(*, change: Callable[[torch.Tensor], torch.Tensor] = lambda labels: labels) -> DataSet:
    train, test = rows(150, 0), rows(140, 1)
    labels = labels_of_arrays("told", change(train[1]), change(test[1]), class_names=NAMES)
    return finite("told", train=train[0], test=test[0], split="given", labels=labels)


class Telling(nn.Module):
    """Samples that are of the class that they were asked for."""

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """(N, 2) and (N,) → (N, 3)."""
        return torch.cat([latents, labels[:, None].float()], 1)


class Comparing(nn.Module):
    """Calls a sample real if its class is its label: ±1, and a little of the sample.

    Args:
        coupling: how much of the mean over the batch, which moves no decision, it adds.
    """

    def __init__(self, coupling: float = 0.0) -> None:
        super().__init__()
        self.coupling = coupling

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """(N, 3) and (N,) → (N, 1), as mimicry's discriminators do."""
        assert y is not None and len(y) == len(x)
        scores = 2.0 * (x[:, 2].round() == y) - 1 + 0.1 * torch.tanh(x[:, 0])
        return (scores + self.coupling * torch.tanh(x[:, 1]).mean())[:, None]


def telling(name: str = "a", **fields: Any) -> Contestant:
    whole: dict[str, Any] = {
        "name": name, "generator": Telling(), "discriminator": Comparing(), "latent_dim": 2,
        "num_classes": CLASSES, "batch_size": 48,
    }  # fmt: skip
    return Contestant(**whole | fields)


def unlabelled(name: str = "u") -> Contestant:
    return Contestant(name=name, samples=rows(N, 5)[0])


def scored(contestants: Sequence[Contestant], reals: DataSet | None = None, **options: Any) -> Result:
    return crosstest(
        contestants, data=data() if reals is None else reals, num_samples=N, device="cpu", **options
    )


def cell(result: Result, judge: str, generator: str) -> Cell:
    return result.cells[judge, generator]


def false_negatives(result: Result) -> float:
    matrix = result.confusion["a"]
    assert not isinstance(matrix, Missing)
    return matrix.fn.rate


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[Scores]:
    """The scores of every cross-test of a test."""
    seen: list[Scores] = []
    module = importlib.import_module("gancross.evaluator.crosstest")
    assembled: Callable[..., Result] = module.assembled

    def keep(contestants: Any, scores: Scores, *rest: Any, **options: Any) -> Result:
        seen.append(scores)
        return assembled(contestants, scores, *rest, **options)

    monkeypatch.setattr(module, "assembled", keep)
    return seen


@pytest.mark.parametrize("coupling", [0.0, 0.2], ids=["alone", "in groups"])
@pytest.mark.parametrize("chunk", [None, 50], ids=["one chunk", "chunks"])
def test_judges_see_reals_and_samples_with_their_own_labels(
    coupling: float, chunk: int | None, scores: list[Scores]
) -> None:
    samples, labels = rows(N, 7)
    given = Contestant(name="g", samples=samples, labels=labels)
    result = scored([telling(discriminator=Comparing(coupling)), given], chunk=chunk)
    for generator in ("a", "g"):
        own = cell(result, "a", generator)
        assert not isinstance(own.fp, Missing) and own.fp.rate == 1
    assert false_negatives(result) == 0
    gap = result.generalisation_gap["a"]
    assert not isinstance(gap, Missing) and gap.value == 0
    classes = scores[0].classes
    assert {str(key) for key in classes} >= {"None", "a", "g"} and len(classes) == 4
    for source, found in classes.items():
        # The scores know the class too: samples of a wrong class were below 0.
        assert found.dtype == np.int64 and (scores[0].of("a", "eval")[source] > 0).all()
    assert np.bincount(classes[None]).tolist() == torch.bincount(rows(140, 1)[1]).tolist()
    assert not any("labels" in flag for flag in result.flags)


def test_unlabelled_samples_are_judged_under_labels_of_test_samples_and_a_flag_says_so(
    scores: list[Scores],
) -> None:
    result = scored([telling(), unlabelled()], train_data=rows(150, 0)[0].numpy())
    (flag,) = [flag for flag in result.flags if flag.startswith("'u'")]
    assert "no labels of the data's classes, so conditional discriminators ('a')" in flag
    assert any(flag.startswith("training data: no labels") for flag in result.flags)
    assert "u" not in scores[0].classes and len(scores[0].classes) == 2
    of_test, of_samples = (torch.bincount(rows(*key)[1]) for key in ((140, 1), (N, 5)))
    chance = float((of_test / 140 * of_samples / N).sum())
    fp = cell(result, "a", "u").fp
    assert not isinstance(fp, Missing) and fp.ci95[0] < chance < fp.ci95[1]


def test_an_unconditional_judge_and_a_conditional_generator_meet_without_ado(scores: list[Scores]) -> None:
    plain = Contestant(name="p", generator=nn.Linear(2, 3), discriminator=nn.Linear(3, 1), latent_dim=2)
    result = scored([telling(discriminator=None), plain])
    assert cell(result, "p", "a") and not any("labels" in flag for flag in result.flags)
    assert "a" in scores[0].classes and "p" not in scores[0].classes
    alone = crosstest([telling(discriminator=None), plain], data=rows(140, 1)[0], num_samples=N, device="cpu")
    assert cell(alone, "p", "a") == cell(result, "p", "a")
    assert set(scores[1].classes) == {"a"}


def test_labels_are_recorded_and_come_back() -> None:
    prior = (1.0, 0.0, 1.0, 2.0)
    models = [
        telling("a"),
        telling("b", label_prior="data"),
        telling("c", label_prior=prior, discriminator=None),
    ]
    result = scored([*models, unlabelled()])
    found = {record.name: record for record in result.contestants}
    train = torch.bincount(rows(150, 0)[1], minlength=CLASSES) / 150
    assert [found[name].label_prior for name in "abcu"] == ["uniform", "data", "given", None]
    assert [found[name].num_classes for name in "abcu"] == [4, 4, 4, None]
    assert [found[name].judge_labels for name in "abcu"] == [True, True, None, None]
    assert found["a"].label_weights is None and found["c"].label_weights == (0.25, 0, 0.25, 0.5)
    assert found["b"].label_weights == pytest.approx(train.tolist())
    document = result.to_dict()
    assert result_from_dict(document).to_dict() == document
    assert "num_classes" not in document["contestants"][3]  # type: ignore[index, operator]


def figures(result: Result) -> dict[str, Any]:
    """The record without what may differ between equal calls."""
    return {key: value for key, value in result.to_dict().items() if key != "provenance"}


def test_the_order_of_contestants_changes_no_label() -> None:
    models = [telling("a"), telling("b", label_prior="data"), unlabelled()]
    first, second = scored(models), scored(models[::-1])
    assert {k: v.fp for k, v in first.cells.items()} == {k: v.fp for k, v in second.cells.items()}
    assert first.flags == second.flags and first.histograms == second.histograms


class Projection(nn.Module):
    """x·w + x·e[y]."""

    def __init__(self, order: torch.Tensor) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 1)
        self.embedding = nn.Embedding(CLASSES, 3)
        self.embedding.weight.data[order] = self.embedding.weight.data.clone()

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """(N, 3) and (N,) → (N, 1)."""
        scores: torch.Tensor = self.linear(x) + (x * self.embedding(y)).sum(1, keepdim=True)
        return scores


def test_other_numbers_of_the_classes_change_nothing_but_the_numbers(scores: list[Scores]) -> None:
    results = []
    for order in (torch.arange(CLASSES), torch.tensor([2, 0, 3, 1])):
        samples, labels = rows(N, 7)
        model = Contestant(
            name="g", samples=samples, labels=order[labels], num_classes=CLASSES,
            discriminator=Projection(order),
        )  # fmt: skip
        reals = data(change=lambda labels, order=order: order[labels])  # type: ignore[misc]
        names = tuple(NAMES[int(i)] for i in torch.argsort(order))
        assert reals.labels is not None
        reals = replace(reals, labels=replace(reals.labels, class_names=names))
        results.append(scored([model, unlabelled()], reals))
    records = [figures(result) for result in results]
    of_classes = [record.pop("classes") for record in records]
    assert records[0] == records[1] and of_classes[0] != of_classes[1]
    first, second = (each.classes for each in scores)
    assert list(first) == list(second)
    for source in first:
        assert second[source].tolist() == order[torch.from_numpy(first[source])].tolist()


def test_labels_are_the_same_whoever_scores_a_part() -> None:
    samples, labels = rows(125, 3)
    for coupling, coupled in ((0.0, False), (0.2, True)):
        judge = telling(discriminator=Comparing(coupling))

        def part(scored: range, judge: Contestant = judge, coupled: bool = coupled) -> torch.Tensor:
            with crew(1) as workers:
                one = scoring_pass(
                    judge, 125, scored=scored, chunk=30, norm="eval", grouped=coupled, switchable=False,
                    noise=Stream(0), labels=labels, workers=workers, at_once={},
                )  # fmt: skip
                for number in sorted(one.needed()):
                    chunk = samples[(torch.arange(30) + 30 * number) % 125]
                    one.add(number, chunk, one.scored(number, chunk))
                return one.finish()

        whole = part(range(5))
        assert len(whole) == 125 and bool((whole > 0).all())
        assert torch.equal(torch.cat([part(range(2)), part(range(2, 4)), part(range(4, 5))]), whole)


def shuffled(labels: torch.Tensor) -> torch.Tensor:
    return labels[torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))]


WRONG = "scores do not tell right labels from wrong ones"


@pytest.mark.parametrize(
    ("change", "seen"),
    [(lambda labels: labels, False), (shuffled, True), (lambda labels: (labels + 1) % CLASSES, True)],
    ids=["right", "shuffled", "other numbers"],
)
def test_wrong_labels_are_seen(change: Callable[[torch.Tensor], torch.Tensor], seen: bool) -> None:
    reals = data(change=change)
    result = scored([telling(), unlabelled()], reals)
    assert any(WRONG in flag for flag in result.flags) == seen
    found = gancross.check(telling(), data=reals, device="cpu")
    assert any(WRONG in finding.flag for finding in found.findings) == seen
    assert not isinstance(found.discriminator, Missing)
    right = found.discriminator.probe.right_labels
    assert right is not None and (right.rate == 1) == (not seen) and right.n <= 140


def test_low_scores_for_reals_turn_the_preference_of_right_labels() -> None:
    class Turned(Comparing):
        def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
            return -super().forward(x, y)

    judge = telling(discriminator=Turned(), orientation="fake_high")
    assert not any(WRONG in finding.flag for finding in gancross.check(judge, data=data()).findings)
    found = gancross.check(telling(discriminator=Turned()), data=data())
    assert any(WRONG in finding.flag for finding in found.findings)


class Deaf(nn.Module):
    """Takes labels and does not use them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """(N, inputs) and (N,) → (N, outputs)."""
        result: torch.Tensor = self.layer(x)
        return result


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({}, []),
        ({"generator": Deaf(2, 3)}, ["makes the same samples of the same latents under other labels"]),
        ({"discriminator": Deaf(3, 1)}, ["gives samples the same scores under other labels"]),
    ],
    ids=["used", "generator", "discriminator"],
)  # fmt: skip
def test_labels_that_are_ignored_are_flagged(fields: dict[str, Any], flags: list[str]) -> None:
    model = telling(**fields)
    texts = [finding.flag for finding in gancross.check(model, data=data(), device="cpu").findings]
    of_labels = [text for text in texts if "label" in text]
    assert len(of_labels) == len(flags)
    assert all(flag in text for flag, text in zip(flags, of_labels, strict=True))
    result = scored([model, unlabelled()])
    assert [flag for flag in result.flags if "label" in flag and flag.startswith("'a'")] == of_labels


def test_chosen_classes_are_judged_alone(scores: list[Scores]) -> None:
    samples, labels = rows(N, 7)
    given = Contestant(name="g", samples=samples, labels=labels)
    result = scored([telling(label_prior="data"), given], classes=["dog", 1, "1"])
    assert result.protocol.options.classes == ("bee", "dog")
    assert result.protocol.data.split == "given; of the classes bee, dog alone"
    assert result.protocol.data.num_real == int(torch.isin(rows(140, 1)[1], torch.tensor([1, 3])).sum())
    for found in scores[0].classes.values():
        assert set(found.tolist()) == {1, 3}
    train = torch.bincount(rows(150, 0)[1]).double()
    expected = [0, float(train[1] / (train[1] + train[3])), 0, float(train[3] / (train[1] + train[3]))]
    assert result.contestants[0].label_weights == pytest.approx(expected)
    document = result.to_dict()
    assert result_from_dict(document).protocol.options.classes == ("bee", "dog")
    assert "classes" not in scored([telling(), given]).to_dict()["protocol"]  # type: ignore[operator]


def test_chosen_classes_of_endless_data_are_as_many_as_asked_for() -> None:
    plain = Contestant(name="p", samples=rows(50, 0)[0], labels=torch.tensor([2, 0] * 25))
    judge = telling(generator=None, samples=rows(50, 1)[0], labels=torch.full((50,), 2), num_classes=7)
    result = crosstest([plain, judge], data="mixture", num_samples=60, classes=[2], device="cpu")
    assert result.protocol.data.num_real == 60
    assert [record.num_classes for record in result.contestants] == [None, 7]


def test_arrays_carry_labels() -> None:
    test, labels = rows(140, 1)
    result = crosstest(
        [telling(), unlabelled()], data=test.numpy(), data_labels=labels.tolist(), num_samples=N, device="cpu"
    )
    assert false_negatives(result) == 0
    few = test[labels < 2], labels[labels < 2]  # of whose classes the contestant knows more
    assert crosstest([telling()], data=few[0], data_labels=few[1], num_samples=9, device="cpu")


def test_a_model_of_more_classes_takes_none_from_the_others() -> None:
    """In-memory data have as many classes as those say whose labels must be the data's."""
    test, labels = rows(140, 1)
    more = telling("g", num_classes=CLASSES + 1, discriminator=None)
    result = crosstest([telling(), more], data=test, data_labels=labels, num_samples=N, device="cpu")
    assert result.classes is not None and list(result.classes.num_generated) == ["a"]
    assert len(result.classes.names) == CLASSES


def test_chosen_classes_may_come_as_an_array_or_with_spaces() -> None:
    for classes in (np.array([1, 3]), torch.tensor([3, 1]), [" bee", "3 "], {1, 3}):
        assert scored([telling()], classes=classes).protocol.options.classes == ("bee", "dog")


class FewClasses(nn.Embedding):
    """A discriminator that knows fewer classes than the data have."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """(N, 3) and (N,) → (N, 1)."""
        return (x * super().forward(y)).sum(1, keepdim=True)


NO_LABELS = rows(140, 1)[0]
OTHER = Contestant(name="g", samples=NO_LABELS, labels=torch.full((140,), 9))


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([telling()], {"data": NO_LABELS}, "its discriminator takes labels, but data 'in memory' has none"),
        ([telling(num_classes=None)], {}, "argument: 'labels'; if it takes labels, give num_classes"),
        ([telling(num_classes=5)], {}, "its discriminator takes labels of 5 classes, but data 'told' has 4"),
        ([telling(label_prior="data", judge_labels=False)], {"data": NO_LABELS}, "label_prior is 'data'"),
        ([telling(), unlabelled()], {"classes": [1]}, "'u': its samples have no labels, so they"),
        ([telling()], {"classes": ["eel"]}, "no class 'eel': data 'told' has 4 classes: ant, bee, cat, dog"),
        ([telling()], {"classes": [4]}, "no class '4'"),
        ([telling()], {"classes": []}, "names or numbers of at least one class"),
        ([unlabelled()], {"classes": [1], "data": NO_LABELS}, "data 'in memory' has no labels"),
        ([telling(label_prior=(1, 0, 0, 0))], {"classes": [1]}, "gives no sample of the classes bee"),
        ([telling()], {"data_labels": [0]}, "data_labels are those of an array"),
        ([telling()], {"data": NO_LABELS, "data_labels": [0]}, "data_labels: expected 140 integers"),
        ([telling()], {"classes": "1"}, "classes must be a list of names or numbers, got '1'"),
        ([telling()], {"classes": 1}, "classes must be a list of names or numbers, got 1"),
        ([telling()], {"classes": [1], "train_data": NO_LABELS}, "train_data: nothing says which"),
        ([telling(discriminator=FewClasses(3, 3))], {}, "labels reach from 0 to 3: does it know so many"),
        ([telling()], {"data": NO_LABELS, "data_labels": [10**9] * 140}, "at most 100,000 classes, got 1,0"),
        ([OTHER, telling()], {"classes": [1]}, "'g': its labels are of other classes than the 4 of data"),
    ],
    ids=[
        "no labels", "not said", "other number", "no frequencies", "unlabelled", "unknown name",
        "unknown number", "no class", "classes of none", "never drawn", "labels of a set",
        "few labels", "a text", "a number", "unknown training data", "too small a network", "hashes",
        "beyond",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_line(
    models: list[Contestant], options: dict[str, Any], message: str
) -> None:
    whole: dict[str, Any] = {"data": data(), "num_samples": N, "device": "cpu"} | options
    with pytest.raises(UsageError) as refused:
        crosstest(models, **whole)
    assert message in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "other", [telling("g", num_classes=6, discriminator=None), OTHER], ids=["other number", "beyond"]
)
def test_labels_of_other_classes_are_noted_and_left_out(other: Contestant, scores: list[Scores]) -> None:
    result = scored([telling(), other])
    note = "'g': its labels are of other classes than the 4 of the data: its samples belong to none of these"
    assert note in result.flags
    assert "g" not in scores[0].classes and any(flag.startswith("'g': no labels") for flag in result.flags)


def test_referees_judge_the_samples_of_the_cross_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """They see no labels; discriminators that take some are not among the judges beside them."""
    use_tiny(monkeypatch, steps=2)
    seen: dict[str, torch.Tensor] = {}

    def drawn(samples: torch.Tensor, labels: torch.Tensor | None = None) -> SampleSet:
        assert labels is None
        seen[str(len(seen))] = samples
        return sample_set(samples)

    monkeypatch.setattr(refereeing, "sample_set", drawn)
    models = [telling("a"), telling("b", label_prior=(1, 1, 1, 0))]
    result = gancross.referee(models, data=data(), num_samples=N, device="cpu")
    assert not isinstance(result.referees, Missing)
    for model, samples in zip(models, (seen["1"], seen["2"]), strict=True):
        labels = canonical_labels(model, num_samples=N, purpose="crosstest")
        assert labels is not None and torch.equal(samples[:, 2].long(), labels)


def test_identical_samples_of_several_classes_have_one_order() -> None:
    """Whatever order they are stored in: a judge that sees groups sees the same ones."""
    samples, labels = rows(10, 3)[0].repeat(14, 1), rows(140, 1)[1]
    shuffled = torch.from_numpy(Stream(0, "x").permutation(140))
    first, second = (
        crosstest(
            [telling(discriminator=Comparing(0.2), batch_size=16)], data=samples[row],
            data_labels=labels[row],
            num_samples=N, num_real=100, device="cpu",
        ) for row in (torch.arange(140), shuffled)
    )  # fmt: skip
    assert replace(first, provenance=second.provenance) == second
