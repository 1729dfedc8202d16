"""Where images come from: what is recorded of reals and contestants, and which differences are flagged."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_referees import grains
from torch import nn

from gancross import Contestant
from gancross.checkpoint.contestant import Origin
from gancross.data.formats import FormatShare
from gancross.evaluator.referees.formats import ImageFormats, SourceFormat, format_flags, image_formats

MAY = "the finest levels of noise may show the format"


def files(kind: str = "PNG", share: float = 1.0, **fields: Any) -> FormatShare:
    values: dict[str, Any] = {"mode": "RGB", "tables": None, "quality": None, "resized_from": None} | fields
    return FormatShare(format=kind, share=share, **values)


def jpeg(quality: int = 75, tables: str | None = None, share: float = 1.0, **fields: Any) -> FormatShare:
    return files("JPEG", share, quality=quality, tables=tables or f"{quality:08d}", **fields)


NETWORK, ARRAYS = SourceFormat(source="network"), SourceFormat(source="arrays")
PNG = SourceFormat(source="files", files=(files(),))
JPEG = SourceFormat(source="files", files=(jpeg(),))


def of(*shares: FormatShare) -> SourceFormat:
    return SourceFormat(source="files", files=shares)


def flags(reals: SourceFormat, **contestants: SourceFormat) -> list[str]:
    formats = ImageFormats(reals=reals, contestants=contestants)
    return list(format_flags(formats, reals="the held-out reals"))


@pytest.mark.parametrize("reals", [NETWORK, ARRAYS, PNG, of(files("BMP", 0.5), files("TIFF", 0.5))])
@pytest.mark.parametrize("samples", [NETWORK, ARRAYS, PNG, of(files("PPM", mode="L"))])
def test_what_leaves_no_trace_is_no_difference(reals: SourceFormat, samples: SourceFormat) -> None:
    assert flags(reals, a=samples) == []


@pytest.mark.parametrize(
    "source",
    [
        JPEG,
        of(files("WEBP")),
        of(files(mode="P")),
        of(files(mode="1")),
        of(files(resized_from=(90, 90))),
        of(jpeg(share=0.5), jpeg(90, share=0.5)),
    ],
)
def test_a_trace_on_one_side_alone_is_flagged_whichever_side_it_is(source: SourceFormat) -> None:
    assert flags(source, a=source) == []
    for plain in (NETWORK, ARRAYS, PNG):
        for reals, samples in ((source, plain), (plain, source)):
            (flag,) = flags(reals, a=samples)
            assert flag.startswith("'a': samples come from ") and flag.endswith(MAY)


def test_a_flag_says_whose_files_are_of_which_format() -> None:
    assert flags(PNG, a=PNG, b=JPEG) == [
        f"'b': samples come from JPEG files (quality 75), the held-out reals from PNG files: {MAY}"
    ]
    large = of(jpeg(60, share=0.75, resized_from=(90, 200)), jpeg(95, share=0.25, resized_from=(70, 80)))
    assert flags(large, a=NETWORK, b=ARRAYS) == [
        "'a', 'b': samples come from no image files, the held-out reals from JPEG files (quality 60 to 95,"
        f" resized from 70 to 200 pixels a side): {MAY}"
    ]
    mixed = of(jpeg(share=0.75), files(share=0.25, mode="P"))
    assert flags(PNG, a=mixed) == [
        "'a': samples come from 75% JPEG files (quality 75) and 25% PNG files (palette), the held-out reals"
        f" from PNG files: {MAY}"
    ]


def test_tables_of_one_quality_that_differ_are_flagged() -> None:
    assert flags(JPEG, a=of(jpeg(tables="photoshop"))) == [
        "'a': samples come from JPEG files (quality 75), the held-out reals from JPEG files (quality 75), but"
        f" their quantisation tables differ: {MAY}"
    ]


def test_a_few_files_of_another_format_make_no_difference() -> None:
    assert flags(JPEG, a=of(jpeg(share=0.96), files(share=0.04))) == []
    assert flags(JPEG, a=of(jpeg(share=0.94), files(share=0.06))) != []


def test_formats_that_are_not_listed_count_as_equal() -> None:
    listed = [jpeg(quality, share=0.04) for quality in range(50, 70)]  # the 20 most frequent: 80 %
    assert flags(of(*listed), a=of(*listed)) == []
    assert flags(JPEG, a=of(*listed)) != []


def test_contestants_tell_where_their_samples_come_from() -> None:
    origin = Origin(path="folder:a", sha256="", file_formats=(jpeg(),))
    contestants = [
        Contestant(name="files", samples=grains(5), origin=origin),
        Contestant(name="arrays", samples=grains(5)),
        Contestant(name="network", generator=nn.Identity(), latent_dim=1),
    ]
    found = image_formats((files(),), contestants)
    assert found.reals == PNG
    assert found.contestants == {"files": JPEG, "arrays": ARRAYS, "network": NETWORK}
    assert image_formats((), contestants).reals == ARRAYS
