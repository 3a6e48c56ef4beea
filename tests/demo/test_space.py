"""The folder of a Space: what is in it, and how it reaches the Hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from photo_models import make_starganv2

sys.path.append(str(Path(__file__).parents[1]))

from stub_hub import TOKEN, stub_hub, use_stub  # noqa: E402

from demo import space  # noqa: E402
from demo.space_folder import SpaceError, build, choose, imported  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(tiny_model_folder, tmp_path) -> Path:
    """A model folder with an example and with something that must stay at home."""
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_model_folder, folder)
    (folder / "examples").mkdir()
    (folder / "examples" / "samples.jpg").write_bytes(b"a picture")
    (folder / "private.txt").write_text("secret")
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with stub_hub() as running:
        use_stub(monkeypatch, running, tmp_path / "cache")
        yield running


def front(out: Path) -> dict:
    return yaml.safe_load((out / "README.md").read_text().split("---\n")[1])


def change(folder: Path, **values) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


# Building


def test_the_readme_says_what_the_models_take(model, tmp_path):
    photos = make_starganv2(tmp_path / "coats")
    build(tmp_path / "a", [str(model)])
    assert "Draw a few lines" in (tmp_path / "a" / "README.md").read_text()
    build(tmp_path / "b", [str(photos)])
    text = (tmp_path / "b" / "README.md").read_text()
    assert "Put a photo on the paper" in text and "Draw" not in text and "draw on it" in text
    assert front(tmp_path / "b")["title"] == "Give a photo, and others answer"
    build(tmp_path / "c", [str(model), str(photos)], title="Mine")
    assert "Draw, paint or give a photo" in (tmp_path / "c" / "README.md").read_text()
    assert front(tmp_path / "c")["title"] == "Mine" and len(front(tmp_path / "c")["short_description"]) <= 60


def test_the_folder_holds_page_library_models_and_nothing_else(model, tmp_path):
    out = tmp_path / "new" / "space"
    files = {path.as_posix() for path in build(out, [str(model)])}
    assert files >= {"app.py", "README.md", "requirements.txt", "LICENSE", "demo/app.py", "demo/page.css"}
    assert files >= {"i2i/translator.py", "assets/sketches/01-tabby-face.json", "assets/models/edges/config.json"}
    mine = {name for name in files if name.startswith("assets/models/tiny/")}
    names = ("README.md", "config.json", "examples/samples.jpg", "model.safetensors")
    assert mine == {f"assets/models/tiny/{name}" for name in names}
    assert not any("__pycache__" in name or name.startswith(("tests", "train")) for name in files)
    assert 'MODELS = ["tiny"]' in (out / "app.py").read_text()
    assert not [p for p in out.parent.iterdir() if p != out]  # nothing of the making is left


def test_links_out_of_a_models_folder_are_left_behind(model, tmp_path):
    (tmp_path / "key").write_text("secret")
    for place in ("examples/key.png", "README.md"):
        (model / place).unlink(missing_ok=True)
        (model / place).symlink_to(tmp_path / "key")
    build(tmp_path / "space", [str(model)])
    there = tmp_path / "space" / "assets" / "models" / "tiny"
    assert sorted(path.name for path in (there / "examples").iterdir()) == ["samples.jpg"]
    assert not any(path.read_bytes() == b"secret" for path in (tmp_path / "space").rglob("*") if path.is_file())


def test_the_readme_configures_the_space(model, tmp_path):
    change(model, data={"name": "drawn squares", "licence": "CC0 1.0"})
    build(tmp_path / "space", [str(model)], title="Squares")
    settings = front(tmp_path / "space")
    assert settings["title"] == "Squares" and settings["sdk"] == "gradio" and settings["app_file"] == "app.py"
    assert settings["sdk_version"] == metadata.version("gradio")
    assert settings["python_version"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert settings["suggested_hardware"] == "cpu-basic" and len(settings["short_description"]) <= 60
    assert settings["license"] == "other"  # of the drawings' detector and of the model: not the same
    text = (tmp_path / "space" / "README.md").read_text()
    assert "| [`tiny`](assets/models/tiny/README.md) | drawn squares | CC0 1.0 |" in text
    assert "non-commercial research and education" in text


def test_requirements_are_pinned_to_what_is_installed_and_complete(model, tmp_path):
    build(tmp_path / "space", [str(model)])
    pins = dict(line.split("==") for line in lines(tmp_path / "space" / "requirements.txt"))
    assert pins["gradio"] == front(tmp_path / "space")["sdk_version"]
    assert set(pins) >= {"gradio", "numpy", "torch", "pillow", "safetensors", "scipy", "opencv-python-headless"}
    assert not set(pins) & {"spaces", "huggingface_hub", "accelerate", "pytest"}
    assert all(metadata.version(name).partition("+")[0] == version for name, version in pins.items())
    first = lines(tmp_path / "space" / "pre-requirements.txt")
    assert first == ["--index-url https://download.pytorch.org/whl/cpu", f"torch=={pins['torch']}"]


def test_zero_gpu_brings_its_own_torch(model, tmp_path):
    build(tmp_path / "space", [str(model)], hardware="zero")
    wanted = lines(tmp_path / "space" / "requirements.txt")
    assert "torch" in wanted and not (tmp_path / "space" / "pre-requirements.txt").exists()
    settings = front(tmp_path / "space")
    assert settings["python_version"] == "3.12" and settings["suggested_hardware"] == "zero-a10g"
    app = (tmp_path / "space" / "app.py").read_text()
    assert app.index("import zero_gpu") < app.index("from demo.app")


def test_imports_are_followed_through_the_code_that_is_sent(tmp_path):
    for name, text in {
        "app.py": "import os\nfrom demo.page import show\n",
        "demo/page.py": "import gradio as gr\nfrom i2i import parts\n",
        "i2i/__init__.py": "",
        "i2i/parts/__init__.py": "def f():\n    import cv2.dnn\n    from i2i.parts.deep import g\n",
        "i2i/parts/deep.py": "from PIL import Image\n",
        "i2i/unused.py": "import pandas\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert imported(tmp_path) == {"gradio", "cv2", "PIL"}


def test_what_is_told_after_building_makes_the_same_space(model, tmp_path, capsys):
    out = tmp_path / "my space"
    assert space.main(["build", str(out), "--model", str(model), "--title", "Squares"]) == 0
    told = capsys.readouterr().out
    assert f"publish USER/NAME --model {model} --title Squares\n" in told
    assert f"cd '{out}' && pip install -r pre-requirements.txt && pip install -r requirements.txt && python" in told
    assert "`pip install -r pre-requirements.txt && " in (out / "README.md").read_text()
    assert space.main(["build", str(tmp_path / "zero"), "--model", str(model), "--hardware", "zero"]) == 0
    told = capsys.readouterr().out
    assert "--hardware zero" in told and "pre-requirements" not in told


def test_building_again_replaces_what_was_built_and_keeps_git(model, tmp_path):
    out = tmp_path / "space"
    (out / ".git").mkdir(parents=True)
    (out / ".git" / "HEAD").write_text("ref")
    build(out, [str(model)])
    (out / "demo" / "old.py").write_text("gone soon")
    change(model, name="other")
    build(out, [str(model)])
    assert (out / ".git" / "HEAD").read_text() == "ref" and not (out / "demo" / "old.py").exists()
    assert sorted(p.name for p in (out / "assets" / "models").iterdir()) == ["edges", "other"]


def test_a_folder_with_other_things_is_not_touched(model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "app.py").write_text("print('my own')\n")
    with pytest.raises(SpaceError, match="mine holds other things .*choose a new folder"):
        build(tmp_path / "mine", [str(model)])
    assert (tmp_path / "mine" / "app.py").read_text() == "print('my own')\n"
    with pytest.raises(SpaceError, match="is a file"):
        build(tmp_path / "mine" / "app.py", [str(model)])


def test_models_get_names_of_their_own(model, tmp_path):
    other = tmp_path / "other" / "tiny"
    shutil.copytree(model, other)
    change(other, name="edges")
    names = [one.name for one in choose([str(model), str(other)])]
    assert names[0] == "tiny" and names[1].startswith("edges-") and len(names[1]) == len("edges-") + 8
    change(other, name="../../evil name")
    assert choose([str(other)])[0].name == "evil-name"
    with pytest.raises(SpaceError, match="is there twice"):
        choose([str(model), str(model), str(model)])


def test_models_that_no_page_can_show_are_refused(model, tmp_path):
    with pytest.raises(SpaceError, match="edges is no model that a page can show: its kind is 'detector'"):
        choose(["edges"])
    with pytest.raises(ValueError, match="no model 'dragons'"):
        choose(["dragons"])
    whole = json.loads((model / "config.json").read_text())
    for wrong, words in (
        ({"input": {"kind": "depth"}}, "depth"), ({"net": whole["net"] | {"x": 1}}, "does not describe"),
    ):  # fmt: skip
        change(model, **wrong)
        with pytest.raises(ValueError, match=words):  # as the page would, once it is there
            build(tmp_path / "space", [str(model)])
        change(model, **whole)
    (model / "model.safetensors").write_bytes(b"")
    with pytest.raises(SpaceError, match="missing or damaged"):
        build(tmp_path / "space", [str(model)])
    assert not (tmp_path / "space").exists()


def test_by_default_every_bundled_model_goes_along():
    assert [one.name for one in choose(None)][0] == "edges2cats"


# Publishing


def test_a_space_is_created_and_sent_in_one_commit(hub, model, capsys):
    assert space.main(["publish", "someone/page", "--model", str(model), "--private"]) == 0
    assert f"published: {hub.url}/spaces/someone/page" in capsys.readouterr().out
    made = hub.made[0]
    assert made["type"] == "space" and made["sdk"] == "gradio" and "hardware" not in made
    assert made.get("visibility") == "private" or made.get("private") is True  # by version of the client
    files = hub.repos["space", "someone/page"]
    assert {"app.py", "README.md", "requirements.txt", "assets/models/tiny/model.safetensors"} <= set(files)
    assert len(hub.messages) == 1


def test_what_an_earlier_version_left_is_deleted(hub, model):
    hub.repos["space", "someone/page"] = {"old.py": b"x", ".gitattributes": b"y", "app.py": b"z"}
    assert space.main(["publish", "someone/page", "--model", str(model), "--hardware", "zero"]) == 0
    files = hub.repos["space", "someone/page"]
    assert "old.py" not in files and files[".gitattributes"] == b"y" and b"MODELS" in files["app.py"]
    assert hub.made[0]["hardware"] == "zero-a10g"


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_without_a_token_it_lists_what_it_would_send(hub, model, monkeypatch, capsys, words):
    if not words:
        monkeypatch.delenv("HF_TOKEN")
    assert space.main(["publish", "someone/page", "--model", str(model), *words]) == 0
    out = capsys.readouterr().out
    assert "assets/models/tiny/model.safetensors" in out and "nothing was sent" in out and "someone/page" in out
    assert ("hf auth login" in out) == (not words)
    assert hub.asked == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["publish", "page"], "give OWNER/NAME"),
        (["publish", "someone/page", "--model", "dragons"], "no model 'dragons'"),
        (["build", "somewhere", "--model", "edges"], "no model that a page can show"),
    ],
)
def test_mistakes_are_one_line(hub, tmp_path, monkeypatch, capsys, words, complaint):
    monkeypatch.chdir(tmp_path)
    assert space.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("demo/space.py: ") and said.count("\n") == 1 and complaint in said
    assert hub.repos == {} and list(tmp_path.iterdir()) == []


def test_a_refused_token_is_told(hub, model, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "b" * 34)
    assert space.main(["publish", "someone/page", "--model", str(model)]) == 2
    assert "cannot publish someone/page: " in capsys.readouterr().err


def test_the_command_takes_hub_and_token_from_the_environment(hub, model, tmp_path):
    """As a person runs it: a process of its own, HF_ENDPOINT and HF_TOKEN."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "demo" / "space.py"), "publish", "someone/page", "--model", str(model)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN,
             "no_proxy": "127.0.0.1", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr
    assert f"{hub.url}/spaces/someone/page" in ended.stdout and ("space", "someone/page") in hub.repos
