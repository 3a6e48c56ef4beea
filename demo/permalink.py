"""Page state ↔ short text for the fragment of a link. tiles_link.js holds the same in the browser.

State: `{"model": name, "weights": 8 hex digits, "tiles": [{"seed" | "style", "locked"?: true}, …], "strokes": […],
"direction"?: text}`.
Fragment: `model=edges2cats&weights=6ba90166&tiles=0.1!.~<style>.9&drawing=<strokes>&v=1`. A tile is its seed, or `~`
and its style's text; `@` and a name follow where a seed belongs to a domain, and `!` marks a locked one. `way=AtoB`
before the drawing names the direction of a model that has some; its way back (`{"back": true}`) is left out. The
version comes last: a link that was cut off on its way has none, and a whole one ends in a digit, which programs that
look for links in text never leave out. Photos are not put into links.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote

from demo.strokes import decode, encode
from demo.tile_styles import MAX_SEED, check_tile

VERSION = "1"
MAX_TILES = 12
MAX_TEXT = 100_000  # characters of a fragment


def link_fragment(state: dict, limit: int | None = None) -> str:
    """The fragment of a link, without `#`.

    limit: at most so many characters of drawing; its finest detail is given up until it fits (`strokes.encode`).
    """
    tiles = ".".join(
        ("~" + tile["style"] if "style" in tile else str(tile["seed"]))
        + (f"@{_quoted(tile['domain'])}" if "domain" in tile else "")
        + ("!" if tile.get("locked") else "")
        for tile in state["tiles"]
        if "back" not in tile
    )
    tiles = tiles.replace("%", "%25")  # a link's values are unquoted as a whole before tiles are told apart
    model, weights = quote(state["model"], safe=""), quote(state["weights"], safe="")
    way = f"&way={quote(state['direction'], safe='')}" if state.get("direction") else ""
    return f"model={model}&weights={weights}&tiles={tiles}{way}&drawing={encode(state['strokes'], limit)}&v={VERSION}"


def read_fragment(text: str) -> dict:
    """The state of a link's fragment, with or without `#`. ValueError in words for anything else."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"The link is longer than {MAX_TEXT} characters; no link of this page is.")
    parts = dict(parse_qsl(text.removeprefix("#"), keep_blank_values=True))
    if "v" not in parts:
        raise ValueError("The link is not whole: its end is missing. Copy it again.")
    if parts["v"] != VERSION:
        raise ValueError(f"The link has version {parts['v']}, and this page reads {VERSION}. The page is older.")
    missing = [name for name in ("model", "weights", "tiles", "drawing") if name not in parts]
    if missing:
        raise ValueError(f"The link is damaged: {', '.join(missing)} is missing. Copy it again.")
    tiles = [_tile(one) for one in parts["tiles"].split(".")]
    if len(tiles) > MAX_TILES:
        raise ValueError(f"The link names {len(tiles)} photos; the page shows at most {MAX_TILES}.")
    strokes = decode(parts["drawing"])
    state = {"model": parts["model"], "weights": parts["weights"], "tiles": tiles, "strokes": strokes}
    return state | ({"direction": parts["way"]} if parts.get("way") else {})


def _quoted(name: str) -> str:
    """A domain's name without the signs that mean something in a tile."""
    return quote(name, safe="").replace(".", "%2E").replace("~", "%7E")


def _tile(text: str) -> dict:
    locked = {"locked": True} if text.endswith("!") else {}
    text, _, domain = text.removesuffix("!").partition("@")
    if text.startswith("~"):
        return check_tile({"style": text[1:]}) | locked
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_SEED:
        raise ValueError(f"The link is damaged: {text[:20]!r} is no seed. Copy it again.")
    return {"seed": int(text)} | ({"domain": unquote(domain)} if domain else {}) | locked
