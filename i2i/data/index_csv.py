"""index.csv: which picture belongs to what, as spreadsheets write it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from i2i.data.pictures import PrepareError


def read_index(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a CSV file with a header, separated by commas or, as Excel does in half of the world, by
    semicolons.

    Raises:
        PrepareError: for a file that is not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PrepareError(f"{path} is not UTF-8: save it again as CSV UTF-8") from error
    header = text.partition("\n")[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    rows = list(reader)
    return list(reader.fieldnames or []), rows
