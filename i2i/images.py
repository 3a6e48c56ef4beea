"""The only place that knows ranges, polarity and colour order: files and PIL images <-> arrays <-> tensors.

Photos are RGB, tensors of them float32 (3, H, W) in [-1, 1]. Drawings are uint8 (H, W) with ink 0 and paper
255, tensors of them float32 (1, H, W) with paper +1 and ink -1. Every other module converts through these
functions.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from i2i.profiles import to_srgb

try:  # not needed, but then photos of telephones can be read as they are
    import pillow_heif

    pillow_heif.register_heif_opener()
except ImportError:
    pass

FITS = ("crop", "pad", "stretch")
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # brands of HEIF's first box
NO_HEIC = (
    "HEIC photo, as iPhones save them, which Pillow alone cannot read: export it as JPEG, or run "
    "pip install pillow-heif"
)
_OF_PIXELS = ("transparency", "icc_profile")  # of Pillow's `info`, what pixels mean

# What Pillow raises for broken, truncated or hostile files; EOFError and SyntaxError come from its PNG, GIF
# and TIFF readers, RuntimeError from AVIF, struct.error from EXIF, the rest from damaged headers and compressed data.
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    MemoryError,
    Image.DecompressionBombError,
)


def is_heif(content: bytes) -> bool:
    """Whether a file that begins so is a photo as iPhones save them."""
    return content[4:8] == b"ftyp" and content[8:12] in _HEIF


def check_array(array: np.ndarray, name: str = "array") -> np.ndarray:
    """Check an image array at the door and return it as it came.

    Args:
        array: uint8, or float (16, 32 or 64 bits, the machine's byte order) with every value in [0, 1]; any
            shape with at least one element.
        name: what the array is, for the error message.

    Raises:
        ValueError: for another type, no elements, NaN or infinity, or floats outside [0, 1].
    """
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"{name}: got {type(array).__name__}, expected a numpy array of uint8 or of floats in [0, 1]"
        )
    if array.size == 0:
        raise ValueError(f"{name}: got an array of shape {array.shape}, which holds no pixels")
    if array.dtype == np.uint8:
        return array
    if array.dtype not in (np.float16, np.float32, np.float64):
        hint = (
            "multiply by 255 and use .astype('uint8')"
            if array.dtype == bool
            else "use .astype('float32')"
            if array.dtype.kind == "f"
            else "convert it to one of the two"
        )
        raise ValueError(
            f"{name}: got dtype {array.dtype}, expected uint8 (0-255) or float in [0, 1]; {hint}"
        )
    low, high = float(array.min()), float(array.max())  # NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = "NaN" if np.isnan(array).any() else "infinite"
        raise ValueError(f"{name}: got {bad} values ({array.dtype}), expected floats in [0, 1]")
    if low < 0 or high > 1:
        raise ValueError(
            f"{name}: got {array.dtype} values from {low:.4g} to {high:.4g}, expected floats in [0, 1]; "
            "divide by 255, or map [-1, 1] with (x + 1) / 2"
        )
    return array


def load_image(source: Image.Image | np.ndarray | str | os.PathLike) -> Image.Image:
    """Bring any picture to an RGB PIL image.

    EXIF orientation is applied, transparency is flattened on white, and 16-bit, CMYK, palette and grey
    pictures, and RGB of another colour profile than sRGB, are converted. Of an animation the first frame is taken.

    Args:
        source: PIL image of any mode; array (H, W) or (H, W, 1 | 3 | 4), uint8 or float in [0, 1]; or a path.

    Returns:
        A new PIL image of mode RGB, fully decoded.

    Raises:
        ValueError: for a missing, unreadable or truncated file (the message names it), an array of another
            type, range or shape, or a source of another kind.
    """
    if isinstance(source, Image.Image):
        return _to_rgb(source, "image")
    if isinstance(source, np.ndarray):
        return _to_rgb(_array_to_pil(source), "array")
    if not isinstance(source, (str, os.PathLike)):
        hint = "; use .permute(1, 2, 0).numpy() on a tensor" if isinstance(source, torch.Tensor) else ""
        raise ValueError(
            f"cannot read an image from {type(source).__module__}.{type(source).__name__}: "
            f"expected a path, a PIL image, or a numpy array of uint8 or floats in [0, 1]{hint}"
        )
    path = Path(source)
    if not path.is_file():
        what = "is a folder, not an image file" if path.is_dir() else "does not exist"
        raise ValueError(f"cannot read image {path}: it {what}; check the path")
    try:
        with Image.open(path) as image:
            return _to_rgb(image, str(path))
    except UnidentifiedImageError as error:
        with path.open("rb") as file:
            what = NO_HEIC if is_heif(file.read(12)) else "not a picture in a known format, such as JPEG, PNG or WebP"
        raise ValueError(f"cannot read image {path}: {what}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"cannot read image {path}: it has more pixels than the limit of {2 * Image.MAX_IMAGE_PIXELS:,}, which "
            "guards against files that fill the memory; shrink it first"
        ) from error
    except _DECODE_ERRORS as error:
        if str(error).startswith("cannot read image"):
            raise
        raise ValueError(f"cannot read image {path}: {error or type(error).__name__}") from error


def _array_to_pil(array: np.ndarray) -> Image.Image:
    check_array(array, "image array")
    shape = array.shape
    if array.ndim == 3 and shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))):
        hint = (
            "; move the channels last with .transpose(1, 2, 0)"
            if array.ndim == 3 and shape[0] in (1, 3, 4)
            else ""
        )
        raise ValueError(f"image array: got shape {shape}, expected (H, W) or (H, W, 1|3|4){hint}")
    if array.dtype != np.uint8:
        array = np.rint(array.astype(np.float32) * 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array))


def upright(image: Image.Image) -> Image.Image:
    """A copy of an image, turned as its EXIF orientation says; damaged EXIF data beside that are passed over."""
    try:
        return ImageOps.exif_transpose(image)
    except _DECODE_ERRORS:  # it also writes the other data anew, which wrong types prevent
        image.load()  # where the pixels are damaged, this says so
        plain, orientation = image.copy(), Image.Exif()
        orientation[0x0112] = image.getexif().get(0x0112, 1)
        plain.info = {"exif": orientation.tobytes()} | {k: v for k, v in image.info.items() if k in _OF_PIXELS}
        return ImageOps.exif_transpose(plain)


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    try:
        image.load()
        image = upright(image)
    except _DECODE_ERRORS as error:
        raise ValueError(f"cannot read image {name}: {error or type(error).__name__}") from error
    if image.width == 0 or image.height == 0:
        raise ValueError(f"cannot read image {name}: it holds no pixels ({image.width} x {image.height})")
    if image.mode == "I" or image.mode.startswith("I;16"):
        # 16-bit grey: 65535 is white. Mode I is also how 8-bit values can arrive; then they are kept.
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(
                f"cannot read image {name}: mode {image.mode} with values from {values.min()} to "
                f"{values.max()}, expected at most 16 bits (0-65535)"
            )
        if image.mode != "I" or values.max() > 255:
            values = (values + 128) // 257
        image = Image.fromarray(values.astype(np.uint8))
    elif image.mode == "F":
        image = _array_to_pil(_of_floats(np.asarray(image), f"image {name} (mode F)"))
    image = to_srgb(image)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, rgba).convert("RGB")
    if image.mode == "RGB":
        return image.copy()
    converted = image.convert("RGB")
    if image.mode != "P":  # the profile of CMYK or grey is wrong for what these have become
        converted.info.pop("icc_profile", None)
    return converted


def _of_floats(values: np.ndarray, name: str) -> np.ndarray:
    """Levels of a picture of floats, 0 to 255 or [0, 1], as [0, 1]; what resizing overshoots is clipped."""
    if not np.isfinite(values).all():
        return check_array(values, name)  # says so
    low, high = float(values.min()), float(values.max())
    scale = 255 if high > 1.5 else 1
    if low < -0.1 * scale or high > 1.1 * scale:
        raise ValueError(f"{name}: got values from {low:.4g} to {high:.4g}, expected 0 to 255, or floats in [0, 1]")
    return np.clip(values / np.float32(scale), 0, 1)


def fit_square(image: Image.Image, size: int, fit: str = "crop") -> Image.Image:
    """Make an RGB image square, antialiased.

    Args:
        image: PIL image (other modes than RGB are converted).
        size: side of the result in pixels.
        fit: "crop" cuts the centre square, "pad" mirrors the picture at its borders (reflect, nothing is
            lost), "stretch" changes the aspect ratio.

    Returns:
        PIL RGB image (size, size); an image that is that already comes back as it is, pixel for pixel.

    Raises:
        ValueError: for an unknown `fit` or a size below 1.
    """
    if fit not in FITS:
        raise ValueError(f"unknown fit {fit!r}: expected one of {', '.join(FITS)}")
    if size < 1:
        raise ValueError(f"got size {size}, expected at least 1 pixel")
    if image.mode != "RGB":
        image = load_image(image)
    width, height = image.size
    if (width, height) == (size, size):
        return image.copy()
    if fit == "stretch" or width == height:
        return image.resize((size, size), Image.Resampling.BICUBIC)
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2  # whole pixels: no half-pixel blur
        return image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    scale = size / max(width, height)
    new = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = np.asarray(image.resize(new, Image.Resampling.BICUBIC))
    extra_x, extra_y = size - new[0], size - new[1]
    borders = ((extra_y // 2, extra_y - extra_y // 2), (extra_x // 2, extra_x - extra_x // 2), (0, 0))
    return Image.fromarray(np.pad(pixels, borders, mode="reflect"))


def levels_to_tensor(levels: np.ndarray) -> torch.Tensor:
    """Levels 0 to 255 of any shape and number type -> float32 tensor of that shape in [-1, 1]."""
    # In numpy: in a loader torch's threads would cost more than the arithmetic.
    return torch.from_numpy(levels.astype(np.float32, order="C") / np.float32(127.5) - np.float32(1))


def photo_to_tensor(image: Image.Image) -> torch.Tensor:
    """PIL image (H, W) -> float32 (3, H, W) in [-1, 1]."""
    pixels = np.asarray(image if image.mode == "RGB" else load_image(image))
    return levels_to_tensor(pixels.transpose(2, 0, 1))


def tensor_to_photo(tensor: torch.Tensor) -> Image.Image:
    """Tensor (3, H, W), any float type and device, nominally in [-1, 1] -> PIL RGB; rounds, clamps what is
    outside.

    Raises:
        ValueError: for another shape, or NaN values.
    """
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        raise ValueError(f"got a tensor of shape {tuple(tensor.shape)}, expected (3, H, W)")
    values = tensor.detach().float().cpu()
    if torch.isnan(values).any():
        raise ValueError("got NaN in a photo tensor: the network that made it is broken or overflowed")
    pixels = values.add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def drawing_to_tensor(drawing: np.ndarray) -> torch.Tensor:
    """Drawing uint8 (H, W), ink 0 and paper 255 -> float32 (1, H, W), ink -1 and paper +1.

    Raises:
        ValueError: for another type or shape.
    """
    if not isinstance(drawing, np.ndarray) or drawing.dtype != np.uint8 or drawing.ndim != 2:
        got = (
            f"{drawing.dtype} {drawing.shape}" if isinstance(drawing, np.ndarray) else type(drawing).__name__
        )
        raise ValueError(f"drawing: got {got}, expected uint8 (H, W) with ink 0 and paper 255")
    return levels_to_tensor(drawing[None])
