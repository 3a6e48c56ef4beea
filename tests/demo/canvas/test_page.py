"""The drawing surface and the page around it: drawings that are told, pictures that are read."""

import base64
import io

import numpy as np
import pytest
from canvas_page import CIRCLE, Paper, opened
from PIL import Image, ImageDraw
from test_strokes import EVERYTHING

from demo import strokes as S

pytestmark = pytest.mark.browser


# --- while the pen moves --------------------------------------------------------------------------------------


def test_the_page_hears_of_the_stroke_before_it_ends(paper):
    paper.down(CIRCLE[:12])
    paper.page.wait_for_function("window.heard.length > 0")
    assert not paper.heard()[0]["final"] and paper.heard()[0]["strokes"][0]["tool"] == "pen"
    for point in CIRCLE[12:]:
        paper.page.mouse.move(*paper.place(*point), steps=3)
    paper.page.mouse.up()
    drawings = paper.heard()
    assert drawings[-1]["final"] and drawings[-1]["strokes"] == paper.strokes()
    assert [drawing["final"] for drawing in drawings].count(True) == 1
    ids = [drawing["id"] for drawing in drawings]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert all(S.check(drawing["strokes"]) == drawing["strokes"] for drawing in drawings)


def test_a_slow_page_slows_the_preview_and_never_the_pen(paper):
    paper.page.evaluate("window.held = true")
    # Nor is an answer ever taken for lost, however slow the machine of this test is.
    patient = "window.setTimeout = (f, ms, ...rest) => (ms >= 8000 ? 0 : window.real(f, ms, ...rest))"
    paper.page.evaluate(f"() => {{ window.real = window.setTimeout; {patient}; }}")
    paper.down(CIRCLE)
    paper.page.wait_for_timeout(250)
    assert [drawing["final"] for drawing in paper.heard()] == [False]  # one preview is out, and no second
    paper.page.mouse.up()
    for k in range(3):
        paper.draw((0.2, 0.2 + 0.1 * k), (0.5, 0.25 + 0.1 * k), (0.8, 0.2 + 0.1 * k))
    drawings = paper.heard()
    assert [drawing["final"] for drawing in drawings] == [False, True, True, True, True]  # finished: at once
    assert drawings[-1]["strokes"] == paper.strokes() and len(paper.strokes()) == 4
    paper.down([(0.1, 0.8), (0.5, 0.9)])
    paper.page.evaluate("window.answer(window.heard.at(-2).id)")  # an old answer frees nothing
    paper.page.mouse.move(*paper.place(0.6, 0.9))
    paper.page.wait_for_timeout(250)
    assert len(paper.heard()) == 5
    paper.page.evaluate("window.answer(window.heard.at(-1).id)")
    paper.page.wait_for_function("window.heard.length === 6")
    assert not paper.heard()[-1]["final"] and len(paper.heard()[-1]["strokes"]) == 5
    paper.page.mouse.up()
    paper.page.evaluate("() => { window.setTimeout = window.real; }")


def test_without_live_only_finished_strokes_are_told(paper):
    paper.page.get_by_role("button", name="at rest").click()
    paper.page.wait_for_timeout(500)
    paper.draw(*CIRCLE)
    assert [drawing["final"] for drawing in paper.heard()] == [True]
    paper.page.get_by_role("button", name="live", exact=True).click()
    paper.page.wait_for_timeout(500)
    paper.down(CIRCLE)
    paper.page.wait_for_function("!window.heard.at(-1).final")
    paper.page.mouse.up()


def test_what_the_network_sees(paper):
    paper.set([{"tool": "line", "points": [[20, 128], [236, 128]], "width": 8}])
    plain, own = paper.screen(), paper.image()
    assert paper.last()["sees"] is False
    paper.press("sees")
    assert paper.last()["sees"] is True  # the page is asked for it
    thin = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(thin).line((20, 128, 236, 128), fill=0)
    stream = io.BytesIO()
    thin.save(stream, "PNG")
    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    script = "url => window.dispatchEvent(new CustomEvent('network-sees', { detail: { id: 1, url } }))"
    paper.page.evaluate(script, url)
    paper.page.wait_for_timeout(300)
    seen = paper.screen()[..., 0].astype(int)
    assert seen[257, 256] < 20  # one pixel of 256 in black …
    assert 150 < seen[262, 256] < 250  # … over one's own wide line, pale
    assert paper.image().tobytes() == own.tobytes()
    paper.press("sees")
    paper.page.wait_for_timeout(100)
    assert (paper.screen() == plain).all()


# --- from elsewhere -------------------------------------------------------------------------------------------


def photograph() -> bytes:
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)).resize((1600, 1200)).save(stream, "JPEG")
    return stream.getvalue()


def drawn() -> bytes:
    picture = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(picture).ellipse((60, 20, 240, 180), outline="black", width=3)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def give(paper: Paper, how: str, data: bytes, name: str, kind: str) -> None:
    """Paste or drop a file, as the browser would report it."""
    paper.page.evaluate(
        """([how, text, name, kind]) => {
          const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0)), given = new DataTransfer();
          given.items.add(new File([bytes], name, { type: kind }));
          const options = { bubbles: true, cancelable: true };
          document.body.dispatchEvent(how === 'paste'
            ? new ClipboardEvent('paste', { ...options, clipboardData: given })
            : new DragEvent('drop', { ...options, dataTransfer: given }));
        }""",
        [how, base64.b64encode(data).decode(), name, kind],
    )


def test_a_photo_becomes_a_drawing_like_ones_own(paper):
    paper.draw((0.1, 0.1), (0.9, 0.4))
    own = paper.strokes()
    with paper.page.expect_file_chooser() as chooser:
        paper.press("photo")
    chooser.value.set_files({"name": "cat.jpg", "mimeType": "image/jpeg", "buffer": photograph()})
    paper.page.wait_for_function("document.querySelector('.pad').drawing.get().length === 2")
    (asked,) = paper.server.imports
    assert asked["kind"] == "photo" and asked["data_url"].startswith("data:image/jpeg;base64,")
    assert opened(asked["data_url"]).size == (1024, 768)
    assert paper.strokes() == EVERYTHING[:2]
    assert paper.last()["strokes"] == EVERYTHING[:2]  # and it is answered
    assert paper.note() == ""
    paper.press("undo")
    assert paper.strokes() == own


def test_pasted_and_dropped_pictures_are_told_apart(paper):
    give(paper, "paste", photograph(), "cat.jpg", "image/jpeg")
    paper.says("Read as a photo")
    assert paper.server.imports[-1]["kind"] == "photo" and paper.strokes() == EVERYTHING[:2]
    paper.page.get_by_role("button", name="It is a sketch").click()
    paper.says("no ink on the sketch")
    assert paper.server.imports[-1]["kind"] == "sketch"
    paper.draw((0.1, 0.1), (0.9, 0.4))
    assert paper.note() == ""  # gone when it has been read
    give(paper, "drop", drawn(), "drawing.png", "image/png")
    paper.says("no ink on the sketch")
    assert len(paper.server.imports) == 3 and paper.server.imports[-1]["kind"] == "sketch"
    assert paper.server.imports[-1]["data_url"].startswith("data:image/png")
    assert "alarm" in paper.page.get_attribute(".pad .note", "class")


def test_files_that_are_no_pictures_are_refused_in_words(paper):
    give(paper, "drop", b"hello", "letter.txt", "text/plain")
    paper.says("letter.txt is not a picture")
    give(paper, "drop", b"hello", "broken.png", "image/png")
    paper.says("broken.png could not be read")
    assert paper.server.imports == []


def test_the_page_can_take_a_file_for_itself(paper):
    mine = "async (file, from) => { window.took = from; return true; }"
    paper.page.evaluate(f"() => {{ document.querySelector('.pad').drawing.onfile = {mine}; }}")
    give(paper, "drop", drawn(), "saved.png", "image/png")
    paper.page.wait_for_function("window.took === 'drop'")
    paper.page.evaluate("document.querySelector('.pad').drawing.onfile = null")
    assert paper.server.imports == [] and paper.note() == ""


def test_a_label_map_from_a_file_names_unknown_colours(labels):
    with labels.page.expect_file_chooser() as chooser:
        labels.press("label-map")
    chooser.value.set_files({"name": "map.png", "mimeType": "image/png", "buffer": drawn()})
    labels.page.wait_for_function("document.querySelector('.pad').drawing.get().length === 1")
    assert labels.server.imports[-1]["kind"] == "labels" and labels.server.imports[-1]["mode"] == "labels"
    assert opened(labels.server.imports[-1]["data_url"]).size == (300, 200)
    assert labels.note() == "One colour is unknown: #123456."


def test_webcam(chromium, served):
    server, url = served
    paper = Paper(chromium, url, server, permissions=["camera"])
    paper.page.evaluate(
        """() => { navigator.mediaDevices.getUserMedia = async () => {
             const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
             const context = canvas.getContext('2d');
             setInterval(() => { context.fillStyle = '#3a5'; context.fillRect(0, 0, 320, 240); }, 40);
             return window.lent = canvas.captureStream(25); }; }"""
    )
    server.imports.clear()
    paper.press("webcam")
    paper.page.wait_for_function("document.querySelector('.camera video').videoWidth === 320")
    paper.page.get_by_role("button", name="Take the photo").click()
    paper.page.wait_for_function("document.querySelector('.pad').drawing.get().length === 2")
    assert opened(server.imports[0]["data_url"]).size == (320, 240)
    assert paper.page.evaluate("window.lent.getTracks().every(track => track.readyState === 'ended')")
    paper.page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }; }"
    )
    paper.press("webcam")
    assert "There is no camera here" in paper.note()
    assert not paper.problems
    paper.context.close()
