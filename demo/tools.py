"""What the page's buttons ask of the server besides answers: a photo's style, files to save, animations, the matrix.

Each function takes the page's request as a dict and returns plain values; a problem that a person can cause or meet
is a ValueError in words. Everything that runs a model goes through the worker, in the session's own place in line.
"""

from __future__ import annotations

import base64
import functools
import io
import threading
from collections.abc import Callable

import numpy as np
from PIL import Image

from demo.answers import MAX_PICTURES, Answers, pick_for_page
from demo.batching import Busy, Superseded
from demo.canvas import load_examples
from demo.examples import example_photos, showcase
from demo.imports import answer_upload
from demo.limits import CROWDED, plain_id
from demo.metadata import png_of, sheet
from demo.paper import Paper, check_direction, read_paper
from demo.pictures import as_jpeg_url, open_data_url
from demo.replay import BETWEEN, PHOTOS, STOPS, replay, style_clip
from demo.tile_styles import check_domain, check_tile, sample_tiles, style_text, vector_of
from demo.zero_gpu import gpu
from i2i.images import load_image
from i2i.model_folder import ASSETS
from i2i.style_pictures import style_matrix, style_path

SAVED_SIDE = 512  # pixels of a saved drawing
SOURCES, REFERENCES = 6, 8  # of a matrix, at most


class Tools:
    """The functions, for one set of models and their worker."""

    def __init__(self, answers: Answers):
        self.answers = answers
        self._sample = gpu(self._sample_here)
        self._style = gpu(self._style_here)
        self._vectors = gpu(self._vectors_here)
        self._between = gpu(self._between_here)
        self._row = gpu(self._row_here)
        self._shelves: dict[str, list[dict]] = {}
        self._showcases: dict[str, dict] = {}
        self._lock = threading.Lock()
        self._showing = threading.Lock()

    def functions(self) -> dict[str, Callable[[dict], dict]]:
        """Name on the wire → function."""
        return {
            "style": self.style, "save": self.save, "replay": self.replay, "clip": self.clip, "matrix": self.matrix,
            "examples": self.examples, "showcase": self.showcase, "read": self.read,
        }  # fmt: skip

    def style(self, asked: dict) -> dict:
        """`{"session", "model", "photo": data URL, "domain"?}` → `{"style": text}`: the style of a reference photo."""
        translator = pick_for_page(self.answers.translators, asked.get("model"))
        check_domain(translator, asked.get("domain"))
        photo = open_data_url(asked.get("photo"), "photo")
        return {"style": self._in_line("style", asked, lambda: self._style(asked["model"], photo, asked.get("domain")))}

    def read(self, asked: dict) -> dict:
        """Strokes of a picture from outside: `{"id", "strokes", "note"?}` or `{"id", "error"}`; see `answer_upload`."""
        session = ("upload", str(plain_id(asked.get("id"))))
        return answer_upload(lambda job: self.answers.worker.run(session, job), asked)["load"]

    def examples(self, asked: dict) -> dict:
        """`{"model"}` → `{"photos": [{"id", "name", "side", "url"}, …]}`: example photos of the model's folder."""
        translator = pick_for_page(self.answers.translators, asked.get("model"))
        with self._lock:
            if asked["model"] not in self._shelves:
                photos = example_photos(translator)
                self._shelves[asked["model"]] = [
                    {**about, "url": as_jpeg_url(photo)} for about, photo in photos
                ]
            return {"photos": self._shelves[asked["model"]]}

    def showcase(self, asked: dict) -> dict:
        """`{"model"}` → what a first example becomes (`demo.examples.showcase`), or `{}` where the model has none."""
        pick_for_page(self.answers.translators, asked.get("model"))
        name = asked["model"]
        with self._showing:  # one at a time: several who ask at once get one answer
            if name not in self._showcases:
                self._showcases[name] = showcase(self.answers, name, load_examples(ASSETS / "sketches")) or {}
            return self._showcases[name]

    def save(self, asked: dict) -> dict:
        """A PNG as base64: `{"png": text}`.

        asked: `{"session", "model", "strokes", "tiles", "photo"?, "direction"?, "domain"?}`, the last of them what
        new photos become. With `"alone": true` it is the first tile's photo and nothing else; otherwise drawing and
        photos on a sheet that holds the page's state.
        """
        translator, paper, tiles = self._read(asked)
        if asked.get("domain") is not None:
            check_domain(translator, asked["domain"])
        direction, picture = asked.get("direction") or None, paper.picture()
        photos = self._in_line("save", asked, lambda: self._sample(asked["model"], picture, tiles, direction))
        if asked.get("alone"):
            return {"png": _base64(png_of(photos[0]))}
        state = {
            "version": 1,
            "model": asked["model"],
            "weights": translator.weights_id,
            "tiles": [
                tile | ({"locked": True} if was.get("locked") else {})
                for tile, was in zip(tiles, asked["tiles"], strict=True)
            ],
            "strokes": paper.strokes,
        }
        state |= {"photo": asked["photo"]} if paper.photo else {}
        state |= {"direction": direction} if direction else {}
        state |= {"domain": asked["domain"]} if asked.get("domain") else {}
        return {"png": _base64(png_of(sheet(paper.shown(SAVED_SIDE), photos, paper.mode == "labels"), state))}

    def replay(self, asked: dict) -> dict:
        """The looping WebP of a drawing as base64: `{"webp": text, "frames": n}`; asked: as for `save`.

        With `"still": true` for people who want nothing to move: `{…, "still": data URL}`, the finished picture.
        """
        translator, paper, tiles = self._read(asked)
        tiles, direction = tiles[:PHOTOS], asked.get("direction") or None
        if not paper.strokes:
            raise ValueError("Draw on the photo first: a replay shows how a drawing grew.")

        def answer(grown: Paper) -> list[Image.Image] | None:
            # A frame at a time: whoever draws meanwhile comes in between.
            picture = grown.picture()
            job = functools.partial(self._sample, asked["model"], picture, tiles, direction)
            try:
                return picture and self._in_line("replay", asked, job)
            except ValueError as problem:  # what is drawn so far may be too faint for the model's eyes
                if str(problem).startswith("empty drawing"):
                    return None
                raise

        webp, frames = replay(paper, answer, len(tiles), translator.image_size)
        return {"webp": _base64(webp), "frames": frames} | _still(asked, webp, frames - 1)

    def clip(self, asked: dict) -> dict:
        """The looping WebP that goes from tile to tile through the styles in between, as base64, like `replay`.

        asked: as for `save`; the first STOPS different tiles are the stops. "still" is the first of them.
        """
        translator, paper, tiles = self._read(asked)
        if not translator.has_styles:
            raise ValueError(f"{translator.name} has no styles that could pass into one another.")
        stops = [tile for k, tile in enumerate(tiles) if tile not in tiles[:k]][:STOPS]
        if len(stops) < 2:
            raise ValueError("A clip goes from one photo's style to the next: show at least two photos.")
        picture = paper.picture()
        styles = self._in_line("clip", asked, functools.partial(self._vectors, asked["model"], stops))

        def between(first: np.ndarray, second: np.ndarray) -> list[Image.Image]:
            return self._in_line("clip", asked, lambda: self._between(asked["model"], picture, first, second))

        webp, frames = style_clip(paper, styles, between)
        return {"webp": _base64(webp), "frames": frames} | _still(asked, webp, 0)

    def matrix(self, asked: dict) -> dict:
        """Every source in the style of every reference, as one picture: `{"png": base64}`.

        asked: `{"session", "model", "sources": [{"strokes", "photo"?}, …], "references": [{"photo": data URL,
            "domain"?}, …]}`; at most SOURCES and REFERENCES.
        """
        translator = pick_for_page(self.answers.translators, asked.get("model"))
        sources, references = (
            _listed(asked.get(name), most, name) for name, most in (("sources", SOURCES), ("references", REFERENCES))
        )
        papers = [read_paper(translator, source) for source in sources]
        pictures = [paper.picture() for paper in papers]
        for paper, picture in zip(papers, pictures, strict=True):
            if picture is None:
                raise ValueError(paper.missing)
        for reference in references:
            check_domain(translator, reference.get("domain"))
        photos = [load_image(open_data_url(reference.get("photo"), "photo")) for reference in references]
        domains = [reference.get("domain") for reference in references] if translator.domains else None
        # A row at a time: whoever draws meanwhile comes in between.
        rows = [
            self._in_line("matrix", asked, functools.partial(self._row, asked["model"], one, photos, domains))
            for one in pictures
        ]
        return {"png": _base64(png_of(_stacked(rows, translator.image_size)))}

    def _read(self, asked: dict):
        translator = pick_for_page(self.answers.translators, asked.get("model"))
        check_direction(translator, asked.get("direction"))
        tiles = asked.get("tiles")
        if not isinstance(tiles, list) or not 1 <= len(tiles) <= MAX_PICTURES:
            raise ValueError(f"The page shows from 1 to {MAX_PICTURES} photos.")
        tiles = [check_tile(tile) for tile in tiles]
        if any("mix" in tile for tile in tiles):
            tiles = self._in_line("tiles", asked, functools.partial(self.answers.resolved, asked["model"], tiles))
        else:
            tiles = self.answers.resolved(asked["model"], tiles)
        paper = read_paper(translator, asked)
        if paper.picture() is None:
            raise ValueError(paper.missing)
        return translator, paper, tiles

    def _in_line(self, tool: str, asked: dict, job: Callable):
        # A place for each tool: to save while a replay is made takes nothing away.
        session = asked.get("session")
        if not isinstance(session, str) or not 0 < len(session) <= 64:
            raise ValueError("The request names no session. Reload the page.")
        try:
            return self.answers.worker.run((session, tool), job)
        except Busy:
            raise ValueError(CROWDED) from None
        except Superseded:
            raise ValueError("Something newer was asked for instead.") from None

    def _sample_here(self, model: str, picture: Image.Image, tiles: list[dict], direction: str | None):
        photos = sample_tiles(self.answers.translators[model], picture, tiles, direction)
        return [photo.convert("RGB") for photo in photos]

    def _style_here(self, model: str, photo: Image.Image, domain: str | None) -> str:
        return style_text(self.answers.translators[model].style_of(photo, domain))

    def _vectors_here(self, model: str, tiles: list[dict]) -> list[np.ndarray]:
        return [vector_of(self.answers.translators[model], tile) for tile in tiles]

    def _between_here(self, model: str, picture: Image.Image, first: np.ndarray, second: np.ndarray):
        way = style_path(self.answers.translators[model], picture, np.stack([first, second]), BETWEEN)[:-1]
        return [photo.convert("RGB") for photo in way]

    def _row_here(self, model: str, picture: Image.Image, photos: list[Image.Image], domains: list[str] | None):
        return style_matrix(self.answers.translators[model], [picture], photos, domains)


def _still(asked: dict, webp: bytes, number: int) -> dict[str, str]:
    """A frame of an animation as `{"still": data URL}`, where that is asked for."""
    if not asked.get("still"):
        return {}
    with Image.open(io.BytesIO(webp)) as moving:
        moving.seek(number)
        return {"still": as_jpeg_url(moving.convert("RGB"))}


def _listed(value, most: int, name: str) -> list[dict]:
    if not isinstance(value, list) or not 1 <= len(value) <= most or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"A matrix takes from 1 to {most} {name}.")
    return value


def _stacked(rows: list[Image.Image], size: int) -> Image.Image:
    """Matrices of one source each as one matrix: the references on top stand there once."""
    head = rows[0].height - size  # the references and the gap below them
    picture = Image.new("RGB", (rows[0].width, len(rows) * head + size), (255, 255, 255))
    for k, row in enumerate(rows):
        picture.paste(row if k == 0 else row.crop((0, head, row.width, row.height)), (0, (k > 0) * (k + 1) * head))
    return picture


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
