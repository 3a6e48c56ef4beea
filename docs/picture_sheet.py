"""Labelled pictures in rows, for the pages of this folder."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

PAGE, TEXT, GAP = (228, 232, 236), (40, 48, 56), 6


def sheet(
    rows: list[list[Image.Image | np.ndarray]], labels: list[list[str]] | None = None, side: int = 192
) -> Image.Image:
    """Pictures in rows on a pale page, each with a label below where `labels` has one."""
    text = 16 if labels else 0
    width, height = len(rows[0]) * (side + GAP) + GAP, len(rows) * (side + text + GAP) + GAP
    page = Image.new("RGB", (width, height), PAGE)
    pen = ImageDraw.Draw(page)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            place = (GAP + c * (side + GAP), GAP + r * (side + text + GAP))
            if isinstance(picture, np.ndarray):
                picture = Image.fromarray(picture)
            page.paste(picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS), place)
            if labels:
                pen.text((place[0] + 2, place[1] + side + 1), labels[r][c], fill=TEXT)
    return page
