"""Pictures that cannot be read are named all at once, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from i2i.data.domains import DomainConfig, DomainDataset
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.pictures import PrepareError
from i2i.data.unpaired import PhotoSide, UnpairedConfig

SAYS = r"2 of {} pictures cannot be read: .*1\.png: .*; .*2\.png: .*Remove them; or, of photos, python"


def spoilt(folder: Path, count: int = 6) -> list[Path]:
    """Photos of which the second is truncated and the third no picture at all."""
    folder.mkdir(parents=True)
    files = [folder / f"{i}.png" for i in range(count)]
    for i, path in enumerate(files):
        Image.effect_noise((40, 40), 50 + i).convert("RGB").save(path)
    files[1].write_bytes(files[1].read_bytes()[:300])
    files[2].write_bytes(b"no picture")
    return files


@pytest.mark.parametrize("cache", [True, False])
def test_of_one_side(tmp_path, cache):
    files = spoilt(tmp_path / "a")
    with pytest.raises(PrepareError, match=SAYS.format(6)):
        PhotoSide(files, 16, UnpairedConfig(), True, cache)


def test_of_domains(tmp_path):
    for name in ("a", "b"):
        spoilt(tmp_path / "photos" / name)
    for path in (tmp_path / "photos" / "b").iterdir():
        Image.new("RGB", (40, 40)).save(path)
    with pytest.raises(PrepareError, match=r"cannot be read: .*a/"):
        DomainDataset(tmp_path / "photos", "train", 16, DomainConfig(val_fraction=0.4))


def test_of_pairs(tmp_path):
    spoilt(tmp_path / "photo", 4)
    for i in range(4):
        (tmp_path / "edges").mkdir(exist_ok=True)
        Image.new("L", (40, 40), 255).save(tmp_path / "edges" / f"{i}.png")
    with pytest.raises(PrepareError, match=r"cannot be read: .*photo/"):
        for split in ("train", "val"):
            PairedDataset(tmp_path, split, 16, PairedConfig("photo", "edges"))
