"""The page of the perceptual study in a real browser: its timing, lost connections, several tabs."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from page_user import new_tab
from studies import contestant

from demo.real_or_fake import Study, build
from demo.study_store import Store

pytestmark = pytest.mark.browser


@contextmanager
def serving(study: Study, port: int) -> Iterator[str]:
    """The page's address, while it is served."""
    server = uvicorn.Server(uvicorn.Config(build(study), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def person(chromium):
    """A tab; when the test ends, its scripts must have met no error that they do not speak of."""
    page, problems = new_tab(chromium), []
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda e: problems.append(str(e)))
    yield page
    page.close()
    assert not problems


def asked(page, place: str) -> None:
    """Wait until the page asks of that trial."""
    page.wait_for_function(
        "place => document.getElementById('place').textContent === place"
        " && !document.getElementById('say-left').disabled",
        arg=place,
    )


def said(store: Store) -> list[str]:
    return [r["said_left"] for r in csv.DictReader(io.StringIO(store.csv()))]


def test_the_page_shows_both_for_one_second_and_then_asks(study, store, person, free_port):
    with serving(study, free_port()) as url:
        person.goto(url)
        # When the pictures were on and off the screen, by the page's own clock.
        person.evaluate("""() => {
            window.times = [];
            new MutationObserver(() => times.push(performance.now())).observe(
                document.getElementById('pair'), {attributes: true, attributeFilter: ['class']});
        }""")
        person.click("#start")
        for number in range(6):
            person.wait_for_selector("#say-left:enabled")
            assert person.evaluate("getComputedStyle(document.getElementById('left')).visibility") == "hidden"
            if number == 3:
                person.reload()  # the session goes on where it was
                person.wait_for_selector("#say-left:enabled")
            if number == 1:
                shown = person.evaluate("times")
                assert shown[1] - shown[0] > 950
            person.keyboard.press("ArrowLeft") if number % 2 else person.click("#say-right")
        person.wait_for_selector("#end:visible")
        assert "of 4 trials" in person.inner_text("#score")
    assert said(store) == ["0", "1", "0", "1", "0", "1"]


def test_a_session_goes_on_after_a_restart_of_the_server(store, person, free_port):
    study, port = Study([contestant()], store, practice=0, trials=2), free_port()
    with serving(study, port) as url:
        person.goto(url)
        person.click("#start")
        asked(person, "1 of 2")
    person.keyboard.press("ArrowLeft")
    person.wait_for_selector("#offline:visible")
    assert "The server cannot be reached." in person.inner_text("#offline") and said(store) == []
    with serving(Study([contestant()], Store(store.path), practice=0, trials=2), port):
        asked(person, "2 of 2")
        assert not person.is_visible("#offline") and not person.is_visible("#trouble") and said(store) == ["1"]
        person.keyboard.press("ArrowRight")
        person.wait_for_selector("#end:visible")
    assert said(store) == ["1", "0"] and len(store.sessions()) == 1


def test_a_vote_whose_answer_is_lost_counts_once(store, person, free_port):
    study, sent = Study([contestant()], store, practice=1, trials=1), []

    def trouble(route):
        sent.append(route.request.post_data)
        if len(sent) == 1:
            route.fetch()  # it arrives, but the page does not hear so
            route.abort()
        elif len(sent) == 2:
            route.fulfill(status=502)  # of a proxy
        else:
            route.continue_()

    with serving(study, free_port()) as url:
        person.route("**/answer/**/0", trouble)
        person.goto(url)
        person.click("#start")
        asked(person, "Practice 1 of 1")
        person.keyboard.press("ArrowLeft")
        asked(person, "1 of 1")
        assert len(sent) == 3 and len(set(sent)) == 1 and said(store) == ["1"]


def test_a_tab_goes_on_where_another_one_has_answered(store, person, free_port):
    study = Study([contestant()], store, practice=0, trials=4)
    with serving(study, free_port()) as url:
        person.goto(url)
        person.route("**/picture/**/3/*", lambda route: route.abort())
        person.click("#start")
        asked(person, "1 of 4")
        session = person.evaluate("sessionStorage.getItem('session')")
        for number in (0, 1):  # by the other tab
            study.answer(session, number, False, 5)
        person.keyboard.press("ArrowLeft")
        asked(person, "3 of 4")
        assert said(store) == ["0", "0"] and not person.is_visible("#trouble")
        # The same where pictures are asked for too late.
        person.keyboard.press("ArrowLeft")
        person.wait_for_function("document.getElementById('place').textContent === '4 of 4'")
        person.wait_for_selector("#offline:visible")
        study.answer(session, 3, False, 5)
        person.unroute("**/picture/**/3/*")
        person.wait_for_selector("#end:visible")
    assert said(store) == ["0", "0", "1", "0"]


def test_an_error_of_the_server_does_not_end_a_session(study, store, person, free_port):
    with serving(study, free_port()) as url:
        person.goto(url)
        person.click("#start")
        for place, key in (("Practice 1 of 2", "ArrowRight"), ("Practice 2 of 2", "ArrowLeft")):
            asked(person, place)
            if place == "Practice 2 of 2":
                person.route("**/answer/**", lambda route: route.fulfill(status=500))
            person.keyboard.press(key)
        person.wait_for_selector("#trouble:visible")
        assert "Reload the page" in person.inner_text("#trouble")
        person.unroute("**/answer/**")
        person.reload()
        asked(person, "Practice 2 of 2")
    assert said(store) == ["0"]


def test_a_session_that_the_server_does_not_know_ends(study, tmp_path, person, free_port):
    port = free_port()
    with serving(study, port) as url:
        person.goto(url)
        person.click("#start")
        asked(person, "Practice 1 of 2")
    with serving(Study([contestant()], Store(tmp_path / "new.sqlite"), practice=2, trials=4), port):
        person.keyboard.press("ArrowLeft")
        person.wait_for_selector("#trouble:visible")
        assert "session has ended" in person.inner_text("#trouble")
        person.reload()
        person.click("#start:enabled")
        asked(person, "Practice 1 of 2")


def test_shortcuts_of_the_browser_are_no_answers(study, store, person, free_port):
    with serving(study, free_port()) as url:
        person.goto(url)
        person.click("#start")
        asked(person, "Practice 1 of 2")
        for held in ("ctrlKey", "altKey", "metaKey"):
            # Not by the keyboard, or the browser would go back.
            person.evaluate(
                "held => document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', [held]: true}))", held
            )
            assert person.is_enabled("#say-left")
        person.keyboard.press("ArrowRight")
        asked(person, "Practice 2 of 2")
    assert said(store) == ["0"]
