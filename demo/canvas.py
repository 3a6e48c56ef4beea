"""The drawing surface: a `gr.HTML` component whose canvas, tools and history live in the canvas_*.js files.

There are three kinds of paper: lines ("edges"), label maps, and photos, on which one draws in colours.

Everything that the page around it needs goes over the window: `drawing-changed` with the detail `{"id", "strokes",
"final", "mode", "photo", "example", "sees"}` after every finished stroke, undo, redo, clear, example or import, and
while the pen moves (`final` false) as often as the page says `drawing-answered` with that id; `network-sees` shows a
picture over the paper. `document.querySelector(".pad").drawing` reads and sets the drawing. stroke_format.py describes
strokes; a photo is a data URL.

A photo, sketch or label map from outside is `{"id", "kind", "data_url", "mode", "palette"}`. `drawing.onpicture`, if
the page has set it, is called with that and promises `{"id", "strokes"}` or `{"id", "error"}`. Else `.upload` fires
with it as event data, and the handler answers with the component's value `{"load": {"id", "strokes"}}` or `{"load":
{"id", "error"}}`; a value of that form puts strokes on the paper at any time.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

import gradio as gr

from demo.stroke_format import UNITS, settle, simplify
from demo.strokes import encode

HERE = Path(__file__).parent
MODES = ("edges", "labels")  # of example drawings
PAPERS = (*MODES, "photo")
_SCRIPTS = (
    "canvas_strokes", "canvas_codec", "canvas_document", "canvas_view", "canvas_tools", "canvas_kind",
    "canvas_import", "canvas_photo", "canvas_keys", "canvas",
)  # fmt: skip

# 24 × 24 line icons: path data for each action.
_ICONS = {
    "pen": "M4 20l4.2-1L19 8.2a2 2 0 0 0 0-2.8l-.4-.4a2 2 0 0 0-2.8 0L5 15.8 4 20zM14 7l3 3",
    "eraser": "M9 20h11M5.6 13.2l7.6-7.6a2 2 0 0 1 2.8 0l3.4 3.4a2 2 0 0 1 0 2.8L11.2 20H8.4l-2.8-2.8"
              "a2.8 2.8 0 0 1 0-4zM9.5 9.5l6 6",
    "line": "M5 19L19 5M3.6 19a1.4 1.4 0 1 0 2.8 0a1.4 1.4 0 1 0-2.8 0M17.6 5a1.4 1.4 0 1 0 2.8 0a1.4 1.4 0 1 0-2.8 0",
    "rect": "M4.5 6h15v12h-15z",
    "fill": "M11 4l8 8-6.6 6.6a2 2 0 0 1-2.8 0l-5.2-5.2a2 2 0 0 1 0-2.8L11 4zM4 12h15M11 4L8.5 1.5"
            "M21 16.5c0 2.5-3 2.5-3 0l1.5-2.5z",
    "pick": "M13.5 6.5l4 4M14.8 5.2l1.6-1.6a2.1 2.1 0 0 1 3 3l-1.6 1.6 1.2 1.2-1.9 1.9-6.4-6.4 1.9-1.9zM11.5 8.5"
            "L5 15v4h4l6.5-6.5",
    "mirror": "M12 3v3M12 9v2.5M12 14.5V17M12 20v1.5M8.5 7L3 17.5h5.5zM15.5 7L21 17.5h-5.5z",
    "undo": "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
    "redo": "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
    "clear": "M4 7h16M9 7V4.5h6V7M6.5 7l1 13h9l1-13M10 11v5.5M14 11v5.5",
    "zoom-out": "M6 12h12",
    "zoom-in": "M6 12h12M12 6v12",
    "sees": "M2.5 12C5 7.5 8.2 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-5.7 6.5-9.5 6.5S5 16.5 2.5 12z"
            "M9 12a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    "help": "M9 9a3 3 0 1 1 4.6 2.5c-1 .7-1.6 1.2-1.6 2.5M12 17.4v.2M2.8 12a9.2 9.2 0 1 0 18.4 0a9.2 9.2 0 1 0-18.4 0",
    "example": "M5 11l-.6-6.6L9 7.2a9 9 0 0 1 6 0l4.6-2.8L19 11c1 5-2.5 9-7 9s-8-4-7-9z"
               "M9.2 13v.4M14.8 13v.4M12 16v-.3",
    "photo": "M3.5 5h17v14h-17zM3.5 16l5-5 4.5 4.5 3-3 4.5 4.5M15 9.2v.2",
    "sketch": "M6 3h8l4 4v14H6zM14 3v4h4M9 17c1-4 2-4 2.5-2s1.5 1.5 3.5-2.5",
    "label-map": "M3.5 4h17v16h-17zM3.5 13h9M12.5 4v16M16 20v-6h4.5",
    "webcam": "M4 7.5h3.5L9 5h6l1.5 2.5H20v11.5H4zM8.5 13a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
    "patterns": "M4 4h16v16H4zM4 12L12 4M4 20L20 4M12 20l8-8",
}
# action: (words on the button, tooltip, does it stay pressed?)
_BUTTONS = {
    "pen": ("Pen", "Pen: draw lines (P)", True),
    "eraser": ("Eraser", "Eraser: wipe away pixels or whole strokes (E)", True),
    "line": ("Line", "Line: drag a straight line; Shift: 45° (L)", True),
    "rect": ("Box", "Box: drag a rectangle; Shift: a square (R)", True),
    "fill": ("Fill", "Fill: give an area the active colour (F)", True),
    "pick": ("Pick", "Pick: take a colour from the paper (I, or Alt and click)", True),
    "mirror": ("Mirror", "Mirror: draw both halves at once (M)", True),
    "undo": ("Undo", "Undo the last step (Ctrl+Z)", False),
    "redo": ("Redo", "Redo (Ctrl+Shift+Z or Ctrl+Y)", False),
    "clear": ("Clear", "Clear the drawing, then the photo under it; can be undone (Delete)", False),
    "zoom-out": ("Zoom out", "Zoom out (−)", False),
    "zoom": ("100%", "Zoom: 100% or 200% (0: all of the paper)", False),
    "zoom-in": ("Zoom in", "Zoom in (+)", False),
    "sees": ("What the network sees", "What the network sees: your lines, one pixel wide (V)", True),
    "help": ("Keyboard shortcuts", "Keyboard shortcuts (?)", False),
    "pixels": ("Pixels", "Erase what is under the eraser (E)", True),
    "strokes": ("Strokes", "Erase every stroke that the eraser touches (E)", True),
    "patterns": ("Patterns", "Patterns and outlines on the colours, for telling them apart; not sent", True),
    "example": ("Example", "Put an example on the paper (X)", False),
    "photo": ("Photo…", "Open a photo; or paste or drop one", False),
    "sketch": ("Sketch…", "Open a picture of a drawing; or paste or drop one", False),
    "label-map": ("Label map…", "Open a label map; or paste or drop one", False),
    "webcam": ("Webcam", "Take a photo with the webcam", False),
}
_SHORTCUTS = [
    ("P or B", "Pen"), ("E", "Eraser; again: pixels or whole strokes"), ("L", "Line"), ("R", "Box"),
    ("F", "Fill (label maps)"), ("I", "Pick a colour (label maps, photos); also Alt and click"),
    ("1 … 9", "A colour of the palette"), (", and .", "The colour before, the next colour"),
    ("[ and ]", "Thinner, thicker"),
    ("M", "Mirror symmetry"), ("Shift", "While dragging: 45° lines, squares"), ("Ctrl+Z", "Undo"),
    ("Ctrl+Shift+Z or Ctrl+Y", "Redo"), ("Delete", "Clear the paper"), ("Esc", "Give up the stroke under the pen"),
    ("+ and −", "Zoom; also Ctrl and wheel, or two fingers"), ("0", "All of the paper"),
    ("Space", "Hold and drag: move the paper; also the wheel"), ("V", "What the network sees"), ("X", "An example"),
    ("Ctrl+V", "Paste a photo or a sketch"), ("N", "New samples"), ("C", "Link"), ("S", "Save everything"),
    ("H", "History"), ("← → and 1 … 9", "In the large view: another photo"), ("?", "This list"),
]  # fmt: skip


def _icon(action: str) -> str:
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[action]}"/></svg>' if action in _ICONS else ""


def _button(action: str, worded: bool = True) -> str:
    words, tooltip, stays = _BUTTONS[action]
    pressed = ' aria-pressed="false"' if stays else ""
    text = f"<span>{words}</span>" if worded else ""
    return (
        f'<button type="button" data-do="{action}" aria-label="{words}" title="{html.escape(tooltip)}"{pressed}>'
        f"{_icon(action)}{text}</button>"
    )


def _buttons(*actions: str, worded: bool = True) -> str:
    return "".join(_button(action, worded) for action in actions)


def _slider(name: str, words: str, low: float, high: float) -> str:
    return (
        f'<label class="slide for-{name}"><span>{words}</span>'
        f'<input class="{name}" type="range" min="{low:g}" max="{high:g}" step="1"></label>'
    )


# No template variable anywhere: Gradio rewrites the DOM when the rendered template changes, and that would
# reset the size of the canvas under the pen. The script reads what it needs from the component's props.
_TEMPLATE = (
    '<div class="pad" data-mode="edges"><div class="paper">'
    '<canvas role="img" tabindex="0" aria-label="Drawing surface: draw here with mouse, pen or finger"></canvas>'
    '<p class="hint" aria-hidden="true"></p><div class="ring" hidden></div>'
    '<button type="button" class="choose"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="' + _ICONS["photo"] +
    '"/></svg><b>Choose a photo</b><span>or drop or paste one here</span></button>'
    '<p class="under" aria-hidden="true"></p><p class="landing" aria-hidden="true">Drop the picture</p></div>'
    '<div class="shelf" role="group" aria-label="Photos to start from" hidden></div>'
    '<div class="tools" role="toolbar" aria-label="Drawing tools">'
    + _buttons("pen", "eraser", "line", "rect", "fill", "pick", "mirror", "undo", "redo", "clear")
    + '</div><div class="swatches" role="radiogroup" aria-label="Colours"></div>'
    '<div class="strip"><div class="options">'
    + _slider("width", "Width", 1, 64)
    + _slider("smoothing", "Smooth", 0, 5)
    + '<div class="choice" role="group" aria-label="What the eraser removes">'
    + _buttons("pixels", "strokes")
    + '</div><span class="advice"></span></div><div class="looks" role="toolbar" aria-label="View">'
    + _button("zoom-out", False) + _button("zoom") + _buttons("zoom-in", "sees", "patterns", "help", worded=False)
    + '</div></div><div class="start" role="toolbar" aria-label="Start from something">'
    + _buttons("example", "photo", "sketch", "label-map", "webcam")
    + '</div><p class="note" role="status" hidden><span class="words"></span>'
    '<button type="button" class="switch" hidden></button></p><p class="spoken" role="status"></p>'
    '<input class="picker" type="file" accept="image/*" hidden aria-label="Picture to start from">'
    '<dialog class="camera" aria-label="Webcam"><video playsinline muted></video><div class="answers">'
    '<button type="button" class="take">Take the photo</button><button type="button" class="close">Cancel</button>'
    '</div></dialog><dialog class="help" aria-label="Keyboard shortcuts"><div class="top"><h2>Keyboard shortcuts</h2>'
    '<button type="button" class="close" aria-label="Close">✕</button></div><dl>'
    + "".join(f"<div><dt>{html.escape(keys)}</dt><dd>{html.escape(what)}</dd></div>" for keys, what in _SHORTCUTS)
    + '</dl><label><input class="letters" type="checkbox" checked> Single keys work</label>'
    "<p>On a Mac, ⌘ does what Ctrl does.</p></dialog></div>"
)


def drawing_surface(
    examples: list[dict],
    size: int = 256,
    hint: str = "draw something …",
    mode: str = "edges",
    palette: list[dict] | None = None,
    live: bool = True,
    **options,
) -> gr.HTML:
    """The drawing surface as a component.

    Hint, mode, palette and live can be changed later by a handler that returns `gr.HTML(name=value, …)`, or by the
    script's `drawing.setMode` and `drawing.setHint`.

    Args:
        examples: what `load_examples` returns; the example button deals them in random order, and is absent when
            none of them fits the mode and palette.
        size: side in pixels of a label map, and of the PNG that the script hands out.
        hint: faint words on the empty paper.
        mode: "edges", black lines on white, "labels", areas in the palette's colours, or "photo", a photo of the
            visitor's with lines of any colour on top.
        palette: of a label map, `[{"name": "wall", "color": "#rrggbb"}, …]`; the first is the empty paper.
        live: send drawings while the pen moves, not only when it is lifted.
        options: what else `gr.HTML` takes.

    Raises:
        ValueError: for an unknown mode, or labels without a palette.
    """
    if mode not in PAPERS:
        raise ValueError(f"got the mode {mode!r}, expected one of {', '.join(PAPERS)}")
    if mode == "labels" and not palette:
        raise ValueError("a canvas for label maps needs a palette: [{'name': 'wall', 'color': '#0000ff'}, …]")
    return gr.HTML(
        value=None,
        html_template=_TEMPLATE,
        css_template=(HERE / "canvas.css").read_text(encoding="utf-8"),
        js_on_load="\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS),
        apply_default_css=False,
        examples=[{**example, "strokes": encode(example["strokes"])} for example in examples],
        size=size,
        hint=hint,
        mode=mode,
        palette=palette,
        live=live,
        **options,
    )


def load_examples(folder: Path) -> list[dict]:
    """Example drawings from `folder`/*.json, in the order of their file names, strokes in units of 1/256, settled.

    A file holds `{"name", "size", "strokes": [{"tool", "points": [[x, y], …]}, …], "credit"}`, and for a label map
    also `"mode": "labels"`; `"models": [name, …]` tells which models it was drawn for. Each example has besides name,
    credit, strokes, mode and models (perhaps none) the file's stem as "id". A folder that does not exist or holds no
    drawings gives an empty list; a malformed file is a ValueError that names it.
    """
    examples = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            drawing = json.loads(path.read_text(encoding="utf-8"))
            scale = UNITS / drawing["size"]
            strokes = []
            for stroke in drawing["strokes"]:
                points = [[x * scale, y * scale] for x, y in stroke["points"]]
                strokes.append(simplify({**stroke, "points": points}))
            mode = drawing.get("mode", "edges")
            if mode not in MODES:
                raise ValueError(f"mode {mode!r}")
            models = drawing.get("models", [])
            if not (isinstance(models, list) and all(isinstance(name, str) for name in models)):
                raise ValueError(f"models {models!r}")
            example = {"id": path.stem, "name": drawing["name"], "credit": drawing["credit"], "mode": mode}
            example["models"] = models
            examples.append({**example, "strokes": settle(strokes)})
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as problem:
            raise ValueError(
                f'{path} is not an example drawing ({type(problem).__name__}: {problem}); expected {{"name", '
                '"size", "strokes": [{"tool", "points"}], "credit"}. Repair or remove the file.'
            ) from problem
    return examples
