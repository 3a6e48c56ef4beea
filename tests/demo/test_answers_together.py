"""Drawings of several people in one call of the model: everybody gets their own photos, whoever draws beside them."""

from __future__ import annotations

import base64
import io
import threading

import numpy as np
import pytest
from fakes import FakeTranslator, code_of, coded
from PIL import Image

from demo.batching import Together
from i2i import Translator


class Batching(FakeTranslator):
    """As on a GPU: a call may hold the pictures of several people."""

    rows_together = 16


def request(person: int, seeds=(0, 1, 2, 3), **more) -> dict:
    return {
        "session": f"person {person}", "drawing": person, "model": "edges2cats", "strokes": coded(person),
        "tiles": [{"seed": seed} for seed in seeds],
    } | more  # fmt: skip


@pytest.fixture
def crowd():
    """A function: requests that wait in line at the same time, in this order → their answers."""

    def asked(answers, requests: list[dict]) -> list[dict]:
        opened, entered, got = threading.Event(), threading.Event(), {}
        answers.worker.submit("gate", lambda: (entered.set(), opened.wait(20)))
        assert entered.wait(20)
        threads = []
        for k, one in enumerate(requests):
            threads.append(threading.Thread(target=lambda k=k, one=one: got.update({k: answers.answer_now(one)})))
            waiting = answers.worker.waiting
            threads[-1].start()
            while answers.worker.waiting == waiting and threads[-1].is_alive():
                threads[-1].join(0.005)
        opened.set()
        for thread in threads:
            thread.join(60)
        return [got[k] for k in range(len(requests))]

    return asked


def images(answer: dict) -> list[str]:
    assert answer["state"] == "pictures", answer
    return [tile["image"] for tile in answer["tiles"]]


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))


def test_people_who_wait_are_answered_in_one_call_and_see_their_own_drawing(answers_of, crowd):
    fake = Batching()
    people = [513, 40_000, 3, 77, 1025]
    got = crowd(answers_of(fake), [request(person) for person in people])
    assert fake.together == [4]  # 16 rows; the fifth comes next, alone
    assert len(fake.threads) == 1
    for person, answer in zip(people, got, strict=True):
        assert answer["drawing"] == person and [tile["seed"] for tile in answer["tiles"]] == [0, 1, 2, 3]
        assert [code_of(opened(url)) for url in images(answer)] == [person] * 4
        assert answer["ms"] > 0


def test_on_a_cpu_each_is_answered_alone(answers_of, crowd, fake):
    got = crowd(answers_of(fake), [request(person) for person in (1, 2, 3)])
    assert [answer["state"] for answer in got] == ["pictures"] * 3
    assert not fake.together and len(fake.calls) == 3


def test_where_everybody_s_own_minutes_are_used_nobody_shares_a_call(answers_of, crowd, monkeypatch):
    monkeypatch.setattr("demo.answers.ON_ZERO_GPU", True)
    fake = Batching()
    crowd(answers_of(fake), [request(person) for person in (1, 2, 3)])
    assert not fake.together and len(fake.calls) == 3


def test_the_photos_are_those_of_a_call_of_one_s_own(answers_of, crowd, tiny_model_folder):
    """With a real model, byte for byte: seeds and styles side by side, what the network sees, what is remembered."""
    tiny = Translator.from_pretrained(tiny_model_folder, device="cpu")
    asked = [
        request(513, model="tiny"),
        request(40_000, (4, 5), model="tiny", sees=True),
        request(77, model="tiny", tiles=[{"mix": [{"seed": 1}, {"seed": 2}, 0.5]}, {"seed": 3}]),
        request(513, (2, 9), model="tiny", session="one more"),
    ]
    alone = [answers_of(tiny).answer_now(one) for one in asked]
    shared = answers_of(tiny)
    sizes = []
    shared._together["tiny"] = Together(lambda several: sizes.append(len(several)) or shared._run(several), 64)
    got = crowd(shared, asked)
    assert sizes == [4]
    for one, other in zip(got, alone, strict=True):
        assert one["tiles"] == other["tiles"] and one.get("network") == other.get("network")


def test_a_drawing_that_cannot_be_answered_takes_nobody_along(answers_of, crowd, caplog):
    class Strict(Batching):
        def sample(self, x, **options):
            if code_of(x) == 2:
                raise ValueError("empty drawing: nothing is left after thinning")
            if code_of(x) == 4:
                raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
            return super().sample(x, **options)

    other_model_s = [{"style": "AAAA" + "AAAA"}]
    asked = [request(1), request(2), request(3), request(4), request(5, tiles=other_model_s), request(6)]
    got = crowd(answers_of(Strict()), asked)
    assert [answer["state"] for answer in got] == ["pictures", "empty", "pictures", "error", "error", "pictures"]
    assert "log of the server" in got[3]["message"] and "another model's" in got[4]["message"]
    for person in (1, 3, 6):
        assert [code_of(opened(url)) for url in images(got[person - 1])] == [person] * 4
    assert "mat1 and mat2" in caplog.text


def test_only_what_is_new_runs_in_a_shared_call(answers_of, crowd):
    fake = Batching()
    answers = answers_of(fake)
    first = answers.answer_now(request(9))
    again = [request(9, (0, 7)), request(8, (1,)), request(9, (3, 2), sees=True, session="somebody else")]
    got = crowd(answers, again)
    assert [call["seeds"] for call in fake.calls[1:]] == [[7], [1]]
    assert images(got[0])[0] == images(first)[0] and images(got[2]) == images(first)[3:1:-1]
    assert np.asarray(opened(got[2]["network"])).shape == (64, 64)
