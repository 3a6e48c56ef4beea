"""A crowd draws: how quickly is everybody's newest drawing answered, how fairly, and does memory stay flat?

    python demo/load_test.py                              50 people, two minutes, a stroke a second each
    python demo/load_test.py --people 10 --seconds 30 --url https://user-name.hf.space/

Everybody behaves as the page does: a finished stroke is sent at once, and in the server's line it takes the place of
their older drawing. On a CPU one drawing after another is answered, on a GPU those of all who wait in one call. Without
--url a page is started here (on the CPU, or with --device on a GPU), and its memory is watched.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo.local_page import local_page  # noqa: E402

STROKES = 24  # on a paper before a person takes a new one
PATIENCE = 60.0  # seconds for one answer
AGAIN = 1.5  # seconds before a busy server is asked again

Draw = Callable[[random.Random, int, int], list[dict]]  # dice, person, number of the stroke → the drawing then


@dataclass
class Person:
    """What one simulated visitor met. Times in seconds since the start.

    Attributes:
        drawn: when each stroke was finished.
        answered: (when, number of the newest stroke that the photos show), in the order they came.
        waits: seconds from asking to the answer.
        busy: how often the line was full. dropped: drawings that a newer one replaced in line.
        model_ms: the model's own time for each answer.
        problems: words of errors; there should be none.
    """

    drawn: list[float] = field(default_factory=list)
    answered: list[tuple[float, int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    busy: int = 0
    dropped: int = 0
    model_ms: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def until_shown(self) -> list[float]:
        """Seconds from each stroke's end to photos that show it; strokes never shown are left out."""
        times, k = [], 0
        for when, newest in self.answered:
            times += [when - self.drawn[j] for j in range(k, newest + 1)]
            k = max(k, newest + 1)
        return times


def scribble(dice: random.Random, person: int, stroke: int) -> list[dict]:
    """The drawing of a person after so many strokes: wandering lines, the same ones every time."""
    lines = []
    for k in range(stroke - stroke % STROKES, stroke + 1):
        own = random.Random(person * 10_000 + k)
        x, y, points = own.uniform(30, 226), own.uniform(30, 226), []
        for _ in range(12):
            points.append([x, y])
            x, y = min(250, max(6, x + own.uniform(-16, 16))), min(250, max(6, y + own.uniform(-16, 16)))
        lines.append({"tool": "pen", "points": points})
    return lines


class _Visitor:
    """One person's page: draws, asks, and looks at what comes."""

    def __init__(self, client: httpx.AsyncClient, url: str, model: str, number: int, draw: Draw, check, start: float):
        self.client, self.url, self.model, self.number = client, url, model, number
        self.draw, self.check, self.start = draw, check, start
        self.person, self.dice = Person(), random.Random(number)
        self.asking: set[asyncio.Task] = set()
        self.stale = False

    async def visit(self, end: float, rate: float) -> Person:
        await asyncio.sleep(self.dice.uniform(0, 1 / rate))
        while time.monotonic() < end:
            self.person.drawn.append(time.monotonic() - self.start)
            self.ask()
            await asyncio.sleep(self.dice.uniform(0.7, 1.3) / rate)
        while self.asking:
            await asyncio.wait(self.asking)
        return self.person

    def ask(self) -> None:
        # As the page does: a newer drawing takes the place of one that waits in line, and at most two are under way.
        self.stale = len(self.asking) > 1
        if not self.stale:
            task = asyncio.create_task(self._ask(len(self.person.drawn) - 1))
            self.asking.add(task)

    async def _ask(self, stroke: int) -> None:
        asked = time.monotonic()
        again = False
        try:
            response = await self.client.post(
                self.url + "i2i/answer",
                json={
                    "session": f"load-{self.number}", "turn": stroke, "drawing": stroke, "model": self.model,
                    "strokes": self.draw(self.dice, self.number, stroke),
                    "tiles": [{"seed": 4 * self.number + k} for k in range(4)],
                },
                timeout=PATIENCE,
            )  # fmt: skip
            again = self._look(stroke, asked, json.loads(response.text.strip().splitlines()[-1]))
        except (httpx.HTTPError, ValueError, IndexError) as problem:
            self.person.problems.append(f"{type(problem).__name__}: {problem}")
        if again:
            await asyncio.sleep(AGAIN)
        self.asking.discard(asyncio.current_task())
        if again or self.stale:
            self.ask()

    def _look(self, stroke: int, asked: float, answer: dict) -> bool:
        """Note an answer; whether to ask again."""
        person, now = self.person, time.monotonic()
        if answer["state"] == "busy":
            person.busy += 1
            return True
        if answer["state"] == "dropped":
            person.dropped += 1
        elif answer["state"] != "pictures" or answer["drawing"] != stroke:
            person.problems.append(f"{answer['state']}: {answer.get('message')}")
        else:
            if self.check is not None and (words := self.check(self.number, stroke, answer)):
                person.problems.append(words)
            person.waits.append(now - asked)
            person.model_ms.append(answer["ms"])
            person.answered.append((now - self.start, stroke))
        return False


async def crowd(
    url: str, people: int, seconds: float, rate: float = 1.0, model: str | None = None, draw: Draw = scribble,
    check: Callable[[int, int, dict], str | None] | None = None,
    watch: Callable[[], None] = lambda: None,
) -> list[Person]:
    """Let people draw on the page at `url` for a while.

    rate: strokes a second of each. model: None for the page's first one. draw: what they draw. check: from person,
    stroke and answer to words about what is wrong with the photos. watch: called every second.
    """
    # Servers close idle connections after some seconds; a browser notices, this client must not use them that long.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=2)
    async with httpx.AsyncClient(limits=limits) as client:
        if model is None:
            model = _first_model((await client.get(url + "config", timeout=PATIENCE)).json())
        start = time.monotonic()

        async def watching() -> None:
            while True:
                watch()
                await asyncio.sleep(1)

        watcher = asyncio.create_task(watching())
        visitors = [_Visitor(client, url, model, k, draw, check, start) for k in range(people)]
        result = list(await asyncio.gather(*(visitor.visit(start + seconds, rate) for visitor in visitors)))
        watcher.cancel()
        return result


def _first_model(config: dict) -> str:
    for component in config["components"]:
        if models := component["props"].get("props", {}).get("models"):
            return models[0]["name"]
    raise ValueError("this is not the drawing page: its configuration names no models")


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def summary(persons: list[Person], memory: list[float]) -> dict:
    """Plain numbers about a crowd; times in seconds, memory in MB."""
    seconds = max((person.answered[-1][0] for person in persons if person.answered), default=1.0)
    shown = [t for person in persons for t in person.until_shown()]
    waits = [t for person in persons for t in person.waits]
    counts = [len(person.answered) for person in persons]
    latest = [bool(p.answered) and p.answered[-1][1] == len(p.drawn) - 1 for p in persons]
    steady = memory[len(memory) // 4 :]
    return {
        "people": len(persons),
        "strokes": sum(len(person.drawn) for person in persons),
        "answers": sum(counts),
        "answers_per_second": sum(counts) / seconds,
        "stroke_to_photos_p50": _percentile(shown, 0.5),
        "stroke_to_photos_p95": _percentile(shown, 0.95),
        "request_p50": _percentile(waits, 0.5),
        "request_p95": _percentile(waits, 0.95),
        "model_ms_p50": _percentile([t for person in persons for t in person.model_ms if t], 0.5),
        "fewest_answers": min(counts),
        "most_answers": max(counts),
        "newest_drawing_answered": sum(latest),
        "dropped": sum(person.dropped for person in persons),
        "busy": sum(person.busy for person in persons),
        "problems": [words for person in persons for words in person.problems],
        "memory_start": steady[0] if steady else 0.0,
        "memory_end": steady[-1] if steady else 0.0,
        "memory_most": max(memory, default=0.0),
    }


def report(numbers: dict) -> str:
    """The lines that are printed."""
    n = numbers
    lines = [
        f"{n['people']} people, {n['strokes']} strokes, {n['answers']} answers, {n['answers_per_second']:.1f} a second",
        f"stroke → photos that show it: p50 {n['stroke_to_photos_p50']:.2f} s, p95 {n['stroke_to_photos_p95']:.2f} s",
        f"request → answer: p50 {n['request_p50']:.2f} s, p95 {n['request_p95']:.2f} s; "
        f"model: p50 {n['model_ms_p50']:.0f} ms",
        f"answers a person: {n['fewest_answers']} to {n['most_answers']}; newest drawing answered: "
        f"{n['newest_drawing_answered']} of {n['people']}; told to wait: {n['busy']} times",
    ]
    if n["memory_most"]:
        lines.append(
            f"memory: {n['memory_start']:.0f} MB after the first quarter, {n['memory_end']:.0f} MB at the end, "
            f"{n['memory_most']:.0f} MB at most"
        )
    problems = n["problems"]
    return "\n".join([*lines, f"problems: {len(problems)}", *(f"  {words}" for words in sorted(set(problems))[:10])])


def main(argv: list[str] | None = None) -> int:
    """Run the crowd and print. Returns 0 if everybody's newest drawing was answered without a problem, else 1."""
    parser = argparse.ArgumentParser(prog="demo/load_test.py", description="A crowd draws on the page.")
    parser.add_argument("--people", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=120, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=1, help="strokes a second of each person (default: %(default)s)")
    parser.add_argument("--url", help="a page that runs already (default: start one)")
    parser.add_argument("--model", help="a bundled model or a folder for the page that is started")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="cpu", help="of that page (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    memory: list[float] = []
    if options.url:
        persons = asyncio.run(crowd(options.url, options.people, options.seconds, options.rate))
    else:
        with local_page(*(["--model", options.model] if options.model else []), "--device", options.device) as page:
            persons = asyncio.run(
                crowd(
                    page.url, options.people, options.seconds, options.rate,
                    watch=lambda: memory.append(page.memory()),
                )
            )  # fmt: skip
    numbers = summary(persons, memory)
    print(report(numbers))
    return int(bool(numbers["problems"]) or numbers["newest_drawing_answered"] < options.people)


if __name__ == "__main__":
    sys.exit(main())
