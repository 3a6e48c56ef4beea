"""The README's picture: the page with its first bundled model, a drawn cat and four photos."""

import os
from pathlib import Path

import pytest
from page_user import Page
from PIL import Image

from demo.examples import first_seeds
from demo.local_page import local_page
from i2i.model_folder import bundled_models
from i2i.translator import Translator

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_readme_s_picture(chromium, tmp_path):
    """Written to the file that I2I_SCREENSHOT names, if it names one."""
    target = Path(os.environ.get("I2I_SCREENSHOT") or tmp_path / "page.png")
    with local_page("--model", bundled_models()[0], "--device", "cpu") as served:
        page = Page(chromium, served.url, viewport={"width": 1180, "height": 830})
        page.page.click(".example")
        assert len(set(page.pictures())) == 4
        seeds = " ".join(map(str, first_seeds(Translator.from_pretrained(bundled_models()[0], "cpu", "float32"))))
        page.wait(f'.tiles[data-seeds="{seeds}"]')
        page.lock(2)
        page.page.mouse.move(5, 5)
        page.page.wait_for_timeout(400)
        page.page.screenshot(path=target)
        assert not page.problems
        page.context.close()
    assert Image.open(target).size == (1180, 830)
