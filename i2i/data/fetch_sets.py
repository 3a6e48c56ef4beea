"""The data sets that can be fetched: where they are, what belongs to them, and on what terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PIX2PIX, CYCLEGAN = "https://phillipi.github.io/pix2pix", "https://junyanz.github.io/CycleGAN"
_HOST = "https://efrosgans.eecs.berkeley.edu"
_PETS = "https://www.robots.ox.ac.uk/~vgg/data/pets"
_CATALOGUE = "TensorFlow Datasets' catalogue, cycle_gan"


@dataclass(frozen=True)
class Archive:
    """One file to download.

    Attributes:
        file: its name, at a mirror as well.
        url: where its owner offers it; None where nobody may.
        md5: its digest, where one is published.
    """

    file: str
    url: str | None
    md5: str | None = None


@dataclass(frozen=True)
class FetchedSet:
    """A data set.

    Attributes:
        name: also the name of its folder.
        what: one line.
        archives: what to download.
        counts: pattern of files below the folder, and how many there must be; a split for each.
        megabytes: size of the archives, about.
        licence: whose it is and what may be done with it.
        page: the owner's page.
        counted: where the counts come from.
        then: the command to go on with; FOLDER stands for the data set's folder.
        instead: what to do where no owner offers the archive.
        listed: splits that torchvision's `OxfordIIITPet` must find in the folder, and their sizes.
    """

    name: str
    what: str
    archives: tuple[Archive, ...]
    counts: dict[str, int]
    megabytes: int
    licence: str
    page: str
    counted: str
    then: str
    instead: str = ""
    listed: dict[str, int] = field(default_factory=dict)

    @property
    def pictures(self) -> int:
        """Number of pictures of all splits."""
        return sum(n for pattern, n in self.counts.items() if not pattern.endswith(".mat"))

    def missing(self, folder: Path) -> str:
        """What is wrong with a folder: "train/*.jpg: 399 files, expected 400; ...", or "" if all is there."""
        found = {pattern: count_files(folder, pattern) for pattern in self.counts}
        expected = self.counts
        if self.listed and found == expected:
            found, expected = found | _listed(folder, self.listed), expected | self.listed
        wrong = {key: n for key, n in expected.items() if found[key] != n}
        return "; ".join(f"{key}: {found[key]:,} files, expected {n:,}" for key, n in wrong.items())


def count_files(folder: Path, pattern: str) -> int:
    """Number of files of a pattern "folder/*.suffix" (the suffix in any case); hidden ones are not counted."""
    place, _, name = pattern.rpartition("/")
    where, suffix = folder / place, name.removeprefix("*").lower()
    if not where.is_dir():
        return 0
    return sum(
        1
        for path in where.iterdir()
        if path.name.lower().endswith(suffix) and not path.name.startswith(".") and path.is_file()
    )


def _listed(folder: Path, splits: dict[str, int]) -> dict[str, int]:
    from torchvision.datasets import OxfordIIITPet  # slow to import, and one data set needs it

    found = {}
    for split in splits:
        try:
            found[split] = len(OxfordIIITPet(folder.parent, split=split))
        except (RuntimeError, OSError):  # torchvision's words for a folder that is not there, or has no lists
            found[split] = 0
    return found


def _paired(name: str, what: str, counts: dict[str, int], megabytes: int, licence: str, counted: str, then: str):
    archive = Archive(f"{name}.tar.gz", f"{_HOST}/pix2pix/datasets/{name}.tar.gz")
    splits = {f"{split}/*.jpg": n for split, n in counts.items()}
    return FetchedSet(name, what, (archive,), splits, megabytes, licence, PIX2PIX, counted, then)


def _unpaired(name: str, what: str, counts: tuple[int, int, int, int], megabytes: int, licence: str):
    archive = Archive(f"{name}.zip", f"{_HOST}/cyclegan/datasets/{name}.zip")
    folders = ("trainA", "trainB", "testA", "testB")
    splits = {f"{folder}/*.jpg": n for folder, n in zip(folders, counts, strict=True)}
    then = "python train/cyclegan.py FOLDER/trainA FOLDER/trainB --out RUN"
    return FetchedSet(name, what, (archive,), splits, megabytes, licence, CYCLEGAN, _CATALOGUE, then)


_IMAGENET = "photos of ImageNet: non-commercial research and education, each photo with its own owner"
_FLICKR = "photos of Flickr without a common licence: research only"
_AFHQ = "NAVER Corp.: CC BY-NC 4.0"
_PRODUCTS = "product photos without an open licence: research only, not to be passed on"
_EDGES = "python train/edges2photo.py FOLDER/train --out RUN"

_ALL = (
    _paired(
        "edges2shoes", "drawing | shoe, pairs side by side, 256 px",
        {"train": 49_825, "val": 200}, 2_100,
        "UT Zappos50K: academic, non-commercial use", "UT Zappos50K has 50,025 photos, of which 200 are val", _EDGES,
    ),
    _paired(
        "edges2handbags", "drawing | handbag, pairs side by side, 256 px",
        {"train": 138_567, "val": 200}, 8_600,
        _PRODUCTS, "users of the archive; the page says 137K", _EDGES,
    ),
    _paired(
        "facades", "photo | label map of a facade, pairs side by side, 256 px",
        {"train": 400, "val": 100, "test": 106}, 30,
        "CMP Facade Database, Czech Technical University: no licence stated, research only",
        "the CMP Facade Database has 606 photos; the page says 400 for training",
        "python train/pix2pix.py FOLDER --recipe labels2facade --b photo --out RUN",
    ),
    _paired(
        "maps", "aerial photo | map, pairs side by side, 600 px",
        {"train": 1_096, "val": 1_098}, 250,
        "imagery of Google Maps: research only, not to be passed on", _CATALOGUE,
        "python train/pix2pix.py FOLDER --recipe aerial2map --out RUN",
    ),
    FetchedSet(
        "cityscapes", "street photo | label map, pairs side by side, 256 px",
        (Archive("cityscapes.tar.gz", None),),
        {"train/*.jpg": 2_975, "val/*.jpg": 500}, 110,
        "Cityscapes: non-commercial, after registration, not to be passed on",
        "https://www.cityscapes-dataset.com", _CATALOGUE,
        "python train/pix2pix.py FOLDER --recipe labels2street --out RUN",
        instead="register at https://www.cityscapes-dataset.com, download leftImg8bit_trainvaltest.zip and "
        "gtFine_trainvaltest.zip, and make pairs of them as docs/datasets.md shows",
    ),
    _paired(
        "night2day", "night | day of one place, pairs side by side, 256 px",
        {"train": 17_823, "val": 10, "test": 2_287}, 1_900,
        "Transient Attributes, Brown University: webcam pictures, research only",
        "users of the archive; the page says 20K",
        "python train/pix2pix.py FOLDER --recipe day2night --direction BtoA --out RUN",
    ),
    _unpaired("horse2zebra", "horses, zebras, 256 px", (1_067, 1_334, 120, 140), 117, _IMAGENET),
    _unpaired("apple2orange", "apples, oranges, 256 px", (995, 1_019, 266, 248), 78, _IMAGENET),
    _unpaired(
        "monet2photo", "paintings of Monet, landscape photos, 256 px", (1_072, 6_287, 121, 751), 305,
        "paintings from WikiArt, " + _FLICKR,
    ),
    _unpaired("summer2winter_yosemite", "Yosemite in summer, in winter, 256 px", (1_231, 962, 309, 238), 133, _FLICKR),
    FetchedSet(
        "afhq", "faces of cats, dogs, wild animals, 512 px, JPEG (version 1)",
        (Archive("afhq.zip", "https://www.dropbox.com/s/t9l9o3vsx2jai3z/afhq.zip?dl=1"),),
        {
            "train/cat/*.jpg": 5_153, "train/dog/*.jpg": 4_739, "train/wild/*.jpg": 4_738,
            "val/cat/*.jpg": 500, "val/dog/*.jpg": 500, "val/wild/*.jpg": 500,
        },
        720, _AFHQ, "https://github.com/clovaai/stargan-v2", "StarGAN v2: 500 of each for validation; 16,130 in all",
        "python train/starganv2.py FOLDER --recipe afhq --out RUN",
    ),
    FetchedSet(
        "afhq-v2", "the same, resized again with better quality, 512 px, PNG (version 2)",
        (Archive("afhq_v2.zip", "https://www.dropbox.com/s/vkzjokiwof5h8w6/afhq_v2.zip?dl=1"),),
        {
            "train/cat/*.png": 5_065, "train/dog/*.png": 4_678, "train/wild/*.png": 4_593,
            "test/cat/*.png": 493, "test/dog/*.png": 491, "test/wild/*.png": 483,
        },
        7_000, _AFHQ, "https://github.com/clovaai/stargan-v2", "users of the archive; 15,803 in all",
        "python train/starganv2.py FOLDER --recipe afhq --out RUN",
    ),
    FetchedSet(
        "bsds500", "photos with the boundaries that about five people drew in each, 481 × 321 px",
        (
            Archive(
                "BSR_bsds500.tgz",
                "https://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
            ),
        ),
        {
            f"{kind}/{split}/*.{suffix}": n
            for kind, suffix in (("images", "jpg"), ("groundTruth", "mat"))
            for split, n in (("train", 200), ("val", 100), ("test", 200))
        },
        71, "UC Berkeley: non-commercial research and education",
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html", "the owner's page",
        "python train/edge_detector.py FOLDER --out RUN",
    ),
    FetchedSet(
        "oxford-iiit-pet", "cats and dogs of 37 breeds, with cut-out masks",
        (
            Archive("images.tar.gz", f"{_PETS}/data/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
            Archive("annotations.tar.gz", f"{_PETS}/data/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
        ),
        {"images/*.jpg": 7_390}, 811, "Oxford VGG and IIIT: CC BY-SA 4.0, each photo with its own owner", _PETS,
        "torchvision's lists: 3,680 for training, 3,669 for testing; the photos of the archive",
        "python train/edges2photo.py FOLDER/images --out RUN",
        listed={"trainval": 3_680, "test": 3_669},
    ),
)

SETS: dict[str, FetchedSet] = {one.name: one for one in _ALL}
