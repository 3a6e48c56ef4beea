"""What cards of all methods share: an example of use."""

from __future__ import annotations

import json
from typing import Any

_GIVEN = {"edges": "drawing.png", "labels": "label_map.png"}


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
