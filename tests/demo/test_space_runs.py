"""The folder of a Space runs by itself, as on a Space."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from demo.space_folder import build

ROOT = Path(__file__).resolve().parents[2]


def on_a_space(home: Path, port: int) -> dict[str, str]:
    """The environment of a Space. Site-packages come by PYTHONPATH, where .pth files, as those of an editable
    installation, mean nothing; so this checkout is out of reach."""
    paths = dict.fromkeys(sysconfig.get_paths()[name] for name in ("purelib", "platlib"))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(paths),
        "SYSTEM": "spaces",
        "SPACE_ID": "someone/page",
        "SPACE_HOST": "someone-page.hf.space",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "no_proxy": "127.0.0.1",
    }


@contextmanager
def running(command: list[str], out: Path, environment: dict[str, str]):
    """`command` in the folder of a Space; yields the page's address when it answers, and ends it afterwards."""
    log = out.parent / "log.txt"
    with log.open("w") as output:
        page = subprocess.Popen(command, cwd=out, env=environment, stdout=output, stderr=subprocess.STDOUT)
    url, end = f"http://127.0.0.1:{environment['GRADIO_SERVER_PORT']}/", time.monotonic() + 300
    try:
        while True:
            try:
                assert "gradio" in urllib.request.urlopen(url, timeout=5).read().decode()
                break
            except OSError:
                assert page.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.25)
        yield url
    finally:
        page.terminate()
        page.wait(timeout=20)


def asked_for_two(url: str, sketch: Path) -> None:
    """Two seeds of one sketch by way of the page's /sample: two pictures."""
    from gradio_client import Client, handle_file

    client = Client(url, verbose=False, analytics_enabled=False)
    answer = client.predict(sketch=handle_file(sketch), model="tiny", n=2, seed=5, api_name="/sample")
    assert answer["model"] == "tiny" and answer["seeds"] == [5, 6]
    assert len(answer["images"]) == 2 and answer["images"][0] != answer["images"][1]
    for image in answer["images"]:
        head, body = image.split(",")
        assert head == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(body))).size == (64, 64)


@pytest.fixture
def sketch_file(tmp_path, cat_drawing) -> Path:
    Image.fromarray(cat_drawing).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_the_folder_runs_by_itself_as_on_a_space(tiny_model_folder, tmp_path, sketch_file, free_port):
    """With the packages that are installed here, and nothing else of this checkout."""
    out = tmp_path / "space"
    build(out, [str(tiny_model_folder)])
    environment = on_a_space(tmp_path, free_port())
    where = "from importlib.util import find_spec as f; import sys; print(f('i2i').origin, f('demo').origin, *sys.path)"
    found = subprocess.run(
        [sys.executable, "-S", "-c", where], cwd=out, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert found[:2] == [str(out / "i2i" / "__init__.py"), str(out / "demo" / "__init__.py")]
    assert str(ROOT) not in found
    with running([sys.executable, "-S", "app.py"], out, environment) as url:
        asked_for_two(url, sketch_file)


@pytest.mark.slow
@pytest.mark.network
def test_the_folder_runs_in_a_clean_environment(tiny_model_folder, tmp_path, sketch_file, free_port):
    """As a Space installs and starts it: an empty environment, requirements.txt from PyPI, `python app.py`."""
    out, clean = tmp_path / "space", tmp_path / "clean"
    build(out, [str(tiny_model_folder)])
    try:
        subprocess.run([sys.executable, "-m", "venv", clean], check=True)
        python = str(clean / "bin" / "python")
        # What a Space has no idea of must not reach the new environment either.
        own = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV")}
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]
        subprocess.run(pip, cwd=out, env=own, check=True)
        environment = on_a_space(tmp_path, free_port())
        del environment["PYTHONPATH"]
        with running([python, "app.py"], out, environment) as url:
            asked_for_two(url, sketch_file)
    finally:
        shutil.rmtree(clean, ignore_errors=True)  # some gigabytes
