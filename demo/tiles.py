"""The answer: four tiles in a 2 × 2 grid, a line of status below. A `gr.HTML` component, script in tiles.js.

Its value is what `handlers.answer` returns. The pictures that are there stay until the next ones are decoded.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

HERE = Path(__file__).parent

_TEMPLATE = (
    '<div class="tiles" data-state="empty"><div class="bar" aria-hidden="true"></div><div class="grid">'
    + '<figure><img alt="" hidden></figure>' * 4
    + '<p class="invite"></p></div>'
    '<p class="status" role="status"></p><p class="problem" role="alert"></p></div>'
)


def photo_tiles(value: dict, **options) -> gr.HTML:
    """The grid as a component, showing `value` at first. Options go to `gr.HTML`."""
    return gr.HTML(
        value=value,
        html_template=_TEMPLATE,
        css_template=(HERE / "tiles.css").read_text(encoding="utf-8"),
        js_on_load=(HERE / "tiles.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        **options,
    )
