import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeTranslator

from demo import app
from demo.answers import PICTURES
from demo.canvas import load_examples
from demo.examples import examples_for, first_seeds, first_tiles, fitting_examples, keep_examples, showcase
from demo.handlers import model_facts
from demo.tools import Tools

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


# --- bad input -------------------------------------------------------------------------------------------------------

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


# --- which models ----------------------------------------------------------------------------------------------------

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


def test_models_whose_input_the_page_cannot_make(monkeypatch):
    monkeypatch.setattr(app.Translator, "from_pretrained", lambda name, device: FakeTranslator(name, kind="depth"))
    with pytest.raises(ValueError, match="depth2room takes depth as input, and the page makes edges, labels, photo"):
        app.load_translators(["depth2room"], "cpu")


def test_models_in_the_order_asked_and_equal_names_kept_apart(loading):
    translators = app.load_translators(["x/model", "b", "y/model"], "auto")
    assert list(translators) == ["model", "b", "model (00000003)"]


def test_a_visitor_on_the_same_machine_keeps_a_core_for_the_browser(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(app.os, "sched_getaffinity", lambda process: {0, 1, 2, 3}, raising=False)
    assert app.model_threads("127.0.0.1") == app.model_threads("localhost") == 3
    assert app.model_threads("0.0.0.0") is None  # others are served: all cores
    monkeypatch.setattr(app.os, "sched_getaffinity", lambda process: {0}, raising=False)
    assert app.model_threads("::1") == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert app.model_threads("127.0.0.1") is None


# --- where links point to --------------------------------------------------------------------------------------------

def test_links_point_to_the_space_or_to_what_is_given(monkeypatch):
    monkeypatch.delenv("SPACE_HOST", raising=False)
    assert app.page_address(None) == ""  # the page's own address
    assert app.page_address("https://cats.example/") == "https://cats.example/"
    monkeypatch.setenv("SPACE_HOST", "me-cats.hf.space")
    assert app.page_address(None) == "https://me-cats.hf.space/"
    assert app.page_address("https://cats.example/") == "https://cats.example/"


@pytest.mark.parametrize("url", ["cats.example", "https://cats.example/#x", "https://cats example"])
def test_bad_space_url(capsys, url):
    assert "is not an address such as https://user-name.hf.space/" in refused(capsys, f"--space-url={url}")


def test_share_says_when_the_tunnel_is_not_reachable(monkeypatch, capsys, free_port):
    """Gradio goes on without a public link; the page says so, and runs."""
    def no_tunnel(**options):
        raise OSError("no network")

    monkeypatch.setattr("gradio.networking.setup_tunnel", no_tunnel)
    monkeypatch.setattr(app, "load_translators", lambda *_: {"edges2cats": FakeTranslator()})
    monkeypatch.setattr("gradio.Blocks.block_thread", lambda page: page.close())
    port = free_port()
    assert app.main(["--share", "--port", str(port), "--device", "cpu"]) == 0
    error = capsys.readouterr().err
    assert "no public link" in error and f"http://127.0.0.1:{port}" in error


# --- examples --------------------------------------------------------------------------------------------------------

BAD_MODELS = '{"name": "n", "size": 9, "strokes": [], "credit": "", "models": "cats"}'


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


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"name": "n"}', BAD_MODELS, '{"name": "n", "size": 0, "strokes": [], "credit": ""}']
)
def test_a_broken_example_names_its_file(tmp_path, text):
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ValueError, match=r"broken\.json is not an example drawing"):
        load_examples(tmp_path)


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        ([9, 3, 7, 1, 5], [9, 3, 7, 1]),
        (None, [0, 1, 2, 3]),
        ([9, 3], [0, 1, 2, 3]),
        ([9, 9, 3, 7], [0, 1, 2, 3]),
        ([9, 3, 7, -1], [0, 1, 2, 3]),
        ([9, 3, 7, 1.5], [0, 1, 2, 3]),
        ("9371", [0, 1, 2, 3]),
    ],
)
def test_a_model_names_the_seeds_that_are_shown_first(named, shown):
    translator = FakeTranslator("a", {"first_seeds": named} if named is not None else {})
    assert first_seeds(translator) == shown and first_tiles(translator) == [{"seed": seed} for seed in shown]
    assert model_facts("a", translator)["first"] == shown


@pytest.mark.parametrize(
    "named, shown",
    [([5, 8, 2], [5, 8, 2]), ([], []), (None, []), ("58", []), ([5, "8"], []), ([5, 5], []), ([-1], []), ([1e9], [])],
)
def test_a_model_names_the_seeds_that_come_next(named, shown):
    translator = FakeTranslator("a", {"next_seeds": named} if named is not None else {})
    assert model_facts("a", translator)["next"] == shown


@pytest.mark.parametrize("named, passed", [([5, 8], [5, 8]), ([], []), (None, []), ("58", []), ([5, "8", 2.0], [5])])
def test_a_model_names_the_seeds_that_are_passed_over(named, passed):
    translator = FakeTranslator("a", {"passed_over": named} if named is not None else {})
    assert model_facts("a", translator)["passed"] == passed


def test_a_model_gets_the_examples_that_were_drawn_for_it():
    """Somebody's own model, for which nobody drew any, gets all that it can answer; none gets another kind."""
    def example(name: str, *models: str, mode: str = "edges") -> dict:
        return {"id": name, "mode": mode, "models": list(models), "strokes": [{"tool": "pen", "points": [[1, 1]]}]}

    examples = [example("cat", "cats"), example("shoe", "shoes", "boots"), example("line")]
    examples += [example("map", mode="labels")]

    def dealt(model: str) -> list[str]:
        return [e["id"] for e in examples_for(model, FakeTranslator(model), examples)]

    assert dealt("cats") == ["cat"] and dealt("boots") == dealt("shoes") == ["shoe"]
    assert dealt("mine") == ["cat", "shoe", "line"]


def test_bundled_models_show_no_seed_twice():
    for path in (app.ASSETS / "models").glob("*/config.json"):
        config = json.loads(path.read_text())
        named = [seed for key in ("first_seeds", "next_seeds", "passed_over") for seed in config.get(key, [])]
        assert len(set(named)) == len(named), path


def test_every_bundled_model_of_drawings_has_examples_of_its_own():
    examples = load_examples(app.ASSETS / "sketches")
    bundled = {p.parent.name: json.loads(p.read_text()) for p in (app.ASSETS / "models").glob("*/config.json")}
    drawn = {name for name, config in bundled.items() if config["input"]["kind"] in ("edges", "labels")}
    for name in drawn:
        assert sum(name in example["models"] for example in examples) >= 2, name
    assert {model for example in examples for model in example["models"]} == drawn


def test_examples_are_answered_before_anybody_asks(answers_of):
    answers = answers_of(FakeTranslator("a"), FakeTranslator("facades", kind="labels"))
    pairs = fitting_examples(answers)
    assert {model for model, _ in pairs} == {"a"}  # no bundled drawing is in the palette of the fake facades
    keep_examples(answers, pairs)
    calls = len(answers.translators["a"].calls)
    assert calls == len(pairs) >= 4
    shown = showcase(answers, "a", load_examples(app.ASSETS / "sketches"))
    assert len(shown["images"]) == PICTURES and shown["drawing"].startswith("data:image/png")
    assert len(answers.translators["a"].calls) == calls  # from memory
    assert showcase(answers, "facades", load_examples(app.ASSETS / "sketches")) is None


def test_an_example_that_fails_is_only_left_out(answers_of, caplog):
    class Broken(FakeTranslator):
        def sample(self, x, **options):
            raise RuntimeError("out of memory")

    answers = answers_of(Broken())
    keep_examples(answers, fitting_examples(answers)[:1])
    assert "answering the example" in caplog.text
    with pytest.raises(ValueError):
        showcase(answers, "edges2cats", load_examples(app.ASSETS / "sketches"))
    app.build_page(answers).close()  # which comes without


def test_the_page_asks_what_an_example_of_another_model_becomes(answers_of):
    answers = answers_of(FakeTranslator("a"), FakeTranslator("b" * 80), FakeTranslator("facades", kind="labels"))
    tools = Tools(answers)
    for name in ("a", "b" * 80):
        shown = tools.showcase({"session": "s", "model": name})
        assert len(shown["images"]) == PICTURES and shown["strokes"]
        assert tools.showcase({"session": "other", "model": name}) is shown  # made once
    assert tools.showcase({"model": "facades"}) == {}
    with pytest.raises(ValueError, match="'nothing' is not here any more"):
        tools.showcase({"model": "nothing"})


def test_an_example_that_was_not_answered_is_tried_again(answers_of):
    class Late(FakeTranslator):
        def sample(self, x, **options):
            if not self.calls:
                self.calls.append({})
                raise RuntimeError("out of memory")
            return super().sample(x, **options)

    tools = Tools(answers_of(Late()))
    with pytest.raises(ValueError):
        tools.showcase({"model": "edges2cats"})
    assert tools.showcase({"model": "edges2cats"})["images"]
