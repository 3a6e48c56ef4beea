"""Label maps against a palette."""

import json

import numpy as np
import pytest
from PIL import Image
from shapes import photo

from i2i.data.folder_jobs import run_folder
from i2i.data.label_maps import LabelMaps, LabelOptions, class_shares, collect_palette, unknown_colours, write_palette
from i2i.data.layout import PrepareError
from i2i.palette import Palette

PALETTE = Palette(("sky", "wall", "roof"), ((0, 0, 222), (0, 180, 60), (174, 0, 0)))


def classes_of(seed, size=96):
    """Rectangles of the classes; class 1 covers most of the map."""
    rng = np.random.default_rng(seed)
    page = np.ones((size, size), np.uint8)
    for i in range(4):
        x, y = rng.integers(0, size - 40, 2)
        page[y : y + 40, x : x + 24] = 2 * (i % 2)
    return page


@pytest.fixture
def maps(tmp_path):
    folder = tmp_path / "maps"
    folder.mkdir()
    for seed in range(3):
        PALETTE.image(classes_of(seed)).convert("RGB").save(folder / f"{seed}.png")
    return folder


def saved(path):
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


def test_clean_maps_become_palette_pngs(maps, tmp_path):
    report = run_folder(LabelMaps(PALETTE), [maps], tmp_path / "out")
    assert report.counts == {"written": 3}
    for seed in range(3):
        assert np.array_equal(saved(tmp_path / "out" / "labels" / f"{seed}.png"), classes_of(seed))
    shares = dict(class_shares(report.files, PALETTE))
    assert shares["wall"] > 0.4 and abs(sum(shares.values()) - 1) < 1e-9


def test_unknown_colours_are_listed_and_nothing_is_written_for_them(maps, tmp_path):
    for name, n in (("x", 5), ("y", 9)):
        image = PALETTE.image(classes_of(0)).convert("RGB")
        image.paste((255, 255, 0), (0, 0, n, 1))
        image.putpixel((50, 95), (255, 0, 255))
        image.save(maps / f"{name}.png")
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(maps / "dark.png")
    report = run_folder(LabelMaps(PALETTE), [maps], tmp_path / "out")
    assert report.counts == {"written": 3, "unknown colours": 3}
    assert unknown_colours(report.files)[:3] == [("#070707", 16, 1), ("#ffff00", 14, 2), ("#ff00ff", 2, 2)]
    record = next(record for record in report.files if record["file"] == "y.png")
    assert record["why"] == "2 colours (0.1% of the pixels) are not in the palette: #ffff00 (9 px), #ff00ff (1 px)"
    assert sorted(path.name for path in (tmp_path / "out" / "labels").iterdir()) == ["0.png", "1.png", "2.png"]


def test_borders_of_jpegs_are_mended_but_not_whole_areas(maps, tmp_path):
    for seed in range(3):
        PALETTE.image(classes_of(seed)).convert("RGB").save(maps / f"{seed}.jpg", quality=85)  # subsampled colour
        (maps / f"{seed}.png").unlink()
    painted = PALETTE.image(classes_of(0)).convert("RGB")
    painted.paste((255, 255, 0), (30, 30, 50, 50))
    painted.save(maps / "painted.png")
    refused = run_folder(LabelMaps(PALETTE), [maps], tmp_path / "strict")
    assert refused.counts == {"unknown colours": 4}
    report = run_folder(LabelMaps(PALETTE, border=6), [maps], tmp_path / "out")
    assert report.counts == {"written": 3, "unknown colours": 1}
    for seed in range(3):
        made, truth = saved(tmp_path / "out" / "labels" / f"{seed}.png"), classes_of(seed)
        assert (made != truth).mean() < 0.02
        record = next(record for record in report.files if record["file"] == f"{seed}.jpg")
        assert "pixels at borders" in record["notes"][0]


def test_where_the_palette_comes_from(maps, tmp_path):
    out = tmp_path / "out"
    task, origin = LabelOptions().task(maps, out)
    assert "made of the colours" in origin and task.palette.names == ("class 0", "class 1", "class 2")
    assert set(task.palette.colours) == set(PALETTE.colours) and task.palette.colours[0] == PALETTE.colours[1]
    run_folder(task, [maps], out)
    write_palette(out, task.palette)
    # Names may be given afterwards; the run in the folder still counts.
    named = task.palette.to_json() | {"names": ["wall", "roof", "sky"]}
    (out / "palette.json").write_text(json.dumps(named))
    again, origin = LabelOptions().task(maps, out)
    assert again.palette.names[0] == "wall" and str(out) in origin
    assert run_folder(again, [maps], out).skipped == 3
    (maps / "palette.json").write_text(json.dumps(PALETTE.to_json()))
    beside, _ = LabelOptions().task(maps, tmp_path / "out2")
    assert beside.palette == PALETTE
    assert run_folder(beside, [maps], tmp_path / "out2").ignored == []
    (tmp_path / "own.json").write_text(json.dumps(PALETTE.to_json()))
    assert LabelOptions(str(tmp_path / "own.json")).task(maps, out)[0].palette == PALETTE
    with pytest.raises(ValueError, match="nowhere.json does not exist"):
        LabelOptions("nowhere.json").task(maps, out)


def test_a_palette_from_index_maps_and_none_from_photos(tmp_path):
    for name in ("index", "photos", "broken"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.array([[0, 1, 2], [3, 3, 5]], np.uint8)).save(tmp_path / "index" / "a.png")
    palette = collect_palette([tmp_path / "index" / "a.png"])
    assert len(palette) == 6
    far = np.linalg.norm(palette.array[:, None].astype(float) - palette.array[None], axis=2)
    assert far[~np.eye(6, dtype=bool)].min() > 64
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "photos" / "noise.png")
    with pytest.raises(PrepareError, match="clearly different colours, which are no classes"):
        collect_palette([tmp_path / "photos" / "noise.png"])
    (tmp_path / "broken" / "a.png").write_bytes(b"x")
    with pytest.raises(PrepareError, match="none of the label maps can be read"):
        collect_palette([tmp_path / "broken" / "a.png"])


def test_photos_are_no_label_maps(tmp_path):
    (tmp_path / "in").mkdir()
    photo(1).save(tmp_path / "in" / "a.png")
    report = run_folder(LabelMaps(PALETTE, border=4), [tmp_path / "in"], tmp_path / "out")
    assert report.counts == {"unknown colours": 1} and len(report.files[0]["unknown"]) == 20


@pytest.mark.parametrize("options", [{"tolerance": float("nan")}, {"tolerance": float("inf")}, {"border": -1}])
def test_distances_are_numbers_from_0(options):
    with pytest.raises(ValueError, match="expected 0 or more"):
        LabelOptions(**options)
