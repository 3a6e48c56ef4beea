"""Records that outlive a killed run."""

import json

import pytest

from i2i.data.layout import PrepareError
from i2i.data.out_folder import Originals
from i2i.data.records import Records, write_atomically


def record(name, status="written"):
    return {"file": name, "status": status}


def test_what_was_logged_is_there_after_a_kill(tmp_path):
    records = Records(tmp_path, {"size": 3})
    records.save()
    records.log(record("a"))
    records.log(record("b", "unreadable"))
    records.log(record("a", "clash"))
    # Killed while it wrote a line; another process had its own journal.
    with open(tmp_path / "journal-0-of-1.jsonl", "a") as journal:
        journal.write('{"file": "c", "sta')
    Records(tmp_path, {"size": 3}).log(record("d"), "1-of-2")
    again = Records(tmp_path, {"size": 3})
    assert again.counts() == {"clash": 1, "unreadable": 1, "written": 1}
    again.save(ignored=["x"])
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert [r["file"] for r in content["files"]] == ["a", "b", "d"] and content["ignored"] == ["x"]
    assert Records(tmp_path, {"size": 3}).ordered() == content["files"]


def test_other_settings_and_other_files_are_refused(tmp_path):
    first = Records(tmp_path, {"size": (3, 4)})
    first.set({"file": "a", "status": "written"})
    first.save()
    assert Records(tmp_path, {"size": (3, 4)}).records.keys() == {"a"}
    with pytest.raises(PrepareError, match=r"other settings: size \[3, 4\] \(now \[5\]\)"):
        Records(tmp_path, {"size": (5,)})
    assert Records(tmp_path, {"size": (3, 4), "new": 1}, assumed={"new": 1}).records.keys() == {"a"}
    with pytest.raises(PrepareError, match="new None"):
        Records(tmp_path, {"size": (3, 4), "new": 1})
    for content in ("[]", "{}", "no json", '{"settings": {}, "files": [1]}'):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(PrepareError, match="not a manifest"):
            Records(tmp_path, {})


def test_nothing_outside_the_folder_is_removed(tmp_path):
    out, other = tmp_path / "out", tmp_path / "other.txt"
    for path in (out / "a.txt", other):
        write_atomically(path, b"x")
    Records(out, {}).remove_files([out / "a.txt", out / "never.txt", out / ".." / "other.txt"])
    assert not (out / "a.txt").exists() and other.exists()


def test_originals_are_not_removed_through_links(tmp_path):
    out = tmp_path / "out"
    write_atomically(out / "a.txt", b"x")
    (tmp_path / "link").symlink_to(out)
    Records(out, {}).remove_files([out / "a.txt"], Originals([tmp_path / "link" / "a.txt"]))
    assert (out / "a.txt").exists()
