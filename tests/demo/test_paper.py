import numpy as np
import pytest
from fakes import LABELS, FakeTranslator
from photo_models import data_url, photo
from PIL import Image

from demo import paper as P
from demo.strokes import paint_over

LINE = {"tool": "pen", "points": [[20, 128], [236, 128]], "width": 12, "color": "#ff0000"}
WIPE = {"tool": "eraser", "points": [[128, 100], [128, 150]], "width": 40}


def read(strokes=(), kind="photo", **more) -> P.Paper:
    return P.read_paper(FakeTranslator("m", {}, kind=kind), {"strokes": list(strokes), **more})


def test_ink_lies_on_the_photo_and_the_eraser_leaves_the_photo():
    ground = photo(width=256, height=256)
    inked = np.asarray(paint_over(ground, [LINE]))
    assert (inked[128, 40] == (255, 0, 0)).all()
    assert (inked[60] == np.asarray(ground)[60]).all()
    wiped = np.asarray(paint_over(ground, [LINE, WIPE]))
    assert (wiped[128, 128] == np.asarray(ground)[128, 128]).all() and (wiped[128, 40] == (255, 0, 0)).all()
    assert paint_over(ground, []) is ground
    small = np.asarray(paint_over(ground.resize((64, 64)), [{**LINE, "color": "#0000ff"}]))
    assert (small[32, 10] == (0, 0, 255)).all()


def test_ink_without_a_colour_is_black_and_its_edge_is_soft():
    line = {"tool": "line", "points": [[9, 9], [200, 120]]}
    inked = np.asarray(paint_over(Image.new("RGB", (256, 256), (200, 200, 200)), [line]))
    levels = set(np.unique(inked))
    assert 200 in levels and min(levels) < 40 and len(levels) > 4


def test_a_photo_becomes_the_square_that_the_model_takes():
    paper = read([LINE], photo=data_url(photo(width=90, height=60)))
    picture = paper.picture()
    assert (paper.mode, picture.size, picture.mode) == ("photo", (256, 256), "RGB")
    assert paper.shown(64).size == (64, 64)
    grown = paper.partial(0.5).picture()
    assert np.asarray(grown)[128, 60, 0] > 240 and (np.asarray(grown)[128, 200] != (255, 0, 0)).any()
    larger = FakeTranslator("m", {}, kind="gray")
    larger.image_size = 512
    assert P.read_paper(larger, {"strokes": [], "photo": data_url(photo())}).picture().size == (512, 512)


def test_papers_without_anything_on_them():
    assert read([LINE]).picture() is None and read().missing == P.NO_PHOTO
    assert read(kind="edges").picture() is None and read(kind="edges").missing == P.EMPTY
    assert read(kind="labels").picture() is None
    wipe = {"tool": "eraser", "points": [[90, 100], [130, 100]], "width": 40}
    wiped = [{"tool": "pen", "points": [[100, 100], [120, 100]]}, wipe]
    assert read(wiped, kind="edges").picture() is None


def test_drawings_and_label_maps_are_painted_as_ever():
    assert read([{"tool": "line", "points": [[9, 9], [200, 120]]}], kind="edges").picture().mode == "L"
    wall = "#" + bytes(LABELS["colours"][1]).hex()
    box = [{"tool": "rect", "points": [[0, 0], [99, 99]], "filled": True, "color": wall}]
    assert read(box, kind="labels").picture().getpixel((50, 50)) == tuple(LABELS["colours"][1])


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("photo", {"photo": data_url(photo(width=1030, height=20))}, "1030 × 20 pixels; at most 1024"),
        ("photo", {"photo": "http://example.org/cat.png"}, "did not arrive as a PNG, JPEG or WebP"),
        ("photo", {"photo": "data:image/png;base64,AAAA"}, "could not be read"),
        ("photo", {"photo": 7}, "did not arrive"),
        ("photo", {"photo": data_url(photo()), "strokes": [{**LINE, "color": "red"}]}, "expected '#rrggbb'"),
        ("photo", {"photo": data_url(photo()), "strokes": [{"tool": "fill", "points": [[1, 1]]}]}, "a fill belongs"),
        ("edges", {"photo": data_url(photo())}, "takes drawings: a photo cannot lie under them"),
        ("photo", {"direction": "AtoB"}, "translates one way only"),
        ("depth", {}, "takes depth as input, and the page makes edges, labels, photo"),
    ],
)  # fmt: skip
def test_what_cannot_be_on_the_paper(kind, more, words):
    with pytest.raises(ValueError, match=words):
        read(kind=kind, **{"strokes": [], **more})


def test_a_bomb_is_refused_before_it_is_decoded():
    bomb = data_url(Image.new("1", (20_000, 20_000)))
    with pytest.raises(ValueError, match="20000 × 20000 pixels; at most 1024|could not be read"):
        read(photo=bomb)


def test_a_direction_that_a_model_does_not_have():
    both = FakeTranslator("cats", {}, kind="photo")
    both.directions = {"AtoB": "red to grey", "BtoA": "grey to red"}
    assert P.check_direction(both, "BtoA") == "BtoA" and P.check_direction(both, "") is None
    with pytest.raises(ValueError, match="cats translates AtoB or BtoA, not 'up'"):
        P.check_direction(both, "up")
