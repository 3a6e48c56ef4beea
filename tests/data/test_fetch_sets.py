"""The published data sets: what people must know of each, here and in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from i2i.data.fetch_sets import SETS


@pytest.mark.parametrize("one", SETS.values(), ids=SETS)
def test_every_data_set_says_what_people_must_know(one):
    assert one.licence and one.page.startswith("https://") and one.counted and "FOLDER" in one.then
    assert all(n > 0 and pattern.count("*") == 1 for pattern, n in one.counts.items())
    assert all(archive.url.startswith("https://") for archive in one.archives if archive.url)
    assert all(archive.url for archive in one.archives) != bool(one.instead)


@pytest.mark.parametrize("one", SETS.values(), ids=SETS)
def test_the_documentation_has_the_same_numbers(one):
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{one.name}` |"))
    assert all(f"{n:,}" in row for n in [*one.counts.values(), *one.listed.values()])
    assert f"`{one.then.split()[1]}`" in row
