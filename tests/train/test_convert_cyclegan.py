"""Both generators of a CycleGAN run as one model that translates both ways."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from i2i import Translator
from i2i.importing import find_architecture, import_generator, join_directions
from i2i.methods.pix2pix import Pix2PixConfig
from i2i.nets.resnet import ResNetGenerator


def their_names(net: ResNetGenerator) -> dict[str, torch.Tensor]:
    """The weights of a ResNet under the names that pytorch-CycleGAN-and-pix2pix gives them."""
    end = 10 + len(net.blocks)
    places = {"entry": "model.1", "exit": f"model.{end + 7}"}
    for k in range(2):
        places |= {f"down.{k}": f"model.{4 + 3 * k}", f"up.{k}": f"model.{end + 3 * k}"}
    for k in range(len(net.blocks)):
        places |= {f"blocks.{k}.conv{n}": f"model.{10 + k}.conv_block.{5 if n == 2 else 1}" for n in (1, 2)}
    return {f"{places[n.rpartition('.')[0]]}.{n.rpartition('.')[2]}": v for n, v in net.state_dict().items()}


def lively(**options) -> ResNetGenerator:
    net = ResNetGenerator(width=4, blocks=2, **options).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(0, 0.2)
    return net


@pytest.fixture
def run(tmp_path):
    """A folder of their checkpoints, and the nets."""
    torch.manual_seed(0)
    place = tmp_path / "horse2zebra"
    place.mkdir()
    nets = {side: lively() for side in "AB"}
    for side, net in nets.items():
        torch.save(their_names(net), place / f"latest_net_G_{side}.pth")
    return place, nets


@torch.no_grad()
def test_both_directions_answer_as_theirs(load_script, run, tmp_path, capsys):
    place, nets = run
    words = [str(place / "latest_net_G_A.pth"), "--back", str(place / "latest_net_G_B.pth"), "--size", "32"]
    assert load_script("convert").main([*words, "--out", str(tmp_path / "model"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "CycleGANConfig" in said and "BtoA: " in said and not (tmp_path / "model").exists()
    assert load_script("convert").main([*words, "--out", str(tmp_path / "model")]) == 0
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["method"] == "cyclegan" and config["net"]["generator"] == "resnet_2"
    model = Translator.from_pretrained(tmp_path / "model", "cpu", "float32")
    assert model.directions == {"AtoB": "horse to zebra", "BtoA": "zebra to horse"}
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8))
    x = model.see(photo)
    for direction, side in (("AtoB", "A"), ("BtoA", "B")):
        assert torch.allclose(model.answer(x, [0], direction=direction), nets[side](x[None]), atol=0.02)
    wanted = nets["B"](nets["A"](x[None]))[0]
    assert (model.there_and_back(x)[1] - wanted).abs().mean() < 0.02


@torch.no_grad()
def test_a_run_from_b_to_a_is_turned(load_script, run, tmp_path):
    """Trained with direction BtoA, G_A translates B; so does G_B of a run the usual way."""
    place, nets = run
    (place / "train_opt.txt").write_text("direction: BtoA\nnetG: resnet_2blocks\n")
    words = [str(place / "latest_net_G_A.pth"), "--back", str(place / "latest_net_G_B.pth"), "--size", "32"]
    assert load_script("convert").main([*words, "--out", str(tmp_path / "model")]) == 0
    model = Translator.from_pretrained(tmp_path / "model", "cpu", "float32")
    assert model.config["data"]["direction"] == "AtoB"
    x = torch.rand(3, 32, 32) * 2 - 1
    for direction, side in (("BtoA", "A"), ("AtoB", "B")):
        assert torch.allclose(model.answer(x, [0], direction=direction), nets[side](x[None]), atol=0.02)


def test_what_does_not_belong_together(load_script, run, tmp_path):
    place, _ = run
    odd = {
        "wide.pth": ResNetGenerator(width=8, blocks=2),
        "deep.pth": ResNetGenerator(width=4, blocks=3),
        "grey.pth": ResNetGenerator(inputs=1, width=4, blocks=2),
    }
    for name, net in odd.items():
        torch.save(their_names(net), place / name)
    words = [str(place / "latest_net_G_A.pth"), "--out", str(tmp_path / "model"), "--size", "32", "--back"]
    for name, message in (
        ("wide.pth", "width 4.* and back .*width 8"),
        ("deep.pth", "resnet_2 .* and back resnet_3"),
        ("grey.pth", "photos to photos"),
        ("missing.pth", "is no file"),
    ):
        with pytest.raises(ValueError, match=message):
            load_script("convert").main([*words, str(place / name)])
    assert not (tmp_path / "model").exists()


def test_dropout_is_not_left_out_silently():
    config = Pix2PixConfig(size=32, generator="resnet_2", width=4, norm="instance", noisy=())
    with pytest.raises(ValueError, match="answer without dropout"):
        join_directions((config, nn.ModuleDict()), (config, nn.ModuleDict()))


def test_the_names_above_are_theirs():
    """`their_names` and the importer agree on every layer."""
    state = their_names(ResNetGenerator(width=4, blocks=2))
    assert find_architecture(state).generator == "resnet_2"
    assert import_generator(state, {}, size=32)[2].norm == "instance"
