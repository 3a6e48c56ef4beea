"""Tables: one row a name, dashes, letters for protocols."""

from __future__ import annotations

import pytest

from i2i.metrics.scores import Score, make_table, table_html, table_text


def test_rows_columns_and_notes():
    columns = {
        "ours": [Score("kernel", 0.01234, "500 pictures", "lower"), Score("diversity", 0.25, "10 samples", "higher")],
        "photos": [Score("diversity", 0.5, "50 groups", "higher")],
    }
    table = make_table(columns)
    assert table.head == ("measure", "ours", "photos", "note")
    assert table.rows == (("kernel ↓", "0.0123", "–", "a"), ("diversity ↑", "0.2500", "0.5000", "b c"))
    assert table.notes == (("a", "500 pictures"), ("b", "10 samples"), ("c", "50 groups"))
    lines = table_text(table).splitlines()
    assert lines[1].split() == ["kernel", "↓", "0.0123", "–", "a"] and lines[-1] == "[c] 50 groups"


def test_equal_protocols_share_a_letter_and_numbers_stay_readable():
    table = make_table({"a": [Score("x", 12.3456, "p"), Score("y", float("nan"), "p"), Score("z", 12345.6, "p")]})
    assert [row[1] for row in table.rows] == ["12.346", "–", "12346"] and len(table.notes) == 1


def test_html_is_escaped():
    text = table_html(make_table({"<b>": [Score("a & b", 1.0, "x < y")]}))
    assert "<b>&lt;b" not in text and "&lt;b&gt;" in text and "a &amp; b" in text and "x &lt; y" in text


def test_json_keeps_the_protocol_and_no_nan():
    assert Score("x", 0.123456789, "p", "lower").json() == {"value": 0.123457, "protocol": "p", "better": "lower"}
    assert Score("x", float("inf"), "p").json() == {"value": None, "protocol": "p"}


def test_two_scores_of_one_name():
    with pytest.raises(ValueError, match="ours has two scores called 'x'"):
        make_table({"ours": [Score("x", 1, "p"), Score("x", 2, "p")]})
