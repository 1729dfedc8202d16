"""What gancross takes a model for, tried out on 256 samples before any cross-test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from gancross.checkpoint.contestant import Contestant, listed
from gancross.checkpoint.inputs import recorded_inputs
from gancross.checkpoint.replicas import network_crew
from gancross.data import catalogue
from gancross.data.order import content_order, sample_digests
from gancross.data.resizing import parsed_resize, to_common
from gancross.data.sets import DataSet, to_canonical
from gancross.errors import DivergenceError
from gancross.evaluator.estimates import Missing, Proportion
from gancross.evaluator.judged_data import Data, class_counts, load_reals, trained_data
from gancross.evaluator.judged_labels import as_judged, real_labels
from gancross.evaluator.judging.batch_norm_passes import group_size, has_batch_norm, scoring_pass
from gancross.evaluator.judging.controls import NOISE, uniform_noise
from gancross.evaluator.judging.findings import TURNED, Finding, own_findings
from gancross.evaluator.judging.label_streams import probe_labels
from gancross.evaluator.judging.probe_results import DiscriminatorProbe, GeneratorProbe, probe_findings
from gancross.evaluator.judging.probes import PROBED, probed
from gancross.evaluator.judging.sampling import (
    Label,
    Source,
    chunks,
    fake_source,
    generated,
    probe_latents,
    title,
)
from gancross.evaluator.judging.scores import NO_DISCRIMINATOR, NO_THRESHOLD, ScoresBySource, confusion
from gancross.evaluator.judging.scoring import checked_scores, evaluating, real_high
from gancross.evaluator.judging.source_labels import RealLabels, with_labels_of_reals
from gancross.evaluator.model_check import DiscriminatorCheck, GeneratorCheck, Medians, ModelCheck, Variety
from gancross.evaluator.protocol import Protocol, chunk_length
from gancross.evaluator.statistics.auc import auc_interval
from gancross.machine.devices import resolve_device
from gancross.machine.distributed import current, joined
from gancross.machine.process_state import own_turn
from gancross.models.batch_norm import averaging_layers
from gancross.random_streams import Stream

NO_SPREAD = Missing("the test data do not vary")


@joined()
@own_turn()
def check(
    contestant: Contestant, *, data: Data | DataSet, data_labels: object = None, device: str = "auto",
    data_root: Path = catalogue.DEFAULT_ROOT, image_size: int | None = None, resize: int | str | None = None,
) -> ModelCheck:  # fmt: skip
    """Tries a model out on 256 samples, and says what gancross takes it for.

    It runs the probes of a cross-test, and scores 256 test reals, generated samples and images of noise with
    running averages. Whatever a cross-test would flag of the description of a model is a finding, and so are
    samples that hardly vary, and a discriminator that ranks generated samples and noise above the data.

    Args:
        contestant: the model.
        data, data_labels, device, data_root, image_size, resize: as of `gancross.crosstest`.

    Returns:
        The `ModelCheck`; print it, or look at its `findings`.

    Raises:
        UsageError: networks and data that do not fit together, as in a cross-test.
        DivergenceError: samples or scores that are NaN or infinite.
        ResourceError, DataError: the data cannot be read.
    """
    (contestant,) = listed([contestant])
    reals = load_reals(
        data, trained_on=trained_data([contestant]), data_root=data_root, image_size=image_size, seed=0,
        labels=data_labels, num_classes=class_counts([contestant]),
    )  # fmt: skip
    protocol = Protocol(num_samples=PROBED, resize=parsed_resize(resize))
    (contestant,), reals, protocol = as_judged([contestant], reals, protocol, device=device)
    target = current().device(resolve_device(device))
    chunk = chunk_length(reals.shape, protocol.chunk)
    test = reals.held_out(PROBED)
    own_labels = real_labels(reals, None, protocol).test
    order = content_order(test, stream=Stream(0, "order", "test"), labels=own_labels).index
    test, known = test[torch.from_numpy(order)], real_labels(reals, None, protocol, order=order)
    with evaluating(contestant.networks, target):
        probes = probed(
            [contestant], test=test, labels=known.test, shape=reals.shape, device=target, chunk=chunk
        )[contestant.name]
        test = test[:PROBED]
        known = replace(known, test=None if known.test is None else known.test[:PROBED])
        fakes = _fakes(contestant, target, chunk)
        assert fakes.array is not None
        samples = _variety(fakes.array[:], test)
        discriminator: DiscriminatorCheck | Missing = Missing(NO_DISCRIMINATOR)
        if not isinstance(probes.discriminator, Missing):
            discriminator = _discriminator_check(
                contestant, test, fakes, known, probes.discriminator, target, chunk
            )
    generator: GeneratorCheck | Missing = Missing("given samples: no generator")
    if not isinstance(probes.generator, Missing):
        generator = _generator_check(contestant, probes.generator)
    origin = contestant.origin
    return ModelCheck(
        name=contestant.name, path=None if origin is None else origin.path,
        arch=None if origin is None else origin.arch, data=reals.name, shape=reals.shape, num_real=len(test),
        generator=generator, samples=samples, discriminator=discriminator,
        findings=(
            *probe_findings(contestant, probes),
            *_sample_findings(contestant.name, samples),
            *_score_findings(contestant.name, discriminator),
        ),
        notes=(*(() if origin is None else origin.notes), *reals.notes),
    )  # fmt: skip


def _fakes(contestant: Contestant, device: torch.device, chunk: int) -> Source:
    """256 canonical samples on the CPU: those that the probes saw, or a choice of the given ones."""
    if contestant.samples is not None:
        return fake_source(contestant, num_samples=PROBED, purpose="check")
    labels = probe_labels(contestant, PROBED)
    latents = probe_latents(contestant, PROBED).to(device)
    samples = torch.cat([
        generated(
            contestant, latents[start : start + chunk], seed=0,
            labels=None if labels is None else labels[start : start + chunk],
        ) for start in range(0, PROBED, chunk)
    ])  # fmt: skip
    if not bool(samples.isfinite().all()):
        raise DivergenceError(f"contestant '{contestant.name}': its generator makes NaN or infinite values")
    canonical = to_common(to_canonical(samples, contestant.data_range), contestant.resizing)
    return Source(label=contestant.name, n=PROBED, array=canonical.cpu().contiguous(), labels=labels)


def _variety(fakes: torch.Tensor, test: torch.Tensor) -> Variety:
    different = len(np.unique(sample_digests(fakes)))
    whole, part = (
        float(samples.double().flatten(1).var(0, correction=0).mean().sqrt()) for samples in (test, fakes)
    )
    return Variety(
        different=Proportion(count=different, n=len(fakes)),
        spread=part / whole if whole > 0 and len(fakes) > 1 else NO_SPREAD,
    )


def _generator_check(contestant: Contestant, probe: GeneratorProbe) -> GeneratorCheck:
    assert contestant.generator is not None
    latent, dim = contestant.latent, contestant.latent_dim
    return GeneratorCheck(
        latent=None if dim is None else "callable" if callable(latent) else latent,
        latent_shape=None if dim is None else contestant.latent_shape or (dim,),
        latents=recorded_inputs(contestant.inputs) or None,
        data_range=contestant.data_range, batch_norms=len(averaging_layers(contestant.generator)),
        probe=probe, num_classes=contestant.num_classes,
    )  # fmt: skip


def _discriminator_check(
    judge: Contestant, test: torch.Tensor, fakes: Source, known: RealLabels, probe: DiscriminatorProbe,
    device: torch.device, chunk: int,
) -> DiscriminatorCheck:  # fmt: skip
    assert judge.discriminator is not None
    n, noise = len(test), uniform_noise(test, len(test), seed=0)
    sources = [Source(label=None, n=n, array=test), fakes, Source(label=NOISE, n=n, array=noise)]
    two_modes = has_batch_norm(judge) and not probe.unreachable_norm
    raw: dict[Label, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}
    with network_crew(device, alone=True) as workers:
        for whole in with_labels_of_reals(sources, [judge], known, seed=0):
            source = replace(whole, chunk=min(chunk, whole.n))
            one_pass = scoring_pass(
                judge, source.n, scored=source.chunks, chunk=source.chunk, norm="eval", grouped=probe.grouped,
                switchable=two_modes, labels=source.drawn if source.labels is None else source.labels,
                noise=Stream(0, "network-noise", judge.name, "check", title(source.label)), workers=workers,
                at_once={},
            )  # fmt: skip
            for number, part in enumerate(chunks(source, seed=0, shape=None, device=device, group=1)):
                samples = part.contiguous()
                one_pass.add(number, samples, one_pass.scored(number, samples))
            raw[source.label] = one_pass.finish().double().cpu().numpy()
    checked_scores(judge, raw)
    size = group_size(judge, "eval", coupled=probe.coupled, switchable=two_modes)
    scores = ScoresBySource(
        arrays={label: real_high(values, judge) for label, values in raw.items()}, group_size=size
    )
    table = confusion(judge, scores, judge.name)
    return DiscriminatorCheck(
        score_kind=judge.score_kind, orientation=judge.orientation, threshold=judge.decision_threshold,
        batch_norms=len(averaging_layers(judge.discriminator)), two_modes=two_modes, group_size=size,
        medians=Medians(
            data=float(np.median(raw[None])), generated=float(np.median(raw[judge.name])),
            noise=float(np.median(raw[NOISE])),
        ),
        auc_generated=auc_interval(real=scores[None], fake=scores[judge.name], group_size=size),
        auc_noise=auc_interval(real=scores[None], fake=scores[NOISE], group_size=size),
        separation=Missing(NO_THRESHOLD) if table is None else 1 - table.fn.rate - table.fp.rate,
        probe=probe,
    )  # fmt: skip


def _sample_findings(name: str, samples: Variety) -> Iterator[Finding]:
    if samples.collapsed:
        different, spread = samples.different, samples.spread
        vary = "" if isinstance(spread, Missing) else f", and vary {spread:.2f} times as much as the data"
        yield Finding(
            flag=f"'{name}': {different.count} of {different.n} samples differ{vary}: collapsed, or were its"
            " weights not loaded?",
            remedy="look at them with gancross sample; name the file of its trained weights",
        )


def _score_findings(name: str, found: DiscriminatorCheck | Missing) -> Iterator[Finding]:
    """Of the scores; noise is evidence of a turned orientation only beside generated samples.

    A good judge that never saw noise may rank it anywhere.
    """
    if isinstance(found, Missing):
        return
    separation = None if isinstance(found.separation, Missing) else found.separation
    yield from own_findings(
        name, score_kind=found.score_kind, auc=found.auc_generated.value, separation=separation
    )
    generated_auc, noise_auc = found.auc_generated, found.auc_noise
    if generated_auc.value >= TURNED and generated_auc.ci95[1] < 0.5 and noise_auc.value < TURNED:
        yield Finding(
            flag=f"'{name}': its own generator's samples (AUC {generated_auc.value:.4f}) and uniform noise"
            f" (AUC {noise_auc.value:.4f}) score above the test data: is the orientation, or data_range,"
            " another one?",
            remedy="give orientation=fake_high if it learned low scores for real images, or the data_range"
            " that it was trained on",
        )
