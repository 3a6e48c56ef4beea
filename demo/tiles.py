"""The answers: a grid of photos with locks, a status line, what can be done with them, and the large view.

Two `gr.HTML` components: `photo_tiles`, whose script lives in the tiles_*.js files, and `below_tiles`, the history and
what the page says about its model, which that script fills. The script asks the server by itself (tiles_ask.js) and
listens on `window` to `drawing-changed`, the drawing surface's event; it says `drawing-answered` after every answer.
"""

from __future__ import annotations

import html
from pathlib import Path

import gradio as gr

HERE = Path(__file__).parent
_SCRIPTS = (
    "tiles_ask", "tiles_focus", "tiles_seen", "tiles_seeds", "tiles_link", "tiles_history", "tiles_files",
    "tiles_styles", "tiles_matrix", "tiles_view", "tiles_models", "tiles",
)  # fmt: skip

# 24 × 24 line icons: path data.
_ICONS = {
    "style": "M12 3.5a8.5 8.5 0 1 0 0 17c1.6 0 1.9-1 1.3-2-.8-1.3 0-2.8 1.5-2.8h2.4c2 0 3.3-1.5 3.3-3.6"
             " 0-4.8-3.8-8.6-8.5-8.6zM7.8 11v.2M11 7.6v.2M15.2 8.2v.2",
    "paper": "M4 4.5h9v6M4 4.5v15h7M20 19.5h-5.5v-5.5M14.5 19.5L20.5 13",
    "replay": "M4.5 12a7.5 7.5 0 1 0 2.4-5.5M4.5 4v4.2h4.2M10.3 9.2v5.6l4.4-2.8z",
    "link": "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7L12 17",
    "save": "M12 4v10.5M7.5 10.5L12 15l4.5-4.5M4.5 19.5h15",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
    "like": "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM16.5 13.5v6M13.5 16.5h6",
    "previous": "M14.5 5.5L8 12l6.5 6.5",
    "next": "M9.5 5.5L16 12l-6.5 6.5",
}


def _icon(name: str) -> str:
    return f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{_ICONS[name]}"/></svg>'


def _button(action: str, words: str, tooltip: str, icon: str | None = None, pressed: bool = False) -> str:
    return (
        f'<button type="button" data-do="{action}" title="{html.escape(tooltip)}"'
        + (' aria-pressed="false"' if pressed else "")
        + f">{_icon(icon or action)}<span>{words}</span></button>"
    )


# No template variable: Gradio would rewrite the DOM whenever one changes.
_TEMPLATE = (
    '<div class="tiles" data-state="empty"><div class="bar" aria-hidden="true"></div>'
    '<div class="board"><div class="grid"></div><p class="invite"></p>'
    '<button type="button" class="example" title="Put this example on the paper"><img alt=""><span>This drawing became '
    "these photos.<br>Draw your own, or take this one.</span></button></div>"
    '<p class="status"></p><p class="spoken" role="status"></p><p class="problem" role="alert"></p>'
    '<div class="ways" role="radiogroup" hidden></div>'
    '<div class="controls"><button type="button" class="main" data-do="new" title="Other photos of the same drawing; '
    'locked ones stay (N)">New samples</button>'
    '<div class="stepper" role="group" aria-label="How many photos"><button type="button" data-do="fewer" '
    'aria-label="Fewer photos" title="Fewer photos">−</button><output class="count">4</output><button type="button" '
    'data-do="more" aria-label="More photos" title="More photos">+</button></div>'
    '<label class="model" hidden><span>Model</span><select></select></label></div>'
    '<div class="more" role="toolbar" aria-label="With these photos">'
    + _button("style", "Style from photo…", "Photos in the style of a picture of yours, and around it")
    + _button("replay", "Replay", "An animation: the drawing grows, and the photos with it")
    + _button("link", "Link", "A link to this drawing and these photos (C)")
    + _button("save", "Save", "One PNG with everything; dropped on the page it brings all of it back (S)")
    + '</div><input class="picker" type="file" accept="image/*" multiple hidden '
    'aria-label="Pictures whose style to take">'
    '<div class="linked" hidden><span role="status"></span><input type="text" readonly aria-label="Link to this '
    'drawing"><button type="button" aria-label="Close">✕</button></div>'
    '<p class="notice" role="status" hidden></p>'
    '<div class="references" hidden><span>Styles</span><div class="chips"></div>'
    '<button type="button" class="keep" data-do="matrix" title="One picture: every photo that was on the paper, in the '
    'style of every photo here">Matrix…</button></div>'
    '<button type="button" class="small" aria-label="To the photos"></button>'
    # the large view
    '<dialog class="view" tabindex="-1" aria-label="Photo, enlarged"><div class="box"><div class="stage">'
    '<img class="after" alt=""><img class="before" alt=""><div class="edge" aria-hidden="true"></div>'
    '<input class="cut" type="range" min="0" max="100" step="0.5" value="0" aria-label="From the photo to the drawing">'
    '</div><div class="side"><div class="head"><h2></h2><button type="button" data-do="close" aria-label="Close" '
    'class="round">✕</button></div><p class="what"></p><p class="tip">Drag over the picture: drawing and photo.</p>'
    '<div class="choices">'
    + _button("lock", "Lock style", "Keep this style while the drawing changes and the others change", pressed=True)
    + _button("like", "More like this", "The other photos get styles near this one")
    + _button("paper", "Onto the paper", "Go on from this photo: it takes the place of the one on the paper")
    + _button("photo", "Save photo", "This photo as PNG", icon="save")
    + _button("everything", "Save everything", "Drawing, photos and seeds in one PNG", icon="save")
    + '</div><div class="mix"><span>Mix with</span><div class="partners"></div><div class="between" hidden>'
    '<input class="share" type="range" min="0" max="100" step="1" value="0" aria-label="Share of the other photo’s '
    'style"><button type="button" data-do="keep">Keep</button></div></div><p class="told" role="status"></p>'
    '<div class="steps"><button type="button" class="round" data-do="previous" aria-label="Previous photo">'
    + _icon("previous")
    + '</button><button type="button" class="round" data-do="next" aria-label="Next photo">'
    + _icon("next")
    + "</button></div></div></div></dialog>"
    # the replay, the clip and the matrix
    '<dialog class="replay" aria-label="Replay"><div class="head"><h2>Replay</h2><button type="button" data-do="close" '
    'class="round" aria-label="Close">✕</button></div><div class="kinds" role="group" aria-label="What moves" hidden>'
    '<button type="button" data-kind="replay" aria-pressed="false">The drawing grows</button>'
    '<button type="button" data-kind="clip" aria-pressed="false">The styles change</button></div>'
    '<p class="words" role="status"></p><img alt="" hidden>'
    '<button type="button" class="play" hidden>Play</button>'
    '<button type="button" class="keep" hidden>Save as WebP</button></dialog></div>'
)

_BELOW = (
    '<div class="below"><section class="past" hidden aria-label="Earlier drawings"><div class="thumbs"></div></section>'
    '<div class="facts"></div></div>'
)


def photo_tiles(
    models: list[dict], showcase: dict | None = None, live: bool = True, address: str = "", **options
) -> gr.HTML:
    """The grid and everything around it.

    Args:
        models: what `handlers.model_facts` and `words.words_of` say of each; the first one is chosen.
        showcase: shown before anything is on the paper; see `examples.showcase`.
        live: ask by the plain route; otherwise (ZeroGPU) every request is an `.input` event of the component, whose
            handler gets the request as value and returns the answer as value.
        address: where links point to; "": where the page is.
        options: what else `gr.HTML` takes.
    """
    return gr.HTML(
        value=None,
        html_template=_TEMPLATE,
        css_template=(HERE / "tiles.css").read_text(encoding="utf-8"),
        js_on_load="\n".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS),
        apply_default_css=False,
        models=models,
        showcase=showcase,
        live=live,
        address=address,
        **options,
    )


def below_tiles(facts: str, **options) -> gr.HTML:
    """History and what the page says about its model; `facts`: HTML about the first one."""
    # Gradio evaluates ${...} and {{...}} in a template: what a model's folder says must be text there.
    facts = facts.translate({ord(sign): f"&#{ord(sign)};" for sign in "${}`"})
    return gr.HTML(
        value=None,
        html_template=_BELOW.replace('<div class="facts"></div>', f'<div class="facts">{facts}</div>'),
        css_template=(HERE / "below.css").read_text(encoding="utf-8"),
        js_on_load="",
        apply_default_css=False,
        **options,
    )
