"""What uploads leave behind is cleared away, and nothing else."""

import os
import time

from demo.uploads import sweep


def test_empty_folders_of_old_uploads_are_removed(tmp_path):
    old = time.time() - 1000
    names = {"gone": "a" * 64, "kept": "b" * 64, "new": "c" * 64, "other": "vibe_edit_history"}
    for name in names.values():
        (tmp_path / name).mkdir()
    (tmp_path / names["kept"] / "cat.png").write_bytes(b"x")
    for key in ("gone", "kept", "other"):
        os.utime(tmp_path / names[key], (old, old))
    sweep(tmp_path, 900)
    assert {path.name for path in tmp_path.iterdir()} == set(names.values()) - {names["gone"]}
    sweep(tmp_path / "nowhere", 900)
