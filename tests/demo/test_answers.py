import asyncio
import base64
import concurrent.futures
import io
import threading
import time

import numpy as np
import pytest
from fakes import FakeTranslator, code_of, coded
from PIL import Image

from demo.answers import EMPTY, MAX_PICTURES, Remembered
from demo.examples import showcase
from demo.strokes import paint
from demo.tile_styles import style_text

CROSS = [{"tool": "pen", "points": [[20, 20], [200, 220]]}, {"tool": "pen", "points": [[200, 20], [20, 220]]}]


def line(x: float = 20) -> list[dict]:
    return [{"tool": "pen", "points": [[x, 20], [200, 220]]}]


def request(strokes=CROSS, tiles=4, **more) -> dict:
    tiles = [{"seed": k} for k in range(tiles)] if isinstance(tiles, int) else tiles
    return {"session": "s", "drawing": 7, "model": "edges2cats", "strokes": strokes, "tiles": tiles} | more


def wait_for(happened, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)


def opened(url: str) -> Image.Image:
    head, body = url.split(",")
    assert head in ("data:image/jpeg;base64", "data:image/png;base64")
    return Image.open(io.BytesIO(base64.b64decode(body)))


def images(answer: dict) -> list[str]:
    assert answer["state"] == "pictures", answer
    return [tile["image"] for tile in answer["tiles"]]


# --- pictures --------------------------------------------------------------------------------------------------------

def test_an_answer_is_what_the_translator_gives_for_the_painted_strokes(answers, fake):
    answer = answers.answer_now(request())
    assert (answer["drawing"], answer["model"], answer["weights"]) == (7, "edges2cats", "0123abcd")
    assert [tile["seed"] for tile in answer["tiles"]] == [0, 1, 2, 3]
    assert answer["ms"] > 0 and answer["waited"] >= 0
    assert len(set(images(answer))) == 4
    expected = fake.sample(paint(CROSS), seeds=[0, 1, 2, 3])
    for url, photo in zip(images(answer), expected, strict=True):
        assert np.abs(np.asarray(opened(url), float) - np.asarray(photo, float)).mean() < 4  # JPEG is lossy


def test_the_model_runs_in_the_worker_s_thread_alone(answers, fake):
    answers.answer_now(request())
    answers.answer_now(request(line()))
    assert len(fake.threads) == 1 and threading.get_ident() not in fake.threads


def test_a_photo_belongs_to_its_tile_whatever_stands_beside_it(answers):
    four = images(answers.answer_now(request()))
    style = style_text(answers.translators["edges2cats"].styles([9])[0])
    mixed = answers.answer_now(request(tiles=[{"seed": 3}, {"style": style}, {"seed": 1}]))
    assert images(mixed)[::2] == [four[3], four[1]]
    assert mixed["tiles"][1]["style"] == style


def test_a_mixture_comes_back_as_the_style_that_it_is(answers):
    asked = [{"mix": [{"seed": 0}, {"seed": 1}, 0.5]}, {"seed": 0}]
    answer = answers.answer_now(request(tiles=asked))
    assert set(answer["tiles"][0]) == {"style", "image"}
    again = answers.answer_now(request(tiles=[{"style": answer["tiles"][0]["style"]}]))
    assert images(again) == images(answer)[:1]


def test_only_what_is_new_runs(answers, fake):
    first = answers.answer_now(request())
    assert answers.answer_now(request())["tiles"] == first["tiles"]  # undo and redo, say
    assert len(fake.calls) == 1
    more = answers.answer_now(request(tiles=[{"seed": 0}, {"seed": 8}, {"seed": 2}]))
    assert fake.calls[1]["seeds"] == [8]
    assert images(more)[::2] == images(first)[::2]
    assert answers.answer_now(request())["ms"] == 0.0
    answers.answer_now(request(line()))
    assert len(fake.calls) == 3


def test_another_drawing_or_model_is_never_answered_from_memory(answers_of):
    answers = answers_of(FakeTranslator("a"), FakeTranslator("b", weights_id="89abcdef"))
    for number in (1, 513, 40_000):
        for model in ("a", "b"):
            answer = answers.answer_now(request(coded(number), model=model))
            assert answer["weights"] == answers.translators[model].weights_id
            assert [code_of(opened(url)) for url in images(answer)] == [number] * 4
    assert [len(t.calls) for t in answers.translators.values()] == [3, 3]


def test_examples_are_answered_beforehand(answers, fake):
    answers.remembered.limit = 0
    answers.keep_example("edges2cats", CROSS, [{"seed": k} for k in range(4)])
    answers.answer_now(request(line()))  # memory that is full forgets others, not these
    calls = len(fake.calls)
    assert answers.answer_now(request())["ms"] == 0.0
    assert len(fake.calls) == calls


def test_an_example_that_was_answered_before_is_kept_as_well(answers, fake):
    answers.answer_now(request())  # as the page does with its first example, before it keeps them all
    answers.keep_example("edges2cats", CROSS, [{"seed": k} for k in range(4)])
    answers.remembered.limit = 0
    answers.answer_now(request(line()))
    assert answers.answer_now(request())["ms"] == 0.0 and len(fake.calls) == 2
    assert answers.remembered.size == 0  # and what is kept takes no room from the others


@pytest.mark.parametrize("session", ["examples", "showcase"])
def test_no_visitor_takes_the_place_of_the_server_s_own_requests(answers, session):
    example = {"id": "cross", "mode": "edges", "strokes": CROSS, "models": []}
    go_on = threading.Event()
    answers.worker.submit("somebody", go_on.wait)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        kept = pool.submit(answers.keep_example, "edges2cats", CROSS, [{"seed": 7}])
        shown = pool.submit(showcase, answers, "edges2cats", [example])
        wait_for(lambda: answers.worker.waiting >= 2)
        theirs = pool.submit(answers.answer_now, request(session=session, turn=9))
        wait_for(lambda: answers.worker.waiting >= 3)
        go_on.set()
        assert kept.result() is None and len(shown.result()["images"]) == 4
        assert len(images(theirs.result())) == 4


def test_a_roomful_of_people_asks_at_once_and_everybody_is_answered(answers):
    async def last(k: int) -> dict:
        asked = request(line(20 + k), tiles=1, session=f"visitor {k}")
        return [message async for message in answers.answer(asked)][-1]

    async def scene() -> list[dict]:
        return await asyncio.gather(*map(last, range(60)))

    assert {answer["state"] for answer in asyncio.run(scene())} == {"pictures"}


def test_memory_stays_within_its_limit_and_forgets_the_oldest():
    kept = Remembered(limit=100)
    for k in range(10):
        kept.put(("k", k), "x" * 30)
        kept.get(("k", 0))  # used again and again
    assert kept.size <= 100
    assert [k for k in range(10) if kept.get(("k", k))] == [0, 8, 9]
    kept.put(("k", 9), "y" * 40)
    assert kept.size == 100 and kept.get(("k", 9)) == "y" * 40
    for length in (20, 35, 40):  # a picture that comes again takes the place of its own characters alone
        kept.put(("k", 9), "z" * length)
        assert [k for k in range(10) if kept.get(("k", k))] == [0, 8, 9] and kept.size == 60 + length


def test_what_the_network_sees_comes_when_asked_for(answers):
    answer = answers.answer_now(request(sees=True))
    seen = np.asarray(opened(answer["network"]))
    assert seen.shape == (64, 64) and set(np.unique(seen)) == {0, 255}  # as the fake sees
    again = answers.answer_now(request(sees=True))
    assert again["network"] == answer["network"] and images(again) == images(answer)
    assert "network" not in answers.answer_now(request())


# --- label maps ------------------------------------------------------------------------------------------------------

WALL = [{"tool": "rect", "points": [[30, 30], [200, 200]], "color": "#c83c00", "filled": True}]


def test_label_maps_are_painted_in_the_palette_s_colours(answers_of):
    fake = FakeTranslator("facades", kind="labels")
    answers = answers_of(fake)
    answer = answers.answer_now(request(WALL, model="facades", sees=True))
    assert len(images(answer)) == 4
    pixels = np.asarray(fake.calls[0]["x"])
    assert {tuple(c) for c in pixels.reshape(-1, 3)} == {(0, 0, 200), (200, 60, 0)}
    assert np.array_equal(np.asarray(opened(answer["network"])), pixels)
    assert answers.answer_now(request([], model="facades"))["state"] == "empty"
    wrong = answers.answer_now(request(CROSS, model="facades"))
    assert wrong["state"] == "error" and "not in the palette" in wrong["message"]


# --- nothing, and mistakes -------------------------------------------------------------------------------------------

@pytest.mark.parametrize(
    "strokes",
    [
        [],
        [*line(), {"tool": "eraser", "points": [[20, 20], [200, 220]]}],
        [{"tool": "pen", "points": [[-10, -10], [-10, 260]]}],
    ],
)
def test_an_empty_canvas_does_not_run_the_model(answers, fake, strokes):
    assert answers.answer_now(request(strokes)) == {"drawing": 7, "state": "empty", "message": EMPTY}
    assert not fake.calls


def test_a_drawing_that_the_translator_finds_empty_is_empty(answers_of):
    class Strict(FakeTranslator):
        def sample(self, x, **options):
            raise ValueError("empty drawing: nothing is left after thinning")

    assert answers_of(Strict()).answer_now(request())["state"] == "empty"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("nonsense", "unknown form"),
        (request(session=""), "no session"),
        (request(session=3), "no session"),
        (request(session="x" * 65), "no session"),
        (request(turn="1"), "request's turn must be a whole number"),
        (request(model="dogs"), "model 'dogs' is not here any more: reload the page, which then offers edges2cats"),
        (request(model=["edges2cats"]), "not here any more"),
        (request(tiles=0), "from 1 to 12 photos"),
        (request(tiles=MAX_PICTURES + 1), "from 1 to 12 photos"),
        (request(tiles=[{"seed": -1}]), "seed must be from 0"),
        (request(tiles=[{"style": "AAAA"}]), "style in the request is damaged"),
        (request(strokes=None), "drawing is NoneType"),
        (request([{"tool": "spray", "points": [[0, 0]]}]), "Stroke 1 of the drawing"),
    ],
)
def test_mistakes_are_told_in_words_and_run_nothing(answers, fake, asked, words):
    answer = answers.answer_now(asked)
    assert answer["state"] == "error" and words in answer["message"]
    assert not fake.calls


def test_a_defect_becomes_words_on_the_page_and_a_trace_in_the_log(answers_of, caplog):
    class Broken(FakeTranslator):
        def sample(self, x, **options):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    answer = answers_of(Broken()).answer_now(request())
    assert answer["state"] == "error" and "log of the server" in answer["message"]
    assert "mat1" not in str(answer)
    assert "mat1 and mat2" in caplog.text


# --- in line ---------------------------------------------------------------------------------------------------------

def in_thread(work):
    """Run a coroutine elsewhere: Playwright keeps a loop running in this thread once a browser test has begun."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def messages_of(answers, *asked) -> list[list[dict]]:
    """All messages of requests that are made at once: the first one runs, the others wait in their order."""
    async def one(k, this):
        while k and not (answers.worker.served and answers.worker.served + answers.worker.waiting >= k):
            await asyncio.sleep(0.005)
        return [message async for message in answers.answer(this)]

    async def every():
        return await asyncio.gather(*(one(k, this) for k, this in enumerate(asked)))

    return in_thread(every())


def test_who_waits_is_told_the_place_and_how_long(answers_of, monkeypatch):
    monkeypatch.setattr("demo.answers._PATIENCE", 0.02)
    answers = answers_of(FakeTranslator(seconds=0.15))
    asked = [request(line(20 + 10 * k), session=f"s{k}", drawing=k) for k in range(3)]
    first, second, third = messages_of(answers, *asked)
    assert [message["state"] for message in first] == ["pictures"]
    assert [message["place"] for message in third[:-1]] == [2, 1]
    assert all(message["drawing"] == 2 for message in third)
    assert second[-1]["waited"] > 50
    assert {messages[-1]["state"] for messages in (first, second, third)} == {"pictures"}


def test_a_slow_model_is_heard_of_while_it_answers(answers_of, monkeypatch):
    monkeypatch.setattr("demo.answers._PATIENCE", 0.02)
    monkeypatch.setattr("demo.answers._HEARTBEAT", 0.06)
    (messages,) = messages_of(answers_of(FakeTranslator(seconds=0.4)), request(line()))
    assert messages[-1]["state"] == "pictures" and len(messages) > 2
    assert all(message == {"drawing": 7, "state": "working"} for message in messages[:-1])


def test_a_newer_drawing_of_the_same_person_replaces_the_waiting_one(answers_of):
    fake = FakeTranslator(seconds=0.2)
    answers = answers_of(fake)
    first, older, newer = messages_of(answers, *(request(line(20 + 10 * k), drawing=k) for k in range(3)))
    assert [messages[-1]["state"] for messages in (first, older, newer)] == ["pictures", "dropped", "pictures"]
    assert len(fake.calls) == 2


def test_beyond_the_line_s_bound_a_friendly_message(answers_of):
    answers = answers_of(FakeTranslator(seconds=0.2), places=1)
    first, second, third = messages_of(
        answers, *(request(line(20 + 10 * k), session=f"s{k}", drawing=k) for k in range(3))
    )
    assert [messages[-1]["state"] for messages in (first, second, third)] == ["pictures", "pictures", "busy"]
    assert "Your drawing is kept" in third[-1]["message"]


def test_whoever_goes_away_leaves_the_line(answers_of):
    fake = FakeTranslator(seconds=0.15)
    answers = answers_of(fake)

    async def leaving():
        held = asyncio.create_task(anext(answers.answer(request(line(), session="a"))))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(anext(answers.answer(request(line(60), session="b"))))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.gather(held, gone, return_exceptions=True)

    in_thread(leaving())
    assert answers.worker.waiting == 0
    assert len(fake.calls) == 1
