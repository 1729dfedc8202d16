"""FID and its like within a cross-test: the feature extractor sees the chunks that the judges see."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from gancross.data.sets import array_sha256
from gancross.errors import UsageError
from gancross.evaluator.fidelity.figures import MeasuredFidelity
from gancross.evaluator.fidelity.plan import check
from gancross.evaluator.judging.sampling import CHUNK, Label, Source
from gancross.evaluator.protocol import Protocol
from gancross.machine.distributed import current
from gancross.machine.files import check_target


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


@dataclass(kw_only=True)
class FidelityPass(AbstractContextManager["FidelityPass"]):
    """Watches a scoring pass; does nothing where no metrics were asked for."""

    fidelity: Any = None  # a `Fidelity`, whose libraries are imported only when metrics are asked for
    save_to: Path | None = None
    needs_data: bool = False
    _rows: list[torch.Tensor] = field(default_factory=list)
    _latest: tuple[Label, torch.Tensor] | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def prepared(
        cls, protocol: Protocol, files: FidelityFiles, *, sources: Sequence[Source], test: torch.Tensor,
        device: torch.device,
    ) -> Self:  # fmt: skip
        """Looks for everything the metrics need, before any work.

        Raises:
            UsageError: an unknown metric, too few samples, options that do not fit together.
            ResourceError: weights that are not there.
            DataError, CheckpointError: statistics or weights that are refused.
        """
        counts = {s.label: s.n for s in sources if s.label is None or isinstance(s.label, str)}
        if not protocol.metrics and files == FidelityFiles(weights=files.weights):
            return cls()
        # torch-fidelity takes seconds to import.
        from gancross.evaluator.fidelity.extractors import load_extractor
        from gancross.evaluator.fidelity.measurement import Fidelity
        from gancross.evaluator.fidelity.real_features import read_statistics

        if files.save_statistics is not None:
            if "fid" not in protocol.metrics:
                raise UsageError(
                    "statistics of the real data are FID's: to save them ask for the metric 'fid'"
                )
            check_target(files.save_statistics)
        statistics = None if files.statistics is None else read_statistics(files.statistics)
        shape = tuple(test.shape[1:])
        plan = check(
            protocol.metrics, shape=shape, counts=counts, weights=files.weights, statistics=statistics,
            kid_subset_size=protocol.kid_subset_size,
        )  # fmt: skip
        extractor = load_extractor(plan.extractor, shape=shape, weights=plan.weights, device=device)
        fidelity = Fidelity(
            plan, extractor, counts=counts, data_sha256=array_sha256(test), statistics=statistics
        )
        # Caches may differ from machine to machine, or from one moment to the next.
        needs_data = current().broadcast_from_rank0(b"1" if fidelity.needs_data else b"0") == b"1"
        return cls(fidelity=fidelity, save_to=files.save_statistics, needs_data=needs_data)

    def __enter__(self) -> Self:
        if self.fidelity is not None:
            self._stack.enter_context(self.fidelity)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, value, trace)

    def add(self, label: Label, chunk: torch.Tensor, count: int) -> None:
        """Takes in one chunk; fidelity is always measured on 8-bit images, as a file would hold them."""
        if not self.wants(label):
            return
        if chunk.ndim == 4 and chunk.dtype != torch.uint8:
            chunk = chunk.round().clamp(0, 255).to(torch.uint8)
        rows = self.fidelity.extracted(chunk, count)
        self._settle()
        self._latest = (label, rows)

    def _settle(self) -> None:
        """Takes the features of the chunk before, while the device computes those of the latest."""
        if self._latest is None:
            return
        (label, rows), self._latest = self._latest, None
        if current().is_rank_zero:
            self.fidelity.take(label, rows)
        else:
            self._rows.append(rows.cpu())

    def finish_source(self, label: Label) -> None:
        """Rank 0 takes in the features of the other processes, in the order of the samples."""
        if not self.wants(label):
            return
        self._settle()
        rows = torch.cat(self._rows) if self._rows else torch.empty(0, self.fidelity.width)
        self._rows.clear()
        for part in current().rows_of_other_ranks(rows):
            if current().is_rank_zero:
                for chunk in torch.split(part, CHUNK):
                    self.fidelity.take(label, chunk)

    def wants(self, label: Label) -> bool:
        """Contestants, and the data where the first process does not know their features yet."""
        return self.fidelity is not None and (isinstance(label, str) or (label is None and self.needs_data))

    def finish(self) -> MeasuredFidelity | None:
        """What was measured; inside the context, after all chunks. The first process alone knows it."""
        if self.fidelity is None or not current().is_rank_zero:
            return None
        measured: MeasuredFidelity = self.fidelity.finish()
        if self.save_to is not None:
            from gancross.evaluator.fidelity.real_features import save_statistics

            save_statistics(self.save_to, self.fidelity.real_statistics)
        return measured
