"""The report: whole, self-contained, well-formed, and plotted to scale."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from i2i.metrics.page import bar_plot, figure, line_plot, page, side_by_side

SVG = "{http://www.w3.org/2000/svg}"


def test_a_line_is_drawn_to_scale():
    svg = ET.fromstring(line_plot({"a": ([0, 1], [0, 1])}, "t", "x", "y", x_range=(0, 2), y_range=(0, 1)))
    path = next(p for p in svg.iter(f"{SVG}path") if p.get("fill") == "none").get("d")
    x0, y0, x1, y1 = map(float, re.findall(r"[\d.]+", path))
    texts = [t for t in svg.iter(f"{SVG}text") if t.get("x") and t.get("text-anchor") == "middle"]
    ticks = {t.text: float(t.get("x")) for t in texts}
    assert x0 == pytest.approx(ticks["0"]) and x1 == pytest.approx((ticks["0"] + ticks["2"]) / 2, abs=0.1)
    assert y1 < y0


def test_logarithmic_axes_and_gaps():
    svg = line_plot({"a": ([0, 1, 2, 3], [1e-4, 0, np.nan, 1e-1])}, "t", "x", "y", log_y=True)
    labels = [t.text for t in ET.fromstring(svg).iter(f"{SVG}text")]
    assert {"1e-4", "1e-3", "1e-2", "1e-1"} <= set(labels)
    with pytest.raises(ValueError, match="no value to draw"):
        line_plot({"a": ([0], [0])}, "t", "x", "y", log_y=True)


def test_points_and_one_value():
    svg = ET.fromstring(line_plot({"a": ([0.3], [0.1]), "b <": ([0.3], [0.1])}, "t", "x", "y", points=True))
    assert len(list(svg.iter(f"{SVG}circle"))) == 2 and "b <" in [t.text for t in svg.iter(f"{SVG}text")]


def test_bars_have_the_height_of_their_values():
    svg = ET.fromstring(bar_plot({"m": [0.5, float("nan")], "n": [1.0, 0.25]}, ["wall", "door (shop)"], "t", "IoU"))
    bars = [float(r.get("height")) for r in svg.iter(f"{SVG}rect") if r.get("width") != "10"]
    assert len(bars) == 3 and bars[0] == pytest.approx(bars[1] / 2, abs=0.1) == pytest.approx(2 * bars[2], abs=0.2)
    assert "door" in [t.text for t in svg.iter(f"{SVG}text")]


def test_the_page_needs_nothing_beside_it():
    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.seen, self.sources = [], []

        def handle_starttag(self, tag, attributes):
            self.seen.append(tag)
            self.sources += [v for k, v in attributes if k in ("src", "href")]

    plot = line_plot({"a": ([0, 1], [0, 1])}, "t", "x", "y")
    content = figure(Image.new("RGB", (4, 4)), "x < y") + side_by_side([plot])
    text = page("A & B", "about <this>", [("Pictures", content)])
    reader = Reader()
    reader.feed(text)
    assert {"h1", "h2", "img", "svg"} <= set(reader.seen) and "link" not in reader.seen and "script" not in reader.seen
    assert len(reader.sources) == 1 and reader.sources[0].startswith("data:image/jpeg;base64,")
    assert "A &amp; B" in text and "about &lt;this&gt;" in text and "x &lt; y" in text
