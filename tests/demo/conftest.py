"""What the page's tests share: a stand-in translator, free ports, the served page and a headless Chromium."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
for folder in (HERE, ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

os.environ["GRADIO_RUN_HISTORY"] = "False"  # read when gradio is imported: events are not copied into the browser

from fakes import FakeTranslator  # noqa: E402
from page_user import HEAD, Page  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402
from studies import contestant  # noqa: E402

from demo.answers import Answers  # noqa: E402
from demo.batching import Worker  # noqa: E402
from demo.local_page import free_port, local_page  # noqa: E402
from demo.real_or_fake import Study  # noqa: E402
from demo.study_store import Store  # noqa: E402


@pytest.fixture
def fake() -> FakeTranslator:
    return FakeTranslator()


@pytest.fixture
def sketch() -> Image.Image:
    """A line on white paper, mode L, 256 pixels."""
    image = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(image).line([(20, 20), (200, 220)], fill=0, width=3)
    return image


@pytest.fixture
def answers_of():
    """A function: translators in, the page's `Answers` with a worker of their own out."""
    workers = []

    def made(*translators, places: int = 64) -> Answers:
        workers.append(Worker(places))
        return Answers({translator.name: translator for translator in translators}, workers[-1])

    yield made
    for worker in workers:
        worker.close()


@pytest.fixture
def answers(answers_of, fake) -> Answers:
    return answers_of(fake)


@pytest.fixture(scope="session", name="free_port")
def _free_port():
    """A function that names a port nobody listens on."""
    return free_port


@pytest.fixture(scope="session")
def page_url(tiny_model_folder):
    """The real page, `python demo/app.py --model <a tiny model>`, in a process of its own."""
    with local_page("--model", str(tiny_model_folder), "--device", "cpu") as page:
        yield page.url


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium. Its absence is a failure: whoever has none deselects with -m "not browser"."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists():
        pytest.fail(
            f"there is no Chromium at {path}. Install it (apt-get install chromium), name one in the environment "
            'variable CHROMIUM, or leave the browser tests out on purpose with -m "not browser".'
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served():
    """Address of a page with three stand-in models: edges, another edges with first seeds of its own, labels without
    styles."""
    from demo import app  # gradio, which only the tests of the whole page need

    named = {"first_seeds": [7, 2, 30, 4], "next_seeds": [9, 20, 8, 25, 10], "passed_over": [1, 3, 28]}
    translators = {
        "edges2cats": FakeTranslator(),
        "other": FakeTranslator("other", named, "89abcdef"),
        "facades": FakeTranslator("facades", {}, "76543210", kind="labels", has_styles=False),
    }
    answers = Answers(translators, Worker())
    page = app.build_page(answers)
    yield page.launch(prevent_thread_lock=True, quiet=True, **app.serving_options(answers))[1]
    page.close()


@pytest.fixture
def open_page(chromium, served):
    """A function that opens the page; when the test ends, the console must be free of errors."""
    pages = []

    def opened(fragment: str = "", **context) -> Page:
        pages.append(Page(chromium, served, fragment, **context))
        return pages[-1]

    yield opened
    problems = [problem for page in pages for problem in page.problems]
    for page in pages:
        page.context.close()
    assert not problems


@pytest.fixture
def drawn(open_page):
    """The page with a head on the paper, answered."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.draw(HEAD)
    page.pictures()
    return page


@pytest.fixture
def store(tmp_path) -> Store:
    """Votes of a study."""
    return Store(tmp_path / "votes.sqlite")


@pytest.fixture
def study(store) -> Study:
    """Of one model, with two trials of practice and four that count."""
    return Study([contestant()], store, practice=2, trials=4)
