"""The page's own plain routes beside Gradio: one POST an answer.

An event that goes through Gradio's queue takes about 50 ms there and back without any work in it, a plain route 7
(Chromium and server on one core, 80 kB of photos); an answer to every stroke has to be quick. Everything else of the
page (components, the documented endpoints, uploads) stays Gradio's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from demo.batching import Busy
from demo.limits import CROWDED, Threads

HEAVY = ("replay", "clip", "matrix")  # tools that ask the model many times
DEFECT = "This did not work. The reason is in the log of the server."
MAX_BODY = 6 * 2**20  # bytes: a photo of 1024 pixels, or a drawing of the most points allowed, and room

log = logging.getLogger(__name__)


class TooLarge(ValueError):
    """The request's body is larger than MAX_BODY."""


async def read_json(request: Request, limit: int = MAX_BODY):
    """The request's JSON, at most `limit` bytes of it.

    Raises:
        TooLarge: without reading on.
        ValueError: if it is no JSON, or does not say that it is: what says so comes from this page or from a program,
            for another web site's script may not send it here.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ValueError("The request must say Content-Type: application/json. Reload the page.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLarge(f"The request is larger than {limit // 2**20} MB. Send a smaller picture.")
    return orjson.loads(body)


def routes(answers, tools: dict[str, Callable[[dict], dict]]) -> list[Route]:
    """What to hand to Gradio's app.

    Args:
        answers: an `answers.Answers`; `POST i2i/answer` streams its messages, a line of JSON each.
        tools: name → plain function from the request to the answer; `POST i2i/<name>` runs it in a thread. A ValueError
            becomes `{"state": "error", "message": words}`.
    """
    async def answer(request: Request) -> Response:
        try:
            asked = await read_json(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except ValueError as problem:
            return _refused(problem)

        async def lines():
            async for message in answers.answer(asked):
                yield orjson.dumps(message) + b"\n"

        # Said to proxies, some of which hold a stream back until it ends.
        return StreamingResponse(lines(), media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})

    light, heavy = Threads(4, 64), Threads(2, 6)

    def tool(function: Callable[[dict], dict], threads: Threads):
        async def ask(request: Request) -> Response:
            try:
                asked = await read_json(request)
                if not isinstance(asked, dict):
                    raise ValueError("The request arrived in an unknown form. Reload the page.")
                return _json(await threads.run(function, asked))
            except ClientDisconnect:
                return Response(status_code=400)
            except ValueError as problem:
                return _refused(problem)
            except Busy:
                return _refused(ValueError(CROWDED))
            except Exception:  # a defect of ours, or a request that no browser sends
                log.exception("a request failed")
                return _json({"state": "error", "message": DEFECT}, 500)

        return ask

    own = [Route("/i2i/answer", answer, methods=["POST"])]
    return own + [
        Route(f"/i2i/{name}", tool(function, heavy if name in HEAVY else light), methods=["POST"])
        for name, function in tools.items()
    ]


def _json(value, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _refused(problem: ValueError) -> Response:
    if isinstance(problem, orjson.JSONDecodeError):
        problem = ValueError("The request is not JSON. Reload the page.")
    return _json({"state": "error", "message": str(problem)}, 413 if isinstance(problem, TooLarge) else 400)
