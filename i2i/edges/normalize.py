"""Any sketch to the one representation the networks know: white paper, black ink, one pixel wide, square.

Two kinds of picture come in. *Clean* ones (canvas, scans of line art, drawing programs) have one paper
colour, and everything that differs from it is ink. In *photographed* ones the paper's shade varies from place
to place, so ink is what differs from the paper around it. Either way ink is found and thinned near the
picture's own resolution, and the thinned lines are then laid on the smaller grid, so that lines thinner than
a target pixel do not vanish.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
from PIL import Image

from i2i.edges.postprocess import remove_small, thin
from i2i.images import load_image

_LARGEST = 1024  # clean pictures of a larger side are shrunk to about this one before they are thinned
_LARGEST_PHOTO = 640
_CLEAN_TOLERANCE = 8  # grey levels from the paper colour
_CLEAN_SHARE = 0.5  # of all pixels within that tolerance make a picture clean
_FLAT_SHARE = 0.15  # of all pixels exactly of the paper colour, and
_HARD = 128  # grey levels from it somewhere, tell a drawing where nothing else does
_FAINTEST = 10  # grey levels from paper that are ink where there is nothing darker
_FRAME = 0.05  # width of the border, in sides, that votes on what is paper
_FILLED = 2.2  # times the half-width of most lines, from which on a compact patch is a filled shape
_LEAST_FILLED = 0.012  # least radius of a filled shape, in sides: 3 pixels of 256
_FILLED_ALONE = 0.04  # least radius where lines are as wide: 10 pixels of 256
_TWIG = 1.5  # greatest length, in half-widths, of a twig that is the corner of a broad stroke: a square's is 1.41
_COMPACT = 2.5  # greatest area of a filled shape, in squares of its width; what is longer is a broad stroke


def normalize_sketch(source: Image.Image | np.ndarray | str | os.PathLike, size: int = 256) -> np.ndarray:
    """Bring a drawing of any kind to one-pixel black ink on white paper.

    Dark on light and light on dark both do: paper is what most of the picture, and most of its border, looks
    like. Colour counts as ink as black does. A picture that is not square is padded with paper, centred,
    never stretched.

    Args:
        source: what `i2i.images.load_image` takes: PIL image of any mode and size (transparency is flattened
            on white), array uint8 or float in [0, 1], or a path.
        size: side of the result.

    Returns:
        uint8 (size, size), 0 = ink, 255 = paper; strokes of any width are one pixel wide, and filled patches, as
        pupils, become their outlines. A drawing of one-pixel lines of that size comes back as it is.

    Raises:
        ValueError: starting with "empty drawing" where there is no ink at all; otherwise what `load_image`
            raises.
    """
    if size < 1:
        raise ValueError(f"got size {size}, expected at least 1 pixel")
    pixels = _pixels(source)
    paper = _paper_colour(pixels)
    contrast = _difference(pixels, paper)
    if np.count_nonzero(contrast <= _CLEAN_TOLERANCE) >= _CLEAN_SHARE * contrast.size:
        ink = _clean_ink(contrast, size)
    else:
        ink = _photographed_ink(pixels, size)
        if not ink.any() and _is_drawn(contrast):  # hatched so densely that less than half of the paper shows
            ink = _clean_ink(contrast, size)
    ink = _place(_lines(ink), size)
    if not ink.any():
        raise ValueError(f"empty drawing: {_why_empty(source, contrast)}")
    return np.where(ink, np.uint8(0), np.uint8(255))


def _why_empty(source: Image.Image | np.ndarray | str | os.PathLike, contrast: np.ndarray) -> str:
    if contrast.max() > _CLEAN_TOLERANCE:
        return "no lines stand out from the ground; of a photo, draw the edges first"
    clear = isinstance(source, Image.Image) and source.has_transparency_data
    white = " (what is transparent counts as white, so that white ink does not show)" if clear else ""
    return f"there is no ink on the paper{white}; draw at least one line"


def _pixels(source: Image.Image | np.ndarray | str | os.PathLike) -> np.ndarray:
    """uint8 (H, W) for grey sources, (H, W, 3) for others."""
    rgb = np.asarray(load_image(source))
    if isinstance(source, np.ndarray) and source.ndim == 2:
        return rgb[:, :, 0]
    if isinstance(source, Image.Image) and source.mode in ("1", "L") and "transparency" not in source.info:
        return rgb[:, :, 0]
    return rgb


def _paper_colour(pixels: np.ndarray) -> np.ndarray:
    """The colour of the paper, int (1,) or (3,): the commonest grey, border and whole counted alike."""
    step = max(1, min(pixels.shape[:2]) // 512)
    pixels = pixels[::step, ::step]
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    rim = max(1, round(_FRAME * min(grey.shape)))
    border = np.concatenate(
        [part.ravel() for part in (grey[:rim], grey[-rim:], grey[:, :rim], grey[:, -rim:])]
    )
    votes = (
        np.bincount(grey.ravel(), minlength=256) / grey.size
        + np.bincount(border, minlength=256) / border.size
    )
    spread = np.convolve(votes, np.ones(9), "same")  # a noisy paper is spread over some levels
    level = int(np.argmax(spread + 1e-3 * votes))  # of equally good centres, the commonest level
    of_paper = pixels.reshape(-1, 1 if pixels.ndim == 2 else 3)[np.abs(grey.ravel().astype(int) - level) <= 4]
    return np.median(of_paper, axis=0).astype(int)


def _difference(pixels: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Largest difference of a channel from the paper colour, uint8 (H, W)."""
    channels = cv2.split(pixels)
    total = None
    for channel, level in zip(channels, paper.tolist(), strict=True):
        difference = cv2.absdiff(channel, np.full(channel.shape, level, np.uint8))
        total = difference if total is None else cv2.max(total, difference)
    return total


def _is_drawn(contrast: np.ndarray) -> bool:
    """Whether much of a picture is of the paper's very colour, which no photographed paper is, and some of it of quite
    another one."""
    return np.count_nonzero(contrast == 0) >= _FLAT_SHARE * contrast.size and contrast.max() >= _HARD


def _clean_ink(contrast: np.ndarray, size: int) -> np.ndarray:
    """Ink mask of a clean picture: at its own resolution or near 1024, at least `size`; bool (H, W)."""
    side = max(contrast.shape)
    if side > max(_LARGEST, size):
        # Never below `size`: there a line's pixels would land apart on the larger grid.
        factor = min(-(-side // max(_LARGEST, size)), side // size)
        # The darkest of each block, so that hairlines stay.
        contrast = cv2.dilate(contrast, np.ones((factor, factor), np.uint8), anchor=(0, 0))[
            ::factor, ::factor
        ]
    elif side < size:
        contrast = _resize(contrast, size / side, cv2.INTER_CUBIC)
    # AA fringes and compression ripples beside black lines are weaker than the lines; alone, faint lines are
    # ink.
    threshold = np.clip(0.2 * contrast.max(), _FAINTEST, 40)
    if side < size:
        threshold = max(threshold, 0.4 * contrast.max())  # enlarging blurs: the ink's edge is half-way
    noise = 1.4826 * np.median(contrast[contrast <= _CLEAN_TOLERANCE])
    return contrast >= max(threshold, 5 * noise)


def _photographed_ink(pixels: np.ndarray, size: int) -> np.ndarray:
    """Ink mask of a photographed or shaded picture, against the paper around each place; bool (H, W)."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    side, working = max(grey.shape), max(_LARGEST_PHOTO, size)
    if side > working:
        grey = _resize(grey, working / side, cv2.INTER_AREA)
    elif side < size:
        grey = _resize(grey, size / side, cv2.INTER_CUBIC)
    side = max(grey.shape)
    paper = _local_paper(grey)
    value = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    difference = paper - value
    # Pencil on paper or chalk on a board: the side on which the strongest differences lie. Pencil takes a
    # share of the light, so in the shade it differs by less; what is above the camera's noise is in grey
    # levels.
    low, high = np.percentile(difference, (0.5, 99.5))
    darker = high >= -low
    difference = difference if darker else -difference
    ink = difference / (np.maximum(paper, 16) if darker else 128)
    noise = 1.4826 * np.median(np.abs(difference - np.median(difference)))
    least = np.clip(0.25 * np.percentile(ink, 99.5), 0.06, 0.4)
    weak = ((ink >= 0.5 * least) & (difference >= 3.5 * noise)).astype(np.uint8)
    count, labels = cv2.connectedComponents(weak, connectivity=8, ltype=cv2.CV_32S)
    strong = np.bincount(labels[(ink >= least) & (difference >= 6 * noise)], minlength=count) > 0
    strong[0] = False
    return remove_small(strong[labels], max(5, round(10 * side / 256)))


def _local_paper(grey: np.ndarray) -> np.ndarray:
    """The paper's level at each place, float32 (H, W): a smooth surface plus a median over about a fifth."""
    small = _resize(grey, min(1.0, 160 / max(grey.shape)), cv2.INTER_AREA)
    light = _surface(small)  # taken off first: at the rim a median of slanting light would be off
    rest = np.clip(np.rint(small - light) + 128, 0, 255).astype(np.uint8)
    rest = cv2.GaussianBlur(cv2.medianBlur(rest, 31).astype(np.float32), (0, 0), 4) - 128
    return cv2.resize(light + rest, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _surface(grey: np.ndarray) -> np.ndarray:
    """The cubic surface through most of the levels (strokes are left out in two refits), float32 (H, W)."""
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in grey.shape)
    terms = [np.outer(y**i, x**j).ravel() for i in range(4) for j in range(4 - i)]
    basis = np.stack(terms, 1)
    levels = grey.ravel().astype(np.float32)
    use = np.ones(levels.size, bool)
    for _ in range(3):
        chosen = basis[use]
        weights = np.linalg.solve(chosen.T @ chosen + 1e-3 * np.eye(len(terms)), chosen.T @ levels[use])
        residual = np.abs(basis @ weights - levels)
        use = residual <= 2.5 * max(1.0, float(np.median(residual)))
    return (basis @ weights).reshape(grey.shape).astype(np.float32)


def _resize(image: np.ndarray, scale: float, how: int) -> np.ndarray:
    shape = [max(1, round(n * scale)) for n in image.shape]
    return cv2.resize(image, shape[::-1], interpolation=how)


def _lines(ink: np.ndarray) -> np.ndarray:
    """Centre lines of the strokes and outlines of the filled patches of a mask; bool (H, W), one pixel wide."""
    centre = thin(ink)
    if not centre.any():
        return centre
    depth = cv2.distanceTransform(np.pad(ink, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    centre = _without_spurs(centre, depth)
    half_width, side = float(np.median(depth[centre])), max(ink.shape)
    least = min(max(_FILLED * half_width, _LEAST_FILLED * side), max(half_width, _FILLED_ALONE * side))
    if depth.max() < least:
        return centre
    # Opened wider than most lines, so that the strokes that leave a patch stay strokes.
    reach = 2 * round(min(1.4 * half_width, 0.6 * least)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    broad = cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_OPEN, disc, borderValue=0)
    count, patches = cv2.connectedComponents(broad, connectivity=8)
    area, radius = np.bincount(patches.ravel(), minlength=count), np.zeros(count, np.float32)
    np.maximum.at(radius, patches[broad > 0], depth[broad > 0])
    filled = (radius >= least) & (area <= _COMPACT * (2 * radius) ** 2)
    filled[0] = False
    patch = filled[patches]
    inside = cv2.erode(patch.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) > 0
    lines = (centre & ~patch) | (patch & ~inside)
    return thin(lines)


def _without_spurs(centre: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Centre lines without the short twigs that point into the corners of broad strokes; bool (H, W).

    A twig no longer than the half-width where it leaves its line (`depth`, pixels to the nearest paper) is the shape of
    the stroke's end or bend, not a line that someone drew.
    """
    box = np.ones((3, 3), np.uint8)
    pixels = centre.astype(np.uint8)
    neighbours = cv2.filter2D(pixels, -1, box, borderType=cv2.BORDER_CONSTANT) - pixels
    forks = centre & (neighbours >= 3)
    if not forks.any():
        return centre
    branches = centre & (cv2.dilate(forks.astype(np.uint8), box) == 0)
    count, labels = cv2.connectedComponents(branches.astype(np.uint8), connectivity=8)
    length, half_width = np.bincount(labels.ravel(), minlength=count), np.zeros(count, np.float32)
    nearby = cv2.dilate(np.where(forks, depth, 0).astype(np.float32), np.ones((5, 5), np.uint8))
    np.maximum.at(half_width, labels[branches], nearby[branches])
    with_end = np.bincount(labels[branches & (neighbours == 1)], minlength=count) > 0
    twig = with_end & (length + 2 <= _TWIG * half_width)  # two pixels at the fork are not in `branches`
    twig[0] = False
    return thin(centre & ~twig[labels]) if twig.any() else centre


def _place(lines: np.ndarray, size: int) -> np.ndarray:
    """Lay thinned lines of a mask (H, W) centred on a square; bool (size, size), one pixel wide."""
    height, width = lines.shape
    side = max(height, width)
    if (height, width) == (size, size):
        return lines
    y, x = np.nonzero(lines)
    square = np.zeros((size, size), bool)
    # Neighbouring pixels land on the same or neighbouring pixels, as side >= size: unbroken lines stay
    # unbroken.
    rows = ((y + 0.5 + (side - height) // 2) * size / side).astype(int)
    columns = ((x + 0.5 + (side - width) // 2) * size / side).astype(int)
    square[rows, columns] = True
    return thin(square)
