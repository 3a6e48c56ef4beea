import base64
import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeTranslator
from PIL import Image, ImageDraw

from demo import app
from demo.canvas import load_examples

ROOT = Path(__file__).parent.parent.parent


def refused(capsys, *argv) -> str:
    """The one line with which the page refuses to start."""
    try:
        code = app.main(list(argv))
    except SystemExit as end:
        code = end.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith("\n")
    return error


# --- bad input ------------------------------------------------------------------------------------------------

def test_missing_model_in_a_process_of_its_own(tmp_path, free_port):
    """From another folder: the script finds its clone by itself."""
    command = [sys.executable, str(ROOT / "demo" / "app.py"), "--model", "nothing", "--port", str(free_port())]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1 and "'nothing'" in ended.stderr


def test_missing_model(capsys, tmp_path, free_port):
    assert "nothing" in refused(capsys, "--model", str(tmp_path / "nothing"), "--port", str(free_port()))


def test_foreign_model_folder(capsys, tmp_path, free_port):
    (tmp_path / "photo.txt").write_text("no model here")
    assert str(tmp_path) in refused(capsys, "--model", str(tmp_path), "--port", str(free_port()))


def test_port_in_use(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        error = refused(capsys, "--port", str(port))
    assert f"127.0.0.1:{port}" in error and "--port" in error


def test_foreign_host(capsys, free_port):
    assert "--host" in refused(capsys, "--host", "no.such.host.invalid", "--port", str(free_port()))


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http"])
def test_bad_port(capsys, port):
    assert "use a number from 1 to 65535" in refused(capsys, f"--port={port}")


def test_unknown_device(capsys):
    error = refused(capsys, "--device", "tpu")
    assert "tpu" in error and "cuda" in error


def test_cuda_that_is_not_there(capsys, monkeypatch, free_port):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "--device cpu" in refused(capsys, "--device", "cuda", "--port", str(free_port()))


def test_no_bundled_model(monkeypatch):
    monkeypatch.setattr(app, "bundled_models", lambda: [])
    with pytest.raises(ValueError, match="--model NAME_OR_FOLDER"):
        app.load_translators(None, "cpu")


# --- which models ---------------------------------------------------------------------------------------------

@pytest.fixture
def loading(monkeypatch):
    """`Translator.from_pretrained` replaced; the list of what was loaded."""
    loaded = []

    class Loader:
        @staticmethod
        def from_pretrained(name, device):
            loaded.append((name, device))
            return FakeTranslator(name.split("/")[-1], weights_id=f"{len(loaded):08x}")

    monkeypatch.setattr(app, "Translator", Loader)
    return loaded


def test_without_a_model_all_bundled_ones_cats_first(loading):
    names = list(app.load_translators(None, "cpu"))
    assert names == app.bundled_models()
    assert names[0] == "edges2cats" and "edges" not in names  # the detector is no translator
    assert loading == [(name, "cpu") for name in names]  # each once


def test_models_in_the_order_asked_and_equal_names_kept_apart(loading):
    translators = app.load_translators(["x/model", "b", "y/model"], "auto")
    assert list(translators) == ["model", "b", "model (00000003)"]


# --- examples -------------------------------------------------------------------------------------------------

def test_bundled_examples_are_drawings_on_the_paper():
    examples = load_examples(app.ASSETS / "sketches")
    assert len(examples) >= 4
    for example in examples:
        assert example["name"] and example["credit"]
        assert len(example["strokes"]) >= 4
        points = [point for stroke in example["strokes"] for point in stroke["points"]]
        assert all(0 <= x <= 256 and 0 <= y <= 256 for x, y in points), example["name"]
        width = max(x for x, _ in points) - min(x for x, _ in points)
        height = max(y for _, y in points) - min(y for _, y in points)
        assert max(width, height) > 190, f"{example['name']} is small on the paper"


def test_examples_are_scaled_to_the_paper(tmp_path):
    drawing = {"name": "n", "size": 512, "credit": "c", "strokes": [{"tool": "pen", "points": [[512, 0], [3, 256]]}]}
    (tmp_path / "a.json").write_text(json.dumps(drawing))
    assert load_examples(tmp_path)[0]["strokes"][0]["points"] == [[256, 0], [1.5, 128]]


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "n"}', '{"name": "n", "size": 0, "strokes": [], "credit": ""}'])
def test_a_broken_example_names_its_file(tmp_path, text):
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ValueError, match=r"broken\.json is not an example drawing"):
        load_examples(tmp_path)


# --- the endpoint ---------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def client():
    from gradio_client import Client

    page = app.build_page({"edges2cats": FakeTranslator(), "other": FakeTranslator("other", {}, "89abcdef")})
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **app.launch_options())
    yield Client(url, verbose=False)
    page.close()


@pytest.fixture
def cat(tmp_path):
    image = Image.new("RGBA", (300, 200))
    ImageDraw.Draw(image).ellipse((60, 20, 240, 180), outline=(0, 0, 0, 255), width=4)
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image.save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_one_public_endpoint(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/sample"}
    assert not client.view_api(return_format="dict")["unnamed_endpoints"]


def test_sample_endpoint(client, cat):
    from gradio_client import handle_file

    result = client.predict(sketch=handle_file(cat), model="edges2cats", n=4, seed=0, api_name="/sample")
    assert set(result) == {"images", "seeds", "model", "weights", "ms"}
    assert (result["seeds"], result["model"], result["weights"]) == ([0, 1, 2, 3], "edges2cats", "0123abcd")
    assert len(set(result["images"])) == 4
    body = result["images"][0].removeprefix("data:image/webp;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(body))).size == (256, 256)
    again = client.predict(sketch=handle_file(cat), model="edges2cats", n=4, seed=0, api_name="/sample")
    assert again["images"] == result["images"]
    short = client.predict(sketch=handle_file(cat), api_name="/sample")  # the other arguments have defaults
    assert short["images"] == result["images"]
    other = client.predict(sketch=handle_file(cat), model="other", n=2, seed=1, api_name="/sample")
    assert (other["weights"], other["seeds"]) == ("89abcdef", [1, 2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "dogs"}, "Choose one of: edges2cats, other"),
        ({"n": 40}, "from 1 to 16"),
        ({"seed": -1}, "from 0 to"),
    ],
)
def test_sample_endpoint_says_what_is_wrong(client, cat, options, words):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=words):
        client.predict(sketch=handle_file(cat), **options, api_name="/sample")
