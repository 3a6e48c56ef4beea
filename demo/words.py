"""What the page says about a model above its paper, and on the paper while it is empty."""

from __future__ import annotations

from demo.paper import mode_of

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
_PHOTO = {
    "title": "Give a photo, and others answer",
    "invitation": "Put a photo on the paper, and draw on it if you like: the model answers at once.",
    "hint": "",
}
_DOMAINS = {
    "title": "One photo, many looks",
    "invitation": "Put a photo on the paper, draw on it if you like, and choose what it becomes.",
}
_BACK = "Put a photo on the paper, and draw on it if you like: its translation answers, and beside it the way back."


def words_of(name: str, translator) -> dict[str, str]:
    """Title, invitation and hint on the empty paper."""
    words = _KNOWN.get(name) or (_PHOTO if mode_of(translator) == "photo" else _ANYTHING)
    if translator.domains and mode_of(translator) == "photo":
        return words | _DOMAINS
    if translator.directions:
        there = next(iter(translator.directions.values()))
        title = there[:1].upper() + there[1:]
        both = len(translator.directions) > 1
        words = words | {"title": f"{title}, and back" if both else title}
        if both and mode_of(translator) == "photo":
            words = words | {"invitation": _BACK}
    return words
