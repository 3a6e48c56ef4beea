"""Train, validation and test sets that stay as they are when files are added."""

import numpy as np
import pytest
from preparing import prepare
from shapes import photo

from i2i.data.folder_jobs import run_folder
from i2i.data.layout import PrepareError
from i2i.data.splits import Split, empty_splits


def places(report):
    return {record["file"]: record["split"] for record in report.files if "split" in record}


def fill(folder, seeds, suffix="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        photo(seed if isinstance(seed, int) else len(seed), (16, 16)).save(folder / f"{seed}.{suffix}")


def test_added_files_move_none_and_equal_files_stay_together(tmp_path):
    source = tmp_path / "in"
    fill(source, range(30))
    task = Split(0.6, 0.2, 0.2).resolved(source, tmp_path / "out")
    assert task.by == "content"
    first = places(run_folder(task, [source], tmp_path / "out"))
    assert set(first.values()) == {"train", "val", "test"}
    fill(source / "deep", range(30, 60))
    (source / "renamed.png").write_bytes((source / "7.png").read_bytes())
    again = places(run_folder(Split(0.6, 0.2, 0.2).resolved(source, tmp_path / "out"), [source], tmp_path / "out"))
    fresh = places(run_folder(task, [source], tmp_path / "fresh"))
    assert again == fresh and {name: again[name] for name in first} == first
    assert again["renamed.png"] == again["7.png"]
    for name, split in again.items():
        assert (tmp_path / "out" / split / name).read_bytes() == (source / name).read_bytes()
    assert places(run_folder(Split(0.6, 0.2, 0.2, 1, "content"), [source], tmp_path / "other")) != again


def test_shares_come_out_as_asked():
    task = Split(0.7, 0.2, 0.1)
    met = [task.place(str(i)) for i in range(4000)]
    assert np.allclose([met.count(s) / 4000 for s in ("train", "val", "test")], (0.7, 0.2, 0.1), atol=0.02)
    moved = Split(0.8, 0.1, 0.1)  # more training data: no test picture comes into training
    assert all(moved.place(str(i)) == "test" for i in range(4000) if met[i] == "test")


def test_pairs_stay_together(tmp_path):
    source = tmp_path / "in"
    fill(source / "A", range(12))
    fill(source / "B", range(12), "jpg")
    (source / "palette.json").write_text("{}")
    task = Split(0.5, 0.25, 0.25).resolved(source, tmp_path / "out")
    assert task.by == "name"
    report = run_folder(task, [source], tmp_path / "out")
    got = places(report)
    assert all(got[f"A/{i}.png"] == got[f"B/{i}.jpg"] for i in range(12)) and len(set(got.values())) > 1
    assert (tmp_path / "out" / "palette.json").exists() and report.ignored == []
    # What was decided stays, even if the folder's names would now say otherwise.
    fill(source / "A", range(50, 80))
    assert Split().resolved(source, tmp_path / "out").by == "name"


def test_unreadable_files_are_not_passed_on_and_empty_splits_are_named(tmp_path):
    fill(tmp_path / "in", range(2))
    (tmp_path / "in" / "broken.png").write_bytes(b"x")
    report = run_folder(Split(by="content"), [tmp_path / "in"], tmp_path / "out")
    assert report.counts == {"written": 2, "unreadable": 1} and not list((tmp_path / "out").rglob("broken.png"))
    assert empty_splits(Split(), report.files) and empty_splits(Split(1, 0, 0), [{"split": "train"}]) == []


def test_a_divided_folder_is_not_divided_again(tmp_path):
    fill(tmp_path / "in" / "train", range(2))
    fill(tmp_path / "in" / "val", range(2))
    with pytest.raises(PrepareError, match="already holds train and val"):
        run_folder(Split(by="content"), [tmp_path / "in"], tmp_path / "out")


def test_prepared_pairs_are_divided_already(photos, tmp_path):
    prepare(photos, tmp_path / "drawn")
    task = Split().resolved(tmp_path / "drawn", tmp_path / "out")
    with pytest.raises(PrepareError, match="pairs already holds train and val"):
        run_folder(task, [tmp_path / "drawn"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [{"train": 0.9}, {"train": 1.1, "val": -0.2}, {"train": float("nan")}, {"by": "date"}]
)
def test_options_are_checked(options):
    with pytest.raises(ValueError, match="add up to 1|unknown by"):
        Split(**options)


def test_a_pair_of_which_one_half_is_unreadable_is_left_out(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    fill(source / "A", range(6))
    fill(source / "B", range(6), "jpg")
    (source / "B" / "2.jpg").write_bytes(b"x")
    (source / "B" / "3.png").write_bytes(b"x")  # beside a readable one
    report = run_folder(Split(by="name"), [source], out)
    got = {record["file"]: (record["status"], record["why"]) for record in report.files if record["why"]}
    assert got.keys() == {"A/2.png", "B/2.jpg", "B/3.png"}
    assert got["A/2.png"] == ("lonely", "its partner B/2.jpg is unreadable; --by content keeps it")
    assert not list(out.rglob("2.png"))
    assert run_folder(Split(by="name"), [source], out).counts == report.counts
    fill(source / "B", [2], "jpg")
    assert run_folder(Split(by="name"), [source], out).counts == {"written": 12, "unreadable": 1}


def test_names_in_two_normal_forms_go_to_one_place(tmp_path):
    for i in range(12):
        for folder, accent in (("A", "\u00e9"), ("B", "e\u0301")):
            fill(tmp_path / "in" / folder, [f"{accent}{i}"])
    task = Split(0.5, 0.25, 0.25).resolved(tmp_path / "in", tmp_path / "out")
    got = places(run_folder(task, [tmp_path / "in"], tmp_path / "out"))
    assert task.by == "name" and all(got[f"A/\u00e9{i}.png"] == got[f"B/e\u0301{i}.png"] for i in range(12))


def test_pairs_in_a_folder_further_down_stay_together(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for place in ("one", "two"):
        fill(source / place / "A", range(12))
        fill(source / place / "B", range(12), "jpg")
    task = Split(0.5, 0.25, 0.25).resolved(source, out)
    assert task.by == "name"
    (source / "two" / "B" / "5.jpg").write_bytes(b"x")
    report = run_folder(task, [source], out)
    got = places(report)
    pairs = [(f"{place}/A/{i}.png", f"{place}/B/{i}.jpg") for place in ("one", "two") for i in range(12)]
    assert all(got[a] == got[b] for a, b in pairs if "two/A/5" not in a)
    assert {r["file"] for r in report.files if r["status"] == "lonely"} == {"two/A/5.png"}


def test_pairs_whose_folders_have_subfolders_stay_together(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for place in ("one", "two"):
        fill(source / "A" / place, range(12) if place == "one" else range(12, 24))
        fill(source / "B" / place, range(12) if place == "one" else range(12, 24), "jpg")
    (source / "B" / "two" / "13.jpg").write_bytes(b"x")
    task = Split(0.5, 0.25, 0.25).resolved(source, out)
    report = run_folder(task, [source], out)
    got = places(report)
    assert task.by == "name" and all(got[f"A/one/{i}.png"] == got[f"B/one/{i}.jpg"] for i in range(12))
    assert {r["file"] for r in report.files if r["status"] == "lonely"} == {"A/two/13.png"}


def test_one_name_here_and_there_makes_no_pairs(tmp_path):
    source = tmp_path / "in"
    fill(source / "spring" / "day 1", range(8))
    fill(source / "spring" / "day 2", range(7, 14))
    assert Split().resolved(source, tmp_path / "out").by == "content"
    # Nor does a small folder whose one name is met beside it.
    fill(source / "extra" / "x", ["cover"])
    fill(source / "extra" / "y", ["cover", *range(20, 24)])
    assert Split().resolved(source, tmp_path / "out").by == "content"
