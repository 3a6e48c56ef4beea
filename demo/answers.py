"""Strokes → photos for the page: check, paint, ask the worker, remember.

The page's requests carry everything that an answer depends on (strokes, model, tiles), and an answer goes back on the
request's own connection: the server keeps nothing about anybody, so no picture can reach somebody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

import numpy as np
from PIL import Image

from demo import strokes as strokes_
from demo.batching import Busy, Superseded, Worker
from demo.pictures import as_jpeg_url, as_png_url
from demo.tile_styles import check_tile, resolve, sample_tiles, whole_number
from demo.zero_gpu import gpu
from i2i.palette import Palette
from i2i.translator import DRAWING_SIZE

PICTURES = 4  # on the page at first
MAX_PICTURES = 12
DRAWABLE = ("edges", "labels")  # input kinds that the page's paper can make
EMPTY = "Draw something, and different photos answer here."
BUSY = "Many people are drawing just now. Your drawing is kept, and asks again in a moment."
DEFECT = "The model could not answer this drawing. The reason is in the log of the server; try another one."
REMEMBERED = 16 * 2**20  # characters of pictures that are kept for undo, redo and changed numbers of tiles
_PATIENCE = 0.3  # seconds between two looks at the place in line

log = logging.getLogger(__name__)


def pick(translators: dict, model: str):
    """The translator called `model`. ValueError that lists the names when there is none."""
    if not isinstance(model, str) or model not in translators:
        raise ValueError(f"There is no model {model!r} here. Choose one of: {', '.join(translators)}.")
    return translators[model]


def palette_of(translator) -> list | None:
    """Colours (r, g, b) of a label model's classes, the first one the empty paper; None for other models."""
    if translator.input_kind != "labels":
        return None
    return list(Palette.from_json(translator.config["input"]["palette"]).colours)


class Remembered:
    """The newest pictures by what they depend on, up to a number of characters; safe to use from threads."""

    def __init__(self, limit: int = REMEMBERED):
        self.limit, self.size = limit, 0
        self._pictures: OrderedDict[tuple, str] = OrderedDict()
        self._kept: dict[tuple, str] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple) -> str | None:
        """The picture, or None."""
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._kept.get(key) or self._pictures.get(key)

    def put(self, key: tuple, picture: str, keep: bool = False) -> None:
        """Remember a picture; `keep`: for good."""
        with self._lock:
            if keep:
                self._kept[key] = picture
                return
            self.size += len(picture) - len(self._pictures.pop(key, ""))
            self._pictures[key] = picture
            while self.size > self.limit:
                self.size -= len(self._pictures.popitem(last=False)[1])


class Answers:
    """What the page's requests are answered with.

    Args:
        translators: name on the page → loaded `i2i.translator.Translator`.
        worker: the thread that runs them.
    """

    def __init__(self, translators: dict, worker: Worker):
        self.translators, self.worker = translators, worker
        self.remembered = Remembered()
        self._render = gpu(self._render_here)

    async def answer(self, request: dict) -> AsyncIterator[dict]:
        """Messages for one request of the page; never raises. The last one is the answer.

        request: `{"session": text, "turn": number, "drawing": id, "strokes": […], "model": name, "tiles": [tile, …],
            "sees": bool}`, tiles as in `tile_styles`; a session's request with a higher turn replaces its older ones.

        While others are served first: `{"state": "waiting", "drawing": id, "place": how many}`, whenever that changes.
        Then one of `{"state": "pictures", "drawing": id, "model", "weights", "tiles": [{"seed" | "style", "image"}, …],
        "ms": time of the model, "waited": ms in line, "network": PNG data URL if "sees"}`, or `{"state": "empty" |
        "error" | "busy" | "dropped", "drawing": id, "message": words}`. "dropped": a newer request of this session
        came. The model does not run on an empty canvas.
        """
        try:
            prepared = await asyncio.to_thread(self._prepare, request)
            ticket = self._submit(prepared)
            if ticket is not None:
                async for place in _places(ticket):
                    yield {"drawing": prepared["drawing"], "state": "waiting", "place": place}
            message = self._message(prepared, ticket)
        except Exception as problem:
            message = _in_words(problem)
        yield {"drawing": _drawing_of(request), **message}

    def answer_now(self, request: dict) -> dict:
        """The last message of `answer`, waited for: for threads."""
        try:
            prepared = self._prepare(request)
            ticket = self._submit(prepared)
            if ticket is not None:
                ticket.result.result()
            message = self._message(prepared, ticket)
        except Exception as problem:
            message = _in_words(problem)
        return {"drawing": _drawing_of(request), **message}

    def keep_example(self, model: str, strokes: list[dict], tiles: list[dict]) -> None:
        """Answer a drawing now and remember it for good, so that nobody waits for an example."""
        prepared = self._prepare({"session": "examples", "model": model, "strokes": strokes, "tiles": tiles})
        if prepared and not prepared["done"]:
            self.worker.run("examples", lambda: self._run(prepared, keep=True))

    def paint(self, translator, strokes) -> Image.Image | None:
        """Foreign strokes as the picture that the model gets; None if there is nothing on the paper.

        Raises:
            ValueError: in words, for strokes that are none.
        """
        palette = palette_of(translator)
        strokes = strokes_.check(strokes, palette)
        if not strokes:
            return None
        picture = strokes_.paint(strokes, DRAWING_SIZE, palette)
        if palette is None and picture.getextrema()[0] > 127:  # every line was erased again
            return None
        return picture

    def _prepare(self, request) -> dict | None:
        """The request, checked and painted, with what is remembered; None for an empty canvas."""
        if not isinstance(request, dict):
            raise ValueError("The request arrived in an unknown form. Reload the page.")
        session = request.get("session")
        if not isinstance(session, str) or not 0 < len(session) <= 64:
            raise ValueError("The request names no session. Reload the page.")
        turn = whole_number(request.get("turn", 0), "request's turn", 0, 2**53)
        translator = pick(self.translators, request.get("model"))
        tiles = request.get("tiles")
        if not isinstance(tiles, list) or not 1 <= len(tiles) <= MAX_PICTURES:
            raise ValueError(f"The page shows from 1 to {MAX_PICTURES} photos.")
        tiles = [check_tile(tile) for tile in tiles]
        picture = self.paint(translator, request.get("strokes"))
        if picture is None:
            return None
        digest = hashlib.sha1(picture.tobytes(), usedforsecurity=False).hexdigest()
        prepared = {
            "session": session, "turn": turn, "drawing": _drawing_of(request), "model": request["model"],
            "picture": picture, "tiles": tiles, "key": (request["model"], digest), "sees": bool(request.get("sees")),
            "urls": [], "network": None, "ms": 0.0,
        }  # fmt: skip
        prepared["done"] = not prepared["sees"] and all("mix" not in tile for tile in tiles) and self._recall(prepared)
        return prepared

    def _recall(self, prepared: dict) -> bool:
        """Fill in what is remembered; whether that is everything."""
        prepared["urls"] = [self.remembered.get((*prepared["key"], *tile.items())) for tile in prepared["tiles"]]
        return all(prepared["urls"])

    def _submit(self, prepared: dict | None):
        """The ticket for what is left to do, None if nothing is."""
        if prepared is None or prepared["done"]:
            return None
        return self.worker.submit(prepared["session"], lambda: self._run(prepared), prepared["turn"])

    def _run(self, prepared: dict, keep: bool = False) -> None:
        """What is left to do, in the worker's thread."""
        translator = self.translators[prepared["model"]]
        prepared["tiles"] = [resolve(translator, tile) for tile in prepared["tiles"]]
        self._recall(prepared)
        missing = [k for k, url in enumerate(prepared["urls"]) if not url]
        tiles = [prepared["tiles"][k] for k in missing]
        if tiles or prepared["sees"]:
            urls, prepared["network"], prepared["ms"] = self._render(
                prepared["model"], prepared["picture"], tiles, prepared["sees"]
            )
            for k, tile, url in zip(missing, tiles, urls, strict=True):
                prepared["urls"][k] = url
                self.remembered.put((*prepared["key"], *tile.items()), url, keep)

    def _render_here(self, model: str, picture: Image.Image, tiles: list[dict], sees: bool):
        """Photos as data URLs, what the network sees, and the model's own time in ms."""
        translator = self.translators[model]
        start = time.perf_counter()
        photos = sample_tiles(translator, picture, tiles) if tiles else []
        ms = (time.perf_counter() - start) * 1000
        return [as_jpeg_url(photo.convert("RGB")) for photo in photos], _seen(translator, picture) if sees else None, ms

    def _message(self, prepared: dict | None, ticket) -> dict:
        if prepared is None:
            return {"state": "empty", "message": EMPTY}
        message = {
            "state": "pictures",
            "model": prepared["model"],
            "weights": self.translators[prepared["model"]].weights_id,
            "tiles": [{**t, "image": url} for t, url in zip(prepared["tiles"], prepared["urls"], strict=True)],
            "ms": round(prepared["ms"], 1),
            "waited": round(ticket.waited * 1000, 1) if ticket else 0.0,
        }
        return message | ({"network": prepared["network"]} if prepared["sees"] else {})


def _drawing_of(request):
    return request.get("drawing") if isinstance(request, dict) else None


def _in_words(problem: Exception) -> dict:
    """The message for what went wrong."""
    if isinstance(problem, ValueError):
        empty = str(problem).startswith("empty drawing")
        return {"state": "empty", "message": EMPTY} if empty else {"state": "error", "message": str(problem)}
    if isinstance(problem, Busy):
        return {"state": "busy", "message": BUSY}
    if isinstance(problem, Superseded):
        return {"state": "dropped", "message": "A newer drawing is on its way."}
    # A defect of ours or of the machine: the log gets the trace, the page gets words.
    log.error("answering a drawing failed", exc_info=problem)
    return {"state": "error", "message": DEFECT}


def _seen(translator, picture: Image.Image) -> str:
    """What the network sees of a picture, as a PNG data URL."""
    if translator.input_kind == "labels":
        return as_png_url(picture)
    levels = (translator.see(picture)[0].numpy() + 1) * 127.5
    return as_png_url(Image.fromarray(np.rint(levels).astype(np.uint8)))


async def _places(ticket) -> AsyncIterator[int]:
    """The ticket's place in line whenever it changes and others come first; ends with the job, raises its error."""
    future, before = asyncio.wrap_future(ticket.result), 0
    try:
        while not (await asyncio.wait({future}, timeout=_PATIENCE))[0]:
            place = ticket.place
            if place and place != before:
                yield place
            before = place
        future.result()
    finally:
        ticket.leave()
