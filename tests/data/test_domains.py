"""Photos of several domains: where they are found, how they are divided, and what an item holds."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from i2i.data.domains import DomainConfig, DomainDataset, find_domains
from i2i.training.loop import EpochSampler

PLAIN = DomainConfig(crop=0.0, flip=0.0)


@pytest.fixture(scope="module")
def data(domain_photos):
    return DomainDataset(domain_photos, "train", 32, PLAIN)


def test_subfolders_are_domains(domain_photos, data):
    assert data.domains == ("blue", "green", "red")
    val = DomainDataset(domain_photos, "val", 32)
    for name, train, held in zip(data.domains, data.files, val.files, strict=True):
        assert not set(train) & set(held) and len(held) >= 2
        assert {*train, *held} == set((domain_photos / name).iterdir())
    assert data.photos + val.photos == 20 and "red 7" in data.describe()
    chosen = DomainDataset(domain_photos, "train", 32, DomainConfig(domains=("red", "blue")))
    assert chosen.domains == ("red", "blue") == chosen.config.domains and chosen.files[0] == data.files[2]


def test_a_photo_stays_in_its_split(domain_photos, tmp_path):
    more = shutil.copytree(domain_photos, tmp_path / "more")

    def add(numbers) -> None:
        for i in numbers:
            for name in ("red", "green", "blue"):
                shutil.copy(more / name / f"{name} 0.png", more / name / f"new {name} {i}.png")

    def parts() -> list[set[str]]:
        found = [find_domains(more, split, DomainConfig(val_fraction=0.3)) for split in ("train", "val")]
        return [{p.name for files in domains.values() for p in files} for domains in found]

    add(range(20))
    before = parts()
    assert not before[0] & before[1] and len(before[0] | before[1]) == 80 and 10 < len(before[1]) < 40
    add(range(20, 60))
    after = parts()
    assert before[0] < after[0] and before[1] < after[1]


def test_folders_kept_apart(domain_photos, tmp_path):
    for split in ("train", "test"):
        shutil.copytree(domain_photos, tmp_path / split)
    found = [find_domains(tmp_path, split, DomainConfig()) for split in ("train", "val")]
    assert [len(files) for files in found[0].values()] == [len(files) for files in found[1].values()] == [6, 5, 9]
    assert all("test" in p.parts for p in found[1]["red"])


@pytest.fixture
def listed(domain_photos, tmp_path):
    """All photos in one folder, and an index that says which colour they are of; red ones are "other"."""
    (tmp_path / "photos").mkdir()
    rows = []
    for path in sorted(domain_photos.rglob("*.png")):
        shutil.copy(path, tmp_path / "photos" / path.name)
        rows.append({"file": f"photos/{path.name}", "coat": path.parent.name.replace("red", "other")})
    with (tmp_path / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "coat"])
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_an_index_names_the_domains(listed, monkeypatch):
    config = DomainConfig(index="index.csv", column="coat", domains=("green", "blue"))
    found = find_domains(listed, "train", config)
    assert list(found) == ["green", "blue"]
    assert all(p.name.startswith(name) for name, files in found.items() for p in files)
    # Also from the photos' own folder, with the index beside it.
    again = find_domains(listed / "photos", "train", replace(config, index=str(listed / "index.csv")))
    assert again == found
    assert list(find_domains(listed, "train", replace(config, domains=()))) == ["blue", "green", "other"]


def test_what_is_wrong_with_an_index(listed):
    config = DomainConfig(index="index.csv", column="coat")
    with pytest.raises(ValueError, match="no file missing.csv"):
        find_domains(listed, "train", replace(config, index="missing.csv"))
    with pytest.raises(ValueError, match="no column 'colour', only file, coat"):
        find_domains(listed, "train", replace(config, column="colour"))
    with pytest.raises(ValueError, match="no domain pink, only blue, green, other"):
        find_domains(listed, "train", replace(config, domains=("blue", "pink")))
    (listed / "photos" / "green 1.png").unlink()
    with pytest.raises(ValueError, match="lists 1 photos that are not in .*green 1.png"):
        find_domains(listed, "train", config)


def test_what_is_wrong_with_a_folder(domain_photos, tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        find_domains(tmp_path / "nowhere", "train", PLAIN)
    with pytest.raises(ValueError, match="two domains are the least, got none"):
        find_domains(tmp_path, "train", PLAIN)
    with pytest.raises(ValueError, match="two domains are the least, got red"):
        find_domains(domain_photos, "train", DomainConfig(domains=("red",)))
    with pytest.raises(ValueError, match="has no domain pink, only blue, green, red"):
        find_domains(domain_photos, "train", DomainConfig(domains=("red", "pink")))
    with pytest.raises(ValueError, match="domain blue has 0 photos for the split val"):
        find_domains(domain_photos, "val", DomainConfig(val_fraction=0.0))
    for name in ("a", "b"):
        (tmp_path / "x" / name).mkdir(parents=True)
    with pytest.raises(ValueError, match="a holds no photos"):
        find_domains(tmp_path / "x", "train", PLAIN)
    for wrong in ({"fit": "pad"}, {"index": "a.csv"}, {"flip": 2.0}, {"domains": ("a", "a")}):
        with pytest.raises(ValueError):
            DomainConfig(**wrong)


def test_every_epoch_shows_each_domain_equally_often(data):
    assert len(data) == 3 * 7
    keys = iter(EpochSampler(len(data), seed=4))
    for _ in range(3):
        items = [data[next(keys)] for _ in range(len(data))]
        assert Counter(int(item["domain"]) for item in items) == {0: 7, 1: 7, 2: 7}
        # The largest domain's photos once, those of smaller ones about as often as each other.
        seen = Counter((int(item["domain"]), float(item["x"].double().sum())) for item in items)
        assert sorted(n for (k, _), n in seen.items() if k == 2) == [1] * 7
        assert max(n for (k, _), n in seen.items() if k == 0) <= 4


def test_items_show_what_they_say(data):
    targets = Counter()
    for seed in range(60):
        item = data[(seed % len(data), seed)]
        targets[int(item["target"])] += 1
        assert {k: tuple(v.shape) for k, v in item.items()} == {
            "x": (3, 32, 32), "domain": (), "target": (), "reference": (3, 32, 32), "reference2": (3, 32, 32),
        }  # fmt: skip
        for photo, domain in (("x", "domain"), ("reference", "target"), ("reference2", "target")):
            files = data.files[int(item[domain])]
            assert any(torch.equal(item[photo], data.photo(int(item[domain]), i)) for i in range(len(files)))
        assert not torch.equal(item["reference"], item["reference2"])
    assert min(targets.values()) > 8  # of 20 expected


def test_an_item_is_a_function_of_its_key(domain_photos):
    config = DomainConfig(crop=0.5, flip=0.5)
    sets = DomainDataset(domain_photos, "train", 32, config, cache=True), DomainDataset(
        domain_photos, "train", 32, config, cache=False
    )
    np.random.seed(1)
    for key in ((3, 5), (20, 9), (3, 6), (3, 5)):
        one, two = (s[key] for s in sets)
        assert all(torch.equal(one[k], two[k]) for k in one)
    assert not torch.equal(sets[0][(3, 5)]["x"], sets[0][(3, 6)]["x"]) or not torch.equal(
        sets[0][(3, 5)]["reference"], sets[0][(3, 6)]["reference"]
    )
    assert torch.equal(sets[0][4]["x"], sets[0][(4, 0)]["x"])
    with pytest.raises(IndexError, match="holds 21 items"):
        sets[0][21]


def test_photos_are_squares_of_the_centre(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(4):
            pixels = np.zeros((40, 60, 3), np.uint8)
            pixels[:, 10:50] = 255  # what a centre square keeps
            Image.fromarray(pixels).save(tmp_path / name / f"{name}{i}.png")
    cut = DomainDataset(tmp_path, "val", 32).photo(0, 0)
    assert cut.min() == 1
    squeezed = DomainDataset(tmp_path, "val", 32, DomainConfig(fit="stretch")).photo(0, 0)
    assert squeezed[:, :, 0].max() == -1 and squeezed[:, :, 16].min() == 1


def ramps(folder) -> None:
    """Two domains of four pictures that grow lighter from left to right."""
    ramp = np.repeat(np.linspace(0, 255, 64).round().astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    for name in ("a", "b"):
        (folder / name).mkdir()
        for i in range(4):
            Image.fromarray(ramp).save(folder / name / f"{name}{i}.png")


def test_crops_keep_four_fifths_and_mirrors_mirror(tmp_path):
    ramps(tmp_path)
    mirrored = DomainDataset(tmp_path, "train", 64, DomainConfig(crop=0.0, flip=1.0))
    assert torch.equal(mirrored[(0, 1)]["x"], mirrored.photo(0, 0).flip(-1))
    cropped = DomainDataset(tmp_path, "train", 64, DomainConfig(crop=1.0, flip=0.0))
    spans = []
    for seed in range(40):
        x = cropped[(0, seed)]["x"]
        assert x.shape == (3, 64, 64)
        spans.append(float(x[0, 0, -1] - x[0, 0, 0]) / 2)
    assert min(spans) > 0.8 * 0.9**0.5 - 0.06 and max(spans) > 0.95 and len(set(spans)) > 5


def test_only_shares_of_the_photos_are_cropped_and_mirrored(tmp_path):
    ramps(tmp_path)

    def kept(config: DomainConfig) -> tuple[float, float]:
        """Shares of the items that are not cropped, and of those that are not mirrored."""
        data = DomainDataset(tmp_path, "train", 64, config)
        across = torch.stack([data[(0, seed)]["x"][0, 0, [0, -1]] for seed in range(400)])
        span = across[:, 1] - across[:, 0]
        return float((span.abs() > 1.999).float().mean()), float((span > 0).float().mean())

    assert kept(DomainConfig(crop=0.0, flip=0.25)) == (1.0, pytest.approx(0.75, abs=0.06))
    whole, straight = kept(DomainConfig(crop=0.75, flip=0.0))
    assert 0.2 < whole < 0.45 and straight == 1  # a crop may be as wide as the photo
