"""What one does to a photo while the next answer is on its way, in a real browser: it is the photo that one sees."""

import base64
import io

import pytest
from PIL import Image

pytestmark = pytest.mark.browser


class Held:
    """Answers that wait until they are let go."""

    def __init__(self, page):
        self.page, self.routes = page.page, []
        self.page.route("**/i2i/answer", lambda route: self.routes.append(route))

    def let_go(self) -> None:
        self.page.unroute("**/i2i/answer")
        for route in self.routes:
            route.continue_()


@pytest.fixture
def waiting(drawn):
    """A page that shows the photos of the seeds 0 to 3; those of 4 to 7 were asked for."""
    drawn.held = Held(drawn)
    with drawn.page.expect_request("**/i2i/answer"):
        drawn.press("New samples")
    return drawn


def sources(page) -> list[str]:
    return page.page.eval_on_selector_all(".grid img", "images => images.map(i => i.src)")


def file_of(page, button: str) -> bytes:
    with page.page.expect_download() as caught:
        page.page.click(f".view [data-do={button}]")
    return caught.value.path().read_bytes()


def colour(data: bytes) -> tuple:
    return Image.open(io.BytesIO(data)).convert("RGB").getpixel((3, 3))


def test_a_lock_keeps_the_photo_that_one_sees(waiting):
    first = sources(waiting)[0]
    waiting.page.evaluate(
        """window.firsts = new Set();
        new MutationObserver(() => window.firsts.add(document.querySelector('.grid img').src))
          .observe(document.querySelector('.grid'), { childList: true, subtree: true });"""
    )
    waiting.lock(1)
    waiting.held.let_go()
    waiting.wait('.tiles[data-seeds="0 5 6 7"]')
    assert sources(waiting)[0] == first and set(waiting.page.evaluate("[...window.firsts]")) == {first}
    assert waiting.tile(1, ".lock").get_attribute("aria-pressed") == "true"
    waiting.press("New samples")
    waiting.wait('.tiles[data-seeds="0 8 9 10"]')


@pytest.mark.parametrize("comes", ["before", "after"])
def test_a_lock_in_the_large_view_keeps_the_photo_that_it_shows(waiting, comes):
    waiting.tile(2).click()
    if comes == "before":
        waiting.held.let_go()
        waiting.wait('.tiles[data-seeds="4 5 6 7"]')
    waiting.page.click(".view [data-do=lock]")
    assert waiting.page.get_attribute(".view [data-do=lock]", "aria-pressed") == "true"
    if comes == "after":
        waiting.held.let_go()
    waiting.wait('.tiles[data-seeds="4 1 6 7"]')


def test_a_photo_that_is_seen_while_fewer_are_wanted(drawn):
    held = Held(drawn)
    with drawn.page.expect_request("**/i2i/answer"):
        drawn.press("Fewer photos")
    drawn.page.locator(".grid .open").nth(2).click()
    drawn.press("Next photo")
    drawn.page.click(".view [data-do=lock]")
    held.let_go()
    drawn.wait('.tiles[data-seeds="0 1 2 3"]')
    assert drawn.tile(4, ".lock").get_attribute("aria-pressed") == "true"


def test_more_like_the_photo_that_one_sees(waiting):
    third = sources(waiting)[2]
    waiting.tile(3).click()
    waiting.page.click(".view [data-do=like]")
    waiting.held.let_go()
    waiting.wait('.tiles[data-seeds="~ ~ 2 ~"]')
    assert sources(waiting)[2] == third


def test_the_large_view_saves_the_photo_that_it_shows(waiting):
    second = base64.b64decode(sources(waiting)[1].split(",")[1])
    waiting.tile(2).click()
    waiting.held.let_go()
    waiting.wait('.tiles[data-seeds="4 5 6 7"]')
    assert "seed 1" in waiting.page.inner_text(".view .what")
    saved = colour(file_of(waiting, "photo"))
    assert max(abs(a - b) for a, b in zip(saved, colour(second), strict=True)) < 8  # the page's is a JPEG
    assert b'"seed":1' in file_of(waiting, "everything")
    waiting.press("Next photo")
    assert "seed 2" in waiting.page.inner_text(".view .what")


def test_the_large_view_mixes_the_photos_that_it_shows(waiting):
    second = sources(waiting)[1]
    waiting.tile(1).click()
    waiting.held.let_go()
    waiting.wait('.tiles[data-seeds="4 5 6 7"]')
    waiting.press("Mix with photo 2")
    waiting.page.locator(".view .share").fill("100")
    waiting.page.wait_for_function("src => document.querySelector('.after').src === src", arg=second)
