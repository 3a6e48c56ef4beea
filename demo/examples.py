"""Examples: drawings of ours, answered before anybody asks, and the photos that lie in a model's folder."""

from __future__ import annotations

import logging
from pathlib import Path

from PIL import Image

from demo.answers import PICTURES, Answers, own_session
from demo.canvas import load_examples
from demo.paper import mode_of, palette_of, photo_side, read_paper
from demo.pictures import as_jpeg_url, as_png_url
from demo.strokes import check
from demo.tile_styles import MAX_SEED
from i2i.images import fit_square, load_image
from i2i.model_folder import ASSETS, is_own

ANY = "photos"  # subfolder of a model that has neither sides nor domains
MOST = 12  # photos that are shown of a subfolder
MOST_NEXT = 256  # seeds in an order of their own, which every page loads
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
_SIDE = 144  # pixels of the drawing in the showcase

log = logging.getLogger(__name__)


def first_seeds(translator) -> list[int]:
    """Seeds that a fresh page shows: those that the model's config.json names, or the first ones."""
    named = translator.config.get("first_seeds")
    sound = isinstance(named, list) and all(type(seed) is int and 0 <= seed <= MAX_SEED for seed in named)
    return named[:PICTURES] if sound and len(set(named)) == len(named) >= PICTURES else list(range(PICTURES))


def passed_seeds(translator) -> list[int]:
    """Seeds that New samples passes over: those that the model's config.json names."""
    named = translator.config.get("passed_over")
    return [seed for seed in named if type(seed) is int] if isinstance(named, list) else []


def next_seeds(translator) -> list[int]:
    """Seeds that New samples shows, in this order, before all higher ones: those that the model's config.json names."""
    named = translator.config.get("next_seeds")
    sound = isinstance(named, list) and all(type(seed) is int and 0 <= seed <= MAX_SEED for seed in named)
    return named[:MOST_NEXT] if sound and len(set(named)) == len(named) else []


def first_tiles(translator) -> list[dict]:
    """What a fresh page asks for: seeds, of the first domain where there are some; CycleGAN's answer and way back."""
    if translator.directions:
        return [{"seed": 0}, {"back": True}][: len(translator.directions)]
    domain = {"domain": translator.domains[0]} if translator.domains else {}
    return [{"seed": seed} | domain for seed in first_seeds(translator)]


def first_direction(translator) -> str | None:
    """The direction that a fresh page asks for; None where the model has none."""
    return next(iter(translator.directions), None)


def _fits(translator, example: dict) -> bool:
    if example["mode"] != mode_of(translator):
        return False
    try:
        check(example["strokes"], palette_of(translator))
    except ValueError:  # another palette's
        return False
    return True


def examples_for(name: str, translator, examples: list[dict]) -> list[dict]:
    """The examples that the page deals for a model: those drawn for it, or without any, all that it can answer.

    A cat on the paper says nothing about shoes; but for somebody's own model any lines are better than none.
    """
    fitting = [e for e in examples if _fits(translator, e)]
    return [e for e in fitting if name in e["models"]] or fitting


def fitting_examples(answers: Answers) -> list[tuple[str, dict]]:
    """(model, example) for every bundled example drawing that the page deals."""
    examples = load_examples(ASSETS / "sketches")
    return [(name, e) for name, model in answers.translators.items() for e in examples_for(name, model, examples)]


def keep_examples(answers: Answers, pairs: list[tuple[str, dict]]) -> None:
    """Answer them and remember the photos for good: the example button never waits."""
    for name, example in pairs:
        try:
            translator = answers.translators[name]
            answers.keep_example(name, example["strokes"], first_tiles(translator), first_direction(translator))
        except Exception:  # the page works without
            log.exception("answering the example %s with %s failed", example["id"], name)


def example_places(translator) -> list[str]:
    """Subfolders of the model's examples/ that hold photos to start from: a side, a domain, or ANY."""
    if translator.directions:
        return [direction[0] for direction in translator.directions]  # "AtoB" starts from side A
    return list(translator.domains) or [ANY]


def example_photos(translator) -> list[tuple[dict, Image.Image]]:
    """`{"id", "name", "side": subfolder}` and RGB square of the example photos in the model's folder.

    At most MOST of a subfolder; none for a model that takes drawings, or without a folder. A picture that cannot be
    read is left out, and the log says so: examples are no reason not to start. So is one that lies elsewhere on this
    machine, which a link, or a domain called "../..", of somebody's model may lead to: everybody would see it.
    """
    folder = translator.folder
    directions = list(translator.directions) or [None]
    if folder is None or all(mode_of(translator, direction) != "photo" for direction in directions):
        return []
    photos = []
    for side in example_places(translator):
        paths = [p for p in sorted((Path(folder) / "examples" / side).glob("*")) if p.suffix.lower() in ENDINGS]
        paths = [path for path in paths if is_own(path, Path(folder))]
        for path in paths[:MOST]:
            try:
                photo = fit_square(load_image(path), photo_side(translator))
            except ValueError:
                log.exception("an example photo of %s cannot be read", translator.name)
                continue
            about = {"id": f"{side}/{path.stem}", "name": path.stem.replace("_", " ").replace("-", " "), "side": side}
            photos.append((about, photo))
    return photos


def _first_example(name: str, translator, examples: list[dict]) -> dict | None:
    """`{"id", "strokes", "photo"?}` of the first example for the model's first direction; None without one.

    A photo for a model with domains is of another than it becomes, where there is such a one: else little would change.
    """
    if mode_of(translator) != "photo":
        return next(iter(examples_for(name, translator, examples)), None)
    photos = example_photos(translator)
    if translator.directions:
        photos = [(about, photo) for about, photo in photos if about["side"] == example_places(translator)[0]]
    becomes = translator.domains[0] if translator.domains else None
    about, photo = next((one for one in photos if one[0]["side"] != becomes), next(iter(photos), (None, None)))
    return about and {"id": about["id"], "strokes": [], "photo": as_jpeg_url(photo)}


def showcase(answers: Answers, model: str, examples: list[dict]) -> dict | None:
    """What a visitor sees before anything is on the paper: the first example that fits, and its photos; None where the
    model has no example.

    `{"id", "strokes", "photo"?: data URL, "drawing": data URL, "images": [data URL, …]}`.

    Raises:
        ValueError: in the page's words, where it was not answered.
    """
    translator = answers.translators[model]
    example = _first_example(model, translator, examples)
    if example is None:
        return None
    tiles = first_tiles(translator)
    on_paper = {name: example[name] for name in ("strokes", "photo") if name in example}
    # What the page asks for whoever takes the example, the direction too, so that it is answered from memory.
    own = {"session": own_session(), "model": model, "tiles": tiles, "direction": first_direction(translator)}
    answer = answers.answer_now(own | on_paper)
    if answer["state"] != "pictures":
        raise ValueError(answer.get("message") or "The example was not answered.")
    shown = read_paper(translator, on_paper).shown(_SIDE)
    return {
        "id": example["id"],
        **on_paper,
        "drawing": as_jpeg_url(shown) if "photo" in on_paper else as_png_url(shown),
        "images": [tile["image"] for tile in answer["tiles"]],
    }
