"""What one visitor, one sender of a link or one downloaded model can ask of the server."""

from __future__ import annotations

import asyncio
import io
import threading

import pytest
from fakes import FakeTranslator
from PIL import Image

from demo.answers import Answers
from demo.batching import Busy, Worker
from demo.imports import answer_upload
from demo.limits import BodyLimit, Threads, plain_id, short
from demo.pictures import MOST_SCANS, as_png_url, open_picture
from demo.stroke_format import MAX_AREA, MAX_WORK, WIDEST, check
from demo.tiles import below_tiles
from demo.tools import Tools

HUGE = 2_000_000_000


@pytest.mark.parametrize("palette", [[HUGE], [None], [1.5], 5, ["#zz"], ["#ABCDEF"], ["#000000"] * 257, [[0, 0, 0]]])
def test_a_palette_that_is_none_is_refused_before_anything_is_made_of_it(palette):
    asked = {"id": "x", "kind": "labels", "data_url": as_png_url(Image.new("RGB", (8, 8))), "palette": palette}
    answer = answer_upload(lambda job: pytest.fail("it stood in line"), asked)["load"]
    assert answer["error"].startswith("The palette is no list of at most 256 colours")


def test_a_models_words_are_text_on_the_page():
    said = "a ${window.mine=1} {{7*7}} `b`"
    template = below_tiles(f"<p>{said}</p>").html_template
    shown = template[template.index('class="facts"') :]
    assert not set("${`") & set(shown.replace(" ", "")) and "}" not in shown
    assert "a &#36;&#123;window.mine=1&#125; &#123;&#123;7*7&#125;&#125; &#96;b&#96;" in shown


def test_areas_and_wide_strokes_have_limits():
    def zigzag(count: int) -> list:
        return [[k % 256, -60 if k % 2 else 300] for k in range(count)]

    check([{"tool": "pen", "points": zigzag(MAX_AREA), "filled": True}])
    with pytest.raises(ValueError, match=f"Stroke 1 of the drawing: its area has {MAX_AREA + 1} corners; at most"):
        check([{"tool": "pen", "points": zigzag(MAX_AREA + 1), "filled": True}])
    most = int(MAX_WORK / WIDEST)
    for how in ({"width": WIDEST}, {"widths": [WIDEST] * (most + 1)}):
        with pytest.raises(ValueError, match="too many points of wide strokes"):
            check([{"tool": "pen", "points": zigzag(most + 1), **how}])
    check([{"tool": "pen", "points": zigzag(most - 500), "width": WIDEST}, {"tool": "pen", "points": zigzag(20_000)}])


def test_a_jpeg_that_goes_over_its_picture_for_ever_is_refused():
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    assert open_picture(io.BytesIO(data)).size == (64, 64)
    last = data[data.rindex(b"\xff\xda") : -2]
    bomb = data[:-2] + last * MOST_SCANS + data[-2:]
    with pytest.raises(ValueError, match="could not be read as a picture"):
        open_picture(io.BytesIO(bomb))


def test_a_replay_passes_over_frames_that_are_too_faint():
    """The model's eyes may find no ink in what is drawn so far, where the page's do."""
    translator = FakeTranslator()
    sample, asked = translator.sample, []

    def picky(x, **noise):
        asked.append(x)
        if len(asked) < 3:
            raise ValueError("empty drawing: there is no ink on the paper; draw at least one line")
        return sample(x, **noise)

    translator.sample = picky
    lines = [{"tool": "pen", "points": [[20, 20 + 9 * k], [230, 20 + 9 * k]]} for k in range(9)]
    tools = Tools(Answers({"a": translator}, Worker()))
    made = tools.replay({"session": "s", "model": "a", "strokes": lines, "tiles": [{"seed": 1}]})
    assert made["frames"] == len(asked) > 3 and made["webp"]


def test_what_arrived_is_shown_in_short():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    for value in ("x" * 10**6, deep, 10**300, {"a": "y" * 10**6}, b"z" * 10**6):
        assert len(short(value)) < 200
    assert short("three") == "'three'" and short(1.7) == "1.7"


def test_names_of_requests_are_numbers_or_short():
    assert [plain_id(v) for v in (3, 1.5, "a", None, [1], {"a": 1}, 10**400)] == [3, 1.5, "a", None, None, None, None]
    assert plain_id("x" * 1000) == "x" * 64


def test_threads_take_a_short_line_and_who_leaves_makes_room():
    async def scene():
        threads, go = Threads(1, 1), threading.Event()
        first = asyncio.create_task(threads.run(lambda: go.wait(10) and "first"))
        second = asyncio.create_task(threads.run(lambda: "second"))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy):
            await threads.run(lambda: "third")
        second.cancel()
        await asyncio.sleep(0.05)
        third = asyncio.create_task(threads.run(lambda: "third"))
        await asyncio.sleep(0.05)
        go.set()
        assert await first == "first" and await third == "third"
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 / 0)
        assert await threads.run(lambda: "after") == "after"

    asyncio.run(scene())


def test_who_leaves_while_being_served_makes_room_only_when_that_is_done():
    async def scene():
        threads, go = Threads(1, 0), threading.Event()
        first = asyncio.create_task(threads.run(go.wait, 10))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.05)
        with pytest.raises(Busy):  # the thread is at work still
            await threads.run(lambda: "second")
        go.set()
        await asyncio.sleep(0.05)
        assert await threads.run(lambda: "third") == "third"

    asyncio.run(scene())


def test_a_body_that_says_it_is_too_large_is_not_read_at_all():
    sent = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def no_one(*_) -> None:
        pytest.fail("the request was read")

    scope = {"type": "http", "path": "/gradio_api/run/sample", "headers": [(b"content-length", b"101")]}
    asyncio.run(BodyLimit(no_one, most=100, upload=1000)(scope, no_one, send))
    assert [message.get("status") for message in sent] == [413, None]
