"""The page as a server: its routes, its endpoints as docs/api.md shows them, and what it does not hand out."""

import base64
import concurrent.futures
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest
from fakes import FakeTranslator, code_of, coded
from PIL import Image, ImageDraw

from demo import app
from demo.answers import Answers
from demo.batching import Worker
from demo.routes import MAX_BODY

ROOT = Path(__file__).parent.parent.parent
CROSS = [{"tool": "pen", "points": [[20, 20], [200, 220]]}, {"tool": "pen", "points": [[200, 20], [20, 220]]}]


@pytest.fixture(scope="module")
def served():
    """(address, answers) of a page with two fake models of drawings and two of photos."""
    translators = {"edges2cats": FakeTranslator(), "other": FakeTranslator("other", {}, "89abcdef")}
    translators["orange2grey"] = FakeTranslator("orange2grey", {}, kind="photo", has_styles=False)
    translators["orange2grey"].directions = {"AtoB": "orange to grey", "BtoA": "grey to orange"}
    translators["coats"] = FakeTranslator("coats", {}, kind="photo")
    translators["coats"].domains = ("grey", "orange")
    answers = Answers(translators, Worker())
    page = app.build_page(answers)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **app.serving_options(answers))
    yield url, answers
    page.close()


@pytest.fixture(scope="module")
def client(served):
    from gradio_client import Client

    return Client(served[0], verbose=False)


@pytest.fixture(scope="module")
def cat(tmp_path_factory):
    image = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(image).ellipse((60, 20, 240, 180), outline="black", width=4)
    path = tmp_path_factory.mktemp("cats") / "cat.png"
    image.save(path)
    return path


def asked(**more) -> dict:
    tiles = [{"seed": k} for k in range(4)]
    return {"session": "s", "drawing": 1, "model": "edges2cats", "strokes": CROSS, "tiles": tiles} | more


def last(response: httpx.Response) -> dict:
    return json.loads(response.text.strip().splitlines()[-1])


# --- the page's own routes -------------------------------------------------------------------------------------------


def test_an_answer_is_one_post(served):
    url, answers = served
    response = httpx.post(url + "i2i/answer", json=asked())
    assert response.headers["content-type"] == "application/x-ndjson"
    answer = last(response)
    assert answer["state"] == "pictures"
    assert answer["tiles"] == answers.answer_now(asked())["tiles"]


def test_tools_are_posts_too(served):
    response = httpx.post(served[0] + "i2i/save", json=asked())
    assert base64.b64decode(response.json()["png"]).startswith(b"\x89PNG")
    response = httpx.post(served[0] + "i2i/save", json=asked(strokes=[]))
    assert response.status_code == 400 and "Draw something" in response.json()["message"]


@pytest.mark.parametrize("path", ["answer", "save", "style", "replay", "clip", "matrix", "examples"])
def test_what_is_no_request(served, path):
    url, as_json = served[0] + f"i2i/{path}", {"Content-Type": "application/json"}
    assert "not JSON" in httpx.post(url, content=b"{", headers=as_json).json()["message"]
    assert "unknown form" in httpx.post(url, content=b"[1]", headers=as_json).text
    assert httpx.get(url).status_code == 405
    # What another web site's script can send without asking first is refused.
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        simple = httpx.post(url, content=json.dumps(asked()).encode(), headers={"Content-Type": kind})
        assert simple.status_code == 400 and "must say Content-Type: application/json" in simple.json()["message"]
    large = httpx.post(url, content=b'"' + b"x" * MAX_BODY + b'"', headers=as_json)
    assert large.status_code == 413 and "larger than 6 MB" in large.json()["message"]


@pytest.mark.parametrize("path", ["gradio_api/call/styles", "gradio_api/queue/join", "gradio_api/cancel"])
def test_gradios_routes_take_no_more(served, path):
    body = b'{"data": [' + b" " * (MAX_BODY + 1) + b"]}"

    def chunks():
        yield from (body[k : k + 65536] for k in range(0, len(body), 65536))

    for content in (body, chunks()):  # with its length in the head, and without
        response = httpx.post(served[0] + path, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 413 and "larger than 6 MB" in response.json()["error"]


@pytest.mark.parametrize("path", ["answer", "save", "read", "style"])
def test_nested_nonsense_is_answered_in_words(served, path):
    deep: list = []
    for _ in range(500):
        deep = [deep]
    for name in ("id", "drawing", "model", "session", "tiles", "strokes", "photo", "palette", "kind", "turn"):
        body = json.dumps(asked(id="x", kind="labels", data_url="data:,") | {name: deep})
        response = httpx.post(served[0] + f"i2i/{path}", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code in (200, 400) and len(response.content) < 100_000
        last(response)


def test_what_arrived_is_echoed_in_short(served):
    for wrong in ([], ["AtoB"], {"a": 1}):  # of which no model has one
        answer = httpx.post(served[0] + "i2i/save", json=asked(model="orange2grey", direction=wrong))
        assert answer.status_code == 400 and "orange2grey translates AtoB or BtoA, not" in answer.text
    for wrong in ({"model": "x" * 1_000_000}, {"tiles": [{"seed": 10**300}]}, {"direction": "y" * 100_000}):
        for path in ("answer", "save"):
            assert len(httpx.post(served[0] + f"i2i/{path}", json=asked(**wrong)).content) < 20_000


def test_no_picture_reaches_another_person(served):
    """Twelve people at once: every answer shows the drawing of whoever asked."""
    url, _ = served

    def person(k: int) -> set[int]:
        mine = asked(session=f"p{k}", strokes=coded(1000 + k))
        answer = last(httpx.post(url + "i2i/answer", json=mine, timeout=30))
        return {code_of(Image.open(io.BytesIO(base64.b64decode(t["image"].split(",")[1])))) for t in answer["tiles"]}

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert list(pool.map(person, range(12))) == [{1000 + k} for k in range(12)]


# --- endpoints -------------------------------------------------------------------------------------------------------


def test_three_public_endpoints(client):
    told = client.view_api(return_format="dict")
    assert set(told["named_endpoints"]) == {"/sample", "/edges", "/styles"}
    assert not told["unnamed_endpoints"]


def test_sample_endpoint(client, cat):
    from gradio_client import handle_file

    result = client.predict(sketch=handle_file(cat), model="edges2cats", n=4, seed=0, api_name="/sample")
    assert set(result) == {"images", "seeds", "model", "weights", "ms"}
    assert (result["seeds"], result["model"], result["weights"]) == ([0, 1, 2, 3], "edges2cats", "0123abcd")
    assert len(set(result["images"])) == 4
    body = result["images"][0].removeprefix("data:image/jpeg;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(body))).size == (300, 200)  # the fake's pictures are as large as x
    short = client.predict(sketch=handle_file(cat), api_name="/sample")  # the other arguments have defaults
    assert short["images"] == result["images"]
    other = client.predict(sketch=handle_file(cat), model="other", n=2, seed=1, api_name="/sample")
    assert (other["weights"], other["seeds"]) == ("89abcdef", [1, 2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "dogs"}, "Choose one of: edges2cats, other"),
        ({"n": 40}, "from 1 to 16"),
        ({"n": "three"}, "number of pictures must be a whole number from 1 to 16, not 'three'"),
        ({"n": 1.7}, "whole number from 1 to 16, not 1.7"),
        ({"seed": -1}, "from 0 to"),
        ({"direction": "AtoB"}, "edges2cats translates one way only"),
        ({"domain": "orange"}, "edges2cats knows no domains"),
    ],
)
def test_sample_endpoint_says_what_is_wrong(client, cat, options, words):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=words):
        client.predict(sketch=handle_file(cat), **options, api_name="/sample")


def events(url: str, endpoint: str, data: list) -> str:
    """What Gradio's events say at the end of a call."""
    started = httpx.post(f"{url}gradio_api/call/{endpoint}", json={"data": data})
    return httpx.get(f"{url}gradio_api/call/{endpoint}/{started.json()['event_id']}", timeout=30).text


def uploaded(url: str, path: Path) -> dict:
    with path.open("rb") as file:
        (place,) = httpx.post(url + "gradio_api/upload", files={"files": (path.name, file)}).json()
    return {"path": place, "meta": {"_type": "gradio.FileData"}}


def test_values_that_are_none_are_told_in_words(served, cat, capfd):
    url = served[0]
    file, nothing = uploaded(url, cat), [None] * 6
    assert "event: complete" in events(url, "sample", [file, *nothing])
    Path(file["path"]).unlink()  # as after a quarter of an hour
    assert "uploads are deleted after 15 minutes. Upload it again" in events(url, "sample", [file, *nothing])
    few = events(url, "sample", [file])
    assert "/sample takes 7 values (sketch, model, n, seed, styles, direction, domain), and 1 came" in few
    assert "takes 2 values (photo, fit), and 3 came" in events(url, "edges", [file, "crop", 1])
    for wrong in (3, [1, 2], "data:image/png;base64,", {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}):
        told = events(url, "sample", [wrong, *nothing])
        assert "cannot be read: a file is given as the path that its upload got" in told
    assert "Traceback" not in capfd.readouterr().err


# --- docs/api.md: every example runs ---------------------------------------------------------------------------------

DOCS = (ROOT / "docs" / "api.md").read_text(encoding="utf-8") if (ROOT / "docs" / "api.md").exists() else ""


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def here(text: str, url: str) -> str:
    assert "http://127.0.0.1:7860" in text
    return text.replace("http://127.0.0.1:7860", url.rstrip("/"))


@pytest.fixture
def desk(tmp_path, cat):
    """A folder with the files that the examples name."""
    shutil.copy(cat, tmp_path / "cat.png")
    Image.open(cat).convert("RGB").save(tmp_path / "photo.jpg")
    return tmp_path


@pytest.mark.parametrize("k", range(len(examples("python"))))
def test_python_examples(served, desk, k):
    code = here(examples("python")[k], served[0])
    ended = subprocess.run([sys.executable, "-c", code], cwd=desk, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()


@pytest.mark.skipif(not shutil.which("node"), reason="the JavaScript examples need node")
@pytest.mark.parametrize("k", range(len(examples("js"))))
def test_javascript_examples(served, desk, k):
    (desk / "example.mjs").write_text(here(examples("js")[k], served[0]))
    ended = subprocess.run(["node", "example.mjs"], cwd=desk, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()


@pytest.mark.skipif(not shutil.which("curl"), reason="the curl examples need curl")
@pytest.mark.parametrize("k", range(len(examples("sh"))))
def test_curl_examples(served, desk, k):
    script = "set -eu\n" + here(examples("sh")[k], served[0])
    ended = subprocess.run(["bash", "-c", script], cwd=desk, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "event: complete" in ended.stdout and "event: error" not in ended.stdout


def test_the_documentation_has_every_endpoint_in_every_language():
    for language in ("python", "js", "sh"):
        text = "".join(examples(language))
        assert all(name in text for name in ("sample", "edges", "styles")), language


# --- what is not handed out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", str(ROOT / "pyproject.toml"), str(ROOT / "demo" / "app.py"), "demo/app.py", "../../etc/passwd",
        str(ROOT / "assets" / "models" / "edges2cats" / "config.json"), "/proc/self/environ", "//etc/passwd",
    ],
)  # fmt: skip
def test_no_path_of_the_server_is_reachable(served, path):
    url = served[0]
    for head in ("gradio_api/file=", "file=", "gradio_api/file%3D", "i2i/", "static/", ""):
        route = head + (path if head else path.lstrip("/"))
        with socket.create_connection(("127.0.0.1", int(url.rstrip("/").rsplit(":", 1)[1])), timeout=10) as raw:
            raw.sendall(f"GET /{route} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert b"200 OK" not in answer.split(b"\r\n")[0], route
        assert b"root:" not in answer and b"[project]" not in answer, route


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "docs" / "page.png"), "../cat.png"])
def test_an_endpoint_reads_no_file_that_was_not_uploaded(served, path):
    url = served[0] + "gradio_api/call/sample"
    data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, "edges2cats", 1, 0, None]
    started = httpx.post(url, json={"data": data})
    if started.status_code == 200:
        with urllib.request.urlopen(f"{url}/{started.json()['event_id']}", timeout=30) as stream:
            text = stream.read().decode()
        assert "event: error" in text and "complete" not in text
    else:
        assert started.status_code in (400, 403, 422, 500)


def test_uploads_are_limited_and_cleaned(served):
    from gradio_client.exceptions import AppError  # noqa: F401

    url, _ = served
    with open("/dev/zero", "rb") as zeros:
        files = {"files": ("cat.png", zeros.read(11_000_000))}
    assert httpx.post(url + "gradio_api/upload", files=files, timeout=60).status_code == 413
    many = [("files", (f"{k}.png", b"0" * 3_000_000)) for k in range(4)]
    assert httpx.post(url + "gradio_api/upload", files=many, timeout=60).status_code == 413
    assert httpx.post(url + "gradio_api/upload", files=many[:1], timeout=60).status_code == 200
    assert app.build_page(served[1]).delete_cache == (app.SWEEP, app.LIFETIME)


def test_the_page_tells_nobody_about_others(served):
    """No monitoring, no history of runs, no list of uploads."""
    url, _ = served
    for path in ("monitoring", "monitoring/summary", "gradio_api/runs", "i2i", "i2i/"):
        try:
            with urllib.request.urlopen(url + path, timeout=10) as answer:
                assert b"edges2cats" not in answer.read() or path == "gradio_api/runs", path
        except urllib.error.HTTPError as refusal:
            assert refusal.code in (401, 403, 404, 405), path
