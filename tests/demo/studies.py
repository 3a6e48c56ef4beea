"""What the tests of the study share: models whose pictures tell by their colour what they are."""

from __future__ import annotations

from PIL import Image

from demo.study_models import Contestant, as_png

GENERATED, REAL = (200, 30, 30), (30, 30, 200)


def contestant(name: str = "ours 01234567", pairs: int = 8) -> Contestant:
    """Real pictures are blue, generated ones red; the green says which pair."""
    pictures = {}
    for k in range(pairs):
        real, fake = (Image.new("RGB", (16, 16), (r, 10 * k, b)) for r, _, b in (REAL, GENERATED))
        pictures[str(k)] = as_png(real), as_png(fake)
    return Contestant(name, "test pairs", pictures)
