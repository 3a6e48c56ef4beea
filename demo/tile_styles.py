"""What a tile of the page shows: the picture of a seed, of a style vector, or of a mixture of two tiles.

On the wire a tile is `{"seed": 3}`, `{"style": "<text>"}` or `{"mix": [tile, tile, share]}`, where share 0 is the first
tile and 1 the second. Where a model has domains, a seed belongs to one: `{"seed": 3, "domain": "orange"}`; a style
vector knows its own. `{"back": true}` is the input again, as CycleGAN's way back makes it. The text of a style is its
vector in half precision, URL-safe base64: the page only ever uses styles that went through it, so a link or a saved
picture holds them exactly.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

from demo.limits import short

MAX_SEED = 999_999_999
DEEPEST = 4  # mixtures of mixtures
LONGEST_NAME = 100  # characters of a domain


def whole_number(value, name: str, low: int, high: int) -> int:
    """`value` as an int in [low, high]; ValueError that says what came and what was expected."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise ValueError(f"The {name} must be a whole number from {low} to {high}, not {short(value)}.")
    if not low <= value <= high:
        raise ValueError(f"The {name} must be from {low} to {high}, not {short(int(value))}.")
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
        if tile.get("back") is True:
            return {"back": True}
        if "seed" in tile:
            seed, domain = whole_number(tile["seed"], "seed", 0, MAX_SEED), tile.get("domain")
            if domain is not None and not (isinstance(domain, str) and 0 < len(domain) <= LONGEST_NAME):
                raise ValueError(f"A domain is a name of at most {LONGEST_NAME} letters, not {short(domain)}.")
            return {"seed": seed} | ({"domain": domain} if domain is not None else {})
        if "style" in tile:
            style_vector(tile["style"])
            return {"style": tile["style"]}
        parts = tile.get("mix")
        if isinstance(parts, list) and len(parts) == 3 and depth > 0:
            *tiles, share = parts
            tiles = [check_tile(part, depth - 1) for part in tiles]
            number = isinstance(share, (int, float)) and not isinstance(share, bool)
            if number and 0 <= share <= 1 and {"back": True} not in tiles:
                return {"mix": [*tiles, float(share)]}
    raise ValueError('A tile is {"seed": number}, {"style": text} or {"mix": [tile, tile, share from 0 to 1]}.')


def check_domain(translator, domain: str | None) -> None:
    """ValueError in words for a domain that the model does not have, or for none where it needs one."""
    names = ", ".join(translator.domains)
    if not names and domain is not None:
        raise ValueError(f"{translator.name} knows no domains: leave domain out.")
    if names and (not isinstance(domain, str) or domain not in translator.domains):
        raise ValueError(f"{translator.name} translates to {names}; choose one of them, not {short(domain)}.")


def vector_of(translator, tile: dict) -> np.ndarray:
    """The style (S,) of a checked seed, style or mixture.

    Raises:
        ValueError: for an unknown domain, or two styles of different models.
    """
    if "seed" in tile:
        check_domain(translator, tile.get("domain"))
        return translator.styles([tile["seed"]], domain=tile.get("domain"))[0]
    if "style" in tile:
        return style_vector(tile["style"])
    first, second, share = tile["mix"]
    a, b = vector_of(translator, first), vector_of(translator, second)
    if a.shape != b.shape:
        raise ValueError("These two styles are of different models and cannot be mixed.")
    return (1 - share) * a + share * b


def resolve(translator, tile: dict) -> dict:
    """A checked tile as a seed or a style: mixtures become the style that they come to, and for them alone the model
    runs.

    Raises:
        ValueError: for a style or a mixture where the model has none, a style of another model's length, a domain that
            it does not have, or the way back where there is none.
    """
    if "back" in tile:
        if len(translator.directions) < 2:
            raise ValueError(f"{translator.name} translates one way only: there is no way back.")
        return tile
    if "seed" in tile:
        check_domain(translator, tile.get("domain"))
        return tile
    if not translator.has_styles:
        raise ValueError(f"{translator.name} has no styles: its pictures have seeds alone. Press “New samples”.")
    if "mix" in tile:
        tile = {"style": style_text(vector_of(translator, tile))}
    length, own = style_vector(tile["style"]).size, translator.style_length
    if length != own:
        raise ValueError(f"This style has {length} numbers and {translator.name} takes {own}: it is another model's.")
    return tile


def noise_of(translator, tiles: list[dict]) -> dict:
    """Resolved tiles, none of them the way back, as arguments of `Translator.sample`: seeds or styles."""
    if all("seed" in tile and "domain" not in tile for tile in tiles):
        return {"seeds": [tile["seed"] for tile in tiles]}
    return {"style": np.stack([vector_of(translator, tile) for tile in tiles])}


def sample_tiles(translator, picture, tiles: list[dict], direction: str | None = None) -> list:
    """The photos of resolved tiles for one drawing or photo; photo i depends on tile i alone."""
    if any("back" in tile for tile in tiles):
        answer, again = translator.cycle(picture, direction)
        return [again if "back" in tile else answer for tile in tiles]
    return translator.sample(picture, **noise_of(translator, tiles), direction=direction)
