"""What a folder is taken for; and pairs that are not whole, which would be trained on as photos, drawings and all."""

import json
import shutil

import pytest
from PIL import Image
from preparing import line_drawing, prepare
from shapes import photo

from i2i.data.layout import PrepareError, detect_layout, find_items, ready_pairs


def two_folders(root, names=("drawing", "photo"), count=6):
    for name in names:
        (root / name).mkdir(parents=True)
    for seed in range(count):
        image = photo(seed, (96, 96))
        line_drawing(image).save(root / names[0] / f"{seed}.png")
        image.save(root / names[1] / f"{seed}.jpg")
    return root


def side_by_side(root, count=10):
    root.mkdir(parents=True)
    for seed in range(count):
        both = Image.new("RGB", (192, 96))
        both.paste(line_drawing(photo(seed, (96, 96))), (0, 0))
        both.paste(photo(seed, (96, 96)), (96, 0))
        both.save(root / f"{seed}.png")
    return root


def photos_in(root, names, count=4):
    for k, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for seed in range(count):
            photo(10 * k + seed).save(root / name / f"{seed}.png")
    return root


def test_pairs_without_a_partner_are_named(tmp_path):
    root = two_folders(tmp_path / "pairs")
    (root / "photo" / "3.jpg").unlink()
    with pytest.raises(PrepareError, match=r"5 pairs .* 1 picture has no partner .* drawing/3.png: .*layout='photos'"):
        detect_layout(root)
    with pytest.raises(PrepareError, match="drawing/3.png"):
        find_items(root, "two_folders")
    layout, items = find_items(root, "photos")
    assert layout == "photos" and len(items) == 11
    photo(3).save(root / "photo" / "3.png")
    assert detect_layout(root) == "two_folders"


@pytest.mark.parametrize("stray", ["logo.png", "photo/3.png"])
def test_pictures_beside_pairs_are_named(tmp_path, stray):
    root = two_folders(tmp_path / "pairs")
    photo(40).save(root / stray)
    with pytest.raises(PrepareError, match=f"such as {stray.replace('3.png', '3')}"):
        detect_layout(root)


def test_two_folders_of_photos_that_share_few_names_are_photos(tmp_path):
    root = photos_in(tmp_path / "all", ("A", "B"))
    for seed in (1, 2):
        (root / "B" / f"{seed}.png").rename(root / "B" / f"rex {seed}.png")
    assert detect_layout(root) == "photos"


@pytest.mark.parametrize(
    "names, message",
    [
        (("A", "B"), "neither looks like black lines"),
        (("drawing", "photo"), "drawing is named like drawings, but does not look like"),
        (("photo", "labels"), "labels is named like label maps"),
    ],
)
def test_names_that_promise_pairs_are_asked_about(tmp_path, names, message):
    root = photos_in(tmp_path / "pairs", names)
    with pytest.raises(PrepareError, match=message + ".*layout='photos' if both.*--labels PALETTE.json"):
        detect_layout(root)
    assert detect_layout(root, drawing_side=names[0]) == "two_folders"
    _, items = find_items(root, drawing_side=names[0])
    assert len(items) == 4 and items[0].drawing.parent.name == names[0]
    with pytest.raises(PrepareError, match="neither of them is called 'sketches'"):
        find_items(root, drawing_side="sketches")


def test_drawings_that_look_alike_on_both_sides_are_asked_about(tmp_path):
    root = tmp_path / "pairs"
    for name in ("one", "two"):
        (root / name).mkdir(parents=True)
        for seed in range(4):
            line_drawing(photo(seed, (96, 96))).save(root / name / f"{seed}.png")
    with pytest.raises(PrepareError, match="both look like drawings"):
        detect_layout(root)


def test_pairs_within_train_and_val(tmp_path):
    root = tmp_path / "set"
    two_folders(root / "train")
    two_folders(root / "val", count=2)
    layout, items = find_items(root)
    assert layout == "two_folders" and len(items) == 8
    assert items[0].key == "train/0" and items[0].drawing == root / "train" / "drawing" / "0.png"
    shutil.rmtree(root / "val" / "drawing")
    with pytest.raises(PrepareError, match="train holds drawings and photos.*give .*train alone"):
        find_items(root)


def test_pairs_beside_other_folders_are_named(tmp_path):
    root = photos_in(tmp_path / "all", ("cats", "dogs"), 3)
    two_folders(root / "shoes")
    with pytest.raises(PrepareError, match="shoes holds drawings and photos.*give .*shoes alone"):
        detect_layout(root)


def test_pairs_far_down_are_named(tmp_path):
    """As a division of pairs by their content leaves them."""
    root = tmp_path / "all"
    for place in ("train/pairs/train", "train/pairs/val", "test/pairs/train"):
        two_folders(root / place, count=3)
    with pytest.raises(PrepareError, match="pairs/train holds drawings and photos of equal names.*every picture"):
        detect_layout(root)
    assert len(find_items(root, "photos")[1]) == 18


def test_a_stray_picture_among_side_by_side_pairs_is_named(tmp_path):
    root = side_by_side(tmp_path / "pairs")
    assert detect_layout(root) == "side_by_side"
    photo(40, (64, 64)).save(root / "logo.png")
    with pytest.raises(PrepareError, match="10 of 11 pictures are twice as wide.*logo.png of 64x64: remove it"):
        detect_layout(root)
    assert len(find_items(root, "photos")[1]) == 11
    photo(41, (64, 64)).save(root / "other.png")  # 10 of 12: no longer nearly all
    assert detect_layout(root) == "photos"
    for i in range(20):
        (root / f"broken {i}.png").write_bytes(b"x")  # which are neither
    assert detect_layout(root) == "photos"


def test_the_pairs_of_a_prepared_folder_and_of_a_run_are_taken(photos, tmp_path):
    run = tmp_path / "run"
    report = prepare(photos, run / "data")
    prepare(photos, tmp_path / "sides", output="side_by_side")
    (run / "grids").mkdir()
    photo(50).save(run / "grids" / "0000500.png")
    assert ready_pairs(run) == ready_pairs(run / "data") == run / "data" / "pairs" and ready_pairs(photos) is None
    for folder, layout in ((run, "two_folders"), (run / "data", "two_folders"), (tmp_path / "sides", "side_by_side")):
        found, items = find_items(folder)
        assert found == layout and {item.photo.stem for item in items} == {r["id"] for r in report.files}
        again = prepare(folder, tmp_path / f"again {folder.name}", detector=None)
        assert again.counts["kept"] == 10


def test_what_holds_no_photos_is_refused(photos, tmp_path):
    prepare(photos, tmp_path / "drawn", output="drawings")
    with pytest.raises(PrepareError, match="holds drawings without their photos"):
        detect_layout(tmp_path / "drawn")
    run = photos_in(tmp_path / "run", ("grids",))
    assert detect_layout(run) == "photos"
    (run / "state").mkdir()
    (run / "state" / "meta.pt").write_bytes(b"x")
    with pytest.raises(PrepareError, match="is a run folder and holds no pairs"):
        detect_layout(run)
    (photos / "palette.json").write_text(json.dumps({}))
    with pytest.raises(PrepareError, match="holds label maps.*--labels .*palette.json, or layout='photos'"):
        detect_layout(photos)
    assert len(find_items(photos, "photos")[1]) == 10


def test_messages_spell_the_callers_options(photos, tmp_path):
    spelled = {"layout": "--kind {}", "drawing_side": "--half {}", "labels": "--maps {}"}
    wide = tmp_path / "wide"
    wide.mkdir()
    for seed in range(4):
        photo(seed, (128, 64)).save(wide / f"{seed}.png")
    with pytest.raises(PrepareError, match="--half left or --half right; --kind photos if .*--maps PALETTE.json"):
        find_items(wide, options=spelled)
    with pytest.raises(PrepareError, match="--half left says nothing.*--kind side_by_side or --kind two_folders"):
        find_items(photos, drawing_side="left", options=spelled)


def test_two_folders_may_write_their_names_in_two_normal_forms(tmp_path):
    for i in range(4):
        for name, accent in (("drawing", "\u00e9"), ("photo", "e\u0301")):
            (tmp_path / name).mkdir(exist_ok=True)
            image = photo(i) if name == "photo" else line_drawing(photo(i))
            image.save(tmp_path / name / f"{accent}{i}.png")
    layout, items = find_items(tmp_path)
    assert layout == "two_folders" and [item.key for item in items] == [f"\u00e9{i}" for i in range(4)]


def test_photos_divided_already_may_share_their_names(tmp_path):
    root = two_folders(tmp_path / "all", ("val", "train"))  # one of which looks like drawings
    assert detect_layout(root) == "photos"
