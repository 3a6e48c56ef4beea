"""Strokes → photos for the page: check, paint, ask the worker, remember.

The page's requests carry everything that an answer depends on (strokes, model, tiles), and an answer goes back on the
request's own connection: the server keeps nothing about anybody, so no picture can reach somebody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator

import numpy as np
from PIL import Image

from demo.batching import PLACES, Busy, Superseded, Together, Worker
from demo.limits import Threads, plain_id, short
from demo.paper import EMPTY, check_direction, read_paper
from demo.pictures import as_answer_url, as_png_url
from demo.tile_styles import check_tile, noise_of, resolve, sample_tiles, whole_number
from demo.zero_gpu import ON_ZERO_GPU, gpu

PICTURES = 4  # on the page at first
MAX_PICTURES = 12
PAINTERS = 3  # threads that check and paint drawings
BUSY = "Many people are drawing just now. Your drawing is kept, and asks again in a moment."
DEFECT = "The model could not answer this drawing. The reason is in the log of the server; try another one."
REMEMBERED = 16 * 2**20  # characters of pictures that are kept for undo, redo and changed numbers of tiles
_PATIENCE = 0.3  # seconds between two looks at the place in line
_HEARTBEAT = 5.0  # seconds without a message after which the page hears that the server is still there

log = logging.getLogger(__name__)


def pick(translators: dict, model: str):
    """The translator called `model`. ValueError that lists the names when there is none."""
    if not isinstance(model, str) or model not in translators:
        raise ValueError(f"There is no model {short(model)} here. Choose one of: {', '.join(translators)}.")
    return translators[model]


def pick_for_page(translators: dict, model: str):
    """`pick`, in words for a visitor: the page offers the models that were there when it was loaded."""
    try:
        return pick(translators, model)
    except ValueError:
        raise ValueError(
            f"The model {short(model)} is not here any more: reload the page, which then offers "
            f"{', '.join(translators)}. Your drawing stays."
        ) from None


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
            self.size -= len(self._pictures.pop(key, ""))
            if keep:
                self._kept[key] = picture
                return
            self.size += len(picture)
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
        self._painters = Threads(PAINTERS, 4 * PLACES)  # of their own: drawings wait for no tool
        self._render = gpu(self._render_here)
        self._resolve = gpu(self._resolve_here)
        # On ZeroGPU each visitor's own minutes are used, so nobody shares a call there.
        self._together = {
            name: Together(self._run, 1 if ON_ZERO_GPU else translator.rows_together)
            for name, translator in translators.items()
        }

    async def answer(self, request: dict) -> AsyncIterator[dict]:
        """Messages for one request of the page; never raises. The last one is the answer.

        request: `{"session": text, "turn": number, "drawing": id, "strokes": […], "model": name, "tiles": [tile, …],
            "sees": bool}`, tiles as in `tile_styles`, and where the model has use for them "photo" and "direction"
            (paper.py); a session's request with a higher turn replaces its older ones.

        While others are served first: `{"state": "waiting", "drawing": id, "place": how many}`, whenever that changes
        and every few seconds; while a slow model answers, as often, `{"state": "working", "drawing": id}`. Then one of
        `{"state": "pictures", "drawing": id, "model", "weights", "tiles": [{"seed" | "style", "image"}, …], "ms": time
        of the model, "waited": ms in line, "network": PNG data URL if "sees"}`, or `{"state": "empty" | "error" |
        "busy" | "dropped", "drawing": id, "message": words}`. "dropped": a newer request of this session came. The
        model does not run on an empty canvas.
        """
        try:
            prepared = await self._painters.run(self._prepare, request)
            ticket = self._submit(prepared)
            if ticket is not None:
                async for place in _places(ticket):
                    news = {"state": "waiting", "place": place} if place else {"state": "working"}
                    yield {"drawing": prepared["drawing"], **news}
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

    def keep_example(self, model: str, strokes: list[dict], tiles: list[dict], direction: str | None = None) -> None:
        """Answer a drawing now and remember it for good, so that nobody waits for an example."""
        own = {"session": own_session(), "model": model, "strokes": strokes, "tiles": tiles, "direction": direction}
        prepared = self._prepare(own)
        if prepared is None:
            return
        if not prepared["done"]:
            self.worker.run(prepared["session"], lambda: self._run([prepared]))
        for tile, url in zip(prepared["tiles"], prepared["urls"], strict=True):
            self.remembered.put((*prepared["key"], *tile.items()), url, keep=True)

    def _prepare(self, request) -> dict | None:
        """The request, checked and painted, with what is remembered; None for an empty canvas."""
        if not isinstance(request, dict):
            raise ValueError("The request arrived in an unknown form. Reload the page.")
        session = request.get("session")
        if not isinstance(session, str) or not 0 < len(session) <= 64:
            raise ValueError("The request names no session. Reload the page.")
        turn = whole_number(request.get("turn", 0), "request's turn", 0, 2**53)
        translator = pick_for_page(self.translators, request.get("model"))
        tiles = request.get("tiles")
        if not isinstance(tiles, list) or not 1 <= len(tiles) <= MAX_PICTURES:
            raise ValueError(f"The page shows from 1 to {MAX_PICTURES} photos.")
        tiles = [check_tile(tile) for tile in tiles]
        direction = check_direction(translator, request.get("direction"))
        picture = read_paper(translator, request).picture()
        if picture is None:
            return None
        digest = hashlib.sha1(picture.tobytes(), usedforsecurity=False).hexdigest()
        prepared = {
            "session": session, "turn": turn, "drawing": _drawing_of(request), "model": request["model"],
            "picture": picture, "tiles": tiles, "key": (request["model"], direction, digest), "direction": direction,
            "sees": bool(request.get("sees")), "urls": [], "network": None, "ms": 0.0,
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
        together = self._together[prepared["model"]]
        return self.worker.submit(prepared["session"], prepared, prepared["turn"], together, len(prepared["tiles"]))

    def _run(self, several: list[dict]) -> list[None]:
        """What is left to do for requests to one model, in the worker's thread; each gets its own pictures."""
        jobs, todo = [], []
        for prepared in several:
            prepared["tiles"] = self.resolved(prepared["model"], prepared["tiles"])
            self._recall(prepared)
            missing = [k for k, url in enumerate(prepared["urls"]) if not url]
            if missing or prepared["sees"]:
                tiles = [prepared["tiles"][k] for k in missing]
                jobs.append((prepared["picture"], tiles, prepared["sees"], prepared["direction"]))
                todo.append((prepared, missing))
        answers, ms = self._render(several[0]["model"], jobs) if jobs else ([], 0.0)
        for (prepared, missing), (urls, network) in zip(todo, answers, strict=True):
            prepared["network"], prepared["ms"] = network, ms
            for k, url in zip(missing, urls, strict=True):
                prepared["urls"][k] = url
                self.remembered.put((*prepared["key"], *prepared["tiles"][k].items()), url)
        return [None] * len(several)

    def resolved(self, model: str, tiles: list[dict]) -> list[dict]:
        """Checked tiles as seeds and styles (`tile_styles.resolve`). Mixtures run the model: with some, this is for the
        worker's thread."""
        mixed = any("mix" in tile for tile in tiles)
        return (self._resolve if mixed else self._resolve_here)(model, tiles)

    def _resolve_here(self, model: str, tiles: list[dict]) -> list[dict]:
        return [resolve(self.translators[model], tile) for tile in tiles]

    def _render_here(self, model: str, jobs: list[tuple]) -> tuple[list[tuple[list[str], str | None]], float]:
        """Photos as data URLs and what the network sees, for each (picture, tiles, sees, direction); the time in ms."""
        translator = self.translators[model]
        start = time.perf_counter()
        if len(jobs) > 1:  # which only models without directions are asked for
            noise = [{"x": picture, **noise_of(translator, tiles)} for picture, tiles, _, _ in jobs if tiles]
            sampled = iter(translator.sample_many(noise))
            photos = [next(sampled) if tiles else [] for _, tiles, _, _ in jobs]
        else:
            photos = [sample_tiles(translator, p, tiles, way) if tiles else [] for p, tiles, _, way in jobs]
        ms = (time.perf_counter() - start) * 1000
        networks = [_seen(translator, picture) if sees else None for picture, _, sees, _ in jobs]
        return [([as_answer_url(photo) for photo in row], n) for row, n in zip(photos, networks, strict=True)], ms

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


def own_session() -> str:
    """A session's name for the server's own requests, which no visitor can guess and so take the place of."""
    return secrets.token_hex(12)


def _drawing_of(request):
    return plain_id(request.get("drawing")) if isinstance(request, dict) else None


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
    if picture.mode == "RGB":  # a label map or a photo: as it is
        return as_png_url(picture)
    levels = (translator.see(picture)[0].numpy() + 1) * 127.5
    return as_png_url(Image.fromarray(np.rint(levels).astype(np.uint8)))


async def _places(ticket) -> AsyncIterator[int]:
    """How many come before the ticket, when that changes and every few seconds; 0: it is being answered.

    Ends with the job, raises its error.
    """
    future, before, told = asyncio.wrap_future(ticket.result), 0, time.monotonic()
    try:
        while not (await asyncio.wait({future}, timeout=_PATIENCE))[0]:
            place, now = ticket.place, time.monotonic()
            if (place and place != before) or now - told >= _HEARTBEAT:
                yield place
                told = now
            before = place
        future.result()
    finally:
        ticket.leave()
