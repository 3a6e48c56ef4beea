"""How long after a stroke ends do the photos show it? Measured in a real browser, one person, one machine.

    python demo/latency.py                        the first bundled model
    python demo/latency.py --model RUN/model --strokes 100 --photos 4

Needs Playwright and Chromium (`pip install -e '.[test]'`). Times run from the moment the pen is lifted to the frame in
which the new photos are painted, so they include the browser's own work.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo.local_page import local_page  # noqa: E402

WARM_UP = 5  # strokes that are not counted
PAUSE = 450  # ms between two strokes
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Notes, for every stroke, when the pen was lifted and when the frame with its photos came.
_WATCH = """() => {
  const pad = document.querySelector('.pad'), tiles = document.querySelector('.tiles');
  let up = 0, wanted = null, first = 0;
  window.measured = [];
  window.addEventListener('pointerup', () => {
    up = performance.now();
    first = 0;
    queueMicrotask(() => setTimeout(() => { wanted = pad.dataset.sent; look(); }));
  }, true);
  const look = () => {
    if (!up) return;
    const done = wanted !== null && tiles.dataset.drawing === wanted;
    const { ms, waited, total } = tiles.dataset;
    requestAnimationFrame(() => {
      const now = performance.now() - up;
      first ||= now;
      if (done && wanted !== null) {
        wanted = null;
        window.measured.push({ stroke: now, first, model: +ms, line: +waited, asked: +total });
      }
    });
  };
  new MutationObserver(look).observe(tiles, { attributes: true, attributeFilter: ['data-drawing'] });
}"""


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def draw(page, strokes: int, seed: int = 0) -> None:
    """Scribble on the paper, a few lines at a time, as quickly as people do."""
    pen, box = random.Random(seed), page.locator(".pad canvas").bounding_box()
    for k in range(strokes):
        if k and k % 12 == 0:
            page.keyboard.press("Delete")  # a new paper
        x, y = pen.uniform(0.15, 0.85), pen.uniform(0.15, 0.85)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.down()
        for _ in range(8):
            x = min(0.95, max(0.05, x + pen.uniform(-0.1, 0.1)))
            y = min(0.95, max(0.05, y + pen.uniform(-0.1, 0.1)))
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
            page.wait_for_timeout(20)
        page.mouse.up()
        page.wait_for_timeout(PAUSE)


def measure(url: str, strokes: int, photos: int) -> list[dict]:
    """Times in ms for each stroke: to its photos ("stroke"), to the first new ones, of the model, in line, in all."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=BROWSER
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        page.wait_for_selector(".tiles[data-ready]")
        for _ in range(abs(photos - 4)):
            page.click(f".stepper [data-do={'more' if photos > 4 else 'fewer'}]")
        draw(page, WARM_UP, seed=1)
        page.evaluate(_WATCH)
        draw(page, strokes)
        measured = page.evaluate("window.measured")
        browser.close()
    return measured


def report(measured: list[dict]) -> str:
    """The table that is printed."""
    rest = [one["stroke"] - one["model"] - one["line"] for one in measured]
    rows = {
        "stroke end → its photos": [one["stroke"] for one in measured],
        "stroke end → first new photos": [one["first"] for one in measured],
        "  of it the model": [one["model"] for one in measured],
        "  behind its own preview": [one["line"] for one in measured],
        "  transport, painting, encoding": rest,
    }
    lines = [f"{'':34}{'p50':>8}{'p95':>8}   ms, {len(measured)} strokes"]
    return "\n".join(lines + [f"{k:34}{percentile(v, 0.5):8.0f}{percentile(v, 0.95):8.0f}" for k, v in rows.items()])


def main(argv: list[str] | None = None) -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="demo/latency.py", description="Stroke end to photos, in a real browser.")
    parser.add_argument("--url", help="a page that runs already (default: start one)")
    parser.add_argument("--model", help="for the page that is started: a bundled model or a folder")
    parser.add_argument("--strokes", type=int, default=40, help="default: %(default)s")
    parser.add_argument("--photos", type=int, default=4, choices=range(1, 13), metavar="1-12", help="default: 4")
    options = parser.parse_args(argv)
    if options.url:
        print(report(measure(options.url, options.strokes, options.photos)))
        return 0
    with local_page(*(["--model", options.model] if options.model else []), "--device", "cpu") as page:
        print(report(measure(page.url, options.strokes, options.photos)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
