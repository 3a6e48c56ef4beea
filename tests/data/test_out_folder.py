"""Where results may go: never onto a source, nor onto files that are not ours."""

import os

import pytest
from preparing import prepare
from shapes import photo

from i2i.data.blank import Blank
from i2i.data.folder_jobs import plan, run_folder
from i2i.data.label_maps import LabelOptions
from i2i.data.layout import PrepareError
from i2i.data.resize import Resize
from i2i.data.side_by_side import Combine
from i2i.data.splits import Split
from i2i.palette import Palette


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def tree(tmp_path):
    """Two folders, x/train and x/A, of two pictures each."""
    for name in ("train", "A"):
        (tmp_path / "x" / name).mkdir(parents=True)
        for seed in range(2):
            photo(seed, (64, 64)).save(tmp_path / "x" / name / f"{seed}.png")
    return tmp_path / "x"


@pytest.mark.parametrize("task, name", [(Split(by="content"), "train"), (Blank(), "A"), (Resize(), "A")])
def test_a_source_inside_the_results_is_refused(tree, task, name):
    before = contents(tree.parent)
    for do in (plan, run_folder):
        with pytest.raises(PrepareError, match=f"{name} lies inside --out .*x, where results could overwrite it"):
            do(task, [tree / name], tree)
    assert contents(tree.parent) == before


def test_each_of_several_sources_is_looked_at(tree, tmp_path):
    (tmp_path / "other").mkdir()
    photo(0).save(tmp_path / "other" / "0.png")
    for sources in ([tmp_path / "other", tree / "A"], [tree / "A", tmp_path / "other"]):
        with pytest.raises(PrepareError, match="A lies inside"):
            run_folder(Combine(), sources, tree)
    (tmp_path / "link").symlink_to(tree / "A")
    with pytest.raises(PrepareError, match="link lies inside"):
        run_folder(Resize(), [tmp_path / "link"], tree)


@pytest.mark.parametrize("out", ["photos", "."])
def test_pairs_are_not_made_around_their_photos(photos, tmp_path, out):
    before = contents(tmp_path)
    with pytest.raises(PrepareError, match="photos lies inside --out"):
        prepare(photos, photos.parent / ("" if out == "." else out))
    assert contents(tmp_path) == before


def test_an_original_that_links_lead_to_is_neither_overwritten_nor_removed(tree, tmp_path):
    out = tmp_path / "out"
    (tree / "A" / "2.png").write_bytes((tree / "A" / "1.png").read_bytes())
    run_folder(Resize((32,)), [tree], out)
    # The folder of the results makes room for a link to that of the originals.
    for path in (out / "A").iterdir():
        path.unlink()
    (out / "A").rmdir()
    (out / "A").symlink_to(tree / "A")
    before = contents(tree)
    with pytest.raises(PrepareError, match="A/0.png would overwrite the original"):
        run_folder(Resize((32,)), [tree], out)
    assert contents(tree) == before


def test_files_of_others_are_not_overwritten(tree, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "1.png").write_bytes(b"mine")
    (out / "notes.txt").write_text("mine as well")
    for do in (plan, run_folder):
        with pytest.raises(PrepareError, match="out/1.png would be overwritten, which no earlier run made: choose"):
            do(Resize((32,)), [tree / "A"], out)
    assert sorted(os.listdir(out)) == ["1.png", "notes.txt"] and (out / "1.png").read_bytes() == b"mine"
    (out / "1.png").unlink()
    run_folder(Resize((32,)), [tree / "A"], out)
    # Beside an earlier run's results too.
    (out / "2.png").write_bytes(b"mine")
    photo(2).save(tree / "A" / "2.png")
    with pytest.raises(PrepareError, match="out/2.png would be overwritten"):
        run_folder(Resize((32,)), [tree / "A"], out)
    assert (out / "2.png").read_bytes() == b"mine"


def test_what_a_killed_run_wrote_is_ours(tree, tmp_path, monkeypatch):
    """A file may be written and not yet in the journal."""

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    out = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("i2i.data.records.Records.log", die)
        run_folder(Resize((32,)), [tree / "A"], out, 1)
    assert list(out.glob("*.png")) and run_folder(Resize((32,)), [tree / "A"], out).counts == {"written": 2}


@pytest.mark.parametrize("name", ["pairs/train/photo/x.webp", "rejected/x.png", "report.json", "contact_sheet.jpg"])
def test_pairs_do_not_mix_with_files_of_others(photos, tmp_path, name):
    place = tmp_path / "out" / name
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    with pytest.raises(PrepareError, match=f"{name} would be overwritten"):
        prepare(photos, tmp_path / "out")
    assert contents(tmp_path / "out") == {place.relative_to(tmp_path / "out"): b"mine"}


def test_drawings_do_not_overwrite_those_of_others(photos, tmp_path):
    out = tmp_path / "out"
    prepare(photos, out, output="drawings")
    (out / "drawings" / "new.png").write_bytes(b"mine")
    photo(20).save(photos / "new.jpg")
    with pytest.raises(PrepareError, match="drawings/new.png would be overwritten"):
        prepare(photos, out, output="drawings")
    (out / "drawings" / "new.png").unlink()
    assert prepare(photos, out, output="drawings").skipped == 10


def test_a_palette_of_others_is_not_overwritten(tree, tmp_path):
    first, second = (Palette((name, "b"), ((0, 0, 0), (9, 99, 200))) for name in ("a", "c"))
    (tmp_path / "out").mkdir()
    for palette, place in ((first, tmp_path / "out" / "palette.json"), (second, tmp_path / "other.json")):
        place.write_text(str(palette.to_json()).replace("'", '"'))
    with pytest.raises(PrepareError, match="out/palette.json would be overwritten"):
        LabelOptions(str(tmp_path / "other.json")).task(tree / "A", tmp_path / "out")
    assert LabelOptions().task(tree / "A", tmp_path / "out")[0].palette == first


def test_where_nothing_can_be_written_is_said(tree, tmp_path, monkeypatch):
    (tmp_path / "afile").write_text("x")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    for out, what in (("afile", "a file"), ("afile/deep/out", "a file"), ("broken", "a broken link")):
        with pytest.raises(PrepareError, match=f"{what}, not a folder: choose another --out"):
            run_folder(Resize((32,)), [tree / "A"], tmp_path / out)
        with pytest.raises(PrepareError, match=f"{what}, not a folder"):
            prepare(tree / "A", tmp_path / out)
    monkeypatch.setattr(os, "mkdir", lambda place, mode=0: os.stat("/nowhere"))
    for do in (lambda out: run_folder(Resize((32,)), [tree / "A"], out), lambda out: prepare(tree / "A", out)):
        with pytest.raises(PrepareError, match="out cannot be made .No such file or directory.: choose another --out"):
            do(tmp_path / "out")
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(PrepareError, match=f"nothing may be written in {tmp_path}: choose another --out, or allow"):
        run_folder(Resize((32,)), [tree / "A"], tmp_path / "new" / "out")
