"""index.csv as spreadsheets write it."""

from __future__ import annotations

import pytest

from i2i.data.index_csv import read_index
from i2i.data.pictures import PrepareError

ROWS = [{"file": "a, b.jpg", "coat": "schwarz"}, {"file": "c.jpg", "coat": "weiß"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize(
    "text", ['file,coat\n"a, b.jpg",schwarz\nc.jpg,weiß\n', "file;coat\r\na, b.jpg;schwarz\r\nc.jpg;weiß\r\n"]
)
def test_commas_and_semicolons_with_and_without_a_mark(tmp_path, text, encoding):
    (tmp_path / "index.csv").write_bytes(text.encode(encoding))
    assert read_index(tmp_path / "index.csv") == (["file", "coat"], ROWS)


def test_another_encoding_names_the_fix(tmp_path):
    (tmp_path / "index.csv").write_bytes("file,coat\nc.jpg,weiß\n".encode("latin-1"))
    with pytest.raises(PrepareError, match="index.csv is not UTF-8: save it again as CSV UTF-8"):
        read_index(tmp_path / "index.csv")


def test_an_empty_file_has_no_columns(tmp_path):
    (tmp_path / "index.csv").write_text("")
    assert read_index(tmp_path / "index.csv") == ([], [])
