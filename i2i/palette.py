"""Label maps: names and colours of the classes, and the way from pictures to class indices and back."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from i2i.images import load_image

# Euclidean distance in RGB, levels. JPEG at quality 75 moves flat areas of saturated colours by about 10 levels and
# the pixels beside a border by more; two classes that a person can tell apart are rarely closer than 50.
TOLERANCE = 32.0
_LISTED = 8  # colours that an error names
_FORMS = (
    'expected {"names": ["sky", ...], "colours": [[0, 0, 222], ...]}, or {"palette": [{"name": "sky", "rgb": [0, 0, '
    '222]}, ...]} with an optional "index" in each entry'
)


@dataclass(frozen=True)
class Palette:
    """The classes of label maps; a class index is the place in these lists.

    Attributes:
        names: what each class is called, all different.
        colours: (red, green, blue) of each class, 0 to 255, all different.

    Raises:
        ValueError: for lists of different length, nothing or more than 256 classes, names or colours that occur twice,
            or colours that are no three whole numbers from 0 to 255.
    """

    names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        names = tuple(self.names)
        if len(names) != len(self.colours):
            raise ValueError(f"palette: got {len(names)} names and {len(self.colours)} colours, expected as many")
        if not 1 <= len(names) <= 256:
            raise ValueError(f"palette: got {len(names)} classes, expected 1 to 256")
        colours = tuple(_colour(colour) for colour in self.colours)
        for what, values in (("name", names), ("colour", colours)):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"palette: the {what} {twice!r} occurs twice; every class needs its own")
        if not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"palette: got the names {names}, expected words")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "colours", colours)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def array(self) -> np.ndarray:
        """The colours as uint8 (K, 3)."""
        return np.array(self.colours, np.uint8)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Palette:
        """Read a palette from a JSON file; the forms of `from_json`.

        Raises:
            ValueError: that names the file, for a missing or unreadable one or one that holds no palette.
        """
        path = Path(path)
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise ValueError(f"the palette {path} does not exist; check the path") from error
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"the palette {path} is no readable JSON file: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @classmethod
    def from_json(cls, data: dict[str, Any] | list) -> Palette:
        """Build a palette from parsed JSON: what `to_json` gives, or a list of entries with name and rgb or hex.

        The list may be bare or the value of "palette" or "classes". Entries without "index" count in their order.

        Raises:
            ValueError: for another form, or indices that are not 0, 1, 2 and so on.
        """
        if isinstance(data, dict) and "names" in data and "colours" in data:
            names, colours = data["names"], data["colours"]
            if not isinstance(names, (list, tuple)) or not isinstance(colours, (list, tuple)):
                raise ValueError(f"palette: names and colours are no lists; {_FORMS}")
            return cls(tuple(names), tuple(colours))
        entries = data.get("palette", data.get("classes")) if isinstance(data, dict) else data
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError(f"palette: {_FORMS}")
        indices = [entry.get("index", place) for place, entry in enumerate(entries)]
        if sorted(indices, key=str) != sorted(range(len(entries)), key=str):
            raise ValueError(f"palette: got the indices {indices}, expected each of 0 to {len(entries) - 1} once")
        ordered = [entry for _, entry in sorted(zip(indices, entries, strict=True), key=lambda pair: pair[0])]
        names, colours = [], []
        for place, entry in enumerate(ordered):
            colour = next((entry[key] for key in ("rgb", "colour", "color", "hex") if key in entry), None)
            if colour is None:
                raise ValueError(f"palette: entry {place} has no colour; {_FORMS}")
            names.append(entry.get("name", f"class {place}"))
            colours.append(colour)
        return cls(tuple(names), tuple(colours))

    def to_json(self) -> dict[str, Any]:
        """The palette as JSON data: {"names": [...], "colours": [[r, g, b], ...]}."""
        return {"names": list(self.names), "colours": [list(colour) for colour in self.colours]}

    def classes(
        self, picture: Image.Image | np.ndarray, tolerance: float = TOLERANCE, indices: bool = True
    ) -> np.ndarray:
        """Class indices of a label map, uint8 (H, W).

        Colours, be they RGB or a palette PNG's own, become the class of the nearest colour. A palette PNG is read by
        its colours, never by its numbers, since other programs number classes as they like. Grey pictures whose levels
        all lie below the number of classes hold class indices, as do palette PNGs with nothing but a ramp of grey;
        other grey pictures are colours. What is transparent counts as white.

        Args:
            picture: PIL image of any mode; uint8 (H, W, 3 | 4) colours; or an integer (H, W) of class indices.
            tolerance: largest Euclidean distance in RGB, levels, at which a colour still is a class.
            indices: False where pictures are known to hold colours: then grey ones of low levels do too.

        Raises:
            ValueError: for colours further away, listed with their pixel counts; indices outside the palette; or
                arrays of another kind.
        """
        places, inverse, shape, distance, colours = self._match(picture, indices)
        far = distance > tolerance
        if far.any():
            listed = _counted(colours[far], inverse, np.flatnonzero(far))
            raise ValueError(
                f"{len(listed)} colour{'s are' if len(listed) > 1 else ' is'} not in the palette ({self._hint()}): "
                f"{_listing(listed)}; {sum(n for _, n in listed)} of {inverse.size} pixels are further than "
                f"{tolerance:g} levels from every class"
            )
        return places.astype(np.uint8)[inverse].reshape(shape)

    def unknown(
        self, picture: Image.Image | np.ndarray, tolerance: float = TOLERANCE
    ) -> list[tuple[tuple[int, int, int], int]]:
        """The colours for which `classes` would refuse a picture, with their pixel counts, most frequent first.

        Raises:
            ValueError: for an index array with values outside the palette, or arrays of another kind.
        """
        _, inverse, _, distance, colours = self._match(picture)
        far = distance > tolerance
        return _counted(colours[far], inverse, np.flatnonzero(far))

    def nearest(self, picture: Image.Image | np.ndarray, indices: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """(uint8 (H, W) class indices, float32 (H, W) distance to that class's colour in levels), however far.

        Args:
            picture: as in `classes`.
            indices: whether a picture may hold class indices, as `classes` says; else all are colours.

        Raises:
            ValueError: as `unknown`.
        """
        places, inverse, shape, distance, _ = self._match(picture, indices)
        return (
            places.astype(np.uint8)[inverse].reshape(shape),
            distance.astype(np.float32)[inverse].reshape(shape),
        )

    def image(self, indices: np.ndarray) -> Image.Image:
        """A palette picture of class indices (H, W), any integer type.

        Raises:
            ValueError: for another shape or type, or indices outside the palette.
        """
        image = Image.fromarray(self._indices(indices))
        image.putpalette(self.array.tobytes())  # turns the grey picture into one of mode P
        return image

    def one_hot(self, indices: np.ndarray) -> torch.Tensor:
        """Class indices (H, W) as float32 (K, H, W): 1 in the plane of each pixel's class, 0 elsewhere.

        Raises:
            ValueError: for another shape or type, or indices outside the palette.
        """
        planes = np.arange(len(self), dtype=np.uint8)[:, None, None] == self._indices(indices)
        return torch.from_numpy(planes.astype(np.float32))

    def _indices(self, array: np.ndarray) -> np.ndarray:
        if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "iub" or not array.size:
            what = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(f"class indices: got {what}, expected integers of shape (H, W)")
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= len(self):
            raise ValueError(
                f"class indices: got values from {low} to {high}, but the palette has the classes 0 to "
                f"{len(self) - 1} ({self._hint()})"
            )
        return array.astype(np.uint8)

    def _hint(self) -> str:
        shown = ", ".join(self.names[:_LISTED])
        return f"{len(self)} classes: {shown}{', ...' if len(self) > _LISTED else ''}"

    def _match(
        self, picture: Image.Image | np.ndarray, indices: bool = True
    ) -> tuple[np.ndarray, np.ndarray, tuple, np.ndarray, np.ndarray]:
        """Of the values that occur: (nearest class, (H * W) where they occur, (H, W), distance, colour (N, 3))."""
        values, shape, are_indices = self._values(picture, indices)
        unique, inverse = np.unique(values, return_inverse=True)
        if are_indices:
            return unique, inverse.ravel(), shape, np.zeros(len(unique)), self.array[unique]
        colours = np.stack([unique >> 16, unique >> 8 & 255, unique & 255], 1)
        nearest = np.zeros(len(unique), np.int64)
        best = np.full(len(unique), np.inf)
        for place, colour in enumerate(self.array.astype(np.int64)):  # K passes: no (N, K, 3) for noisy pictures
            apart = ((colours - colour) ** 2).sum(1)
            nearer = apart < best
            nearest[nearer], best[nearer] = place, apart[nearer]
        return nearest, inverse.ravel(), shape, np.sqrt(best), colours.astype(np.uint8)

    def _values(self, picture: Image.Image | np.ndarray, indices: bool) -> tuple[np.ndarray, tuple[int, int], bool]:
        """((H * W) class indices or 0xRRGGBB, (H, W), whether they are indices)."""
        if isinstance(picture, np.ndarray) and picture.ndim == 2:
            numbers = self._indices(picture)
            return numbers.ravel(), numbers.shape, True
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (3, 4) or not picture.size:
                raise ValueError(
                    f"label map: got an array {picture.dtype} {picture.shape}, expected uint8 (H, W, 3) colours or "
                    "integers (H, W), the class indices"
                )
            picture = Image.fromarray(picture)
        if not isinstance(picture, Image.Image):
            raise ValueError(f"label map: got {type(picture).__name__}, expected a PIL image or a numpy array")
        picture = ImageOps.exif_transpose(picture)
        picture.info.pop("icc_profile", None)  # a class's colour is a number, however a screen shows it
        levels = self._levels(picture) if indices else None
        if levels is not None and levels.max() < len(self):
            return levels.ravel().astype(np.uint8), levels.shape, True
        if picture.mode == "P" and "transparency" not in picture.info:
            table = _own_palette(picture).astype(np.int64)
            packed = table[:, 0] << 16 | table[:, 1] << 8 | table[:, 2]
            numbers = np.asarray(picture)
            return packed[numbers.ravel()], numbers.shape, False
        pixels = np.asarray(load_image(picture)).astype(np.int64)
        return (pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]).ravel(), pixels.shape[:2], False

    def _levels(self, picture: Image.Image) -> np.ndarray | None:
        """The numbers of a picture that may hold class indices, else None."""
        if picture.mode == "1":
            # Black and white are colours where the palette has both, else the numbers 0 and 1.
            return None if {(0, 0, 0), (255, 255, 255)} <= set(self.colours) else np.asarray(picture)
        if picture.mode in ("L", "I") or picture.mode.startswith("I;16"):
            levels = np.asarray(picture)
            return levels if levels.min() >= 0 else None
        if picture.mode == "P" and "transparency" not in picture.info:
            stored = np.array(picture.getpalette() or [], np.uint8).reshape(-1, 3)
            ramp = np.arange(len(stored), dtype=np.uint8)[:, None]
            if len(stored) > 1 and (stored == ramp).all():
                return np.asarray(picture)
        return None


def _own_palette(picture: Image.Image) -> np.ndarray:
    """(256, 3) colours of a palette picture; numbers without a stored colour are black, as Pillow shows them."""
    stored = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    return np.concatenate([stored, np.zeros((256 - len(stored), 3), np.uint8)])


def _colour(colour: Any) -> tuple[int, int, int]:
    if isinstance(colour, str):
        digits = colour.removeprefix("#")
        try:
            return tuple(bytes.fromhex(digits)) if len(digits) == 6 else _no_colour(colour)
        except ValueError:
            return _no_colour(colour)
    if not isinstance(colour, Sequence) or len(colour) != 3:
        return _no_colour(colour)
    if not all(isinstance(c, int) and not isinstance(c, bool) and 0 <= c <= 255 for c in colour):
        return _no_colour(colour)
    return tuple(colour)


def _no_colour(colour: Any) -> tuple[int, int, int]:
    raise ValueError(f'palette: got the colour {colour!r}, expected three whole numbers from 0 to 255, or "#0000de"')


def _counted(
    colours: np.ndarray, inverse: np.ndarray, places: np.ndarray
) -> list[tuple[tuple[int, int, int], int]]:
    if not len(places):
        return []
    counts = np.bincount(inverse, minlength=int(places.max()) + 1)[places]
    found = [(tuple(int(c) for c in colour), int(n)) for colour, n in zip(colours, counts, strict=True)]
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _listing(found: list[tuple[tuple[int, int, int], int]]) -> str:
    shown = ", ".join(f"#{r:02x}{g:02x}{b:02x} ({n} px)" for (r, g, b), n in found[:_LISTED])
    return shown + (f" and {len(found) - _LISTED} more" if len(found) > _LISTED else "")
