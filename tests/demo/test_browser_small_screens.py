"""Small screens, in a real browser: nothing stays behind the strip of photos, and dialogs show what they are for."""

import base64

import pytest
from page_user import HEAD

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
LYING = {"viewport": {"width": 844, "height": 390}, "has_touch": True, "is_mobile": True}


def drawn_on(open_page, screen: dict):
    page = open_page(**screen)
    page.draw(HEAD)
    page.pictures()
    return page


def box(page, selector: str) -> dict:
    return page.page.eval_on_selector(selector, "one => one.getBoundingClientRect()")


def is_above_the_strip(page, selector: str) -> None:
    """Wait until all of it is in the window, and the strip of photos below it."""
    page.page.wait_for_selector(".small:visible")
    page.page.wait_for_function(
        """selector => {
            const [one, strip] = [selector, '.small'].map(s => document.querySelector(s).getBoundingClientRect());
            return one.height > 0 && one.top >= 0 && one.bottom <= strip.top;
        }""",
        arg=selector,
    )


@pytest.mark.parametrize("screen", [LYING, {"viewport": {"width": 640, "height": 360}}], ids=["phone", "zoomed"])
def test_the_end_of_the_page_scrolls_free_of_the_strip(open_page, screen):
    page = drawn_on(open_page, screen)
    page.page.evaluate("scrollTo(0, 1e6)")
    page.page.wait_for_selector(".small:visible")
    page.page.evaluate("scrollTo(0, 1e6)")
    is_above_the_strip(page, "footer")


def test_words_of_alarm_come_above_the_strip(open_page):
    page = drawn_on(open_page, PHONE)
    page.page.evaluate("scrollTo(0, 0)")
    page.page.wait_for_selector(".small:visible")
    page.drop(base64.b64encode(b"no picture").decode())
    page.page.wait_for_selector(".note.alarm:visible")
    is_above_the_strip(page, ".note.alarm")


@pytest.mark.parametrize("screen", [PHONE, LYING], ids=["upright", "lying"])
def test_the_slider_of_a_mixture_comes_into_sight(open_page, screen):
    page = drawn_on(open_page, screen)
    page.tile(1).tap()
    page.page.locator(".partners button").first.tap()
    page.page.wait_for_function("document.querySelector('.what').textContent.startsWith('A mixture')")
    for part in (".share", "[data-do=keep]"):
        inside, around = box(page, f".between {part}"), box(page, ".view")
        assert around["top"] <= inside["top"] and inside["bottom"] <= around["bottom"]


def test_a_replay_and_its_button_fit_a_phone_that_lies(open_page):
    page = drawn_on(open_page, LYING)
    page.press("Replay")
    page.page.wait_for_selector(".replay .keep:visible")
    picture, button = box(page, ".replay img"), box(page, ".replay .keep")
    assert picture["top"] >= 0 and picture["height"] > 100 and button["bottom"] <= 390
    page.page.mouse.click(picture["left"] + 5, picture["top"] + 5)
    page.page.mouse.click(box(page, ".replay")["left"] + 5, picture["top"] + 5)  # its own edge
    assert page.page.is_visible(".replay")
    page.page.mouse.click(3, 200)  # beside it
    page.page.wait_for_selector(".replay", state="hidden")


@pytest.mark.parametrize("width, height", [(320, 256), (320, 480), (568, 320)])
def test_the_large_view_is_large_in_a_small_window(open_page, width, height):
    page = drawn_on(open_page, {"viewport": {"width": width, "height": height}})
    page.tile(1).click()
    assert box(page, ".view .stage")["width"] >= 140
