"""Real or generated? The perceptual study of the pix2pix paper (arXiv v3, section 4.1) as a page.

    python demo/real_or_fake.py serve MODEL [MODEL ...] PAIRS --votes votes.sqlite
    python demo/real_or_fake.py serve RUN/model RUN/data --host 0.0.0.0       for a class: everyone opens this address
    python demo/real_or_fake.py results votes.sqlite --csv votes.csv          any time, also while the page is open

A real picture and the answer to its own drawing (or label map, ...; with --unpaired to another's) are seen side by side
for one second; then the person says which was generated. 10 trials of practice with feedback, then 40 that count. Each
person sees one model.
"""

from __future__ import annotations

import argparse
import math
import random
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

if __package__ in (None, ""):  # started as a script: the clone itself is the package, installed or not
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson  # noqa: E402
import uvicorn  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.concurrency import run_in_threadpool  # noqa: E402
from starlette.exceptions import HTTPException  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import HTMLResponse, JSONResponse, Response  # noqa: E402
from starlette.routing import Route  # noqa: E402

from demo.study_models import Contestant, make_contestant  # noqa: E402
from demo.study_store import Store, Trial  # noqa: E402
from i2i.metrics.fooling import PRACTICE, SECONDS, TRIALS, fooling_rate  # noqa: E402
from i2i.metrics.held_out import contradictions, held_out_for  # noqa: E402
from i2i.translator import Translator  # noqa: E402

PAGE = Path(__file__).with_suffix(".html")
HIDDEN = {"Cache-Control": "no-store"}
LONGEST_ANSWER = 1000  # bytes
SLOWEST = 600_000  # ms: whatever is beyond was left lying
# Options that say what the folder of pairs holds, as those of evaluate.py: name, type, what for.
PAIR_OPTIONS = (
    ("a", str, "what left halves (or folder A) hold: edges, labels, photo, gray, ab or hole"),
    ("b", str, "what right halves (or folder B) hold"),
    ("direction", str, "AtoB or BtoA"),
    ("palette", str, "JSON file of the labels' names and colours, if it is not palette.json beside the pairs"),
    ("fit", str, "how pictures become square: crop or stretch"),
    ("val_fraction", float, "share of the pairs kept for validation where there is no folder val or test"),
)


class Study:
    """The study: who sees what, and what they said.

    Args:
        contestants: each session is given to the one with the fewest.
        store: the votes.
        practice, trials: of each session.
        unpaired: whether a real picture stands beside the answer to another one's input, as in the paper for aerial
            photos and maps; what is the same in both gives nothing away then.

    Raises:
        ValueError: if a contestant has fewer pairs than a session takes.
    """

    def __init__(
        self, contestants: Sequence[Contestant], store: Store, practice: int = PRACTICE, trials: int = TRIALS,
        unpaired: bool = False,
    ):  # fmt: skip
        self.contestants = {c.name: c for c in contestants}
        self.store, self.practice, self.trials, self.unpaired = store, practice, trials, unpaired
        if trials < 1 or practice < 0:
            raise ValueError(f"at least 1 trial and 0 of practice are needed, got {trials} and {practice}")
        for contestant in contestants:
            ready, drill, name = len(contestant.pictures), len(contestant.practice), contestant.name
            if drill and (drill < practice or ready < trials):
                raise ValueError(
                    f"a session takes {practice} training pairs and {trials} others, but {name} has {drill} and "
                    f"{ready}: give --practice {min(practice, drill)} --trials {min(trials, ready)}"
                )
            if not drill and ready < practice + trials:
                raise ValueError(
                    f"a session takes {practice} + {trials} different pairs, but {name} has {ready}: give a smaller "
                    "--trials or --practice"
                )
            if unpaired and 1 in (ready, drill):
                raise ValueError(f"--unpaired takes at least 2 pairs of each split, but {name} has 1: leave it out")

    def start(self) -> str:
        """Begin a session."""
        begun = self.store.sessions()
        # Whoever is behind; among equals, any.
        contestant = min(self.contestants.values(), key=lambda c: (begun.get(c.name, 0), secrets.randbelow(1 << 30)))
        if contestant.practice:
            shown = self._draw(contestant.practice, self.practice) + self._draw(contestant.pictures, self.trials)
        else:
            shown = self._draw(contestant.pictures, self.practice + self.trials)
        plan = [(pair, random.SystemRandom().random() < 0.5) for pair in shown]
        protocol = f"{contestant.protocol}; {self.practice} + {self.trials} trials"
        if self.practice and contestant.practice:
            protocol += ", practice on training pairs"
        if self.unpaired:
            protocol += ", photo and answer of different inputs"
        return self.store.start(contestant.name, protocol, plan, self.practice)

    def _draw(self, pictures: Mapping[str, Any], count: int) -> list[str]:
        """So many pairs by chance, no picture twice; unpaired ones as "real/generated"."""
        order = random.SystemRandom().sample(sorted(pictures), len(pictures))
        if not self.unpaired:
            return order[:count]
        # As far apart as it goes: with twice as many pairs as trials, nothing is seen in both ways.
        shift = min(count, len(order) // 2)
        return [f"{order[(k + shift) % len(order)]}/{order[k]}" for k in range(count)]

    def state(self, session: str) -> dict[str, Any]:
        """What the page needs to go on: the next trial, or how it went; KeyError where it cannot go on."""
        trials = self._trials(session)
        due = self._due(trials)
        done = {"of": len(trials), "practice": self._practice(trials)}
        if due is not None:
            self._pictures(session, trials[due])
            return done | {"next": due}
        counted = [t for t in trials if not t.practice]
        return done | {"next": None, "fooled": sum(not t.right for t in counted), "counted": len(counted)}

    def picture(self, session: str, number: int, side: str) -> bytes:
        """The picture on one side of a trial; KeyError for one that is not yet due."""
        trials = self._trials(session)
        due = self._due(trials)
        # The one after the next is asked for ahead.
        if side not in ("left", "right") or due is None or not due <= number <= min(due + 1, len(trials) - 1):
            raise KeyError(number)
        real, generated = self._pictures(session, trials[number])
        return generated if trials[number].fake_left == (side == "left") else real

    def answer(self, session: str, number: int, said_left: bool, ms: int) -> dict[str, Any]:
        """Keep an answer to the trial that is due; `right` is told in practice alone."""
        if self._due(self._trials(session)) != number or not self.store.answer(session, number, said_left, ms):
            raise KeyError(number)
        trial = self._trials(session)[number]
        return self.state(session) | ({"right": trial.right} if trial.practice else {})

    def _trials(self, session: str) -> list[Trial]:
        trials = self.store.trials(session)
        if not trials:
            raise KeyError(session)
        return trials

    def _pictures(self, session: str, trial: Trial) -> tuple[bytes, bytes]:
        """Real and generated; KeyError if an earlier start showed them, with other models or more pairs."""
        contestant = self.contestants[self.store.model(session)]
        known, (real, _, generated) = contestant.practice | contestant.pictures, trial.pair.partition("/")
        return known[real][0], known[generated or real][1]

    @staticmethod
    def _due(trials: Sequence[Trial]) -> int | None:
        return next((t.number for t in trials if t.said_left is None), None)

    @staticmethod
    def _practice(trials: Sequence[Trial]) -> int:
        return sum(t.practice for t in trials)


def build(study: Study) -> Starlette:
    """The page and its four routes."""
    page = PAGE.read_text(encoding="utf-8")
    for name, value in (("SECONDS", SECONDS), ("PRACTICE", study.practice), ("TRIALS", study.trials)):
        page = page.replace(f"{{{{{name}}}}}", f"{value:g}")
    page = page.replace("{{REAL}}", next(iter(study.contestants.values())).real)

    def home(request: Request) -> Response:
        return HTMLResponse(page, headers=HIDDEN)

    def start(request: Request) -> Response:
        session = study.start()
        return JSONResponse({"session": session} | study.state(session))

    def state(request: Request) -> Response:
        return JSONResponse(asked(study.state, request.path_params["session"]), headers=HIDDEN)

    def picture(request: Request) -> Response:
        where = request.path_params
        data = asked(study.picture, where["session"], where["number"], where["side"])
        return Response(data, media_type="image/png", headers=HIDDEN)

    async def answer(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_ANSWER:
                raise HTTPException(413, "the answer is too long")
        return await run_in_threadpool(keep, body, request.path_params)

    def keep(body: bytearray, where: dict[str, Any]) -> Response:
        try:
            said = orjson.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("left"), bool) or type(said.get("ms")) is not int:
            raise HTTPException(400, "expected {left: true or false, ms: a whole number}")
        ms = min(max(0, said["ms"]), SLOWEST)
        return JSONResponse(asked(study.answer, where["session"], where["number"], said["left"], ms))

    def asked(function, *arguments):
        try:
            return function(*arguments)
        except KeyError as error:
            raise HTTPException(404, "there is no such trial now: reload the page") from error

    return Starlette(
        routes=[
            Route("/", home),
            Route("/session", start, methods=["POST"]),
            Route("/session/{session}", state),
            Route("/picture/{session}/{number:int}/{side}", picture),
            Route("/answer/{session}/{number:int}", answer, methods=["POST"]),
        ]
    )


def results(store: Store) -> str:
    """The fooling rates as text."""
    lines = []
    for (model, protocol), sessions in store.fooled().items():
        found = fooling_rate(sessions)
        how = "people resampled" if found.by_people else "one person alone: trials resampled"
        interval = f"95 % between {found.low:.1%} and {found.high:.1%}"
        if math.isnan(found.low):
            interval = "too few trials for an interval"
        lines += [
            f"{model}: fooled in {found.rate:.1%} of trials, {interval}",
            f"  {found.people} {'people' if found.by_people else 'person'}, {found.trials} trials ({how}); {protocol}",
        ]
    return "\n".join(lines) or "nobody has answered a trial that counts yet"


def parse(argv: list[str] | None) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    tasks = parser.add_subparsers(dest="task", required=True, metavar="serve|results")
    serve = tasks.add_parser("serve", help="open the page")
    serve.add_argument("paths", nargs="+", metavar="MODEL [MODEL ...] PAIRS", help="models, and held-out pairs")
    serve.add_argument("--votes", type=Path, default=Path("votes.sqlite"), help="file of the votes; more are added")
    serve.add_argument("--pictures", type=int, default=200, help="pairs that are answered, at most (default: 200)")
    serve.add_argument("--practice", type=int, default=PRACTICE, help=f"trials with feedback (default: {PRACTICE})")
    serve.add_argument("--trials", type=int, help=f"trials that count (default: {TRIALS}, or a trial a pair if fewer)")
    serve.add_argument("--unpaired", action="store_true", help="photo and answer of different inputs")
    serve.add_argument("--split", choices=("val", "train"), default="val", help="which pairs (default: val)")
    pairs = serve.add_argument_group("what PAIRS holds, where it differs from what the models were trained on")
    for name, kind, text in PAIR_OPTIONS:
        pairs.add_argument(f"--{name.replace('_', '-')}", type=kind, help=text)
    serve.add_argument("--host", default="127.0.0.1", help="0.0.0.0: reachable from other machines")
    serve.add_argument("--port", type=int, default=7861)
    serve.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    shown = tasks.add_parser("results", help="print the fooling rates")
    shown.add_argument("votes", type=Path)
    shown.add_argument("--csv", type=Path, help="write every answer there")
    return parser.parse_args(argv)


def prepare(args: argparse.Namespace) -> Study:
    *names, root = args.paths
    if not names:
        raise ValueError(f"give one or more models and then the folder of pairs; got {root} alone")
    if args.pictures < 1 or args.practice < 0:
        raise ValueError("--pictures must be at least 1 and --practice at least 0")
    given = {name: getattr(args, name) for name, *_ in PAIR_OPTIONS if getattr(args, name) is not None}
    loaded = [Translator.from_pretrained(name, args.device) for name in names]
    for translator in loaded:
        if translator.domains:
            raise ValueError(f"{translator.name} has domains; the study takes models of pairs")
    for line in [line for t in loaded for line in contradictions(t.config, given)]:
        print(f"note: {line}", file=sys.stderr)
    held = [held_out_for(t.config, root, args.split, given) for t in loaded]
    store = Store(args.votes)
    ready, trials = min(args.pictures, *map(len, held)), args.trials
    # Held-out pairs are for the trials that count: where they are too few for both, practice takes training pairs.
    apart = args.practice > 0 and args.split == "val" and ready < args.practice + (trials or TRIALS)
    drill = [held_out_for(t.config, root, "train", given) if apart else None for t in loaded]
    if trials is None:
        trials = min(TRIALS, ready if apart else max(1, ready - args.practice))
        if trials < TRIALS:
            print(f"note: {trials} trials that count, not {TRIALS}, as there are {ready} pairs", file=sys.stderr)
    contestants = [
        make_contestant(t, pairs, args.pictures, more, args.practice)
        for t, pairs, more in zip(loaded, held, drill, strict=True)
    ]
    return Study(contestants, store, args.practice, trials, args.unpaired)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    if args.task == "results":
        store = Store(args.votes, read_only=True)
        if args.csv and args.csv.exists() and args.csv.samefile(args.votes):
            raise ValueError(f"--csv {args.csv} would write over the votes themselves: name another file")
        print(results(store))
        if args.csv:
            args.csv.write_text(store.csv(), encoding="utf-8")
        return 0
    app = build(prepare(args))
    print(f"open http://{'127.0.0.1' if args.host == '0.0.0.0' else args.host}:{args.port}/   votes: {args.votes}")
    uvicorn.run(app, host=args.host, port=args.port, log_level="warning")
    return 0


def _end(problem: Exception) -> NoReturn:
    print(f"error: {' '.join(str(problem).split())}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, OSError) as problem:
        _end(problem)
