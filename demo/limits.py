"""How much one visitor can ask of the server: sizes of requests, work of drawings, and threads that wait for others.

The page is open to anybody, and on somebody's own machine to web sites that they visit: nothing that arrives may take
much more memory or time than a person's drawing does.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import reprlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from demo.batching import Busy

CROWDED = "Many people are drawing just now. Try again in a moment."
LONGEST_ID = 64  # characters of what a request calls itself

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlong, _short.maxlevel = 20, 2


def short(value: Any) -> str:
    """`repr` of something that arrived, at most some tens of characters of it, however deep it is nested."""
    return _short.repr(value)


def plain_id(value: Any) -> Any:
    """What a request calls itself, to be sent back: a number or a short text; anything else becomes None."""
    if isinstance(value, str):
        return value[:LONGEST_ID]
    return value if isinstance(value, (int, float)) and -(2**53) <= value <= 2**53 else None


class Threads:
    """Threads of their own for one kind of work, and a short line before them.

    Args:
        workers: threads.
        waiting: how many may wait for one.
    """

    def __init__(self, workers: int, waiting: int):
        self._most, self._taken, self._lock = workers + waiting, 0, threading.Lock()
        self._pool = ThreadPoolExecutor(workers, "requests")

    async def run(self, function: Callable, *arguments: Any) -> Any:
        """What the function returns or raises; Busy where too many wait already.

        Whoever leaves while waiting makes room.
        """
        with self._lock:
            if self._taken >= self._most:
                raise Busy(f"{self._taken} others are waiting")
            self._taken += 1
        future = self._pool.submit(contextvars.copy_context().run, function, *arguments)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Any) -> None:
        with self._lock:
            self._taken -= 1


class _TooLarge(Exception):
    pass


class BodyLimit:
    """ASGI middleware: requests larger than `most` bytes, to an upload route `upload` bytes, are not read on: 413.

    The page's own routes (`/i2i/`) are left to `routes.read_json`, which counts too and answers in words.
    """

    def __init__(self, app: Callable, most: int, upload: int):
        self.app, self.most, self.upload = app, most, upload

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith("/i2i/"):
            return await self.app(scope, receive, send)
        limit, come, answered = self.upload if path.rstrip("/").endswith("/upload") else self.most, 0, False

        async def counted() -> dict:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if come > limit:
                raise _TooLarge
            return message

        async def noted(message: dict) -> None:
            nonlocal answered
            if come <= limit:
                answered = True
                await send(message)

        said = dict(scope.get("headers", ())).get(b"content-length", b"0")
        too_large = said.isdigit() and int(said) > limit
        if not too_large:
            with contextlib.suppress(_TooLarge):  # which whatever reads the body may turn into an answer of its own
                await self.app(scope, counted, noted)
        if (too_large or come > limit) and not answered:
            body = json.dumps({"error": f"The request is larger than {limit // 2**20} MB."}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": body})
