"""The page's functions with real models that take photos: CycleGAN and StarGAN v2, tiny, with random weights."""

import base64
import io
import json

import numpy as np
import pytest
from photo_models import DOMAINS, data_url, loaded, make_cyclegan, make_starganv2, photo, png_bytes
from PIL import Image

from demo import app
from demo.examples import example_photos, first_tiles, showcase
from demo.handlers import Endpoints, check_servable, model_facts
from demo.metadata import state_of
from demo.permalink import link_fragment, read_fragment
from demo.pictures import as_jpeg_url
from demo.tile_styles import style_text, vector_of
from demo.tools import Tools
from demo.words import words_of
from i2i.images import fit_square

URL = data_url(photo())
INK = [{"tool": "pen", "points": [[20, 128], [236, 128]], "width": 30, "color": "#ff0000"}]


@pytest.fixture(scope="module")
def cats(tmp_path_factory):
    return loaded(make_cyclegan(tmp_path_factory.mktemp("models") / "cats"))


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    return loaded(make_starganv2(tmp_path_factory.mktemp("models") / "discs"))


@pytest.fixture
def both(answers_of, cats, discs):
    return answers_of(cats, discs)


def asked(model: str, tiles: list[dict], **more) -> dict:
    return {"session": "s", "drawing": 7, "model": model, "strokes": [], "photo": URL, "tiles": tiles} | more


def reds(*seeds: int) -> list[dict]:
    return [{"seed": seed, "domain": "red"} for seed in seeds]


def images(answer: dict) -> list[str]:
    assert answer["state"] == "pictures", answer
    return [tile["image"] for tile in answer["tiles"]]


def pixels(picture) -> np.ndarray:
    if isinstance(picture, str):
        picture = Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1])))
    return np.asarray(picture.convert("RGB"), float)


# --- answers ---------------------------------------------------------------------------------------------------------

def test_a_photo_s_translation_and_the_way_back(both, cats):
    answer = both.answer_now(asked("cats", [{"seed": 0}, {"back": True}]))
    assert images(answer) == [as_jpeg_url(picture) for picture in cats.cycle(fit_square(photo(), 256))]
    assert answer["tiles"][1]["back"] is True
    other = both.answer_now(asked("cats", [{"seed": 0}, {"back": True}], direction="BtoA"))
    assert not set(images(other)) & set(images(answer))
    assert both.answer_now(asked("cats", [{"seed": 0}, {"back": True}], direction="BtoA"))["ms"] == 0.0  # remembered
    assert both.answer_now(asked("cats", [{"seed": 0}, {"back": True}]))["tiles"] == answer["tiles"]


def test_drawing_on_the_photo_changes_the_answer(both):
    tiles = [{"seed": 0}, {"back": True}]
    plain, inked = (images(both.answer_now(asked("cats", tiles, strokes=strokes))) for strokes in ([], INK))
    assert plain[0] != inked[0]
    wiped = [*INK, {"tool": "eraser", "points": [[0, 128], [256, 128]], "width": 60}]
    assert images(both.answer_now(asked("cats", tiles, strokes=wiped))) == plain


def test_seeds_in_domains(both, discs):
    answer = both.answer_now(asked("discs", [*reds(0, 1), {"seed": 0, "domain": "blue"}]))
    assert len(set(images(answer))) == 3
    assert answer["tiles"][2]["domain"] == "blue"
    again = both.answer_now(asked("discs", [{"seed": 0, "domain": "blue"}]))
    assert images(again) == images(answer)[2:]
    expected = discs.sample(fit_square(photo(), 256), seeds=[1], domain="red")[0]
    assert images(answer)[1] == as_jpeg_url(expected)


def test_styles_mix_across_domains(both, discs):
    red, blue = reds(3)[0], {"seed": 4, "domain": "blue"}
    mixed = both.answer_now(asked("discs", [{"mix": [red, blue, 0.25]}]))["tiles"][0]
    wanted = 0.75 * vector_of(discs, red) + 0.25 * vector_of(discs, blue)
    assert mixed["style"] == style_text(wanted)
    assert images(both.answer_now(asked("discs", [{"style": mixed["style"]}]))) == [mixed["image"]]


@pytest.mark.parametrize(
    ("model", "tiles", "more", "words"),
    [
        ("discs", [{"seed": 0}], {}, "discs translates to red, green, blue; choose one of them"),
        ("discs", [{"seed": 0, "domain": "pink"}], {}, "not 'pink'"),
        ("discs", [{"seed": 0, "domain": 3}], {}, "A domain is a name"),
        ("discs", reds(0), {"direction": "AtoB"}, "discs translates one way only"),
        ("discs", [{"back": True}], {}, "there is no way back"),
        ("discs", [{"mix": [{"back": True}, {"seed": 0, "domain": "red"}, 0.5]}], {}, "A tile is"),
        ("discs", [{"mix": [{"seed": 0}, *reds(1), 0.5]}], {}, "choose one of them"),
        ("cats", [{"seed": 0, "domain": "red"}], {}, "cats knows no domains"),
        ("cats", [{"style": style_text(np.ones(8))}], {}, "cats has no styles"),
        ("cats", [{"seed": 0}], {"direction": "up"}, "cats translates AtoB or BtoA, not 'up'"),
    ],
)
def test_requests_that_are_refused_in_words(both, model, tiles, more, words):
    answer = both.answer_now(asked(model, tiles, **more))
    assert answer["state"] == "error" and words in answer["message"]


def test_no_photo_no_answer(both):
    assert both.answer_now(asked("cats", [{"seed": 0}], photo=None, strokes=INK))["state"] == "empty"


def test_one_direction_of_label_maps(answers_of, tmp_path):
    houses = loaded(make_cyclegan(tmp_path / "houses", labels=True))
    answers = answers_of(houses)
    facts = model_facts("houses", houses)
    assert [way["mode"] for way in facts["ways"]] == ["labels", "photo"]
    assert facts["ways"][0]["palette"][1]["color"] == "#c83c00"
    wall = [{"tool": "rect", "points": [[0, 0], [99, 99]], "filled": True, "color": "#c83c00"}]
    painted = answers.answer_now(asked("houses", [{"seed": 0}, {"back": True}], photo=None, strokes=wall))
    assert len(set(images(painted))) == 2
    given = answers.answer_now(asked("houses", [{"seed": 0}, {"back": True}], direction="BtoA"))
    assert len(set(images(given))) == 2
    assert "takes drawings" in answers.answer_now(asked("houses", [{"seed": 0}]))["message"]


# --- tools -----------------------------------------------------------------------------------------------------------

def test_everything_saved_holds_the_photo_and_the_direction(both):
    tiles = [{"seed": 0}, {"back": True}]
    saved = base64.b64decode(Tools(both).save(asked("cats", tiles, direction="BtoA", strokes=INK))["png"])
    state = state_of(saved)
    assert (state["photo"], state["direction"], state["tiles"]) == (URL, "BtoA", tiles)
    assert state["strokes"] == INK
    sheet = Image.open(io.BytesIO(saved))
    assert sheet.width > sheet.height > 64
    saved = base64.b64decode(Tools(both).save(asked("discs", [{**reds(2)[0], "locked": True}]))["png"])
    state = state_of(saved)
    assert state["tiles"] == [{"seed": 2, "domain": "red", "locked": True}] and "direction" not in state


def test_the_style_of_a_reference_belongs_to_a_domain(both, discs):
    tools = Tools(both)
    request = {"session": "s", "model": "discs", "photo": URL}
    read = {name: tools.style({**request, "domain": name})["style"] for name in DOMAINS}
    assert len(set(read.values())) == 3
    assert read["green"] == style_text(discs.style_of(photo(), "green"))
    with pytest.raises(ValueError, match="choose one of them, not None"):
        tools.style(request)


def test_a_clip_goes_through_the_styles_and_back(both):
    made = Tools(both).clip(asked("discs", [*reds(0, 1, 0), {"seed": 0, "domain": "blue"}]))
    clip = Image.open(io.BytesIO(base64.b64decode(made["webp"])))
    assert clip.n_frames == made["frames"] == 36 and clip.info["loop"] == 0
    assert clip.height > 256 and clip.width > 2 * 256  # what is on the paper stands beside
    with pytest.raises(ValueError, match="show at least two photos"):
        Tools(both).clip(asked("discs", reds(0, 0)))
    with pytest.raises(ValueError, match="cats has no styles"):
        Tools(both).clip(asked("cats", [{"seed": 0}]))


def test_a_replay_needs_a_drawing(both):
    tiles = [{"seed": 0}, {"back": True}]
    assert Tools(both).replay(asked("cats", tiles, strokes=INK))["frames"] > 1
    with pytest.raises(ValueError, match="Draw on the photo first"):
        Tools(both).replay(asked("cats", tiles))


def test_the_matrix_is_the_library_s(both, discs):
    from i2i.style_pictures import style_matrix

    sources = [{"strokes": [], "photo": data_url(photo(k, 32, 32).resize((256, 256)))} for k in range(3)]
    references = [{"photo": data_url(photo(9 + k, 40, 40)), "domain": name} for k, name in enumerate(("red", "blue"))]
    request = {"session": "s", "model": "discs", "sources": sources, "references": references}
    made = Image.open(io.BytesIO(base64.b64decode(Tools(both).matrix(request)["png"])))
    squares = [photo(k, 32, 32).resize((256, 256)) for k in range(3)]
    wanted = style_matrix(discs, squares, [photo(9 + k, 40, 40) for k in range(2)], ["red", "blue"])
    assert made.size == wanted.size and np.array_equal(pixels(made), pixels(wanted))
    for change, words in [
        ({"sources": []}, "from 1 to 6 sources"),
        ({"references": references * 5}, "from 1 to 8 references"),
        ({"references": [{"photo": URL}]}, "choose one of them"),
        ({"sources": [{"strokes": []}]}, "Choose a photo first"),
    ]:
        with pytest.raises(ValueError, match=words):
            Tools(both).matrix(request | change)


# --- endpoints -------------------------------------------------------------------------------------------------------

def sample(answers, model: str, **more) -> list[str]:
    return Endpoints(answers).sample(io.BytesIO(png_bytes(photo())), model, **more)["images"]


def test_the_endpoint_takes_directions(both):
    there = sample(both, "cats", n=1)
    assert there == sample(both, "cats", n=1, direction="AtoB") == sample(both, "cats", n=1, direction="")
    assert there != sample(both, "cats", n=1, direction="BtoA")
    with pytest.raises(ValueError, match="not 'up'"):
        sample(both, "cats", direction="up")
    with pytest.raises(ValueError, match="cats knows no domains"):
        sample(both, "cats", domain="red")


def test_the_endpoint_takes_domains(both, discs):
    assert sample(both, "discs", n=2, domain="red") != sample(both, "discs", n=2, domain="blue")
    with pytest.raises(ValueError, match="discs translates to red, green, blue"):
        sample(both, "discs")
    with pytest.raises(ValueError, match="one way only"):
        sample(both, "discs", domain="red", direction="AtoB")
    styles = Endpoints(both).styles("discs", seeds=[5], domain="green")["styles"]
    assert sample(both, "discs", styles=styles) == sample(both, "discs", n=1, seed=5, domain="green")
    of_photo = Endpoints(both).styles("discs", photo=io.BytesIO(png_bytes(photo())), domain="green")["styles"]
    assert np.allclose(of_photo[0], discs.style_of(photo(), "green"), atol=1e-5)
    with pytest.raises(ValueError, match="choose one of them, not None"):
        Endpoints(both).styles("discs", seeds=[5])


# --- what the page knows ---------------------------------------------------------------------------------------------

def test_facts_and_words(cats, discs):
    facts = model_facts("cats", cats)
    assert (facts["mode"], facts["side"], facts["styles"], facts["domains"]) == ("photo", 256, False, [])
    assert facts["fixed"] == [{"seed": 0}, {"back": True}]
    assert facts["ways"][1] == {
        "id": "BtoA", "words": "grey cats to red cats", "start": "B", "from": "grey cats", "to": "red cats",
        "mode": "photo", "palette": None,
    }  # fmt: skip
    assert words_of("cats", cats)["title"] == "Red cats to grey cats, and back"
    facts = model_facts("discs", discs)
    assert (facts["mode"], facts["fixed"], facts["domains"], facts["ways"]) == ("photo", None, list(DOMAINS), [])
    assert "choose what it becomes" in words_of("discs", discs)["invitation"]
    assert first_tiles(discs) == reds(0, 1, 2, 3)
    check_servable(cats)


def test_one_way_has_no_way_back(tmp_path, answers_of):
    one = loaded(make_cyclegan(tmp_path / "one", directions=["AtoB"]))
    assert first_tiles(one) == [{"seed": 0}] and words_of("one", one)["title"] == "Red cats to grey cats"
    answers = answers_of(one)
    assert len(images(answers.answer_now(asked("one", [{"seed": 0}])))) == 1
    assert "no way back" in answers.answer_now(asked("one", [{"back": True}]))["message"]


def test_example_photos_of_the_model_folder(both, cats, discs, tmp_path):
    names = [about["id"] for about, _ in example_photos(cats)]
    assert names == ["A/photo-0", "A/photo-1", "B/photo-0", "B/photo-1", "B/photo-2"]
    shelf = Tools(both).examples({"model": "discs"})["photos"]
    assert [one["side"] for one in shelf] == ["red", "red", "green", "green", "blue", "blue"]
    assert pixels(shelf[0]["url"]).shape == (256, 256, 3)
    shown = showcase(both, "cats", [])
    assert (shown["id"], len(shown["images"]), shown["strokes"]) == ("A/photo-0", 2, [])
    assert shown["photo"] == Tools(both).examples({"model": "cats"})["photos"][0]["url"]
    taken = asked("cats", first_tiles(cats), photo=shown["photo"], strokes=[], direction="AtoB")  # as the page asks
    assert both.answer_now(taken)["ms"] == 0.0
    shown = showcase(both, "discs", [])
    assert shown["id"] == "green/photo-0" and len(set(shown["images"])) == 4  # it becomes red
    folder = make_cyclegan(tmp_path / "broken")
    (folder / "examples" / "A" / "photo-0.jpg").write_bytes(b"no picture")
    (folder / "examples" / "samples.jpg").write_bytes(b"of the card, not to start from")
    assert [about["id"] for about, _ in example_photos(loaded(folder))][:2] == ["A/photo-1", "B/photo-0"]


def test_example_photos_come_from_the_model_folder_alone(tmp_path):
    folder, private = make_starganv2(tmp_path / "discs"), tmp_path / "private"
    private.mkdir()
    photo(9).save(private / "diary.png")
    (folder / "examples" / "red" / "photo-0.jpg").unlink()
    (folder / "examples" / "red" / "photo-0.jpg").symlink_to(private / "diary.png")
    config = json.loads((folder / "config.json").read_text())
    config["domains"] = ["red", "../../private", str(private)]
    (folder / "config.json").write_text(json.dumps(config))
    assert [about["id"] for about, _ in example_photos(loaded(folder))] == ["red/photo-1"]


def test_a_model_with_examples_of_one_domain_alone(answers_of, tmp_path):
    folder = make_starganv2(tmp_path / "one")
    for path in (folder / "examples").rglob("*.jpg"):
        if path.parent.name != "red":
            path.unlink()
    assert showcase(answers_of(loaded(folder)), "one", [])["id"] == "red/photo-0"


def test_a_model_without_examples(answers_of, tmp_path):
    folder = make_starganv2(tmp_path / "bare")
    for path in (folder / "examples").rglob("*.jpg"):
        path.unlink()
    bare = loaded(folder)
    assert example_photos(bare) == [] and showcase(answers_of(bare), "bare", []) is None


def test_links_name_the_domain_of_a_seed():
    tiles = [{"seed": 3, "domain": "red", "locked": True}, {"seed": 4, "domain": "pale. grey~@50%!"}, {"seed": 5}]
    strokes = [{"tool": "line", "points": [[9, 9], [20, 12]]}]
    state = {"model": "discs", "weights": "0123abcd", "tiles": tiles, "strokes": strokes}
    fragment = link_fragment(state)
    assert "3@red!." in fragment and read_fragment(fragment) == state


def test_the_page_is_built_for_them(both):
    assert app.build_page(both)
