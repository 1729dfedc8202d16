"""The result of a cross-test: frozen dataclasses, which the codec writes as one JSON document and reads."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from gancross.evaluator.classes.records import ClassFigures
from gancross.evaluator.codec.encoding import encode
from gancross.evaluator.codec.fields import Count, Items, JsonObject, JsonValue, Recorded, Sha256, Size
from gancross.evaluator.estimates import Estimate, Missing
from gancross.evaluator.fidelity.figures import FidelityFigures, FidelityProtocol
from gancross.evaluator.judging.controls import ControlRates
from gancross.evaluator.judging.figures import BatchNormMoves, ConfusionMatrix, Histogram, RocCurve
from gancross.evaluator.judging.probe_results import Probes
from gancross.evaluator.protocol import Protocol
from gancross.evaluator.referees.records import Referees
from gancross.evaluator.result.contestant_record import ContestantRecord
from gancross.evaluator.result.display import display
from gancross.evaluator.tournament.duality import DualityGap
from gancross.evaluator.tournament.tournament import Groups, Ranking
from gancross.evaluator.verdict.figures import Cell
from gancross.evaluator.verdict.pairs import Pair
from gancross.evaluator.verdict.verdicts import Verdicts
from gancross.machine.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from rich.console import RenderableType

FORMAT: Literal["gancross.result/2"] = "gancross.result/2"


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """The data that every judge saw.

    Attributes:
        split: how training and test samples were told apart.
        image_size: side to which images were resized; None: as they were.
        shape: (C, H, W) or (d,).
        sha256: of the canonical test array.
    """

    name: str
    split: str
    image_size: int | None
    shape: tuple[Size, ...]
    sha256: Sha256
    num_real: Size


@dataclass(frozen=True, kw_only=True)
class ProtocolRecord:
    """How the figures were computed; equal protocols make results comparable.

    Attributes:
        options: what the caller asked for.
        chunk: samples that networks see at a time.
        fidelity: how fidelity was measured; None where it was not.
        threads: of records of earlier versions, whose last bits depended on it.
    """

    data: DataRecord
    options: Annotated[Protocol, Recorded(inline=True)]
    chunk: Size
    threads: Annotated[Size | None, Recorded(absent=True)] = None
    fidelity: FidelityProtocol | None = None


@dataclass(frozen=True, kw_only=True)
class ReferenceJudge:
    """A judge that gives one answer to everything: FP alone can be gamed."""

    fp: float
    fn: float


REFERENCE_JUDGES = {
    "always-real": ReferenceJudge(fp=1.0, fn=0.0), "always-fake": ReferenceJudge(fp=0.0, fn=1.0)
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What judges make of samples whose answer is known, by judge."""

    judges: Mapping[str, ControlRates]
    references: Mapping[str, ReferenceJudge]


@dataclass(frozen=True, kw_only=True)
class RefereeCost:
    """What the referees of a call cost.

    Attributes:
        trained, cached: referees that this call trained, and those that it read from the cache.
        seconds: the time that it took, controls included.
    """

    trained: Count
    cached: Count
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """All that may differ between two equal calls; `others` is what other versions wrote there."""

    gancross: Annotated[str | None, Recorded(absent=True)] = None
    torch: Annotated[str | None, Recorded(absent=True)] = None
    python: Annotated[str | None, Recorded(absent=True)] = None
    device: Annotated[str | None, Recorded(absent=True)] = None
    batch_size: Annotated[int | None, Recorded(absent=True)] = None
    processes: Annotated[int | None, Recorded(absent=True)] = None
    threads: Annotated[int | None, Recorded(absent=True)] = None
    deterministic: Annotated[bool | None, Recorded(absent=True)] = None
    started: Annotated[str | None, Recorded(absent=True)] = None
    seconds: Annotated[float | None, Recorded(absent=True)] = None
    referees: Annotated[RefereeCost | None, Recorded(absent=True)] = None
    others: Annotated[Mapping[str, JsonValue], Recorded(inline=True)]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a cross-test measured; a figure that does not exist is `Missing`, with the reason.

    In a terminal `rich.print(result)` shows all tables, as the command line does with `-v`; a notebook shows
    verdicts and the matrix of shares called real.

    Attributes:
        contestants: in the order of the call.
        probes: what each contestant's networks did when they were tried out.
        confusion: each model's own confusion matrix.
        cross: every judge on every generator, own ones included.
        pairs: every two contestants.
        verdict: the only pair's; nobody is named where there is not exactly one pair.
        generalisation_gap: by judge, TPR on training reals − TPR on test reals.
        batch_norm: by judge, rates with running averages and with batch statistics.
        histograms, roc: of the scores, by judge, for pictures.
        flags: what a reader must know before believing the figures.
        fidelity: by contestant.
        referees: equal, fresh judges, on whom the verdicts `generator` and `strict` rest.
        classes: figures of every class; None where neither test data nor samples have classes.
    """

    format: Literal["gancross.result/2"] = FORMAT
    status: Literal["ok"] = "ok"
    protocol: ProtocolRecord
    contestants: Annotated[tuple[ContestantRecord, ...], Items(1)]
    probes: Annotated[
        Mapping[str, Probes] | Missing,
        Recorded(description="by contestant: what its networks did when they were tried out"),
    ]
    confusion: Annotated[
        Mapping[str, ConfusionMatrix | Missing],
        Recorded(nulls=("counts", "rates", "fn", "fp"), description="each model's own confusion matrix"),
    ]
    cross: Annotated[
        tuple[Cell, ...], Recorded(description="every judge on every generator, own ones included")
    ]
    pairs: tuple[Pair, ...]
    verdict: Verdicts
    generalisation_gap: Annotated[
        Mapping[str, Estimate | Missing],
        Recorded(nulls=("value",), description="by judge: TPR on training reals − TPR on test reals"),
    ]
    batch_norm: Annotated[
        Mapping[str, BatchNormMoves | Missing],
        Recorded(
            nulls=("modes",), description="by judge: rates with running averages, with batch statistics"
        ),
    ]
    controls: Controls | Missing
    ranking: Ranking
    duality_gap: Annotated[Mapping[str, DualityGap | Missing], Recorded(nulls=("value",))]
    groups: Groups
    histograms: Mapping[str, Histogram]
    roc: Annotated[
        Mapping[str, Mapping[str, RocCurve]], Recorded(description="by judge and generator: [[FPR, TPR], …]")
    ]
    flags: tuple[str, ...]
    fidelity: Mapping[str, FidelityFigures] | Missing
    referees: Annotated[Referees | Missing, Recorded(description="equal, fresh judges on a ladder of noise")]
    classes: Annotated[
        ClassFigures | None,
        Recorded(absent=True, description="figures class by class; absent without classes"),
    ] = None
    provenance: Provenance

    def to_dict(self) -> JsonObject:
        """The whole result as plain JSON values."""
        return cast(JsonObject, encode(self))

    def to_json(self) -> str:
        """The result as text; the same figures always give the same bytes."""
        text = io.StringIO()
        # Not `dumps`, which holds every bracket and number as a text before it joins them.
        text.writelines(
            json.JSONEncoder(indent=2, ensure_ascii=False, allow_nan=False).iterencode(self.to_dict())
        )
        text.write("\n")
        return text.getvalue()

    def save(self, path: str | Path) -> None:
        """Writes the JSON atomically.

        Raises:
            ResourceError: the file cannot be written.
        """
        write_text(Path(path), self.to_json())

    @property
    def names(self) -> list[str]:
        """The contestants in the order of the call."""
        return [contestant.name for contestant in self.contestants]

    @property
    def judges(self) -> list[str]:
        """Those that judge, in the order of the call."""
        return [name for name in self.names if name in self.histograms]

    @cached_property
    def cells(self) -> Mapping[tuple[str, str], Cell]:
        """`cross` by (judge, generator)."""
        return {(cell.judge, cell.generator): cell for cell in self.cross}

    def __rich__(self) -> RenderableType:
        return cast("RenderableType", display("rich", self))

    def _repr_html_(self) -> str:
        return cast(str, display("html", self))

    def to_dataframe(self) -> DataFrame:
        """A row for every judge and generator; missing figures are NaN. Needs pandas.

        Returns:
            Columns `judge`, `generator`, `own`, then each figure with `_low` and `_high`, its 95 % interval.

        Raises:
            ResourceError: pandas is not installed.
        """
        return display("dataframe", self)

    def plot_matrix(self) -> Figure:
        """The share of every generator's samples that each judge calls real, as a heat map."""
        return cast("Figure", display("matrix", self))

    def plot_histograms(self, judge: str | None = None) -> Figure:
        """A judge's scores, with τ; the only judge where none is given.

        Raises:
            UsageError: no such judge, or several to choose from.
        """
        return cast("Figure", display("histograms", self, judge))

    def plot_roc(self, judge: str | None = None) -> Figure:
        """A judge's ROC curves; the only judge where none is given.

        Raises:
            UsageError: no such judge, or several to choose from.
        """
        return cast("Figure", display("roc", self, judge))
