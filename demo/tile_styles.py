"""What a tile of the page shows: the picture of a seed, of a style vector, or of a mixture of two tiles.

On the wire a tile is `{"seed": 3}`, `{"style": "<text>"}` or `{"mix": [tile, tile, share]}`, where share 0 is the first
tile and 1 the second. The text of a style is its vector in half precision, URL-safe base64: the page only ever uses
styles that went through it, so a link or a saved picture holds them exactly.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

MAX_SEED = 999_999_999
DEEPEST = 4  # mixtures of mixtures


def whole_number(value, name: str, low: int, high: int) -> int:
    """`value` as an int in [low, high]; ValueError that says what came and what was expected."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise ValueError(f"The {name} must be a whole number from {low} to {high}, not {value!r}.")
    if not low <= value <= high:
        raise ValueError(f"The {name} must be from {low} to {high}, not {int(value)}.")
    return int(value)


def style_text(vector: np.ndarray) -> str:
    """A style vector (S,) as text."""
    data = np.asarray(vector, dtype="<f2").tobytes()
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def style_vector(text: str) -> np.ndarray:
    """The vector (S,) float32 of a style's text; ValueError for any other text."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        vector = np.frombuffer(data, "<f2").astype(np.float32)
    except (TypeError, ValueError, binascii.Error) as problem:
        raise ValueError("A style in the request is damaged. Choose another style.") from problem
    if not vector.size or not np.isfinite(vector).all():
        raise ValueError("A style in the request is damaged. Choose another style.")
    return vector


def check_tile(tile, depth: int = DEEPEST) -> dict:
    """A tile from outside, checked; entries that the server does not need are left out.

    Raises:
        ValueError: in words for the page.
    """
    if isinstance(tile, dict):
        if "seed" in tile:
            return {"seed": whole_number(tile["seed"], "seed", 0, MAX_SEED)}
        if "style" in tile:
            style_vector(tile["style"])
            return {"style": tile["style"]}
        parts = tile.get("mix")
        if isinstance(parts, list) and len(parts) == 3 and depth > 0:
            first, second, share = parts
            if isinstance(share, (int, float)) and not isinstance(share, bool) and 0 <= share <= 1:
                return {"mix": [check_tile(first, depth - 1), check_tile(second, depth - 1), float(share)]}
    raise ValueError('A tile is {"seed": number}, {"style": text} or {"mix": [tile, tile, share from 0 to 1]}.')


def _vector(translator, tile: dict) -> np.ndarray:
    if "seed" in tile:
        return translator.styles([tile["seed"]])[0]
    if "style" in tile:
        return style_vector(tile["style"])
    first, second, share = tile["mix"]
    a, b = _vector(translator, first), _vector(translator, second)
    if a.shape != b.shape:
        raise ValueError("These two styles are of different models and cannot be mixed.")
    return (1 - share) * a + share * b


def resolve(translator, tile: dict) -> dict:
    """A checked tile as a seed or a style: mixtures become the style that they come to.

    Raises:
        ValueError: for a style or a mixture where the model has none, or a style of another model's length.
    """
    if "seed" in tile:
        return tile
    if not translator.has_styles:
        raise ValueError(f"{translator.name} has no styles: its pictures have seeds alone. Press “New samples”.")
    if "mix" in tile:
        tile = {"style": style_text(_vector(translator, tile))}
    length, own = style_vector(tile["style"]).size, translator.styles([0]).shape[-1]
    if length != own:
        raise ValueError(f"This style has {length} numbers and {translator.name} takes {own}: it is another model's.")
    return tile


def sample_tiles(translator, picture, tiles: list[dict]) -> list:
    """The photos of resolved tiles for one drawing; photo i depends on tile i alone."""
    if all("seed" in tile for tile in tiles):
        return translator.sample(picture, seeds=[tile["seed"] for tile in tiles])
    return translator.sample(picture, style=np.stack([_vector(translator, tile) for tile in tiles]))
