"""Checkpoints with the names and shapes of pytorch-CycleGAN-and-pix2pix: the same pictures come out of our nets."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from i2i import Translator
from i2i.importing import (
    CheckpointError,
    find_architecture,
    find_direction,
    import_generator,
    read_checkpoint,
    read_options,
)
from i2i.metrics.held_out import held_out_for
from i2i.nets.layers import use_own_statistics
from i2i.palette import Palette


class Block(nn.Module):
    """A level of their U-Net, written from its published description: the levels below it lie inside."""

    def __init__(self, outer: int, inner: int, inside: nn.Module | None, outputs: int, norm: str, inputs: int, top):
        super().__init__()
        biased = norm == "instance"
        make = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d, "none": lambda c: nn.Identity()}[norm]
        down = nn.Conv2d(inputs, inner, 4, 2, 1, bias=biased)
        twice = inner if inside is None else 2 * inner
        up = nn.ConvTranspose2d(twice, outputs if top else outer, 4, 2, 1, bias=biased or top)
        self.top = top
        if top:
            parts = [down, inside, nn.ReLU(), up, nn.Tanh()]
        elif inside is None:
            parts = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, make(outer)]
        else:
            parts = [nn.LeakyReLU(0.2), down, make(inner), inside, nn.ReLU(), up, make(outer), nn.Dropout(0.5)]
        self.model = nn.Sequential(*parts)

    def forward(self, x):
        return self.model(x) if self.top else torch.cat([x, self.model(x)], 1)


class TheirUNet(nn.Module):
    def __init__(self, inputs=3, outputs=3, width=4, depth=5, norm="batch"):
        super().__init__()
        widths = [width * min(8, 2**k) for k in range(depth)]
        block = None
        for k in reversed(range(depth)):
            outer = widths[k - 1] if k else outputs
            block = Block(outer, widths[k], block, outputs, norm, outer if k else inputs, k == 0)
        self.model = block

    def forward(self, x):
        return self.model(x)


class Residual(nn.Module):
    def __init__(self, channels: int, make, biased: bool, dropout: bool):
        super().__init__()
        first = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=biased), make(channels), nn.ReLU()]
        noise = [nn.Dropout(0.5)] if dropout else []
        second = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=biased), make(channels)]
        self.conv_block = nn.Sequential(*first, *noise, *second)

    def forward(self, x):
        return x + self.conv_block(x)


class TheirResNet(nn.Module):
    def __init__(self, inputs=3, outputs=3, width=4, blocks=2, norm="instance", dropout=False):
        super().__init__()
        biased = norm == "instance"
        make = nn.InstanceNorm2d if biased else nn.BatchNorm2d
        w = width
        parts = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, w, 7, bias=biased), make(w), nn.ReLU()]
        for k in (1, 2):
            parts += [nn.Conv2d(k * w, 2 * k * w, 3, 2, 1, bias=biased), make(2 * k * w), nn.ReLU()]
        parts += [Residual(4 * w, make, biased, dropout) for _ in range(blocks)]
        for k in (2, 1):
            parts += [nn.ConvTranspose2d(2 * k * w, k * w, 3, 2, 1, 1, bias=biased), make(k * w), nn.ReLU()]
        parts += [nn.ReflectionPad2d(3), nn.Conv2d(w, outputs, 7), nn.Tanh()]
        self.model = nn.Sequential(*parts)

    def forward(self, x):
        return self.model(x)


def lively(net: nn.Module) -> nn.Module:
    """Random weights, scales, biases and running statistics, in evaluation mode."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
            if tensor.is_floating_point():
                tensor.normal_(0, 0.2).add_(1.0 if "running_var" in name else 0.0)
                if "running_var" in name:
                    tensor.abs_().add_(0.1)
    return net.eval()


NETS = {
    "unet, batch": lambda: TheirUNet(),
    "unet, instance": lambda: TheirUNet(norm="instance"),
    "unet, no norm": lambda: TheirUNet(norm="none"),
    "unet, 1 to 2 channels": lambda: TheirUNet(1, 2),
    "deep unet": lambda: TheirUNet(depth=7, width=2),
    "resnet, instance": lambda: TheirResNet(),
    "resnet, batch, dropout": lambda: TheirResNet(norm="batch", dropout=True, blocks=3),
}


@pytest.mark.parametrize("name", NETS)
def test_the_same_answers(name):
    theirs = lively(NETS[name]())
    state = theirs.state_dict()
    _, _, config, nets = import_generator(state, {}, size=128)
    x = torch.rand(2, config.inputs, 128, 128) * 2 - 1
    with torch.no_grad():
        assert (theirs(x) - nets["generator"](x)).abs().max() < 1e-5
        assert theirs(x).std() > 0.01
        # As they test: batch norm in training mode, on one picture at a time. Their dropout would be on too.
        for layer in theirs.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.train()
        own = use_own_statistics(nets["generator"])(x)
        for k in range(2):
            assert (theirs(x[k : k + 1])[0] - own[k]).abs().max() < 1e-5
    assert config.norm == ("batch" if "batch" in name or name.endswith(("channels", "deep unet")) else
                           "none" if "no norm" in name else "instance")  # fmt: skip


def test_noise_lies_where_theirs_does():
    config = import_generator(TheirUNet(depth=8, width=1).state_dict(), {})[2]
    assert config.generator == "unet_256" and config.size == 256
    assert config.noisy == (1, 2, 3) and config.dropout == 0.5  # above the innermost layer: their num_downs - 5
    assert import_generator(TheirUNet(depth=7, width=1).state_dict(), {})[2].noisy == (1, 2)
    assert import_generator(TheirUNet().state_dict(), {"no_dropout": "True"}, size=64)[2].dropout == 0
    assert import_generator(TheirUNet().state_dict(), {}, size=64, dropout=False)[2].dropout == 0
    assert import_generator(TheirResNet(dropout=True).state_dict(), {})[2].dropout == 0.5
    assert import_generator(TheirResNet().state_dict(), {"no_dropout": "False"})[2].dropout == 0


def test_drawings_and_labels_in_place_of_rgb():
    """One channel for black and white lines, one for each class: the answers are those to the RGB pictures."""
    theirs = lively(TheirUNet())
    ink = (torch.rand(1, 1, 64, 64) > 0.9).float() * -2 + 1
    given, _, config, nets = import_generator(theirs.state_dict(), {}, "edges", size=64)
    assert given == {"kind": "edges"} and config.inputs == 1
    with torch.no_grad():
        assert (theirs(ink.expand(1, 3, -1, -1)) - nets["generator"](ink)).abs().max() < 1e-5
    palette = Palette(("sky", "wall", "door"), ((0, 0, 222), (255, 128, 0), (10, 200, 30)))
    given, _, config, nets = import_generator(theirs.state_dict(), {}, "labels", palette, size=64)
    classes = np.random.default_rng(0).integers(0, 3, (64, 64)).astype(np.uint8)
    rgb = torch.from_numpy(palette.array[classes].astype(np.float32).transpose(2, 0, 1) / 127.5 - 1)
    assert Palette.from_json(given["palette"]) == palette
    with torch.no_grad():
        assert (theirs(rgb[None]) - nets["generator"](palette.one_hot(classes)[None])).abs().max() < 1e-5
    assert (theirs(rgb[None]) - theirs(-rgb[None])).abs().max() > 0.01  # the input matters at all


OPTIONS = """----------------- Options ---------------
               batch_size: 1
                crop_size: 64                            \t[default: 256]
                direction: BtoA                          \t[default: AtoB]
                 dataroot: /home/someone/facades
                     name: facades_label2photo
                     netG: unet_64                       \t[default: unet_256]
               no_dropout: False
                     norm: batch
----------------- End -------------------
"""


def test_a_file_becomes_a_model_folder_that_answers(load_script, tmp_path, capsys):
    folder = tmp_path / "facades_label2photo"
    folder.mkdir()
    theirs = lively(TheirUNet(depth=6))
    # As several GPUs leave it.
    torch.save({f"module.{k}": v for k, v in theirs.state_dict().items()}, folder / "latest_net_G.pth")
    (folder / "train_opt.txt").write_text(OPTIONS)
    out = tmp_path / "made" / "model"
    convert = load_script("convert").main
    assert convert([str(folder / "latest_net_G.pth"), "--out", str(out), "--licence", "mine"]) == 0
    assert "unet_64, batch norm, photo to photo, BtoA; options: train_opt.txt" in capsys.readouterr().out
    config = json.loads((out / "config.json").read_text())
    assert config["name"] == "facades_label2photo" and config["size"] == 64 and config["data"]["licence"] == "mine"
    assert config["training"]["options"]["direction"] == "BtoA" and "someone" not in json.dumps(config)
    assert "latest_net_G.pth" in (out / "README.md").read_text()
    model = Translator.from_pretrained(out, device="cpu")
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    plain = np.asarray(model.sample(photo, plain=True)[0]).astype(float)
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(np.asarray(photo) / 127.5 - 1).float().permute(2, 0, 1)[None])[0]
    # Weights are stored in half precision.
    assert np.abs(plain - (wanted.permute(1, 2, 0).numpy() + 1) * 127.5).max() <= 2
    first, second = model.sample(photo, n=2)
    assert np.abs(np.asarray(first).astype(int) - np.asarray(second)).max() > 0  # dropout
    with pytest.raises(ValueError, match="is there already"):
        convert([str(folder / "latest_net_G.pth"), "--out", str(out)])


@pytest.mark.parametrize("norm", ["syncbatch", "sync_batch"])
def test_batch_norm_that_several_gpus_shared_is_batch_norm(norm):
    net = lively(TheirUNet(norm="batch"))
    *_, config, nets = import_generator(net.state_dict(), {"netG": "unet_32", "norm": norm})
    assert config.norm == "batch" and not nets.training
    with pytest.raises(CheckpointError, match="norm syncbatch, the checkpoint has instance"):
        import_generator(lively(TheirUNet(norm="instance")).state_dict(), {"norm": "syncbatch"})


def test_a_drawing_model_and_a_dry_run(load_script, tmp_path, cat_drawing, capsys):
    torch.save(lively(TheirResNet()).state_dict(), tmp_path / "latest_net_G_A.pth")
    convert = load_script("convert").main
    words = [str(tmp_path / "latest_net_G_A.pth"), "--out", str(tmp_path / "model"), "--input", "edges", "--size", "64"]
    assert convert([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "generator: resnet_2" in said and "norm: instance" in said and not (tmp_path / "model").exists()
    assert convert([*words, "--name", "cats"]) == 0
    model = Translator.from_pretrained(tmp_path / "model", device="cpu")
    assert model.name == "cats" and model.input_kind == "edges"
    assert model.sample(cat_drawing, n=1)[0].size == (64, 64)


def test_options_are_read(tmp_path):
    (tmp_path / "train_opt.txt").write_text(OPTIONS)
    options = read_options(tmp_path / "train_opt.txt")
    assert options["crop_size"] == "64" and options["netG"] == "unet_64" and options["dataroot"].endswith("facades")
    (tmp_path / "empty.txt").write_text("nothing here\n")
    with pytest.raises(ValueError, match="no lines 'name: value'"):
        read_options(tmp_path / "empty.txt")
    with pytest.raises(ValueError, match="cannot be read"):
        read_options(tmp_path / "missing.txt")


def test_old_options_and_the_direction_reach_the_measures(load_script, tmp_path):
    """Checkpoints of 2017 have opt.txt; what translates B is measured on B."""
    run = tmp_path / "label2photo"
    run.mkdir()
    torch.save(TheirUNet(depth=6).state_dict(), run / "latest_net_G.pth")
    old = (
        "which_model_netG: unet_64\nwhich_direction: BtoA\nfineSize: 64\nno_dropout: False\nnorm: batch\ngpu_ids: [0]\n"
    )
    (run / "opt.txt").write_text(old)
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for i in range(2):  # a dark half and a bright one
        Image.fromarray(np.hstack([np.full((64, 64, 3), v, np.uint8) for v in (20, 220)])).save(pairs / f"{i}.png")

    def brightness(*options: str) -> float:
        place = tmp_path / f"model{'-'.join(options)}"
        assert load_script("convert").main([str(run / "latest_net_G.pth"), "--out", str(place), *options]) == 0
        return held_out_for(Translator.from_pretrained(place, "cpu").config, pairs).x(0, 32).mean()

    assert brightness() > 0.5 and brightness("--direction", "AtoB") < -0.5
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["size"] == 64 and config["training"]["options"]["netG"] == "unet_64"
    assert config["data"]["direction"] == "BtoA" and (config["data"]["a"], config["data"]["b"]) == ("photo", "photo")
    (run / "opt.txt").write_text(old.replace("fineSize: 64", "crop_size: abc"))
    with pytest.raises(CheckpointError, match="crop_size 'abc', expected a number of pixels: give --size"):
        load_script("convert").main([str(run / "latest_net_G.pth"), "--out", str(tmp_path / "other")])
    (run / "train_opt.txt").write_text("direction: sideways\n")  # the newer name goes first
    with pytest.raises(CheckpointError, match="direction 'sideways', expected AtoB or BtoA"):
        load_script("convert").main([str(run / "latest_net_G.pth"), "--out", str(tmp_path / "other")])


def test_the_direction_of_a_checkpoint():
    assert find_direction({}) == "AtoB" and find_direction({"direction": "BtoA"}, "latest_net_G.pth") == "BtoA"
    assert find_direction({}, "latest_net_G_A.pth") == "AtoB" and find_direction({}, "200_net_G_B.pth") == "BtoA"
    assert find_direction({"direction": "BtoA"}, "latest_net_G_B.pth") == "AtoB"


def test_the_kinds_of_the_halves_are_kept(load_script, tmp_path):
    torch.save(TheirResNet().state_dict(), tmp_path / "latest_net_G.pth")
    (tmp_path / "palette.json").write_text(json.dumps({"names": ["a", "b"], "colours": [[0, 0, 0], [255, 0, 0]]}))
    words = [str(tmp_path / "latest_net_G.pth"), "--out", str(tmp_path / "model"), "--direction", "BtoA"]
    assert load_script("convert").main([*words, "--input", "labels", "--palette", str(tmp_path / "palette.json")]) == 0
    data = json.loads((tmp_path / "model" / "config.json").read_text())["data"]
    assert (data["a"], data["b"]) == ("photo", "labels")


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("plain", [False, True])
def test_code_in_a_checkpoint_is_not_run(plain, tmp_path, monkeypatch, load_script):
    monkeypatch.chdir(tmp_path)
    if plain:
        (tmp_path / "bad.pth").write_bytes(pickle.dumps({"model.1.weight": Bomb()}, protocol=2))
    else:
        torch.save({"model.1.weight": Bomb()}, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match="bad.pth was refused: .* might run code .* save net.state_dict") as found:
        load_script("convert").main(["bad.pth", "--out", "model"])
    assert "weights_only" not in str(found.value) and "\x1b" not in str(found.value)
    assert not (tmp_path / "exploded").exists() and not (tmp_path / "model").exists()


def test_what_is_no_generator_is_told(tmp_path):
    torch.save({"epoch": 3, "model": {}}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="holds a dictionary of epoch, model: expected the weights of a generator"):
        read_checkpoint(tmp_path / "other.pth")
    torch.save({0: torch.zeros(3)}, tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds a dictionary of 0: expected the weights"):
        read_checkpoint(tmp_path / "list.pth")
    with pytest.raises(ValueError, match="missing.pth is no file"):
        read_checkpoint(tmp_path / "missing.pth")
    with pytest.raises(ValueError, match="weights of a discriminator"):
        find_architecture({"model.0.weight": torch.zeros(64, 6, 4, 4), "model.0.bias": torch.zeros(64)})
    with pytest.raises(ValueError, match="neither the U-Net nor the ResNet .* are fc.weight"):
        find_architecture({"fc.weight": torch.zeros(2, 2)})


def test_changed_and_damaged_nets_are_told():
    state = TheirResNet().state_dict()
    with pytest.raises(ValueError, match="1 of .* tensors belong to no layer of a resnet_2, such as model.5.filt"):
        find_architecture(state | {"model.5.filt": torch.zeros(3)})
    with pytest.raises(ValueError, match="the checkpoint has no model.4.bias: it is not whole"):
        import_generator({k: v for k, v in state.items() if k != "model.4.bias"}, {})
    with pytest.raises(ValueError, match=r"model.4.weight has the shape \(8, 4, 5, 5\), expected \(8, 4, 3, 3\)"):
        import_generator(state | {"model.4.weight": torch.zeros(8, 4, 5, 5)}, {})
    for name in ("model.1.bias", "model.10.conv_block.1.bias", "model.1.weight"):
        with pytest.raises(ValueError, match=f"the checkpoint has no {name}: it is not whole"):
            import_generator({k: v for k, v in state.items() if k != name}, {})
    with pytest.raises(ValueError, match="model.1.weight has 1 dimensions, expected the 4 of a convolution"):
        import_generator(state | {"model.1.weight": torch.zeros(4)}, {})
    with pytest.raises(ValueError, match="half precision"):
        import_generator(state | {"model.4.bias": torch.full((8,), 1e6)}, {})
    # Statistics that instance norms of old versions kept are no part of the net.
    import_generator(state | {"model.2.running_mean": torch.zeros(4), "model.2.running_var": torch.ones(4)}, {})


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_no_tensor_can_be_missing(norm):
    state = TheirUNet(norm=norm).state_dict()
    missing = [name for name in state if not name.endswith("num_batches_tracked")]
    for name in missing:
        with pytest.raises(CheckpointError, match="not whole|neither the U-Net"):
            import_generator({k: v for k, v in state.items() if k != name}, {})
    for name in missing:
        if name.endswith("weight") and state[name].ndim == 4:
            with pytest.raises(CheckpointError):
                import_generator(state | {name: torch.zeros(())}, {})


@pytest.mark.parametrize(
    "options, message",
    [
        ({"netG": "resnet_9blocks"}, "the options are of a resnet_9blocks, the checkpoint is a unet_32"),
        ({"norm": "instance"}, "say norm instance, the checkpoint has batch"),
        ({"crop_size": "50"}, "multiple of 32"),
    ],
)
def test_options_of_another_net(options, message):
    with pytest.raises(ValueError, match=message):
        import_generator(TheirUNet().state_dict(), options)


def test_kinds_that_do_not_fit_the_channels():
    with pytest.raises(ValueError, match="3 to 3 channels does not translate gray"):
        import_generator(TheirUNet().state_dict(), {}, "gray")
    with pytest.raises(ValueError, match="labels need a palette"):
        import_generator(TheirUNet().state_dict(), {}, "labels")
    given, answered, config, _ = import_generator(TheirUNet(1, 2).state_dict(), {})
    assert (given["kind"], answered["kind"], config.size) == ("gray", "ab", 32)
