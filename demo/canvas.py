"""The drawing surface: a `gr.HTML` component whose canvas, tools and history live in canvas.js.

The component's value, set by the script after every finished stroke, undo, redo, clear or example, is
`{"id": int, "image": data URL | None, "strokes": [{"tool": "pen" | "eraser", "points": [[x, y], …]}, …]}`.
`image` is a PNG of `size` × `size`, black ink on white paper, rendered from the strokes; it is None on an
empty canvas. Points are in units of 1/256 of the paper's side, x to the right, y down.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

HERE = Path(__file__).parent
UNITS = 256  # the same number as in canvas.js: strokes do not depend on the size of anyone's screen

# 24 × 24 line icons: path data for each tool.
_ICONS = {
    "pen": "M4 20l4.2-1L19 8.2a2 2 0 0 0 0-2.8l-.4-.4a2 2 0 0 0-2.8 0L5 15.8 4 20zM14 7l3 3",
    "eraser": "M9 20h11M5.6 13.2l7.6-7.6a2 2 0 0 1 2.8 0l3.4 3.4a2 2 0 0 1 0 2.8L11.2 20H8.4l-2.8-2.8"
              "a2.8 2.8 0 0 1 0-4zM9.5 9.5l6 6",
    "undo": "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
    "redo": "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
    "clear": "M4 7h16M9 7V4.5h6V7M6.5 7l1 13h9l1-13M10 11v5.5M14 11v5.5",
    "example": "M5 11l-.6-6.6L9 7.2a9 9 0 0 1 6 0l4.6-2.8L19 11c1 5-2.5 9-7 9s-8-4-7-9z"
               "M9.2 13v.4M14.8 13v.4M12 16v-.3",
}
# (action, words on the button, tooltip, is it one of the two tools that stay pressed?)
_BUTTONS = [
    ("pen", "Pen", "Pen: draw black lines", True),
    ("eraser", "Eraser", "Eraser: wipe lines away", True),
    ("undo", "Undo", "Undo the last step (Ctrl+Z)", False),
    ("redo", "Redo", "Redo (Ctrl+Shift+Z or Ctrl+Y)", False),
    ("clear", "Clear", "Clear the paper (can be undone)", False),
    ("example", "Example", "Put the next example drawing on the paper", False),
]


def _button(action: str, words: str, tooltip: str, is_tool: bool) -> str:
    pressed = f' aria-pressed="{"true" if action == "pen" else "false"}"' if is_tool else ""
    return (
        f'<button type="button" data-do="{action}" aria-label="{words}" title="{tooltip}"{pressed}>'
        f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[action]}"/></svg>'
        f"<span>{words}</span></button>"
    )


# No template variable anywhere: Gradio rewrites the DOM when the rendered template changes, and that would
# reset the size of the canvas under the pen. The script reads what it needs from the component's props.
_TEMPLATE = (
    '<div class="pad"><div class="paper">'
    '<canvas role="img" aria-label="Drawing surface: draw here with mouse, pen or finger"></canvas>'
    '<p class="hint" aria-hidden="true"></p></div>'
    '<div class="tools" role="toolbar" aria-label="Drawing tools">'
    + "".join(_button(*button) for button in _BUTTONS)
    + "</div></div>"
)


def drawing_surface(examples: list[dict], size: int = 256, hint: str = "draw something …", **options) -> gr.HTML:
    """The drawing surface as a component; listen to its `.input` event.

    examples: what `load_examples` returns; the example button walks through them, and is absent without any.
    size: side in pixels of the PNG that is sent, the model's image size.
    hint: faint words on the empty paper. Other options go to `gr.HTML`.
    """
    return gr.HTML(
        value=None,
        html_template=_TEMPLATE,
        css_template=(HERE / "canvas.css").read_text(encoding="utf-8"),
        js_on_load=(HERE / "canvas.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        examples=examples,
        size=size,
        hint=hint,
        **options,
    )


def load_examples(folder: Path) -> list[dict]:
    """Example drawings from `folder`/*.json, in the order of their file names, strokes in units of 1/256.

    A file holds `{"name", "size", "strokes": [{"tool", "points": [[x, y], …]}, …], "credit"}`. A folder that
    does not exist or holds no drawings gives an empty list; a malformed file is a ValueError that names it.
    """
    examples = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            drawing = json.loads(path.read_text(encoding="utf-8"))
            scale = UNITS / drawing["size"]
            strokes = []
            for stroke in drawing["strokes"]:
                points = [[round(x * scale, 1), round(y * scale, 1)] for x, y in stroke["points"]]
                strokes.append({"tool": stroke["tool"], "points": points})
            examples.append({"name": drawing["name"], "credit": drawing["credit"], "strokes": strokes})
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as problem:
            raise ValueError(
                f'{path} is not an example drawing ({type(problem).__name__}: {problem}); expected {{"name", '
                '"size", "strokes": [{"tool", "points"}], "credit"}. Repair or remove the file.'
            ) from problem
    return examples
