"""What the page's buttons ask of the server besides answers: a photo's style, files to save, the replay.

Each function takes the page's request as a dict and returns plain values; a problem that a person can cause or meet
is a ValueError in words. Everything that runs a model goes through the worker, in the session's own place in line.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from PIL import Image

from demo import strokes as strokes_
from demo.answers import EMPTY, MAX_PICTURES, Answers, palette_of, pick
from demo.batching import Busy, Superseded
from demo.metadata import drawing_picture, png_of, sheet
from demo.pictures import open_data_url
from demo.replay import PHOTOS, replay
from demo.tile_styles import check_tile, resolve, sample_tiles, style_text
from demo.zero_gpu import gpu

CROWDED = "Many people are drawing just now. Try again in a moment."
SAVED_SIDE = 512  # pixels of a saved drawing


class Tools:
    """The functions, for one set of models and their worker."""

    def __init__(self, answers: Answers):
        self.answers = answers
        self._sample = gpu(self._sample_here)
        self._style = gpu(self._style_here)

    def functions(self) -> dict[str, Callable[[dict], dict]]:
        """Name on the wire → function."""
        return {"style": self.style, "save": self.save, "replay": self.replay}

    def style(self, asked: dict) -> dict:
        """`{"session", "model", "photo": data URL}` → `{"style": text}`: the style of a reference photo."""
        pick(self.answers.translators, asked.get("model"))
        photo = open_data_url(asked.get("photo"), "photo")
        return {"style": self._in_line(asked, lambda: self._style(asked["model"], photo))}

    def save(self, asked: dict) -> dict:
        """A PNG as base64: `{"png": text}`.

        asked: `{"session", "model", "strokes", "tiles"}`. With `"alone": true` it is the first tile's photo and nothing
        else; otherwise drawing and photos on a sheet that holds the page's state.
        """
        translator, strokes, picture, tiles = self._read(asked)
        photos = self._in_line(asked, lambda: self._sample(asked["model"], picture, tiles))
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
            "strokes": strokes,
        }
        drawing = drawing_picture(strokes, palette_of(translator), SAVED_SIDE)
        return {"png": _base64(png_of(sheet(drawing, photos), state))}

    def replay(self, asked: dict) -> dict:
        """The looping WebP of a drawing as base64: `{"webp": text, "frames": n}`; asked: as for `save`."""
        translator, strokes, _, tiles = self._read(asked)
        tiles = tiles[:PHOTOS]

        def answer(grown: list[dict]) -> list[Image.Image] | None:
            # A frame at a time: whoever draws meanwhile comes in between.
            picture = self.answers.paint(translator, grown)
            return picture and self._in_line(asked, lambda: self._sample(asked["model"], picture, tiles))

        webp, frames = replay(strokes, palette_of(translator), answer, len(tiles), translator.image_size)
        return {"webp": _base64(webp), "frames": frames}

    def _read(self, asked: dict):
        translator = pick(self.answers.translators, asked.get("model"))
        tiles = asked.get("tiles")
        if not isinstance(tiles, list) or not 1 <= len(tiles) <= MAX_PICTURES:
            raise ValueError(f"The page shows from 1 to {MAX_PICTURES} photos.")
        tiles = [resolve(translator, check_tile(tile)) for tile in tiles]
        picture = self.answers.paint(translator, asked.get("strokes"))
        if picture is None:
            raise ValueError(EMPTY)
        return translator, strokes_.check(asked["strokes"], palette_of(translator)), picture, tiles

    def _in_line(self, asked: dict, job: Callable):
        session = asked.get("session")
        if not isinstance(session, str) or not 0 < len(session) <= 64:
            raise ValueError("The request names no session. Reload the page.")
        try:
            return self.answers.worker.run((session, "tools"), job)
        except Busy:
            raise ValueError(CROWDED) from None
        except Superseded:
            raise ValueError("Something newer was asked for instead.") from None

    def _sample_here(self, model: str, picture: Image.Image, tiles: list[dict]) -> list[Image.Image]:
        photos = sample_tiles(self.answers.translators[model], picture, tiles)
        return [photo.convert("RGB") for photo in photos]

    def _style_here(self, model: str, photo: Image.Image) -> str:
        return style_text(self.answers.translators[model].style_of(photo))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
