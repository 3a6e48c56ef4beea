"""The page as a person uses it, in a real browser."""

from __future__ import annotations

import io
import math

from PIL import Image

# Strokes in fractions of the paper's side.
HEAD = [(0.5 + 0.3 * math.sin(t / 20 * 2 * math.pi), 0.55 - 0.3 * math.cos(t / 20 * 2 * math.pi)) for t in range(21)]
LEFT_EAR = [(0.25, 0.37), (0.22, 0.12), (0.42, 0.28)]
RIGHT_EAR = [(0.58, 0.28), (0.78, 0.12), (0.75, 0.37)]


def new_tab(browser):
    """A tab (of a browser or a context of it) whose requests tests may answer.

    Chromium takes up a route on a page that is open already beside the page's own next request, which may slip through.
    A tab that has a route from its beginning has its requests held for the tests all along.
    """
    tab = browser.new_page()
    tab.route("**/a-request-that-no-page-makes", lambda route: route.abort())
    return tab


class Page:
    """One visitor. Coordinates are fractions of the paper, (0, 0) its upper left corner."""

    def __init__(self, browser, url: str, fragment: str = "", **context):
        self.problems: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        self.page = new_tab(self.context)
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.on("response", lambda r: self.problems.append(f"{r.status} {r.url}") if r.status > 399 else None)
        self.page.on("request", lambda r: self._only_from(url, r.url))
        self.page.goto(url + fragment)
        self.page.wait_for_selector(".tiles[data-ready]")

    def _only_from(self, url: str, asked: str) -> None:
        if not asked.startswith((url, "data:", "blob:")):
            self.problems.append(f"the page asked another host: {asked}")

    # --- the paper ---

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

    def strokes(self) -> list[dict]:
        return self.page.evaluate("document.querySelector('.pad').drawing.get()")

    def shot(self) -> Image.Image:
        return Image.open(io.BytesIO(self.page.screenshot(scale="css"))).convert("L")

    # --- the answers ---

    def pictures(self) -> list[str]:
        """The photos that answer what is on the paper now; waits for them."""
        self.wait(".tiles[data-state=pictures]")
        urls = self.page.eval_on_selector_all(".grid img", "images => images.map(i => i.src)")
        assert urls and all(url.startswith(("data:image/jpeg;base64,", "data:image/png;base64,")) for url in urls)
        return urls

    def wait(self, selector: str) -> None:
        """Wait for the answer to what is on the paper, and for something that it shows."""
        self.page.wait_for_function(
            """selector => {
                const pad = document.querySelector('.pad'), tiles = document.querySelector('.tiles');
                return document.querySelector(selector) && tiles.dataset.drawing === (pad.dataset.sent ?? '')
                    && !tiles.classList.contains('busy');
            }""",
            arg=selector,
        )

    def seeds(self) -> str:
        self.wait(".tiles")
        return self.page.get_attribute(".tiles", "data-seeds")

    def status(self) -> str:
        return self.page.inner_text(".tiles .status")

    def notice(self) -> str:
        self.page.wait_for_selector(".notice:not([hidden])")
        return self.page.inner_text(".notice")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def tile(self, number: int, part: str = ".open"):
        return self.page.locator(f".grid figure:nth-child({number}) {part}")

    def lock(self, number: int) -> None:
        self.tile(number).hover()
        self.tile(number, ".lock").click()

    def drop(self, data: str, name: str = "file.png", kind: str = "image/png") -> None:
        """Drop a file (base64) on the page."""
        self.page.evaluate(
            """([data, name, type]) => {
                const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([bytes], name, { type }));
                document.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
            }""",
            [data, name, kind],
        )
