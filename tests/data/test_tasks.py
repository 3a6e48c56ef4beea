"""What tasks over folders share: the names of results."""

from __future__ import annotations

from i2i.data.tasks import pair_name


def test_names_of_pairs_are_flat_but_for_the_split():
    assert pair_name("a.png") == "a" and pair_name("x/y/a.b.png") == "x__y__a.b"
    assert pair_name("train/a.png") == "train/a" and pair_name("val/x/a.png") == "val/x__a"
    assert pair_name("x/train/a.png") == "x__train__a" and pair_name("test.png") == "test"
