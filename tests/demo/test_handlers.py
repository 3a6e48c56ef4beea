import base64
import io

import numpy as np
import pytest
from fakes import LABELS, FakeTranslator
from PIL import Image

from demo.handlers import Endpoints, check_servable, facts, model_facts
from demo.pictures import open_data_url
from demo.words import words_of


def as_file(image: Image.Image) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream


def decoded(url: str) -> np.ndarray:
    head, body = url.split(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB"), dtype=float)


@pytest.fixture
def ask(answers, sketch):
    """/sample as a function; the sketch is the fixture's unless given."""
    endpoints = Endpoints(answers)
    return lambda **options: endpoints.sample(**({"sketch": as_file(sketch), "model": "edges2cats"} | options))


# --- /sample ---------------------------------------------------------------------------------------------------------

def test_sample_gives_what_the_contract_says(ask, fake, sketch):
    result = ask(n=3, seed=5)
    assert set(result) == {"images", "seeds", "model", "weights", "ms"}
    assert result["seeds"] == [5, 6, 7]
    assert (result["model"], result["weights"]) == ("edges2cats", "0123abcd")
    assert result["ms"] >= 0
    expected = fake.sample(sketch, n=3, seed=5)
    for url, photo in zip(result["images"], expected, strict=True):
        assert np.abs(decoded(url) - np.asarray(photo, dtype=float)).mean() < 6  # JPEG is lossy


def test_same_sketch_and_seed_give_equal_text_and_others_do_not(ask, sketch):
    first = ask()["images"]
    assert ask()["images"] == first and len(set(first)) == 4
    assert not set(ask(seed=4)["images"]) & set(first)
    assert ask(seed=1)["images"][:3] == first[1:]  # picture i belongs to seed + i
    assert not set(ask(sketch=as_file(sketch.rotate(90)))["images"]) & set(first)


def test_sample_takes_a_path(ask, sketch, tmp_path):
    sketch.save(tmp_path / "cat.png")
    assert ask(sketch=str(tmp_path / "cat.png"))["images"] == ask()["images"]


def test_styles_take_the_place_of_seeds(ask, fake, answers):
    styles = Endpoints(answers).styles("edges2cats", [3, 9])["styles"]
    result = ask(styles=styles)
    assert result["seeds"] == []
    assert result["images"] == [ask(n=1, seed=3)["images"][0], ask(n=1, seed=9)["images"][0]]


@pytest.mark.parametrize(
    "styles",
    ["x", [], [1, 2], [[1], [1, 2]], [[float("nan")] * 8], [[0] * 8] * 17, {"a": 1}, [["1"] * 8], [[True] * 8],
     [[None] * 8], [[10**400] * 8], ["12345678"]],
)  # fmt: skip
def test_what_are_no_styles(ask, fake, styles):
    with pytest.raises(ValueError, match="styles are a list of 1 to 16 vectors"):
        ask(styles=styles)
    assert not fake.calls


@pytest.mark.parametrize("n", [0, 17, -1, 2.5, "4", True, float("nan"), float("inf")])
def test_bad_number_of_pictures(ask, fake, n):
    with pytest.raises(ValueError, match="number of pictures must be .*from 1 to 16"):
        ask(n=n)
    assert not fake.calls


@pytest.mark.parametrize("seed", [-1, 0.5, "0", False, 10**9, float("nan")])
def test_bad_seed(ask, fake, seed):
    with pytest.raises(ValueError, match="seed must be .*from 0 to 999999999"):
        ask(seed=seed)
    assert not fake.calls


def test_the_last_seed_is_a_seed_too(ask, fake, answers):
    assert ask(n=2, seed=999999998)["seeds"] == [999999998, 999999999]
    styles = Endpoints(answers).styles("edges2cats", [3])["styles"]
    assert ask(n=4, seed=999999999, styles=styles)["seeds"] == []  # where seed and n have no say
    calls = len(fake.calls)
    with pytest.raises(ValueError, match="last seed must be from 0 to 999999999, not 1000000000"):
        ask(n=2, seed=999999999)
    assert len(fake.calls) == calls


def test_nothing_is_the_default(ask, answers):
    nothing = ask(model=None, n=None, seed=None, styles=None, direction=None, domain=None)
    assert nothing == ask(n=4, seed=0) | {"ms": nothing["ms"]} and nothing["model"] == "edges2cats"
    photo = Image.new("RGB", (120, 100), (40, 90, 160))
    photo.paste((240, 220, 190), (30, 30, 80, 80))
    endpoints = Endpoints(answers)
    assert endpoints.edges(as_file(photo), None)["drawing"] == endpoints.edges(as_file(photo), "crop")["drawing"]
    assert endpoints.styles(None, [3]) == endpoints.styles("edges2cats", [3])


@pytest.mark.parametrize("fit", ["x" * 10_000, ["crop"], 3])
def test_an_unknown_fit_is_told_in_short(answers, fit):
    with pytest.raises(ValueError, match="^The fit must be one of crop, pad, stretch, not ") as told:
        Endpoints(answers).edges(None, fit)
    assert len(str(told.value)) < 200


def test_whole_floats_are_whole_numbers(ask):
    assert ask(n=2.0, seed=3.0)["seeds"] == [3, 4]


def test_unknown_model_names_the_others(answers_of, sketch):
    answers = answers_of(FakeTranslator("a"), FakeTranslator("b"))
    with pytest.raises(ValueError, match="no model 'c' here. Choose one of: a, b"):
        Endpoints(answers).sample(as_file(sketch), "c")


def test_no_sketch_and_an_empty_one(ask):
    with pytest.raises(ValueError, match="There is no sketch"):
        ask(sketch=None)
    with pytest.raises(ValueError, match="empty drawing"):
        ask(sketch=as_file(Image.new("L", (64, 64), 255)))


# --- /edges, /styles -------------------------------------------------------------------------------------------------

def test_edges_of_a_photo(answers):
    photo = Image.new("RGB", (120, 100), (40, 90, 160))
    photo.paste((240, 220, 190), (30, 30, 80, 80))
    result = Endpoints(answers).edges(as_file(photo))
    assert set(result) == {"soft", "drawing", "strokes", "ms"}
    soft, drawing = (np.asarray(open_data_url(result[name])) for name in ("soft", "drawing"))
    assert soft.shape == drawing.shape == (256, 256)
    assert set(np.unique(drawing)) == {0, 255} and soft[drawing == 0].mean() > soft[drawing == 255].mean() + 50
    assert all(stroke["tool"] == "pen" for stroke in result["strokes"]) and result["strokes"]
    with pytest.raises(ValueError, match="fit must be one of"):
        Endpoints(answers).edges(as_file(photo), "zoom")


def test_styles_of_seeds_and_of_a_photo(answers, fake):
    endpoints = Endpoints(answers)
    result = endpoints.styles("edges2cats", [0, 5])
    assert (result["seeds"], result["model"], result["weights"]) == ([0, 5], "edges2cats", "0123abcd")
    assert np.array_equal(np.float32(result["styles"]), fake.styles([0, 5]))
    photo = Image.new("RGB", (40, 40), (255, 0, 128))
    of_photo = endpoints.styles("edges2cats", photo=as_file(photo))
    assert (of_photo["seeds"], len(of_photo["styles"])) == ([], 1)
    assert np.array_equal(np.float32(of_photo["styles"][0]), fake.style_of(photo))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either seeds"),
        ({"seeds": [1], "photo": 1}, "either seeds"),
        ({"seeds": "12"}, "list of 1 to 16"),
        ({"seeds": list(range(17))}, "list of 1 to 16"),
        ({"seeds": [-1]}, "seed must be from 0"),
        ({"seeds": [0], "model": "dogs"}, "Choose one of"),
    ],
)
def test_mistakes_about_styles(answers, options, words):
    with pytest.raises(ValueError, match=words):
        Endpoints(answers).styles(**({"model": "edges2cats"} | options))


# --- what the page says about a model --------------------------------------------------------------------------------

def test_facts_name_model_weights_licence_and_note(fake):
    text = facts("edges2cats", fake)
    for part in ("edges2cats", "0123abcd", "CC BY-NC 4.0", "Heads only."):
        assert part in text


@pytest.mark.parametrize("config", [{}, {"data": {}}, {"data": None}, {"data": "photos"}])
def test_facts_without_licence_and_note(config):
    assert facts("a", FakeTranslator("a", config)) == "<p><b>a</b> · weights <code>0123abcd</code></p>"


def test_facts_name_the_data_with_its_licence():
    config = {"data": {"name": "AFHQ cats", "licence": "CC BY-NC 4.0"}}
    assert "data: AFHQ cats, CC BY-NC 4.0" in facts("a", FakeTranslator("a", config))


def test_facts_escape_what_a_foreign_config_says():
    config = {"data": {"licence": "<script>x</script>"}, "note": "<img src=x onerror=y>"}
    text = facts("<b>", FakeTranslator("<b>", config))
    assert "<script" not in text and "<img" not in text
    assert "&lt;b&gt;" in text


def test_what_the_page_s_script_knows_of_a_model(fake):
    known = model_facts("edges2cats", fake)
    assert (known["mode"], known["palette"], known["styles"]) == ("edges", None, True)
    facades = model_facts("facades", FakeTranslator("facades", kind="labels", has_styles=False))
    assert (facades["mode"], facades["styles"]) == ("labels", False)
    assert facades["palette"][1] == {"name": "wall", "color": "#c83c00"}


@pytest.mark.parametrize(
    "given, words, ink",
    [
        ({"kind": "labels", "palette": LABELS}, "paint", None),
        ({"kind": "hole"}, "without its middle", None),
        ({"kind": "gray"}, "without its colours", None),
        ({"kind": "photo", "grey": True}, "without its colours", None),
        ({"kind": "photo", "hole": [255, 255, 255]}, "paint a hole over what shall go, in white", "#ffffff"),
        ({"kind": "photo", "hole": [10, 200, 30]}, "in the colour #0ac81e", "#0ac81e"),
        ({"kind": "photo"}, "draw on it if you like: the model answers", None),
    ],
)
def test_words_say_what_a_maker_s_own_model_takes(given, words, ink):
    own = FakeTranslator("own", {"input": given}, kind=given["kind"])
    assert words in words_of("own", own)["invitation"] and "draw something" not in words_of("own", own)["hint"]
    assert model_facts("own", own)["ink"] == ink


def test_words_say_what_answers():
    own = FakeTranslator("own", kind="photo")
    own.sides = lambda direction=None: ({"kind": "photo"}, {"kind": "labels"})
    assert words_of("own", own)["title"] == "Give a photo, and label maps answer"


def test_models_that_the_page_cannot_serve():
    check_servable(FakeTranslator("a"))
    check_servable(FakeTranslator("zebras", kind="photo"))
    with pytest.raises(ValueError, match="depths takes depth as input, and the page makes edges, labels, photo"):
        check_servable(FakeTranslator("depths", kind="depth"))
