"""Judges from torchvision with weights of a file, and scores of models whose label maps are plain pictures."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from i2i.images import photo_to_tensor
from i2i.metrics.held_out import ColouredLabels, held_out_for
from i2i.metrics.segmentation import Judge, judge_labels, judge_photos, load_judge
from i2i.palette import Palette

PALETTE = Palette(("sky", "wall", "Door"), ((0, 0, 222), (255, 128, 0), (10, 200, 30)))
PHOTO = np.array([[120, 180, 240], [180, 150, 120], [60, 90, 60]], np.uint8)  # colour of each class in photos


class Net(nn.Module):
    """As torchvision's: a backbone, a classifier that ends in one channel a class, perhaps a second classifier."""

    def __init__(self, classes: int):
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 1)
        self.classifier = nn.Sequential(nn.Conv2d(4, 6, 1), nn.ReLU(), nn.Conv2d(6, classes, 1))

    def forward(self, y):
        return {"out": self.classifier(self.backbone(y))}


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file with weights of five classes, of which it always finds the third."""
    from torchvision import models

    monkeypatch.setattr(models, "get_model", lambda name, num_classes, **options: Net(num_classes))
    net = Net(5)
    with torch.no_grad():
        net.classifier[2].weight.zero_()
        net.classifier[2].bias.copy_(torch.tensor([1.0, 2.0, 5.0, 4.0, 3.0]))
    more = {"aux_classifier.4.weight": torch.zeros(21, 3, 1, 1), "aux_classifier.4.bias": torch.zeros(21)}
    torch.save({"model": net.state_dict() | more, "epoch": 3}, tmp_path / "city.pth")
    return tmp_path / "city.pth"


def listed(folder, names) -> str:
    (folder / "classes.json").write_text(json.dumps(names))
    return f"torchvision:fcn_resnet50:{folder / 'city.pth'}:{folder / 'classes.json'}"


def test_classes_of_a_file_are_matched_by_name(weights):
    judge = load_judge(listed(weights.parent, ["door", "Sky", "road", "car", "bus"]), PALETTE, torch.device("cpu"))
    assert judge.class_of.tolist() == [2, 0, 255, 255, 255] and judge.class_of.dtype == np.uint8
    assert len(judge.name.split("weights ")[1]) == 8
    # What it likes best has no class in the palette; of door and sky, it likes sky better.
    assert (judge.see(Image.new("RGB", (520, 520))) == 0).all()
    assert judge.only_known(np.array([[0, 1, 2]], np.uint8)).tolist() == [[0, 255, 2]]


def test_torchvision_s_nets_see_photos_as_they_were_trained(weights, monkeypatch):
    """ImageNet's mean colour as zero, its standard deviation as one."""
    seen = []
    monkeypatch.setattr(Net, "forward", lambda self, y: seen.append(y) or {"out": torch.zeros(1, 5, *y.shape[2:])})
    judge = load_judge(listed(weights.parent, ["door", "Sky", "road", "car", "bus"]), PALETTE, torch.device("cpu"))
    for colour in ((124, 116, 104), (255, 255, 255)):
        judge.see(Image.new("RGB", (520, 520), colour))
    mean, white = (y.mean((0, 2, 3)) for y in seen)
    assert mean.abs().max() < 0.01
    assert white.tolist() == pytest.approx([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], rel=1e-3)


def test_without_names_the_palette_must_fit(weights):
    five = Palette(tuple("abcde"), tuple((i, 0, 0) for i in range(5)))
    judge = load_judge(f"torchvision:fcn_resnet50:{weights}", five, torch.device("cpu"))
    assert judge.class_of.tolist() == [0, 1, 2, 3, 4]
    assert (judge.see(Image.new("RGB", (520, 520))) == 2).all()
    with pytest.raises(ValueError, match="has 5 classes and the palette 3: list the names .*CLASSES.json"):
        load_judge(f"torchvision:fcn_resnet50:{weights}", PALETTE, torch.device("cpu"))


@pytest.mark.parametrize(
    "names, message",
    [
        (["sky", "wall"], "names 2 classes, but the weights tell 5 apart"),
        ({"sky": 0}, "is no list of names"),
        (list("vwxyz"), "the palette has less than two"),
    ],
)
def test_names_that_do_not_fit(weights, names, message):
    with pytest.raises(ValueError, match=message):
        load_judge(listed(weights.parent, names), PALETTE, torch.device("cpu"))


class Bomb:
    def __reduce__(self):
        return print, ("exploded",)


def test_files_that_are_no_weights(weights, tmp_path, capsys):
    def load(name: str):
        load_judge(f"torchvision:fcn_resnet50:{tmp_path / name}", PALETTE, torch.device("cpu"))

    (tmp_path / "bomb.pth").write_bytes(pickle.dumps({"classifier.4.bias": Bomb()}, protocol=2))
    with pytest.raises(ValueError, match="bomb.pth was refused: .*save net.state_dict") as found:
        load("bomb.pth")
    assert "weights_only" not in str(found.value) and "exploded" not in capsys.readouterr().out
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="list.pth holds no state dict"):
        load("list.pth")
    torch.save({"layer.bias": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="there is no classifier in it"):
        load("other.pth")
    torch.save({"classifier.0.bias": torch.zeros(3)}, tmp_path / "part.pth")
    with pytest.raises(ValueError, match="holds other weights than those of fcn_resnet50"):
        load("part.pth")
    with pytest.raises(ValueError, match="none.pth is no file"):
        load("none.pth")


# Label maps as plain pictures


@pytest.fixture
def street(tmp_path):
    """photo|labels side by side, both as pictures: two fields and a stripe of no class; and the classes."""
    classes = np.zeros((64, 64), np.uint8)
    classes[:, 24:], classes[40:, 40:] = 1, 2
    for i in range(3):
        labels = PALETTE.array[np.roll(classes, 8 * i, 1)]
        labels[:4] = 255
        photo = PHOTO[np.roll(classes, 8 * i, 1)]
        Image.fromarray(np.hstack([photo, labels])).save(tmp_path / f"{i}.png")
    (tmp_path / "palette.json").write_text(json.dumps(PALETTE.to_json()))
    return tmp_path


def pairs(root, direction: str) -> ColouredLabels:
    config = {"name": "m", "input": {"kind": "photo"}, "data": {"direction": direction, "val_fraction": 0.0}}
    return ColouredLabels(held_out_for(config, root, "train"), "b")


class Answering:
    """A model that answers with what a function makes of the input's pixels, uint8 (S, S, 3)."""

    name, image_size, config = "m", 64, {"input": {"kind": "photo"}, "output": {"kind": "photo"}}

    def __init__(self, function):
        self.function = function

    def answer(self, x, seeds):
        pixels = ((x.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8)
        return photo_to_tensor(Image.fromarray(self.function(pixels)))[None]


def repaint(ours: np.ndarray, theirs: np.ndarray):
    """Pixels of the nearest of our colours in their colour."""

    def paint(pixels: np.ndarray) -> np.ndarray:
        return theirs[((pixels[:, :, None].astype(int) - ours) ** 2).sum(-1).argmin(-1)]

    return paint


def by_colour(y):
    colours = torch.from_numpy(PHOTO.astype(np.float32) / 127.5 - 1)
    return -((y[:, None] - colours[None, :, :, None, None]) ** 2).sum(2)


def test_fcn_score_of_photos_made_from_coloured_label_maps(street):
    held = pairs(street, "BtoA")
    judge = Judge("colours", 64, by_colour, np.arange(3, dtype=np.uint8), 3, torch.device("cpu"))
    right = Answering(repaint(PALETTE.array, PHOTO))
    wrong = Answering(repaint(PALETTE.array, PHOTO[[0, 0, 2]]))  # takes walls for sky
    for model, low, high in ((None, 0.999, 1), (right, 0.999, 1), (wrong, 0.3, 0.6)):
        found, scores = judge_photos(held, judge, 3, model, lambda count: None)
        assert low <= found.pixel_accuracy <= high
    assert found.accuracies[1] == 0 and found.accuracies[0] == 1
    assert "6.2% of the pixels" in scores[0].protocol and "judged at 64 px" in scores[0].protocol


def test_label_maps_that_photos_are_answered_with(street):
    held = pairs(street, "AtoB")
    assert held.labels_answered
    nearly = np.clip(PALETTE.array.astype(int) + 20, 0, 255).astype(np.uint8)
    assert judge_labels(held, Answering(repaint(PHOTO, nearly)), 3, lambda count: None)[0].pixel_accuracy == 1
    found, scores = judge_labels(held, Answering(repaint(PHOTO, nearly[[0, 1, 1]])), 3, lambda count: None)
    assert found.accuracies.tolist() == [1, 1, 0] and "3 label maps at 64 px" in scores[0].protocol


def test_the_palette_of_cityscapes():
    """Colours that are not judged do not become the nearest of those that are."""
    palette = Palette.load(Path(__file__).parents[2] / "docs" / "cityscapes.json")
    assert len(palette) == 29 and palette.names[18] == "bicycle" and palette.names.index("truck") == 14
    found = palette.nearest(np.array([[[0, 0, 70], [0, 0, 90], [0, 0, 110], [0, 0, 142]]], np.uint8))[0]
    assert [palette.names[k] for k in found[0]] == ["truck", "caravan", "trailer", "car"]
