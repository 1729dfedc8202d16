"""Fidelity within a cross-test: everything that its metrics need is looked for before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gancross.data.order import content_sha256
from gancross.data.views import Samples
from gancross.errors import UsageError
from gancross.evaluator.fidelity.plan import check
from gancross.evaluator.judging.sampling import Source
from gancross.evaluator.protocol import Protocol
from gancross.machine.files import check_target

if TYPE_CHECKING:
    from gancross.evaluator.fidelity.measurement import Fidelity


@dataclass(frozen=True, kw_only=True)
class FidelityFiles:
    """Files of the fidelity metrics.

    Attributes:
        weights: Inception's; by default torch-fidelity's own location.
        statistics: .npz with `mu` and `sigma` of the real data, in place of computed ones.
        save_statistics: where to write those that were computed.
    """

    weights: Path | None = None
    statistics: Path | None = None
    save_statistics: Path | None = None


def prepared(
    protocol: Protocol, files: FidelityFiles, *, sources: Sequence[Source], test: Samples,
    device: torch.device,
) -> Fidelity | None:  # fmt: skip
    """What will measure the metrics of the protocol; None where it has none.

    Raises:
        UsageError, ResourceError: as `check`.
        DataError, CheckpointError: statistics or weights that are refused.
    """
    if not protocol.metrics and files == FidelityFiles(weights=files.weights):
        return None
    # torch-fidelity takes seconds to import.
    from gancross.evaluator.fidelity.extractor import load_extractor
    from gancross.evaluator.fidelity.measurement import Fidelity
    from gancross.evaluator.fidelity.real_features import read_statistics

    if files.save_statistics is not None:
        if "fid" not in protocol.metrics:
            raise UsageError("statistics of the real data are FID's: to save them ask for the metric 'fid'")
        check_target(files.save_statistics)
    statistics = None if files.statistics is None else read_statistics(files.statistics)
    shape = tuple(test.shape[1:])
    counts = {s.label: s.n for s in sources if s.label is None or isinstance(s.label, str)}
    plan = check(
        protocol.metrics, shape=shape, counts=counts, weights=files.weights, statistics=statistics,
        kid_subset_size=protocol.kid_subset_size,
    )  # fmt: skip
    extractor = load_extractor(plan.extractor, shape=shape, weights=plan.weights, device=device)
    return Fidelity(
        plan, extractor, counts=counts, data_sha256=content_sha256(test, ordered=True), statistics=statistics,
        save_to=files.save_statistics, chunk=sources[0].chunk,
    )  # fmt: skip
