"""The drawing surface as a component: what needs no browser."""

import json
import re

import pytest

from demo import canvas
from demo.canvas import drawing_surface, load_examples
from demo.strokes import check, decode, settle
from i2i.model_folder import ASSETS

PALETTE = [{"name": "ground", "color": "#0000de"}, {"name": "wall", "color": "#0030ff"}]


def test_the_component_carries_what_the_script_needs():
    strokes = [{"tool": "pen", "points": [[1, 2], [9, 9]]}]
    example = {"id": "a", "name": "A", "credit": "c", "mode": "edges", "models": [], "strokes": strokes}
    surface = drawing_surface([example], hint="draw", mode="labels", palette=PALETTE, live=False, elem_id="canvas")
    assert surface.elem_id == "canvas" and surface.value is None
    props = surface.props
    assert (props["size"], props["hint"], props["mode"], props["live"]) == (256, "draw", "labels", False)
    assert props["palette"] == PALETTE
    (sent,) = props["examples"]
    assert sent | {"strokes": decode(sent["strokes"])} == example  # as the text of a link: short
    assert example["strokes"][0]["points"]  # and the caller's own list stays
    assert surface.has_event("upload")  # which the script fires


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "depth"}, "got the mode 'depth', expected one of edges, labels, photo"),
        ({"mode": "labels"}, "a canvas for label maps needs a palette"),
        ({"mode": "labels", "palette": []}, "needs a palette"),
    ],
)
def test_a_canvas_that_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        drawing_surface([], **options)


def test_nothing_in_template_and_style_is_taken_for_a_variable():
    """Gradio reads both as JavaScript and Handlebars templates; what it fills in it would later reset."""
    surface = drawing_surface([])
    for text in (surface.html_template, surface.css_template):
        assert not re.search(r"`|\$\{|\{\{|\\|@children", text)


def test_every_button_has_an_action_and_every_action_a_button():
    html = drawing_surface([]).html_template
    buttons = re.findall(r'data-do="([\w-]+)"', html)
    assert sorted(buttons) == sorted(set(buttons)) == sorted(canvas._BUTTONS)
    script = (canvas.HERE / "canvas.js").read_text(encoding="utf-8")
    actions = script[script.index("const actions = {") : script.index("for (const [name, action]")]
    named = set(re.findall(r"^  '?([\w-]+)'?[:,]", actions, re.MULTILINE))
    assert named == set(buttons)
    for button in re.findall(r"<button[^>]*data-do[^>]*>", html):
        assert 'aria-label="' in button and 'title="' in button


def test_example_drawings():
    examples = load_examples(ASSETS / "sketches")
    assert [example["mode"] for example in examples].count("edges") >= 6
    assert [example["mode"] for example in examples].count("labels") >= 2
    assert len({example["id"] for example in examples}) == len(examples)
    for example in examples:
        assert example["strokes"] == settle(example["strokes"])
        colours = sorted({stroke["color"] for stroke in example["strokes"] if "color" in stroke})
        assert check(example["strokes"], colours or None) == example["strokes"]
        assert bool(colours) == (example["mode"] == "labels")


def test_examples_are_scaled_and_keep_what_their_strokes_say(tmp_path):
    stroke = {"tool": "rect", "points": [[0, 0], [512, 256]], "color": "#0030ff", "filled": True}
    drawing = {"name": "n", "size": 512, "mode": "labels", "strokes": [stroke], "credit": "c"}
    (tmp_path / "a-house.json").write_text(json.dumps(drawing))
    (example,) = load_examples(tmp_path)
    assert (example["id"], example["mode"]) == ("a-house", "labels")
    assert example["strokes"] == [{**stroke, "points": [[0, 0], [256, 128]]}]
    assert load_examples(tmp_path / "nowhere") == []


@pytest.mark.parametrize("change", [{"mode": "photo"}, {"strokes": [{"tool": "pen"}]}, {"size": 0}, {"name": None}])
def test_a_broken_example_names_its_file(tmp_path, change):
    drawing = {"name": "n", "size": 256, "strokes": [{"tool": "pen", "points": [[1, 1]]}], "credit": "c"} | change
    if drawing["name"] is None:
        del drawing["name"]
    (tmp_path / "broken.json").write_text(json.dumps(drawing))
    with pytest.raises(ValueError, match=r"broken\.json is not an example drawing"):
        load_examples(tmp_path)
