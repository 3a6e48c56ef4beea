"""A report as one HTML file that needs nothing beside it: tables, plots as inline SVG, pictures as data URLs."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

COLOURS = ("#0b62a4", "#d1495b", "#3a7d44", "#8d6cab", "#c77d0a", "#4f5d75", "#00868b", "#a23b72")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 480, 320, 56, 44, 30, 12

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2733;max-width:1100px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #d5dbe3;padding-bottom:.2em}
table{border-collapse:collapse;display:block;overflow-x:auto}th,td{padding:.25em .8em;text-align:right}
th:first-child,td:first-child{text-align:left}th{border-bottom:2px solid #1d2733}
tbody tr:nth-child(odd){background:#f3f6f9}
.notes{font-size:.85em;color:#4a5664;list-style:none;padding:0}figure{margin:1em 0}figure img{max-width:100%}
figcaption{font-size:.9em;color:#4a5664}.plots{display:flex;flex-wrap:wrap;gap:1em}svg{font:12px system-ui,sans-serif}
"""


def page(title: str, about: str, sections: Sequence[tuple[str, str]]) -> str:
    """The whole file.

    Args:
        title: of the page. about: a line below it, plain text.
        sections: heading, and its HTML as the functions of this module give it.
    """
    body = "".join(f"<h2>{html.escape(heading)}</h2>{content}" for heading, content in sections)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(about)}</p>{body}</body></html>\n"
    )


def figure(picture: Image.Image, caption: str = "") -> str:
    """A picture (as JPEG) with its caption."""
    data = io.BytesIO()
    picture.convert("RGB").save(data, "JPEG", quality=88)
    url = "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()
    text = html.escape(caption)
    return f'<figure><img alt="{text}" src="{url}"><figcaption>{text}</figcaption></figure>'


def side_by_side(plots: Sequence[str]) -> str:
    """Plots in rows."""
    return f"<div class=plots>{''.join(plots)}</div>"


def _ticks(low: float, high: float) -> list[float]:
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(k for k in (1, 2, 5, 10) if (high - low) / (k * step) <= 6)
    return [k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _frame(title: str, x_label: str, y_label: str) -> list[str]:
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    across = (_TOP + _HEIGHT - _BOTTOM) / 2
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" role="img">',
        f"<title>{html.escape(title)}</title>",
        f'<text x="{middle}" y="16" text-anchor="middle" font-weight="600">{html.escape(title)}</text>',
        f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{html.escape(x_label)}</text>',
        f'<text transform="translate(14 {across}) rotate(-90)" text-anchor="middle">{html.escape(y_label)}</text>',
    ]


def line_plot(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    x_label: str,
    y_label: str,
    *,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    log_y: bool = False,
    points: bool = False,
) -> str:
    """Lines (or points) with axes and legend, as SVG.

    Args:
        series: name -> (x, y). Values that are not finite, and with `log_y` those that are not positive, are gaps.
        x_range, y_range: of the axes; None: that of the values.
        log_y: logarithmic y axis.
        points: marks alone, no line between them.

    Raises:
        ValueError: if there is nothing to draw.
    """

    def usable(y: np.ndarray) -> np.ndarray:
        return np.isfinite(y) & ((y > 0) if log_y else True)

    data = {n: (np.asarray(x, float), np.asarray(y, float)) for n, (x, y) in series.items()}
    shown = {n: usable(y) & np.isfinite(x) for n, (x, y) in data.items()}
    xs = np.concatenate([x[shown[n]] for n, (x, _) in data.items()]) if data else np.empty(0)
    ys = np.concatenate([y[shown[n]] for n, (_, y) in data.items()]) if data else np.empty(0)
    if not len(xs):
        raise ValueError(f"plot {title!r}: there is no value to draw")
    low_x, high_x = x_range or _padded(xs)
    low_y, high_y = y_range or ((ys.min(), ys.max()) if log_y else _padded(ys))
    if log_y:
        low_y, high_y = math.floor(math.log10(low_y)), math.ceil(math.log10(high_y))
        high_y += high_y == low_y

    def place(x: float, y: float) -> tuple[float, float]:
        y = math.log10(y) if log_y else y
        across = (x - low_x) / (high_x - low_x) * (_WIDTH - _LEFT - _RIGHT)
        up = (y - low_y) / (high_y - low_y) * (_HEIGHT - _TOP - _BOTTOM)
        return _LEFT + across, _HEIGHT - _BOTTOM - up

    out = _frame(title, x_label, y_label)
    for tick in _ticks(low_x, high_x):
        x, y = place(tick, 10**low_y if log_y else low_y)
        out.append(f'<path d="M{x:.1f} {y:.1f}V{_TOP}" stroke="#e3e8ee"/>')
        out.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{tick:.3g}</text>')
    for tick in range(int(low_y), int(high_y) + 1) if log_y else _ticks(low_y, high_y):
        x, y = place(low_x, 10**tick if log_y else tick)
        label = f"1e{tick}" if log_y else f"{tick:.3g}"
        out.append(f'<path d="M{x:.1f} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e3e8ee"/>')
        out.append(f'<text x="{x - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for k, (name, (x, y)) in enumerate(data.items()):
        colour = COLOURS[k % len(COLOURS)]
        spots = [place(a, b) for a, b in zip(x[shown[name]], y[shown[name]], strict=True)]
        if points:
            out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4.5" fill="{colour}"/>' for a, b in spots]
        else:
            path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in spots)
            out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
    return "".join([*out, *_legend(list(data)), "</svg>"])


def _padded(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or max(abs(low), 1.0) * 0.1
    return low - margin, high + margin


def _legend(names: list[str]) -> list[str]:
    out = []
    for k, name in enumerate(names):
        x, y = _LEFT + 10, _TOP + 14 + 16 * k
        out.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{COLOURS[k % len(COLOURS)]}"/>')
        out.append(f'<text x="{x + 15}" y="{y}">{html.escape(name)}</text>')
    return out


def bar_plot(series: Mapping[str, Sequence[float]], labels: Sequence[str], title: str, y_label: str) -> str:
    """Bars from 0 to 1 in groups, one group a label and one bar a series, as SVG; NaN is no bar."""
    out = _frame(title, "", y_label)
    height, width = _HEIGHT - _TOP - _BOTTOM, _WIDTH - _LEFT - _RIGHT
    for tick in (0, 0.25, 0.5, 0.75, 1):
        y = _HEIGHT - _BOTTOM - tick * height
        out.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e3e8ee"/>')
        out.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    group = width / max(1, len(labels))
    bar = 0.8 * group / max(1, len(series))
    for k, values in enumerate(series.values()):
        for i, value in enumerate(values):
            if math.isfinite(value):
                x, top = _LEFT + i * group + 0.1 * group + k * bar, _HEIGHT - _BOTTOM - value * height
                size = f'width="{bar:.1f}" height="{value * height:.1f}"'
                out.append(f'<rect x="{x:.1f}" y="{top:.1f}" {size} fill="{COLOURS[k % len(COLOURS)]}"/>')
    for i, label in enumerate(labels):
        where = f"translate({_LEFT + (i + 0.5) * group:.1f} {_HEIGHT - _BOTTOM + 12}) rotate(25)"
        out.append(f'<text transform="{where}" font-size="9">{html.escape(label.split(" (")[0])}</text>')
    return "".join([*out, *_legend(list(series)), "</svg>"])
