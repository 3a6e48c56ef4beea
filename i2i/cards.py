"""What cards of all methods share: words that are no markup, the classes of a palette, an example of use."""

from __future__ import annotations

import json
import re
from typing import Any

# An underscore within a word is no markup; everything else here may be, wherever it stands.
_MARKUP = re.compile(r"[\\`*\[\]<>|]|(?<![^\W_])_|_(?![^\W_])")
_GIVEN = {"edges": "drawing.png", "labels": "label_map.png"}


def plain(words: Any) -> str:
    """Words from outside (a name, a licence) on one line of Markdown, without tags, links, tables or emphasis."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(str(words).split()))


def classes(config: dict[str, Any]) -> str:
    """The classes and colours of a model that takes or gives label maps, as a part of its card; "" for others."""
    parts = []
    for side in ("input", "output"):
        palette = (config.get(side) or {}).get("palette")
        if palette:
            listed = zip(palette["names"], palette["colours"], strict=True)
            rows = "\n".join(f"- `#{bytes(colour).hex()}` {plain(name)}" for name, colour in listed)
            parts.append(f"\nClasses of the {side}, each with its colour in label maps:\n\n{rows}\n")
    return "".join(parts)


def use(config: dict[str, Any], source: str) -> str:
    """An example of use that runs with the model of a config.json: its domain or direction is named, if it needs one.

    source: what `Translator.from_pretrained` takes.
    """
    given = _GIVEN.get((config.get("input") or {}).get("kind"), "photo.jpg")
    call = f't.sample("{given}", n=4, seed=0)'
    if config.get("domains"):
        call = f't.sample("{given}", n=4, seed=0, domain={json.dumps(config["domains"][0], ensure_ascii=False)})'
    elif config.get("method") == "cyclegan":
        direction = (config.get("directions") or ["AtoB"])[0]
        side = config["input"] if direction == "AtoB" else config.get("output") or {}
        call = f't.sample("{_GIVEN.get(side.get("kind"), "photo.jpg")}", n=1, direction="{direction}")'
    return (
        f'## Use\n\n```python\nfrom i2i import Translator\n\nt = Translator.from_pretrained("{source}")\n'
        f"photos = {call}\n```\n"
    )
