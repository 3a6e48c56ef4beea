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
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return ""
    return "" if "srgb" in name.lower() else name or "nameless"


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture with its colours as sRGB has them, and without its profile; the same picture where that is none.

    Args:
        image: mode RGB or RGBA; any other comes back as it is.
    """
    if not foreign_profile(image):
        return image
    profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    try:
        converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode=image.mode)
    except ImageCms.PyCMSError:  # a profile that is made for another kind of pixels
        return image
    converted.info.pop("icc_profile", None)
    return converted
