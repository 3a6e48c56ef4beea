"""Whether grey label maps hold colours or class indices: one alone may not tell, a folder of them does.

An empty mask of a folder of black and white ones is black, whichever class that is, and not class 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image


def any_grey_from(files: Iterable[Path], level: int) -> bool:
    """Whether a grey map holds a level from `level` on; maps that cannot be read are passed over."""
    for path in files:
        try:
            with Image.open(path) as image:
                if image.mode == "L" and image.getextrema()[1] >= level:
                    return True
        except Exception:  # whatever a broken file raises: it is reported when the map itself is read
            continue
    return False
