"""Results from files: strict JSON, of a format that this version knows, that fits the schema and itself."""

from __future__ import annotations

import functools
import reprlib
from dataclasses import replace
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from gancross.errors import DataError, printable
from gancross.evaluator.codec.encoding import decode
from gancross.evaluator.codec.fields import JsonObject
from gancross.evaluator.codec.schema import schema
from gancross.evaluator.estimates import Missing
from gancross.evaluator.protocol import chunk_length
from gancross.evaluator.result.migrations import MIGRATIONS
from gancross.evaluator.result.types import FORMAT, Result
from gancross.evaluator.result.validation import bad_value, contradiction
from gancross.machine.files import read_bytes
from gancross.untrusted.strict_json import decoded, parsed

LARGEST_FILE = 1 << 30
LONGEST_QUOTE = 300  # characters of a file's content in a message
DESCRIPTION = (
    "Rows of matrices are predicted (real, fake), columns true (real, fake); real is positive."
    " A figure that does not exist is null, with its reason under <key>_reason."
)


def load_result(path: str | Path) -> Result:
    """Reads a result that `Result.save` wrote, in this version or an earlier one.

    An earlier one comes in today's form: what it did not record is missing, with the reason.

    Raises:
        UsageError: there is no such file.
        DataError: it is not a result of this format, or not as the JSON Schema says.
    """
    path = Path(path)
    content = read_bytes(path, limit=LARGEST_FILE)
    try:
        document = parsed(decoded(content))
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from None
    format_name = document.get("format") if isinstance(document, dict) else None
    if not isinstance(format_name, str) or format_name not in MIGRATIONS:
        quoted = printable(printable(reprlib.repr(format_name)), limit=LONGEST_QUOTE)  # escapes are longer
        raise DataError(f"{path}: not a result this version reads: format {quoted}, expected '{FORMAT}'")
    try:
        return result_from_dict(document)
    except ValueError as error:
        what = printable(printable(str(error)), limit=LONGEST_QUOTE)
        raise DataError(f"{path}: not a valid result: {what}") from None


def result_from_dict(document: JsonObject) -> Result:
    """The inverse of `Result.to_dict`.

    Raises:
        ValueError: it is of another format, does not fit the schema, or its parts contradict each other.
    """
    migrate = MIGRATIONS.get(str(document.get("format")))
    if migrate is None:
        raise ValueError(f"expected format '{FORMAT}', got {document.get('format')!r:.100}")
    document = migrate(document)
    flaw = best_match(Draft202012Validator(result_schema()).iter_errors(document))
    if flaw is not None:
        raise ValueError(f"{flaw.json_path:.100}: {flaw.message:.300}")
    complaint = bad_value(document)
    if complaint is not None:
        raise ValueError(complaint)
    result = _with_options(decode(Result, document))
    complaint = contradiction(result)
    if complaint is not None:
        raise ValueError(complaint)
    return result


@functools.cache
def result_schema() -> JsonObject:
    """The JSON Schema of a result."""
    return schema(Result, name=FORMAT, title="Result of a cross-test", description=DESCRIPTION)


def _with_options(result: Result) -> Result:
    """What the record tells of the options outside `protocol`."""
    protocol, fidelity = result.protocol, result.protocol.fidelity
    options = replace(protocol.options, controls=not isinstance(result.controls, Missing))
    if protocol.chunk != chunk_length(protocol.data.shape):
        options = replace(options, chunk=protocol.chunk)
    if fidelity is not None:
        options = replace(options, metrics=fidelity.metrics, kid_subset_size=fidelity.kid_subset_size)
    return replace(result, protocol=replace(protocol, options=options))
