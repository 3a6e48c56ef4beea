"""Example drawings, answered before anybody asks."""

from __future__ import annotations

import logging

from demo.answers import PICTURES, Answers, palette_of
from demo.canvas import load_examples
from demo.metadata import drawing_picture
from demo.pictures import as_png_url
from demo.strokes import check
from i2i.model_folder import ASSETS

TILES = [{"seed": seed} for seed in range(PICTURES)]  # what a fresh page asks for
_SIDE = 144  # pixels of the drawing in the showcase

log = logging.getLogger(__name__)


def _fits(translator, example: dict) -> bool:
    if example["mode"] != translator.input_kind:
        return False
    try:
        check(example["strokes"], palette_of(translator))
    except ValueError:  # another palette's
        return False
    return True


def fitting_examples(answers: Answers) -> list[tuple[str, dict]]:
    """(model, example) for every bundled example drawing that a model can answer."""
    examples = load_examples(ASSETS / "sketches")
    return [(name, e) for name, translator in answers.translators.items() for e in examples if _fits(translator, e)]


def keep_examples(answers: Answers, pairs: list[tuple[str, dict]]) -> None:
    """Answer them and remember the photos for good: the example button never waits."""
    for name, example in pairs:
        try:
            answers.keep_example(name, example["strokes"], TILES)
        except Exception:  # the page works without
            log.exception("answering the example %s with %s failed", example["id"], name)


def showcase(answers: Answers, model: str, examples: list[dict]) -> dict | None:
    """What a visitor sees before drawing: the first example that fits, and its photos; None without one.

    `{"id", "strokes", "drawing": PNG data URL, "images": [data URL, …]}`.
    """
    translator = answers.translators[model]
    example = next((e for e in examples if _fits(translator, e)), None)
    if example is None:
        return None
    answer = answers.answer_now({"session": "showcase", "model": model, "strokes": example["strokes"], "tiles": TILES})
    if answer["state"] != "pictures":
        return None
    drawing = drawing_picture(example["strokes"], palette_of(translator), _SIDE)
    return {
        "id": example["id"],
        "strokes": example["strokes"],
        "drawing": as_png_url(drawing),
        "images": [tile["image"] for tile in answer["tiles"]],
    }
