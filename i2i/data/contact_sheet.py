"""One picture to look a preparation over: pairs that were kept, and what was left out and why."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from i2i.images import fit_square, load_image

_CELL = 96
_COLUMNS = 6  # pairs a row
_LINE = 13
_REASON_ORDER = ("dense", "blank", "small", "duplicate", "mismatch", "unreadable")


def contact_sheet(
    out: Path,
    source: Path,
    files: list[dict],
    pair_of: Callable[[dict], tuple[Image.Image, Image.Image]],
    kept: int = 36,
    rejected: int = 24,
) -> bytes:
    """JPEG bytes of a sheet with up to `kept` pairs, spread evenly, and up to `rejected` files of every
    reason.

    Args:
        out: the prepared folder. source: the folder of the photos. files: the manifest's records.
        pair_of: (photo, drawing) of a kept record.
    """
    good = [record for record in files if record["status"] == "kept"]
    bad = [
        record
        for reason in _REASON_ORDER
        for record in _spread(
            [record for record in files if record["status"] == reason], max(1, rejected // len(_REASON_ORDER))
        )
    ]
    cells = [_pair(pair_of, record) for record in _spread(good, kept)]
    cells += [None] * (-len(cells) % _COLUMNS)  # the rejected ones begin a new row
    cells += [_rejected(out, source, record) for record in bad]
    width, height = 2 * _CELL + 6, _CELL + 2 * _LINE + 6
    sheet = Image.new("RGB", (_COLUMNS * width, -(-len(cells) // _COLUMNS) * height), "white")
    for i, cell in enumerate(cells):
        if cell is not None:
            sheet.paste(cell, (i % _COLUMNS * width, i // _COLUMNS * height))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _spread(records: list[dict], count: int) -> list[dict]:
    if len(records) <= count:
        return records
    return [records[i * len(records) // count] for i in range(count)]


def _cell(
    photo: Image.Image | None, drawing: Image.Image | None, lines: list[str], colour: str
) -> Image.Image:
    cell = Image.new("RGB", (2 * _CELL, _CELL + 2 * _LINE), "white")
    for place, image in ((0, photo), (_CELL, drawing)):
        if image is None:
            cell.paste("#dddddd", (place, 0, place + _CELL, _CELL))
        else:
            cell.paste(image.convert("RGB").resize((_CELL, _CELL), Image.Resampling.BOX), (place, 0))
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(10)
    for i, line in enumerate(lines):
        draw.text((1, _CELL + i * _LINE), line[-38:] if i == 0 else line[:38], fill=colour, font=font)
    return cell


def _pair(pair_of: Callable[[dict], tuple[Image.Image, Image.Image]], record: dict) -> Image.Image:
    lines = [record["file"], f"{record['split'] or 'drawn'}, {record['ink']:.1%} ink"]
    return _cell(*pair_of(record), lines, "#207020")


def _rejected(out: Path, source: Path, record: dict) -> Image.Image:
    drawing = out / "rejected" / f"{record['id']}.png"
    try:
        photo = fit_square(load_image(source / record["photo"]), _CELL)
    except ValueError:
        photo = None  # which is why it was rejected
    return _cell(
        photo,
        load_image(drawing) if record["id"] and drawing.exists() else None,
        [record["file"], f"{record['status']}: {record['why']}"],
        "#a02020",
    )
