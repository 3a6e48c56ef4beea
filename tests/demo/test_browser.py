"""The page in a real browser: headless Chromium against `python demo/app.py` with a tiny model."""

import base64
import io
import math

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

# Strokes in fractions of the paper's side.
HEAD = [(0.5 + 0.3 * math.sin(t / 20 * 2 * math.pi), 0.55 - 0.3 * math.cos(t / 20 * 2 * math.pi)) for t in range(21)]
LEFT_EAR = [(0.25, 0.37), (0.22, 0.12), (0.42, 0.28)]
RIGHT_EAR = [(0.58, 0.28), (0.78, 0.12), (0.75, 0.37)]


class Page:
    """The page as a person uses it. Coordinates are fractions of the paper, (0, 0) its upper left corner."""

    def __init__(self, browser, url: str, **context):
        self.problems: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.on("request", lambda r: self._only_from(url, r.url))
        self.page.goto(url)
        self.page.wait_for_selector(".pad[data-ready]")

    def _only_from(self, url: str, asked: str) -> None:
        if not asked.startswith((url, "data:", "blob:")):
            self.problems.append(f"the page asked another host: {asked}")

    def place(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator(".pad canvas").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def draw(self, points) -> None:
        mouse = self.page.mouse
        mouse.move(*self.place(*points[0]))
        mouse.down()
        for point in points[1:]:
            mouse.move(*self.place(*point), steps=4)
        mouse.up()

    def shot(self) -> Image.Image:
        return Image.open(io.BytesIO(self.page.screenshot(scale="css"))).convert("L")

    def ink_at(self, x: float, y: float, shot: Image.Image | None = None) -> bool:
        """Is there a dark pixel on the screen within 1.5 px of this place of the paper?"""
        column, row = (round(c) for c in self.place(x, y))
        near = (shot or self.shot()).crop((column - 2, row - 2, column + 2, row + 2))
        return near.getextrema()[0] < 110

    def canvas(self) -> str:
        return self.page.eval_on_selector(".pad canvas", "canvas => canvas.toDataURL()")

    def pictures(self) -> list[str]:
        """The four pictures that answer what is on the paper now; waits for them."""
        self.wait(".tiles[data-state=pictures]")
        urls = self.page.eval_on_selector_all(".tiles img", "images => images.map(i => i.src)")
        assert len(urls) == 4
        assert all(url.startswith("data:image/webp;base64,") for url in urls)
        return urls

    def wait(self, selector: str) -> None:
        self.page.wait_for_function(
            """selector => {
                const pad = document.querySelector('.pad'), tiles = document.querySelector('.tiles');
                return document.querySelector(selector) && tiles.dataset.drawing === (pad.dataset.sent ?? '');
            }""",
            arg=selector,
        )

    def seed(self, value: int) -> None:
        field = self.page.get_by_label("Seed")
        field.fill(str(value))
        field.press("Tab")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def open_page(chromium, page_url):
    """A function that opens the page; when the test ends, the console must be free of errors."""
    pages = []

    def opened(**context) -> Page:
        pages.append(Page(chromium, page_url, **context))
        return pages[-1]

    yield opened
    problems = [problem for page in pages for problem in page.problems]
    for page in pages:
        page.context.close()
    assert not problems


def test_draw_and_four_different_photos_answer(open_page):
    page = open_page()
    page.draw(HEAD)  # at once: the paper is ready when the page is there
    shot = page.shot()
    assert all(page.ink_at(x, y, shot) for x, y in HEAD)
    assert not any(page.ink_at(x, y, shot) for x, y in [(0.5, 0.55), (0.1, 0.1), (0.9, 0.9)])
    assert page.page.evaluate("getSelection().toString()") == ""  # the first drag draws, it selects nothing
    assert len(set(page.pictures())) == 4
    sizes = page.page.eval_on_selector_all(".tiles img", "images => images.map(i => i.naturalWidth)")
    assert sizes == [64] * 4
    assert "4 photos in" in page.page.inner_text(".status") and "ms" in page.page.inner_text(".status")


def test_the_drawing_is_sent_at_256_with_its_strokes(open_page):
    page = open_page()
    with page.page.expect_request("**/queue/join*") as caught:
        page.draw(LEFT_EAR)
    drawing = caught.value.post_data_json["data"][0]
    assert [stroke["tool"] for stroke in drawing["strokes"]] == ["pen"]
    points = drawing["strokes"][0]["points"]
    for x, y in LEFT_EAR:  # the corners, in units of 1/256 of the paper; half a screen pixel is 0.25
        assert min(math.hypot(x * 256 - px, y * 256 - py) for px, py in points) < 0.5
    picture = Image.open(io.BytesIO(base64.b64decode(drawing["image"].split(",")[1]))).convert("L")
    assert picture.size == (256, 256)  # where drawings are made, whatever the model's size
    assert picture.getpixel((0, 0)) == 255  # white paper
    for x, y in [(0.235, 0.245), (0.32, 0.2)]:  # halfway along both lines: black ink
        assert picture.getpixel((int(x * 256), int(y * 256))) < 160


def test_undo_and_redo_bring_canvas_and_pictures_back(open_page):
    page = open_page()
    blank = page.canvas()
    page.draw(HEAD)
    head, head_pictures = page.canvas(), page.pictures()
    page.draw(LEFT_EAR)
    eared, eared_pictures = page.canvas(), page.pictures()
    assert len({blank, head, eared}) == 3
    assert head_pictures != eared_pictures

    page.press("Undo")
    assert (page.canvas(), page.pictures()) == (head, head_pictures)
    assert not page.ink_at(0.22, 0.12)
    page.press("Redo")
    assert (page.canvas(), page.pictures()) == (eared, eared_pictures)
    assert page.ink_at(0.22, 0.14)

    page.page.keyboard.press("Control+z")
    page.page.keyboard.press("Control+z")
    page.wait(".tiles[data-state=empty]")
    assert page.canvas() == blank
    assert "draw something" in page.page.inner_text(".invite").lower()
    page.page.keyboard.press("Control+Shift+z")
    assert (page.canvas(), page.pictures()) == (head, head_pictures)
    page.page.keyboard.press("Control+y")
    assert (page.canvas(), page.pictures()) == (eared, eared_pictures)

    page.press("Undo")
    page.draw(RIGHT_EAR)  # a new line ends what could be redone
    assert page.page.get_by_role("button", name="Redo", exact=True).is_disabled()


def test_eraser_and_clear(open_page):
    page = open_page()
    page.draw(HEAD)
    head, head_pictures = page.canvas(), page.pictures()
    page.press("Eraser")
    page.draw([(0.7, 0.55), (0.9, 0.55)])
    assert not page.ink_at(*HEAD[5]) and page.ink_at(*HEAD[15])
    assert page.pictures() != head_pictures
    page.press("Clear")
    page.wait(".tiles[data-state=empty]")
    assert not page.ink_at(*HEAD[15])
    page.press("Undo")
    page.press("Undo")
    assert (page.canvas(), page.pictures()) == (head, head_pictures)


def test_the_same_drawing_and_seed_give_the_same_pictures(open_page):
    page = open_page()
    page.draw(HEAD)
    first = page.pictures()
    page.press("New samples")
    page.wait('.tiles[data-seeds="4 5 6 7"]')
    assert page.page.get_by_label("Seed").input_value() == "4"
    second = page.pictures()
    assert not set(first) & set(second)
    page.seed(2)
    page.wait('.tiles[data-seeds="2 3 4 5"]')
    assert page.pictures() == first[2:] + second[:2]
    page.seed(0)
    page.wait('.tiles[data-seeds="0 1 2 3"]')
    assert page.pictures() == first


def test_every_example_is_a_drawing(open_page):
    page = open_page()
    page.press("Example")
    first, pictures = page.canvas(), page.pictures()
    page.press("Example")
    assert page.canvas() != first
    assert page.pictures() != pictures
    page.press("Undo")
    assert (page.canvas(), page.pictures()) == (first, pictures)


def test_the_newest_drawing_wins(open_page):
    page = open_page()
    asked = []
    page.page.on("request", lambda request: asked.append(request.url) if "/queue/join" in request.url else None)
    slow = {"offline": False, "latency": 500, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page.page).send("Network.emulateNetworkConditions", slow)
    for k in range(6):  # faster than the answers
        page.draw([(0.2, 0.2 + 0.1 * k), (0.8, 0.2 + 0.1 * k)])
    last = page.pictures()  # the answer to the sixth line, though not every line was asked about
    assert 1 <= len(asked) <= 4
    page.press("Undo")
    assert page.pictures() != last
    page.press("Redo")
    assert page.pictures() == last


def test_problems_are_told_in_words(open_page):
    page = open_page()
    page.draw(HEAD)
    first = page.pictures()
    page.seed(-5)
    page.wait(".tiles[data-state=error]")
    assert "seed must be from 0" in page.page.inner_text(".problem")
    page.seed(0)
    assert page.pictures() == first
    assert not page.page.locator(".problem").is_visible()


def test_finger_on_a_phone(open_page):
    page = open_page(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True, device_scale_factor=3)
    touch = page.context.new_cdp_session(page.page)
    spots = [page.place(*point) for point in HEAD]
    for k, (x, y) in enumerate(spots):
        kind = "touchMove" if k else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.page.evaluate("scrollY") == 0  # the finger draws, it does not scroll
    shot = page.shot()
    assert all(page.ink_at(x, y, shot) for x, y in HEAD)
    assert len(set(page.pictures())) == 4
    layout = page.page.evaluate(
        """() => {
            const box = s => document.querySelector(s).getBoundingClientRect();
            const canvas = document.querySelector('.pad canvas');
            return {page: document.documentElement.scrollWidth, paper: box('.paper'), tiles: box('.tiles .grid'),
                    sharp: canvas.width / canvas.clientWidth};
        }"""
    )
    assert layout["page"] <= 360  # nothing sticks out
    assert layout["tiles"]["top"] >= layout["paper"]["bottom"]  # stacked
    assert layout["paper"]["width"] == layout["tiles"]["width"] > 320
    assert layout["sharp"] == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_paper_is_white_in_every_theme(open_page, scheme):
    page = open_page(color_scheme=scheme)
    shot = page.shot()
    assert shot.getpixel(tuple(round(c) for c in page.place(0.9, 0.9))) == 255
    assert (shot.getpixel((5, 5)) < 60) == (scheme == "dark")  # and the page around it follows the theme


def test_what_the_page_says_about_its_model(open_page):
    page = open_page()
    facts = page.page.inner_text("#facts")
    assert "tiny" in facts and "weights" in facts
    for name in ("Pen", "Eraser", "Undo", "Redo", "Clear", "Example"):
        assert page.page.get_by_role("button", name=name, exact=True).count() == 1
    box = page.page.locator(".pad canvas").bounding_box()
    assert (box["width"], box["height"]) == (512, 512)
