"""Any sketch in, one-pixel black ink on white paper out."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.morphology import thin

from i2i.edges.normalize import normalize_sketch


def face(size=256, width=1, ink=(0, 0, 0), paper=(255, 255, 255), line=cv2.LINE_AA):
    """A round face with two eyes and a mouth, uint8 (size, size, 3)."""
    image = np.full((size, size, 3), paper, np.uint8)
    s = size / 256
    for x, y, radius in ((128, 128, 90), (95, 110, 18), (160, 110, 18)):
        cv2.circle(image, (round(x * s), round(y * s)), round(radius * s), ink, width, line)
    cv2.line(image, (round(95 * s), round(175 * s)), (round(165 * s), round(170 * s)), ink, width, line)
    return image


REFERENCE = normalize_sketch(face(line=cv2.LINE_8)) == 0


def agrees(drawing, tolerance=2.0):
    """Share of each drawing's ink within `tolerance` pixels of the other's, the lower of the two."""
    ink = drawing == 0
    near = [
        cv2.distanceTransform((~m).astype(np.uint8), cv2.DIST_L2, 5) <= tolerance for m in (ink, REFERENCE)
    ]
    return min((REFERENCE & near[0]).sum() / REFERENCE.sum(), (ink & near[1]).sum() / max(1, ink.sum()))


def check(source, least=0.97, tolerance=2.0):
    drawing = normalize_sketch(source)
    assert drawing.shape == (256, 256) and drawing.dtype == np.uint8 and set(np.unique(drawing)) == {0, 255}
    ink = drawing == 0
    assert np.array_equal(thin(ink), ink)  # one pixel wide
    assert agrees(drawing, tolerance) >= least
    return drawing


def test_a_normal_drawing_comes_back_as_it_is():
    drawing = np.where(REFERENCE, 0, 255).astype(np.uint8)
    for source in (drawing, drawing.astype(np.float32) / 255, Image.fromarray(drawing), drawing[:, :, None]):
        assert np.array_equal(normalize_sketch(source), drawing)
    assert np.array_equal(normalize_sketch(255 - drawing), drawing)
    assert np.array_equal(normalize_sketch(Image.fromarray(drawing).convert("1")), drawing)


@pytest.mark.parametrize(
    "size, width", [(256, 1), (256, 6), (256, 14), (512, 3), (300, 4), (1000, 12), (1700, 2)]
)
def test_any_width_and_size(size, width):
    check(face(size, width))


@pytest.mark.parametrize("size", [64, 100, 200])
def test_small_sketches_are_enlarged(size):
    check(cv2.resize(face(256, 7), (size, size), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize(
    "ink, paper",
    [((255,) * 3, (0,) * 3), ((190,) * 3, (255,) * 3), ((255, 255, 0), (255, 255, 255)),
     ((20, 60, 200), (250, 245, 220)), ((240, 240, 240), (30, 60, 40)), ((0, 0, 0), (128, 128, 128))],
)  # fmt: skip
def test_any_polarity_grey_and_colour(ink, paper):
    check(face(400, 4, ink, paper))


def test_faint_ink_is_ink_where_there_is_nothing_darker():
    check(face(256, 3, ink=(240,) * 3))


def test_grain_of_the_paper_is_not_ink():
    levels = face(256, 3, (195,) * 3, (235,) * 3)[:, :, 0] + np.random.default_rng(0).normal(0, 4, (256, 256))
    drawing = check(np.clip(levels, 0, 255).round().astype(np.uint8))
    away = cv2.distanceTransform((~REFERENCE).astype(np.uint8), cv2.DIST_L2, 5)
    assert away[drawing == 0].max() <= 4


def test_paper_is_what_the_border_looks_like_though_most_of_the_picture_does_not():
    spot = np.full((256, 256), 255, np.uint8)
    cv2.circle(spot, (128, 128), 112, 0, -1)
    y, x = np.nonzero(normalize_sketch(spot) == 0)
    assert (spot == 0).mean() > 0.55 and 100 < np.hypot(y - 128, x - 128).max() < 113  # its outline, from within


def test_paper_is_what_the_picture_looks_like_though_most_of_the_border_does_not():
    page = np.where(REFERENCE, 0, 255).astype(np.uint8)
    page[:13] = page[-13:] = page[:, :13] = 0
    inside = np.s_[20:-20, 20:-20]
    assert np.array_equal(normalize_sketch(page)[inside] == 0, REFERENCE[inside])


def test_black_and_grey_strokes_together():
    image = face(256, 3)
    cv2.line(image, (20, 20), (20, 230), (190, 190, 190), 3, cv2.LINE_AA)
    assert (normalize_sketch(image)[40:220, 18:23] == 0).any(1).all()


def test_alpha_is_flattened_on_white():
    image = face(256, 3)
    rgba = np.dstack(
        [np.zeros_like(image), 255 - image[:, :, 0]]
    )  # black everywhere, only the strokes opaque
    check(rgba)
    check(Image.fromarray(rgba))


def test_mode_la_palette_and_path(tmp_path):
    image = Image.fromarray(face(256, 3))
    check(image.convert("LA"))
    check(image.convert("P"))
    image.save(tmp_path / "sketch.png")
    check(tmp_path / "sketch.png")


def test_jpeg_ripples_are_not_ink():
    buffer = io.BytesIO()
    Image.fromarray(face(400, 4)).save(buffer, "JPEG", quality=40)
    check(Image.open(buffer))


def pencil(size, width, seed=0):
    """A grainy grey drawing on unevenly lit paper with noise."""
    rng = np.random.default_rng(seed)
    strokes = 1 - face(size, width)[:, :, 0] / 255
    grain = cv2.GaussianBlur(rng.random((size, size)), (0, 0), 1.5)
    grain = np.clip(0.6 + 0.15 * (grain - 0.5) / grain.std(), 0.2, 1)
    y, x = np.mgrid[:size, :size] / size
    photo = (150 + 70 * x - 50 * y**2) * (1 - 0.6 * strokes * grain) + rng.normal(0, 4, (size, size))
    return np.clip(photo, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size, width", [(500, 4), (900, 6)])
def test_pencil_photographed_on_uneven_paper(size, width):
    check(pencil(size, width), least=0.95)
    check(255 - pencil(size, width), least=0.95)  # chalk on a board


def uneven(size: int) -> np.ndarray:
    """The light on a photographed sheet, float (size, size)."""
    y, x = np.mgrid[:size, :size] / size
    return 150 + 70 * x - 50 * y**2


@pytest.mark.parametrize("gap", [6, 7, 8, 9])
def test_hatching_that_leaves_less_than_half_of_the_paper_is_a_drawing(gap):
    """Anti-aliased lines, as a canvas paints them: neither paper nor ink is most of the picture."""
    page = np.full((256, 256), 255, np.uint8)
    for at in range(6, 1024, gap * 4):
        cv2.line(page, (at, 0), (at + 40, 1023), 0, 1, cv2.LINE_AA, shift=2)
        cv2.line(page, (0, at), (1023, at + 40), 0, 1, cv2.LINE_AA, shift=2)
    assert 0.1 < (page == 255).mean() < 0.5
    drawing = normalize_sketch(page)
    assert 0.05 < (drawing == 0).mean() < 0.6


def test_a_camera_s_noise_is_not_ink():
    for deviation in (3, 10, 18):
        paper = uneven(300) + np.random.default_rng(0).normal(0, deviation, (300, 300))
        with pytest.raises(ValueError, match="^empty drawing"):
            normalize_sketch(np.clip(paper, 0, 255).astype(np.uint8))


def test_a_line_that_fades_is_followed_below_what_would_be_ink_alone():
    sheet = uneven(400)
    for row in (100, 200, 300):
        sheet[row - 3 : row + 4, 40:361] *= 1 - np.linspace(0.6, 0, 321)
    sheet += np.random.default_rng(0).normal(0, 1, sheet.shape)
    lines = normalize_sketch(np.clip(sheet, 0, 255).astype(np.uint8)) == 0
    for row in (64, 128, 192):
        columns = np.nonzero(lines[row - 4 : row + 5].any(0))[0]
        assert columns.min() < 32 and columns.max() > 200  # a quarter of the strongest ink ends at 189


@pytest.mark.parametrize("shape", [(256, 400), (500, 180)])
def test_non_square_is_padded_with_paper_and_never_stretched(shape):
    side = 120
    image = np.zeros((*shape, 3), np.uint8)  # white on black, so the padding must follow the paper's colour
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    cv2.rectangle(image, (left, top), (left + side, top + side), (255, 255, 255), 2)
    y, x = np.nonzero(normalize_sketch(image) == 0)
    scale = 256 / max(shape)
    assert abs(np.ptp(x) - side * scale) <= 2 and abs(np.ptp(y) - side * scale) <= 2
    assert abs(x.mean() - 127.5) < 2 and abs(y.mean() - 127.5) < 2


def test_hairlines_survive_great_shrinking_unbroken():
    image = np.full((3000, 3000), 255, np.uint8)
    cv2.line(image, (200, 300), (2800, 2500), 0, 1)
    ink = (normalize_sketch(image) == 0).astype(np.uint8)
    assert cv2.connectedComponents(ink, connectivity=8)[0] == 2
    assert ink.any(0).sum() >= 215


@pytest.mark.parametrize("side, size", [(1100, 768), (1100, 1024), (1025, 520)])
def test_a_large_drawing_stays_unbroken_on_a_large_grid(side, size):
    image = np.full((side, side), 255, np.uint8)
    cv2.circle(image, (side // 2, side // 2), round(0.35 * side), 0, 5)
    ink = (normalize_sketch(image, size) == 0).astype(np.uint8)
    assert cv2.connectedComponents(ink, connectivity=8)[0] == 2


@pytest.mark.parametrize("level", [255, 0, 128])
@pytest.mark.parametrize(
    "make", [lambda v: np.full((64, 64), v, np.uint8), lambda v: Image.new("RGB", (90, 40), (v,) * 3)]
)
def test_no_ink_is_an_empty_drawing(level, make):
    with pytest.raises(ValueError, match="^empty drawing"):
        normalize_sketch(make(level))


def test_why_nothing_is_left_is_told():
    with pytest.raises(ValueError, match="^empty drawing: there is no ink on the paper; draw at least one line$"):
        normalize_sketch(Image.new("L", (64, 64), 255))
    white = Image.new("RGBA", (64, 64))
    white.paste((255, 255, 255, 255), (20, 20, 40, 40))
    with pytest.raises(ValueError, match="^empty drawing: .* transparent counts as white"):
        normalize_sketch(white)
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    with pytest.raises(ValueError, match="^empty drawing: no lines stand out from the ground; of a photo"):
        normalize_sketch(cv2.GaussianBlur(noise, (0, 0), 3))


def test_transparent_and_blank_photographed_paper_are_empty():
    with pytest.raises(ValueError, match="^empty drawing"):
        normalize_sketch(Image.new("RGBA", (64, 64)))
    y, x = np.mgrid[:300, :300] / 300
    paper = 150 + 70 * x - 50 * y**2 + np.random.default_rng(0).normal(0, 3, (300, 300))
    with pytest.raises(ValueError, match="^empty drawing"):
        normalize_sketch(paper.astype(np.uint8))


@pytest.mark.parametrize(
    "source, message",
    [(np.full((64, 64), np.nan), "NaN"), (np.zeros((64, 64), np.int32), "int32"), (7, "builtins.int")],
)
def test_wrong_sources_are_named(source, message):
    with pytest.raises(ValueError, match=message):
        normalize_sketch(source)


def test_filled_patches_become_outlines_and_broad_strokes_stay_lines():
    face = np.full((512, 512), 255, np.uint8)
    cv2.circle(face, (256, 256), 200, 0, 6)
    cv2.circle(face, (190, 200), 18, 0, -1)  # a pupil
    cv2.line(face, (190, 200), (190, 330), 0, 6)  # that a thin stroke leaves
    cv2.line(face, (300, 150), (300, 350), 0, 30)  # a broad stroke
    lines = normalize_sketch(face) == 0
    y, x = np.nonzero(lines[80:121, 75:116])
    pupil = np.hypot(x + 75 - 95, y + 80 - 100)
    assert (pupil < 5).sum() == 0  # nothing in its middle
    assert ((pupil > 7) & (pupil < 11)).sum() > 40  # a ring of radius 9
    assert lines[115:160, 94:97].any(1).all()
    assert lines[85:165, 144:157].sum(1).max() <= 2 and lines[90:160, 149:152].any(1).all()


def test_a_filled_patch_alone_becomes_its_outline():
    spot = np.full((256, 256), 255, np.uint8)
    cv2.circle(spot, (128, 128), 30, 0, -1)
    lines = normalize_sketch(spot) == 0
    y, x = np.nonzero(lines)
    assert np.abs(np.hypot(x - 128, y - 128) - 30).max() < 1.5 and lines.sum() > 150


@pytest.mark.parametrize("width", [16, 24, 36])
@pytest.mark.parametrize("angle", [0, 20, 45, 75])
def test_the_square_end_of_a_broad_stroke_grows_no_twigs(width, angle):
    along = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    across, middle = np.array([-along[1], along[0]]), np.array([256.0, 256.0])
    corners = [middle + i * 180 * along + j * width / 2 * across for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
    sketch = np.full((512, 512), 255, np.uint8)
    cv2.fillPoly(sketch, [np.round(corners).astype(np.int32)], 0, cv2.LINE_AA)
    y, x = np.nonzero(normalize_sketch(sketch) == 0)
    from_middle = np.stack([x, y], 1) - middle / 2
    assert np.abs(from_middle @ across).max() < 2  # a twig would point into a corner, width / 4 from the axis
    for end in (from_middle @ along).max(), -(from_middle @ along).min():
        assert 90 - width / 2 < end <= 90  # nothing is lost but what the width explains


def test_short_lines_that_leave_a_thin_stroke_stay():
    sketch = np.full((256, 256), 255, np.uint8)
    cv2.line(sketch, (40, 128), (216, 128), 0, 3)
    cv2.line(sketch, (128, 128), (128, 118), 0, 3)
    assert (normalize_sketch(sketch)[117:127, 126:131] == 0).any(1).sum() >= 8
