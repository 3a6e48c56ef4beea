"""The drawing surface on a small page of its own, for the browser tests of it."""

import base64
import io
import math
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image
from test_strokes import EVERYTHING

from demo.canvas import drawing_surface

DEMO = Path(__file__).parent.parent.parent / "demo"
PALETTE = [
    {"name": name, "color": color}
    for name, color in [("ground", "#0000de"), ("wall", "#0030ff"), ("window", "#C0FF3F"), ("door", "#ff7000")]
]
COLOURS = [entry["color"].lower() for entry in PALETTE]
EXAMPLES = [
    {"id": f"{k}-line", "name": f"Line {k}", "credit": "nobody", "mode": "edges",
     "strokes": [{"tool": "line", "points": [[10 * k, 0], [250, 200]]}]}
    for k in range(3)
]  # fmt: skip
CIRCLE = [(0.5 + 0.3 * math.sin(t / 20 * 2 * math.pi), 0.5 - 0.3 * math.cos(t / 20 * 2 * math.pi)) for t in range(21)]
# The rest of the page: it hears of drawings and answers them, unless the test holds the answers back.
_ANSWERS = """window.heard = [];
window.held = false;
window.answer = (id) => window.dispatchEvent(new CustomEvent('drawing-answered', { detail: { id } }));
window.addEventListener('drawing-changed', ({ detail }) => {
  window.heard.push(structuredClone(detail));
  if (!window.held) setTimeout(() => window.answer(detail.id), 5);
});"""


class Server:
    """Reads pictures: always the same strokes for a photo, no ink on a sketch."""

    def __init__(self):
        self.imports: list[dict] = []

    def read(self, event: gr.EventData):
        self.imports.append({name: getattr(event, name) for name in ("kind", "data_url", "mode", "palette")})
        if event.kind == "labels":
            strokes = [{"tool": "rect", "points": [[0, 0], [99, 99]], "color": COLOURS[1], "filled": True}]
            return {"load": {"id": event.id, "strokes": strokes, "note": "One colour is unknown: #123456."}}
        if event.kind == "sketch":
            return {"load": {"id": event.id, "error": "There is no ink on the sketch."}}
        return {"load": {"id": event.id, "strokes": EVERYTHING[:2]}}

    def page(self) -> gr.Blocks:
        with gr.Blocks() as page:
            canvas = drawing_surface(EXAMPLES, hint="draw here", elem_id="canvas")
            gr.HTML("", html_template="<p></p>", js_on_load=_ANSWERS)
            canvas.upload(self.read, None, canvas, trigger_mode="multiple", show_progress="hidden")
            gr.Button("labels").click(lambda: gr.HTML(mode="labels", palette=PALETTE, hint="choose"), None, canvas)
            gr.Button("edges").click(lambda: gr.HTML(mode="edges", palette=None, hint="draw here"), None, canvas)
            gr.Button("at rest").click(lambda: gr.HTML(live=False), None, canvas)
            gr.Button("live").click(lambda: gr.HTML(live=True), None, canvas)
        return page


class Paper:
    """The surface as a person uses it. Places are shares of the paper on screen."""

    def __init__(self, browser, url: str, server: Server, **context):
        self.server = server
        self.problems: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 900, "height": 1100}, **context})
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda m: self.problems.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.goto(url)
        self.page.wait_for_selector(".pad[data-ready]")
        self.keys = self.page.keyboard

    def place(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator(".pad canvas").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def down(self, points) -> None:
        self.page.mouse.move(*self.place(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.place(*point), steps=3)

    def draw(self, *points) -> None:
        self.down(points)
        self.page.mouse.up()

    def click(self, x: float, y: float) -> None:
        self.page.mouse.click(*self.place(x, y))

    def press(self, action: str) -> None:
        self.page.click(f'.pad button[data-do="{action}"]')

    def pressed(self, action: str) -> bool:
        return self.page.get_attribute(f'.pad button[data-do="{action}"]', "aria-pressed") == "true"

    def tool(self) -> str:
        return self.page.get_attribute(".pad", "data-tool")

    def strokes(self) -> list[dict]:
        return self.page.evaluate("document.querySelector('.pad').drawing.get()")

    def set(self, strokes, **options) -> None:
        script = "([strokes, options]) => document.querySelector('.pad').drawing.set(strokes, options)"
        self.page.evaluate(script, [strokes, options])

    def image(self) -> Image.Image | None:
        return opened(self.page.evaluate("document.querySelector('.pad').drawing.image()"))

    def screen(self) -> np.ndarray:
        """The canvas's own pixels, RGB."""
        script = "c => new Promise(done => requestAnimationFrame(() => done(c.toDataURL())))"
        return np.asarray(opened(self.page.eval_on_selector(".pad canvas", script)))

    def heard(self) -> list[dict]:
        """What the page was told since the reset."""
        return self.page.evaluate("window.heard")

    def last(self) -> dict:
        """The newest drawing that the page was told about."""
        drawing = self.heard()[-1]
        assert str(drawing["id"]) == self.page.get_attribute(".pad", "data-sent")
        return drawing

    def slide(self, name: str, value: float) -> None:
        script = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }"
        self.page.eval_on_selector(f".pad .{name}", script, value)

    def zoom(self) -> int:
        return int(self.page.get_attribute(".pad", "data-zoom"))

    def note(self) -> str:
        return self.page.inner_text(".pad .note") if self.page.locator(".pad .note").is_visible() else ""

    def says(self, words: str) -> None:
        """Wait for words below the paper."""
        script = "words => document.querySelector('.pad .note').innerText.includes(words)"
        self.page.wait_for_function(script, arg=words)

    def mode(self, mode: str) -> None:
        if self.page.get_attribute(".pad", "data-mode") != mode:
            self.page.get_by_role("button", name=mode, exact=True).click()
            self.page.wait_for_selector(f'.pad[data-mode="{mode}"]')

    def reset(self) -> None:
        """As if newly opened, without the second that opening takes."""
        self.page.mouse.up()
        self.mode("edges")
        for action in ("mirror", "sees"):
            if self.pressed(action):
                self.press(action)
        self.press("eraser")
        self.press("pixels")
        self.slide("width", 14)
        self.press("pen")
        self.slide("width", 1.25)
        self.slide("smoothing", 1)
        self.keys.press("0")
        self.set([])
        self.page.evaluate("window.held = false; window.answer(null); window.heard.length = 0")
        self.server.imports.clear()


def opened(url: str | None) -> Image.Image | None:
    return url and Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")


def near(points, x: float, y: float) -> float:
    """Distance in units from a place to the nearest point."""
    return min(math.hypot(x * 256 - px, y * 256 - py) for px, py in points)


def colours_of(picture: Image.Image) -> dict[str, int]:
    return {"#" + bytes(rgb).hex(): count for count, rgb in picture.getcolors()}
