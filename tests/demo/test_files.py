"""What leaves the page: links, saved pictures, replays."""

import base64
import io
import json
import threading

import numpy as np
import pytest
from fakes import FakeTranslator
from PIL import Image

from demo.canvas import load_examples
from demo.metadata import GAP, png_of, sheet, state_of
from demo.permalink import link_fragment, read_fragment
from demo.replay import FRAMES, REST, STEP, shares
from demo.tile_styles import style_text
from demo.tools import Tools
from i2i.model_folder import ASSETS

CROSS = [{"tool": "pen", "points": [[20, 20], [200, 220]]}, {"tool": "pen", "points": [[200, 20], [20, 220]]}]
STYLE = style_text(np.linspace(-1, 1, 8))
STATE = {
    "model": "edges2cats",
    "weights": "0123abcd",
    "tiles": [{"seed": 0}, {"seed": 17, "locked": True}, {"style": STYLE, "locked": True}, {"style": STYLE}],
    "strokes": CROSS,
}


# --- links -----------------------------------------------------------------------------------------------------------

def test_a_link_holds_the_page(fake):
    fragment = link_fragment(STATE)
    assert read_fragment(fragment) == read_fragment("#" + fragment) == STATE
    assert fragment.endswith("&v=1")
    assert set(fragment) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=&.~!")


def test_names_that_need_quoting(fake):
    state = STATE | {"model": "my cats & dogs (0123abcd) #1"}
    assert read_fragment(link_fragment(state)) == state


def test_a_link_names_the_direction_and_leaves_out_the_way_back():
    state = STATE | {"direction": "BtoA", "tiles": [{"seed": 0}, {"back": True}]}
    fragment = link_fragment(state)
    assert "tiles=0&way=BtoA&drawing=" in fragment
    assert read_fragment(fragment) == state | {"tiles": [{"seed": 0}]}


def test_every_bundled_cat_fits_in_2000_characters():
    for example in load_examples(ASSETS / "sketches"):
        state = STATE | {"strokes": example["strokes"]}
        fragment = link_fragment(state)
        assert len("https://some-user-some-page.hf.space/#" + fragment) < 2000, example["name"]
        assert read_fragment(fragment)["strokes"] == example["strokes"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[:-4], "not whole"),
        (lambda text: text.replace("v=1", "v=2"), "version 2"),
        (lambda text: text.replace("weights=", "wights="), "weights is missing"),
        (lambda text: text.replace("tiles=0", "tiles=x"), "'x' is no seed"),
        (lambda text: text.replace("tiles=0", "tiles=1234567890"), "is no seed"),
        (lambda text: text.replace("tiles=0", "tiles=~AAAA"), "style in the request is damaged"),
        (lambda text: text.replace("tiles=0", "tiles=0" + ".1" * 12), "at most 12"),
        (lambda text: text.replace("drawing=", "drawing=*"), "link"),
        (lambda text: text + "x" * 100_000, "longer than"),
        (lambda text: "", "not whole"),
    ],
)
def test_a_damaged_link_is_told_in_words(change, words):
    with pytest.raises(ValueError, match=words):
        read_fragment(change(link_fragment(STATE)))


# --- saved pictures --------------------------------------------------------------------------------------------------

def asked(**more) -> dict:
    return {"session": "s", "model": "edges2cats", "strokes": CROSS, "tiles": STATE["tiles"]} | more


def test_everything_saved_holds_the_state_and_every_photo(answers, fake):
    saved = base64.b64decode(Tools(answers).save(asked())["png"])
    assert state_of(saved) == STATE | {"version": 1}
    picture = np.asarray(Image.open(io.BytesIO(saved)))
    assert b"iTXt" in saved and b"i2i\x00\x00\x00" in saved
    photos = fake.sample(fake.calls[0]["x"], style=np.stack([*fake.styles([0, 17]), *[np.linspace(-1, 1, 8)] * 2]))
    side = 2 * 256 + GAP
    first = picture[GAP : GAP + 256, side + 2 * GAP : side + 2 * GAP + 256]
    assert np.abs(first.astype(int) - np.asarray(photos[0])).max() <= 1  # no losses
    drawing = picture[GAP : GAP + side, GAP : GAP + side].mean(2)
    assert drawing[side * 120 // 256, side * 110 // 256] < 120 and drawing[5, side // 2] == 255


def test_a_photo_saved_alone_is_that_photo_and_holds_nothing_else(answers, fake):
    saved = base64.b64decode(Tools(answers).save(asked(tiles=[{"seed": 3}], alone=True))["png"])
    picture = Image.open(io.BytesIO(saved))
    assert not picture.info and state_of(saved) is None
    assert np.array_equal(np.asarray(picture), np.asarray(fake.sample(fake.calls[0]["x"], seeds=[3])[0]))


@pytest.mark.parametrize("count", range(1, 13))
def test_a_sheet_has_room_for_every_photo(count):
    photos = [Image.new("RGB", (32, 32), (10 * k + 10, 0, 0)) for k in range(count)]
    picture = np.asarray(sheet(Image.new("L", (64, 64), 255), photos))
    levels, counts = np.unique(picture[..., 0][picture[..., 1] == 0], return_counts=True)
    assert dict(zip(levels.tolist(), counts.tolist(), strict=True)) == {10 * k + 10: 32 * 32 for k in range(count)}


def test_a_state_survives_any_letters():
    state = {"model": "katzen für 猫", "strokes": [], "tiles": [{"seed": 1}]}
    assert state_of(png_of(Image.new("RGB", (4, 4)), state)) == state
    assert state_of(png_of(Image.new("RGB", (4, 4)))) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strokes": []}, "Draw something"),
        ({"tiles": []}, "from 1 to 12"),
        ({"model": "dogs"}, "not here any more: reload the page"),
        ({"session": None}, "no session"),
        ({"tiles": [{"style": style_text(np.ones(3))}]}, "another model's"),
    ],
)
def test_what_cannot_be_saved(answers, change, words):
    with pytest.raises(ValueError, match=words):
        Tools(answers).save(asked(**change))


def test_a_full_line_is_told(answers_of):
    answers = answers_of(FakeTranslator(), places=1)
    tools = Tools(answers)
    opened, entered = threading.Event(), threading.Event()
    answers.worker.submit("a", lambda: (entered.set(), opened.wait(5)))
    entered.wait(5)
    answers.worker.submit("b", int)
    with pytest.raises(ValueError, match="Many people"):
        tools.save(asked())
    opened.set()


# --- the style of a photo --------------------------------------------------------------------------------------------

def test_a_photo_s_style(answers, fake):
    stream = io.BytesIO()
    Image.new("RGB", (50, 40), (255, 0, 128)).save(stream, "PNG")
    photo = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    style = Tools(answers).style({"session": "s", "model": "edges2cats", "photo": photo})["style"]
    assert style == style_text(fake.style_of(Image.new("RGB", (1, 1), (255, 0, 128))))
    with pytest.raises(ValueError, match="photo did not arrive"):
        Tools(answers).style({"session": "s", "model": "edges2cats", "photo": "http://x/y.png"})


# --- replay ----------------------------------------------------------------------------------------------------------

def test_the_replay_grows_loops_and_rests(answers, fake):
    answer = Tools(answers).replay(asked())
    movie = Image.open(io.BytesIO(base64.b64decode(answer["webp"])))
    assert movie.format == "WEBP" and movie.is_animated and movie.n_frames == answer["frames"] == len(shares(CROSS))
    assert movie.info["loop"] == 0  # for ever
    ink, durations = [], []
    for k in range(movie.n_frames):
        movie.seek(k)
        movie.load()
        frame = np.asarray(movie.convert("L"))
        ink.append(int((frame[:, : frame.shape[0]] < 100).sum()))
        durations.append(movie.info["duration"])
    assert all(a < b for a, b in zip(ink, ink[1:], strict=False))
    assert durations[0] == STEP and durations[-1] == REST
    assert len(fake.calls) == movie.n_frames


def test_a_longer_drawing_has_more_frames_up_to_a_limit():
    short, long = CROSS[:1], [{"tool": "pen", "points": [[0, y], [256, y]]} for y in range(0, 256, 4)]
    assert 2 <= len(shares(short)) < len(shares(long)) == FRAMES
    assert shares(long)[-1] == 1.0 == shares(short)[-1]


def test_a_replay_that_starts_off_the_paper(answers):
    strokes = [{"tool": "pen", "points": [[-12, -12], [-12, 200]]}, *CROSS]
    assert Tools(answers).replay(asked(strokes=strokes))["frames"] > 2


def test_the_state_s_json_is_plain():
    assert json.loads(json.dumps(STATE)) == STATE
