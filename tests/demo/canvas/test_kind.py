"""Photo or drawing? Told by the browser from what a picture looks like: real photos, real drawings, pencil on paper."""

import base64
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from i2i.model_folder import ASSETS

pytestmark = pytest.mark.browser
SCRIPT = (Path(__file__).resolve().parents[3] / "demo" / "canvas_kind.js").read_text(encoding="utf-8")
PAGE = (
    "<script>const bounded = (value, least, most) => Math.min(most, Math.max(least, value));\n"
    f"{SCRIPT}\nconst kind = (url) => fetch(url).then((it) => it.blob()).then(createImageBitmap).then(looksDrawn);\n"
    "</script>"
)


@pytest.fixture(scope="module")
def drawn(chromium):
    """A function: picture -> whether the page takes it for a drawing."""
    tab = chromium.new_page()
    tab.set_content(PAGE)

    def ask(picture: Image.Image | np.ndarray, kind: str = "PNG", **how) -> bool:
        stream = io.BytesIO()
        (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(stream, kind, **how)
        url = f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
        return tab.evaluate("url => kind(url)", url)

    yield ask
    tab.close()


def cat(width: int = 3) -> np.ndarray:
    """A cat's head in black lines on white, (700, 700)."""
    paper = np.full((700, 700), 255, np.uint8)
    cv2.circle(paper, (350, 390), 220, 0, width)
    for side in (-1, 1):
        ear = np.array([[350 + side * 200, 300], [350 + side * 190, 90], [350 + side * 70, 190]])
        cv2.polylines(paper, [ear], False, 0, width)
        cv2.ellipse(paper, (350 + side * 85, 350), (40, 26), 0, 0, 360, 0, width)
        cv2.line(paper, (350 + side * 60, 470), (350 + side * 260, 440), 0, width)
    cv2.polylines(paper, [np.array([[320, 440], [380, 440], [350, 475], [320, 440]])], False, 0, width)
    return paper


def photographed(drawing: np.ndarray, seed: int) -> np.ndarray:
    """A drawing in pencil, photographed in light from one side, with a soft shadow and the camera's noise; RGB."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : drawing.shape[0] * 1j, -1 : 1 : drawing.shape[1] * 1j]
    angle = random.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    light = (1 - 0.2 * along) * (1 - random.uniform(0.1, 0.3) / (1 + np.exp(-8 * (along - 0.2))))
    ink = (1 - drawing / 255.0) * random.uniform(0.35, 0.7)
    paper = random.uniform(150, 210) * light[..., None] * np.array([1, 0.97, 0.9]) * (1 - ink)[..., None]
    noisy = cv2.GaussianBlur(paper, (0, 0), 0.9) + random.normal(0, 4, paper.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_pencil_on_paper_in_uneven_light_is_a_drawing(drawn, seed):
    assert drawn(photographed(cat(), seed), "JPEG", quality=80)


@pytest.mark.parametrize("width", [1, 3, 8, 20])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_lines_of_any_width_on_clean_paper_are_a_drawing(drawn, width, kind):
    assert drawn(cat(width), kind)
    assert drawn(255 - cat(width), kind)  # chalk


def test_filled_areas_are_drawn_as_well(drawn):
    filled = cat()
    cv2.floodFill(filled, None, (350, 560), 90)
    assert drawn(filled) and drawn(filled, "JPEG")


def test_a_thing_of_many_shades_on_a_plain_ground_is_a_photo(drawn):
    """As photos of products are: most of the picture is white, and hardly any of it has a colour."""
    bag = np.full((512, 512), 255, np.uint8)
    texture = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, (200, 280)), (0, 0), 2) * 4
    bag[200:400, 116:396] = np.clip(70 + texture + np.linspace(0, 80, 280), 0, 255)
    cv2.ellipse(bag, (256, 200), (80, 90), 0, 180, 360, 60, 8)
    assert not drawn(bag, "JPEG", quality=90)


PHOTOS = sorted(p for kind in ("coats", "orange2grey") for p in (ASSETS / "models" / kind / "examples").glob("*/*"))


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_photos_are_photos(drawn, path):
    photo = Image.open(path).convert("RGB")
    assert not drawn(photo) and not drawn(photo.convert("L"))


@pytest.mark.parametrize("name", ["camera", "astronaut", "chelsea", "coffee", "coins", "grass", "gravel", "rocket"])
def test_other_photos_are_photos(drawn, name):
    assert not drawn(getattr(data, name)())
