"""Colour profiles: pictures of wide-gamut screens and cameras brought to sRGB, which all else takes for granted."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

_MODES = ("RGB", "RGBA")


def foreign_profile(image: Image.Image) -> str:
    """What the colour profile of an RGB picture calls itself, "Display P3" for instance; empty without one, for sRGB
    itself, and for a damaged one, which says nothing.
    """
    return _way(image)[0]


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture with its colours as sRGB has them, and without its profile, with a transparent colour as RGBA; the
    same picture where it has no foreign profile.

    Args:
        image: mode RGB or RGBA; any other comes back as it is.
    """
    _, way = _way(image)
    if way is None:
        return image
    if "transparency" in image.info:  # a colour that stands for nothing, and would be another one then
        image = image.convert("RGBA")
    converted = ImageCms.applyTransform(image, way)
    converted.info.pop("icc_profile", None)
    return converted


def _way(image: Image.Image) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """The name of a foreign profile and the way from it to sRGB; empty and None where there is no such."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in _MODES:
        return "", None
    mode = "RGBA" if "transparency" in image.info else image.mode
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(opened).strip()
        if "srgb" in name.lower():
            return "", None
        return name or "nameless", ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, mode)
    # Damaged, made for another kind of pixels; ImportError: Pillow was built without LittleCMS.
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError):
        return "", None
