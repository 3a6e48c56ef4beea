import base64
import io

import numpy as np
import pytest
from fakes import FakeTranslator
from PIL import Image, ImageDraw

from demo import handlers


def sketch(x: int = 20) -> Image.Image:
    image = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(image).line([(x, 20), (200, 220)], fill=0, width=3)
    return image


def data_url(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def drawing(image: Image.Image, number: int = 7) -> dict:
    strokes = [{"tool": "pen", "points": [[20, 20], [200, 220]]}]
    return {"id": number, "image": data_url(image), "strokes": strokes}


def decoded(url: str) -> np.ndarray:
    head, body = url.split(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGB"), dtype=float)


# --- sample -------------------------------------------------------------------------------------------------

def test_sample_gives_what_the_contract_says(fake):
    result = handlers.sample({"edges2cats": fake}, sketch(), "edges2cats", n=3, seed=5)
    assert set(result) == {"images", "seeds", "model", "weights", "ms"}
    assert result["seeds"] == [5, 6, 7]
    assert (result["model"], result["weights"]) == ("edges2cats", "0123abcd")
    assert result["ms"] >= 0
    expected = fake.sample(sketch(), n=3, seed=5)
    assert len(result["images"]) == 3
    for url, photo in zip(result["images"], expected, strict=True):
        assert np.abs(decoded(url) - np.asarray(photo, dtype=float)).mean() < 6  # WebP is lossy


def test_same_drawing_and_seed_give_equal_text_and_others_do_not(fake):
    def ask(image, seed):
        return handlers.sample({"a": fake}, image, "a", seed=seed)["images"]

    first = ask(sketch(), 0)
    assert ask(sketch(), 0) == first
    assert len(set(first)) == 4
    assert not set(ask(sketch(), 4)) & set(first)
    assert not set(ask(sketch(120), 0)) & set(first)
    assert ask(sketch(), 1)[:3] == first[1:]  # picture i belongs to seed + i


def test_sample_takes_a_file(fake, tmp_path):
    sketch().save(tmp_path / "cat.png")
    from_file = handlers.sample({"a": fake}, str(tmp_path / "cat.png"), "a")
    assert from_file["images"] == handlers.sample({"a": fake}, sketch(), "a")["images"]


@pytest.mark.parametrize("n", [0, 17, -1, 2.5, "4", None, True, float("nan"), float("inf")])
def test_bad_number_of_pictures(fake, n):
    with pytest.raises(ValueError, match="number of pictures must be .*from 1 to 16"):
        handlers.sample({"a": fake}, sketch(), "a", n=n)
    assert not fake.calls


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None, False, 10**9, float("nan")])
def test_bad_seed(fake, seed):
    with pytest.raises(ValueError, match="seed must be .*from 0 to 999999999"):
        handlers.sample({"a": fake}, sketch(), "a", seed=seed)
    assert not fake.calls


def test_whole_floats_are_whole_numbers(fake):
    assert handlers.sample({"a": fake}, sketch(), "a", n=2.0, seed=3.0)["seeds"] == [3, 4]


def test_unknown_model_names_the_others(fake):
    with pytest.raises(ValueError, match="no model 'c' here. Choose one of: a, b"):
        handlers.sample({"a": fake, "b": fake}, sketch(), "c")


def test_no_sketch(fake):
    with pytest.raises(ValueError, match="There is no sketch"):
        handlers.sample({"a": fake}, None, "a")


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\nbroken"])
def test_unreadable_file(fake, tmp_path, content):
    path = tmp_path / "cat.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="could not be read as a picture. Send a whole PNG") as caught:
        handlers.sample({"a": fake}, path, "a")
    assert str(tmp_path) not in str(caught.value)  # a folder of the server is nobody's business


def test_truncated_file(fake, tmp_path):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(stream, "PNG")
    (tmp_path / "cat.png").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    with pytest.raises(ValueError, match="could not be read"):
        handlers.sample({"a": fake}, tmp_path / "cat.png", "a")


def test_huge_sketch_is_refused_before_decoding(tmp_path):
    Image.new("1", (5000, 10), 1).save(tmp_path / "wide.png")
    with pytest.raises(ValueError, match="5000 × 10 pixels; at most 4096"):
        handlers.open_sketch(tmp_path / "wide.png")


# --- answer: the page -----------------------------------------------------------------------------------------

def test_answer_is_sample_with_the_drawing_s_number(fake):
    value = handlers.answer({"a": fake}, drawing(sketch()), "a", 8)
    expected = handlers.sample({"a": fake}, sketch(), "a", n=4, seed=8)
    assert value["state"] == "pictures"
    assert value["drawing"] == 7
    assert {key: value[key] for key in expected if key != "ms"} == {k: v for k, v in expected.items() if k != "ms"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"id": 7, "image": None, "strokes": []},
        drawing(Image.new("L", (256, 256), 255)),  # drawn and erased again
    ],
)
def test_an_empty_canvas_does_not_run_the_model(fake, value):
    result = handlers.answer({"a": fake}, value, "a", 0)
    assert result["state"] == "empty"
    assert "draw something" in result["message"].lower()
    assert not fake.calls


def test_a_drawing_that_the_translator_finds_empty_is_empty():
    class Strict(FakeTranslator):
        def sample(self, x, **options):
            raise ValueError("empty drawing: nothing is left after thinning")

    assert handlers.answer({"a": Strict()}, drawing(sketch()), "a", 0)["state"] == "empty"


@pytest.mark.parametrize(
    ("value", "model", "seed", "words"),
    [
        (drawing(sketch()), "b", 0, "no model 'b'"),
        (drawing(sketch()), "a", None, "seed must be a whole number"),
        (drawing(sketch()), "a", -2, "seed must be from 0"),
        ({**drawing(sketch()), "image": "data:image/png;base64,%%%"}, "a", 0, "damaged"),
        ({**drawing(sketch()), "image": "data:image/png;base64,aGVsbG8="}, "a", 0, "could not be read"),
        ({**drawing(sketch()), "image": "https://example.com/cat.png"}, "a", 0, "PNG data URL"),
        ({**drawing(sketch()), "image": None}, "a", 0, "PNG data URL"),
        ("<svg/>", "a", 0, "unknown form"),
    ],
)
def test_mistakes_become_words_on_the_page(fake, value, model, seed, words):
    result = handlers.answer({"a": fake}, value, model, seed)
    assert result["state"] == "error"
    assert words in result["message"]
    assert not fake.calls


def test_a_defect_becomes_words_on_the_page_and_a_trace_in_the_log(caplog):
    class Broken(FakeTranslator):
        def sample(self, x, **options):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    result = handlers.answer({"a": Broken()}, drawing(sketch()), "a", 0)
    assert result["state"] == "error"
    assert "log of the server" in result["message"]
    assert "mat1" not in str(result)
    assert "mat1 and mat2" in caplog.text


# --- seed and facts -------------------------------------------------------------------------------------------

def test_new_samples_shows_no_picture_twice(fake):
    seed, shown = 0, []
    for _ in range(3):
        shown += handlers.sample({"a": fake}, sketch(), "a", seed=seed)["seeds"]
        seed = handlers.next_seed(seed)
    assert len(set(shown)) == 12


@pytest.mark.parametrize("seed", [None, -3, "x", handlers.MAX_SEED, handlers.MAX_SEED + 1])
def test_new_samples_recovers_from_any_seed(seed):
    assert handlers.next_seed(seed) == 0


def test_facts_name_model_weights_licence_and_note(fake):
    text = handlers.facts({"edges2cats": fake}, "edges2cats")
    for part in ("edges2cats", "0123abcd", "CC BY-NC 4.0", "Heads only."):
        assert part in text


@pytest.mark.parametrize("config", [{}, {"data": {}}, {"data": None}, {"data": "photos"}])
def test_facts_without_licence_and_note(config):
    assert handlers.facts({"a": FakeTranslator("a", config)}, "a") == (
        "<p><b>a</b> · weights <code>0123abcd</code></p>"
    )


def test_facts_name_the_data_with_its_licence():
    config = {"data": {"name": "AFHQ cats", "licence": "CC BY-NC 4.0"}}
    assert "data: AFHQ cats, CC BY-NC 4.0" in handlers.facts({"a": FakeTranslator("a", config)}, "a")


def test_facts_escape_what_a_foreign_config_says():
    config = {"data": {"licence": "<script>x</script>"}, "note": "<img src=x onerror=y>"}
    text = handlers.facts({"<b>": FakeTranslator("<b>", config)}, "<b>")
    assert "<script" not in text and "<img" not in text
    assert "&lt;b&gt;" in text
