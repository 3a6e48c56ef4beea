"""Colour profiles: pictures of wide-gamut screens and cameras brought to sRGB, which all else takes for granted."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

_MODES = ("RGB", "RGBA")


def foreign_profile(image: Image.Image) -> str:
    """What the colour profile of an RGB picture calls itself, "Display P3" for instance; empty without one, for sRGB
    itself, and for a damaged one, which says nothing.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in _MODES:
        return ""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(opened).strip()
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError):  # ImportError: built without LittleCMS
        return ""
    if opened.profile.xcolor_space.strip() != "RGB":  # made for another kind of pixels
        return ""
    return "" if "srgb" in name.lower() else name or "nameless"


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture with its colours as sRGB has them, and without its profile, with a transparent colour as RGBA; the
    same picture where it has no foreign profile.

    Args:
        image: mode RGB or RGBA; any other comes back as it is.
    """
    if not foreign_profile(image):
        return image
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    if "transparency" in image.info:  # a colour that stands for nothing, and would be another one then
        image = image.convert("RGBA")
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=image.mode)
    converted.info.pop("icc_profile", None)
    return converted
