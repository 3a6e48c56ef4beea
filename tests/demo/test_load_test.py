"""The crowd, small: a few seconds, with a stand-in translator whose pictures show whose drawing they answer."""

import asyncio
import base64
import concurrent.futures
import io

import pytest
from fakes import FakeTranslator, code_of, coded
from PIL import Image

from demo import app
from demo.answers import Answers
from demo.batching import Worker
from demo.load_test import Person, crowd, report, scribble, summary

PEOPLE = 12


def code(person: int, stroke: int) -> int:
    return 1 + person * 100 + stroke % 100


def foreign(person: int, stroke: int, answer: dict) -> str | None:
    """Words if a photo shows anything but this person's own newest drawing."""
    for tile in answer["tiles"]:
        seen = code_of(Image.open(io.BytesIO(base64.b64decode(tile["image"].split(",")[1]))))
        if seen != code(person, stroke):
            return f"person {person} sees drawing {seen}"
    return None


@pytest.fixture
def serve():
    pages = []

    def served(seconds: float, places: int = 64, rows_together: int = 1) -> str:
        fake = FakeTranslator(seconds=seconds)
        fake.rows_together = rows_together
        answers = Answers({"edges2cats": fake}, Worker(places))
        page = app.build_page(answers)
        pages.append(page)
        return page.launch(prevent_thread_lock=True, quiet=True, **app.serving_options(answers))[1]

    yield served
    for page in pages:
        page.close()


def draw(dice, person, stroke):
    return coded(code(person, stroke))


def meet(url: str, people: int, seconds: float) -> list[Person]:
    """A crowd, two strokes a second each; in a thread of its own, since Playwright keeps a loop running in this one."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, crowd(url, people, seconds, rate=2, draw=draw, check=foreign)).result()


def test_everybody_s_newest_drawing_is_answered_in_turn_and_nobody_sees_another_s(serve):
    persons = meet(serve(0.08), PEOPLE, 4)
    numbers = summary(persons, [100.0, 100.0])
    assert numbers["problems"] == []
    assert numbers["newest_drawing_answered"] == PEOPLE
    assert numbers["busy"] == 0
    assert numbers["fewest_answers"] >= 0.4 * numbers["most_answers"] > 1  # in turn
    assert numbers["strokes"] > numbers["answers"]  # older drawings are dropped, that is the rule


def test_in_calls_that_several_people_share_nobody_sees_another_s_drawing(serve):
    numbers = summary(meet(serve(0.05, rows_together=24), PEOPLE, 3), [])
    assert numbers["problems"] == []
    assert numbers["newest_drawing_answered"] == PEOPLE
    assert numbers["fewest_answers"] >= 0.4 * numbers["most_answers"] > 1


def test_beyond_the_bound_people_are_told_and_asked_again(serve):
    persons = meet(serve(0.05, places=2), 8, 3)
    numbers = summary(persons, [])
    assert numbers["busy"] > 0
    assert numbers["problems"] == [] and numbers["newest_drawing_answered"] == 8


def test_the_numbers_of_a_crowd():
    one = Person(drawn=[0.0, 1.0, 2.0], answered=[(0.5, 0), (3.0, 2)], waits=[0.5, 1.0], model_ms=[60.0, 0.0])
    late = Person(drawn=[0.0, 1.0], answered=[(0.5, 0)], waits=[0.5], busy=1, problems=["error: x"])
    assert one.until_shown() == [0.5, 2.0, 1.0]
    numbers = summary([one, late], [90.0, 100.0, 101.0, 102.0])
    assert (numbers["strokes"], numbers["answers"], numbers["answers_per_second"]) == (5, 3, 1.0)
    assert (numbers["stroke_to_photos_p50"], numbers["request_p95"], numbers["model_ms_p50"]) == (1.0, 1.0, 60.0)
    assert (numbers["fewest_answers"], numbers["most_answers"], numbers["newest_drawing_answered"]) == (1, 2, 1)
    assert (numbers["memory_start"], numbers["memory_end"], numbers["memory_most"]) == (100.0, 102.0, 102.0)
    text = report(numbers)
    assert "problems: 1" in text and "error: x" in text and "newest drawing answered: 1 of 2" in text


def test_people_draw_their_own_lines():
    assert scribble(None, 3, 5) == scribble(None, 3, 5) and len(scribble(None, 3, 5)) == 6
    assert scribble(None, 3, 5) != scribble(None, 4, 5)
    assert len(scribble(None, 3, 25)) == 2  # a new paper
