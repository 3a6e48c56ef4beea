"""What styles do, as pictures: the matrix of sources and references, and the way from one style to another."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from i2i.grids import tile
from i2i.images import fit_square, load_image, photo_to_tensor
from i2i.serving.given import whole
from i2i.translator import Picture, Translator


def _square(picture: Picture, size: int) -> Tensor:
    return photo_to_tensor(fit_square(load_image(picture), size))


def style_matrix(
    translator: Translator,
    sources: Sequence[Picture],
    references: Sequence[Picture],
    domains: Sequence[str] | None = None,
) -> Image.Image:
    """Every source in the style of every reference, as in figures 1 and 4 of StarGAN v2: references on top, sources on
    the left.

    Args:
        translator: a model with styles, of photos or drawings.
        sources: what is translated. references: photos.
        domains: the domain of each reference, for models that have domains.

    Returns:
        RGB, (1 + sources) x (1 + references) pictures of the model's size with white gaps.

    Raises:
        ValueError: without sources or references, with a domain too few or too many, or as `Translator.style_of`.
    """
    if not len(sources) or not len(references):
        raise ValueError(f"a matrix needs sources and references, got {len(sources)} and {len(references)}")
    names = list(domains) if domains is not None else [None] * len(references)
    if len(names) != len(references):
        raise ValueError(f"got {len(names)} domains for {len(references)} references: name one for each")
    size = translator.image_size
    styles = torch.from_numpy(
        np.stack([translator.style_of(photo, name) for photo, name in zip(references, names, strict=True)])
    )
    head = torch.stack([torch.ones(3, size, size), *(_square(photo, size) for photo in references)])
    rows = [head]
    for source in sources:
        x = translator.see(source)
        shown = x.expand(3, -1, -1) if len(x) == 1 else _square(source, size)
        rows.append(torch.cat([shown[None], translator.render(x, styles)]))
    return tile(torch.stack(rows))


def style_path(
    translator: Translator, source: Picture, styles: np.ndarray, steps: int = 12, closed: bool = False
) -> list[Image.Image]:
    """A source on the straight way from each style to the next (StarGAN v2, the interpolations of its video).

    Args:
        styles: stops on the way, (n, S) with n >= 2, from `Translator.styles` or `style_of`; they may be of different
            domains, for the way between two styles needs no domain.
        steps: pictures from one stop to the next.
        closed: come back to the first style.

    Returns:
        (n - 1) * steps + 1 pictures; closed, n * steps, of which the last stands one step before the first.

    Raises:
        ValueError: for fewer than two stops, or styles of another length.
    """
    styles = np.asarray(styles, np.float32)
    if styles.ndim != 2 or len(styles) < 2:
        raise ValueError(f"a way needs at least two styles (n, S), got shape {styles.shape}")
    steps = whole(steps, "steps")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    stops = np.concatenate([styles, styles[:1]]) if closed else styles
    share = np.arange(steps, dtype=np.float32)[:, None] / steps
    way = [a * (1 - share) + b * share for a, b in zip(stops, stops[1:], strict=False)]
    way += [] if closed else [stops[-1:]]
    return translator.sample(source, style=np.concatenate(way))


def clip(frames: Sequence[Image.Image], milliseconds: int = 80, quality: int = 85) -> bytes:
    """Pictures as an animated WebP that loops for ever; `milliseconds` is how long each one shows."""
    if not frames:
        raise ValueError("a clip needs at least one picture, got none")
    stream = io.BytesIO()
    frames[0].save(
        stream, "WEBP", save_all=True, append_images=list(frames[1:]), duration=milliseconds, loop=0,
        quality=quality, method=2,
    )  # fmt: skip
    return stream.getvalue()
