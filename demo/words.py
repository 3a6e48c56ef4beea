"""What the page says about a model above its paper, and on the paper while it is empty."""

from __future__ import annotations

from demo.paper import mode_of
from demo.stroke_format import hex_colours

# What the page says for the bundled models, by name.
_KNOWN = {
    "edges2cats": {
        "title": "Draw a cat, meet four",
        "invitation": "Draw a cat’s face: while you draw, photos answer. It knows heads from the front, no whole cats.",
        "hint": "draw a cat’s face …",
    },
    "edges2shoes": {
        "title": "Draw a shoe, try on four",
        "invitation": "Draw a shoe from the side: while you draw, photos answer. It knows single shoes and boots.",
        "hint": "draw a shoe …",
    },
    "edges2handbags": {
        "title": "Draw a handbag, pick from four",
        "invitation": "Draw a handbag from the front: while you draw, photos answer.",
        "hint": "draw a handbag …",
    },
    "labels2facade": {
        "title": "Paint a house, see four",
        "invitation": "Paint a house front, wall and windows and doors: while you paint, photos answer.",
        "hint": "paint a house front …",
    },
}
_ANYTHING = {
    "title": "Draw, and photos answer",
    "invitation": "Draw something on the paper: while you draw, different photos answer.",
    "hint": "draw something …",
}
_PAINT = {
    "title": "Paint, and photos answer",
    "invitation": "Paint something on the paper in the colours below it: while you paint, different photos answer.",
    "hint": "paint something …",
}
_PHOTO = {
    "title": "Give a photo, and others answer",
    "invitation": "Put a photo on the paper, and draw on it if you like: the model answers at once.",
    "hint": "",
}
_TO_OTHERS = {"labels": "label maps", "edges": "drawings"}  # what else than photos may answer
_GREY = {
    "title": "Give a photo, and it gets new colours",
    "invitation": "Put a photo on the paper, and draw on it if you like: the model sees it without its colours.",
}
_HOLE = {
    "title": "Give a photo, and its middle is made anew",
    "invitation": "Put a photo on the paper: the model sees it without its middle, and fills the hole.",
}
_PAINTED_HOLE = {
    "title": "Paint over a part, and it is made anew",
    "invitation": "Put a photo on the paper, and paint a hole over what shall go, in {}: the model fills it.",
}
_DOMAINS = {
    "title": "One photo, many looks",
    "invitation": "Put a photo on the paper, draw on it if you like, and choose what it becomes.",
}
_COLOURS = {(255, 255, 255): "white", (0, 0, 0): "black"}
_BACK = "Put a photo on the paper, and draw on it if you like: its translation answers, and beside it the way back."


def words_of(name: str, translator) -> dict[str, str]:
    """Title, invitation and hint on the empty paper."""
    mode = mode_of(translator)
    words = _KNOWN.get(name) or {"photo": _PHOTO, "labels": _PAINT}.get(mode, _ANYTHING)
    if translator.domains and mode == "photo":
        return words | _DOMAINS
    if translator.directions:
        there = next(iter(translator.directions.values()))
        title = there[:1].upper() + there[1:]
        both = len(translator.directions) > 1
        words = words | {"title": f"{title}, and back" if both else title}
        if both and mode == "photo":
            words = words | {"invitation": _BACK}
        return words
    return words | _of_photo(translator) if words is _PHOTO else words


def _of_photo(translator) -> dict[str, str]:
    """What is special about the photos that go in, or about what comes out."""
    given, answers = translator.sides()
    if given["kind"] == "hole":
        return _HOLE
    if hole := given.get("hole"):
        colour = _COLOURS.get(tuple(hole)) or f"the colour {hex_colours([hole])[0]}"
        return _PAINTED_HOLE | {"invitation": _PAINTED_HOLE["invitation"].format(colour)}
    if given["kind"] == "gray" or given.get("grey"):
        return _GREY
    other = _TO_OTHERS.get(answers["kind"])
    return {"title": f"Give a photo, and {other} answer"} if other else {}
