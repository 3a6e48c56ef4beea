"""What the page's tests share: a stand-in translator, free ports, the served page and a headless Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
for folder in (HERE, ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from fakes import FakeTranslator  # noqa: E402


@pytest.fixture
def fake() -> FakeTranslator:
    return FakeTranslator()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def free_port():
    """A function that names a port nobody listens on."""
    return _free_port


@pytest.fixture(scope="session")
def page_url(tiny_model_folder, tmp_path_factory):
    """The real page, `python demo/app.py --model <a tiny model>`, in a process of its own."""
    port = _free_port()
    log = tmp_path_factory.mktemp("page") / "log.txt"
    command = [sys.executable, str(ROOT / "demo" / "app.py"), "--model", str(tiny_model_folder)]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--device", "cpu"], stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(240):
            if process.poll() is not None:
                pytest.fail(f"demo/app.py ended with code {process.returncode}:\n{log.read_text()}")
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.25)
        else:
            pytest.fail(f"demo/app.py did not answer on {url} within a minute:\n{log.read_text()}")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


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
