"""pix2pix: what each objective switches, who moves whom, the generators by name, and a run that resumes exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from i2i.colour import lab_to_photo
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.methods.bicyclegan import BicycleGAN, BicycleGANConfig
from i2i.methods.pix2pix import OBJECTIVES, Pix2Pix, Pix2PixConfig, check_ranges, visible
from i2i.nets.resnet import ResNetGenerator

TINY = Pix2PixConfig(size=32, inputs=2, generator="unet_32", width=4, patch=16, patch_width=4)
pytestmark = pytest.mark.usefixtures("seeded")


def batch(size: int = 32, count: int = 2, inputs: int = 2, outputs: int = 3) -> dict[str, torch.Tensor]:
    return {"x": torch.rand(count, inputs, size, size) * 2 - 1, "y": torch.rand(count, outputs, size, size) * 2 - 1}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_each_objective_switches(step, objective):
    method = Pix2Pix(replace(TINY, objective=objective))
    logs, seen = step(method, batch())
    adversarial = "gan" in objective
    assert ("adversarial" in logs) == ("discriminator" in logs) == ("discriminator" in method.nets) == adversarial
    assert ("l1" in logs) == ("l1" in objective) and ("l2" in logs) == ("l2" in objective)
    assert [name for name, *_ in seen] == ["discriminator"] * adversarial + ["generator"]
    assert set(method.optimizers()) == set(method.nets) and method.served == ("generator",)
    if adversarial:
        assert method.nets["discriminator"].convs[0].in_channels == (5 if "cgan" in objective else 3)


@pytest.mark.parametrize("training", [True, False])
def test_the_grid_leaves_the_nets_as_they_were(training):
    """In training mode batch statistics would move, and dropout would take from the run's random numbers."""
    one = Pix2Pix(replace(TINY, norm="batch", dropout=0.5))
    two = BicycleGAN(BicycleGANConfig(size=32, inputs=2, generator="unet_32", width=4, norm="batch", patch=16,
                                      patch_width=4, scales=1))  # fmt: skip
    for method in (one.train(training), two.train(training)):
        data, before = batch(), {k: v.clone() for k, v in method.nets.state_dict().items()}
        net, random = method.nets["generator"], torch.get_rng_state()
        z = {"z": torch.zeros(2, 8)} if method is two else {}
        with torch.no_grad():
            shown = net.eval()(data["x"], **z)
            net.train(training)
            method.grid(method.nets, data)
            assert torch.equal(torch.get_rng_state(), random)
            assert all(layer.training == training for layer in method.nets.modules())
            assert torch.equal(net.eval()(data["x"], **z), shown)
        assert all(torch.equal(v, before[k]) for k, v in method.nets.state_dict().items())


def test_each_player_moves_itself_alone(step):
    _, seen = step(Pix2Pix(TINY), batch())
    assert [moved for *_, moved in seen] == [{"discriminator"}, {"generator"}]


def test_the_terms_are_weighted_as_the_paper_says(step):
    logs, seen = step(Pix2Pix(replace(TINY, dropout=0.0)), batch())
    # At the start verdicts are near zero: cross entropy log 2, halved for the discriminator.
    assert logs["adversarial"] == pytest.approx(0.693, abs=0.2)
    assert logs["discriminator"] == pytest.approx(0.693, abs=0.2)  # 0.5 (log 2 + log 2)
    assert seen[1][1] == pytest.approx(logs["adversarial"] + logs["l1"], rel=1e-4)
    assert 30 < logs["l1"] < 80  # 100 times a distance of about a half
    torch.manual_seed(0)
    heavier, _ = step(Pix2Pix(replace(TINY, dropout=0.0, lambda_l1=200.0)), batch())
    assert heavier["l1"] == pytest.approx(2 * logs["l1"], rel=1e-3)


@pytest.mark.parametrize("objective", ["l2", "l2+gan", "l2+cgan"])
def test_l2_is_the_squared_distance_in_place_of_l1(step, objective):
    method, data = Pix2Pix(replace(TINY, objective=objective, dropout=0.0, lambda_l1=50.0)), batch()
    logs, _ = step(method, data)
    fake = method.nets["generator"](data["x"]).detach()
    assert logs["l2"] == pytest.approx(50 * float((fake - data["y"]).square().mean()), rel=1e-4)


@pytest.mark.parametrize("noise", [{"dropout": 0.5}, {"dropout": 0.0, "z": 3}], ids=["dropout", "z"])
def test_the_grid_shows_the_answers_to_two_seeds(noise):
    method, data = Pix2Pix(replace(TINY, inputs=1, **noise)).eval(), batch(inputs=1)
    for weight in method.nets["generator"].parameters():
        weight.data *= 3  # an untrained net hardly looks at its noise
    picture = np.asarray(method.grid(method.nets, data))
    assert picture.shape == (2 * 34 - 2, 4 * 34 - 2, 3)  # input, truth, and two answers
    assert np.array_equal(picture, np.asarray(method.grid(method.nets, data)))
    first, second = (picture[:32, 34 * k : 34 * k + 32] for k in (2, 3))
    assert (first != second).mean() > 0.1


def test_gan_looks_at_y_alone_and_cgan_at_the_pair():
    data = batch()
    for objective, looks in (("gan", False), ("cgan", True)):
        method = Pix2Pix(replace(TINY, objective=objective)).eval()
        assert torch.equal(method._judge(data["x"], data["y"]), method._judge(-data["x"], data["y"])) != looks


def test_dropout_makes_training_noisy(step):
    method, data = Pix2Pix(replace(TINY, objective="l1")), batch()
    first, second = (step(method, data)[0]["l1"] for _ in range(2))
    quiet = Pix2Pix(replace(TINY, objective="l1", dropout=0.0))
    assert first != second and step(quiet, data)[0] == step(quiet, data)[0]


def test_z_at_the_input(step):
    method = Pix2Pix(replace(TINY, z=3, dropout=0.0, objective="l1"))
    assert method.nets["generator"].down[0].in_channels == 5
    first, second = (step(method, batch())[0]["l1"] for _ in range(2))
    assert first != second


def test_the_rate_falls_in_the_second_half():
    assert [Pix2Pix(TINY).rate(p) for p in (0.5, 0.75)] == [1.0, pytest.approx(0.5)]


def test_training_brings_the_answers_near(optimised):
    method, data = Pix2Pix(replace(TINY, dropout=0.0, lr=2e-3)), batch()
    data["y"] = data["x"][:, :1].expand(-1, 3, -1, -1).sign() * 0.5
    logs = optimised(method, data, 40)
    assert logs[-1]["l1"] < 0.9 * logs[0]["l1"]


@pytest.mark.parametrize(
    "name, size, check",
    [
        ("unet_32", 32, lambda net: len(net.down) == 5 and net.skips),
        ("unet_32", 64, lambda net: len(net.down) == 5),
        ("encoder_decoder_64", 64, lambda net: len(net.down) == 6 and not net.skips),
        ("resnet_6", 36, lambda net: isinstance(net, ResNetGenerator) and len(net.blocks) == 6),
    ],
)
def test_generators_by_name(step, name, size, check):
    method = Pix2Pix(replace(TINY, generator=name, size=size, objective="l1"))
    assert check(method.nets["generator"])
    step(method, batch(size))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"generator": "unet_100"}, "unet_N or encoder_decoder_N with N a power of two"),
        ({"generator": "vgg_16"}, "unknown generator 'vgg_16'"),
        ({"generator": "unet_64"}, "multiple of 64 pixels, got size 32.*smaller net such as unet_32"),
        ({"generator": "unet_256", "size": 400}, "choose --size 256.*unet_16"),
        ({"generator": "resnet_9", "size": 30}, "multiple of 4 pixels from 8 on, got size 30: choose --size 28$"),
        ({"generator": "resnet_9", "size": 4}, "multiple of 4 pixels from 8 on, got size 4: choose --size 8$"),
        ({"objective": "l3"}, "unknown objective 'l3'.*l1\\+cgan"),
        ({"gan": "wgan"}, "unknown gan 'wgan'.*vanilla, lsgan, hinge"),
        ({"patch": 286}, "286 pixels needs pictures of at least 96, got 32"),
        ({"norm": "layer"}, "unknown norm 'layer'"),
    ],
)
def test_configurations_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        Pix2Pix(replace(TINY, **change))


@pytest.mark.parametrize(
    "field, bad, good",
    [
        ("size", (0, -32), (4,)),
        ("width", (0,), (1,)),
        ("patch_width", (0, -1), (1,)),
        ("z", (-1,), (0, 3)),
        ("lambda_l1", (-5.0, float("nan"), float("inf")), (0.0, 7.0)),
        ("lr", (0.0, -1.0, float("nan")), (1e-9,)),
        ("dropout", (-0.1, 1.0, 1.5), (0.0, 0.99)),
        ("beta1", (-0.1, 1.0), (0.0, 0.9)),
        ("decay_from", (-0.1, 1.1), (0.0, 1.0)),
        ("noisy", ((-1,), (0, -2)), ((), (0, 5))),
    ],
)
def test_numbers_that_cannot_be(field, bad, good):
    for value in bad:
        with pytest.raises(ValueError, match=f"got {field} .*, expected"):
            replace(TINY, **{field: value})
    for value in good:
        assert getattr(replace(TINY, **{field: value}), field) == value


def test_the_ranges_hold_for_bicyclegan_too():
    for change in ({"scales": 0}, {"lambda_kl": -1.0}, {"width": 0}):
        with pytest.raises(ValueError, match=f"got {next(iter(change))} .*, expected"):
            check_ranges(replace(BICYCLE, **change))
    check_ranges(BICYCLE)


def test_the_receptive_field_in_words():
    assert Pix2Pix(TINY).receptive_field() == "16 pixels"
    assert Pix2Pix(replace(TINY, objective="l1")).receptive_field() == "no discriminator"


COLOURS = [[0, 0, 222], [255, 128, 0], [10, 200, 30], [255, 255, 255]]


def palette(classes: int) -> dict:
    return {"kind": "labels", "palette": {"names": list("abcd"[:classes]), "colours": COLOURS[:classes]}}


def levels(shown: torch.Tensor) -> np.ndarray:
    """(B, 3, H, W) in [-1, 1] -> (B, H, W, 3) grey levels."""
    return ((shown + 1) * 127.5).round().numpy().astype(int).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("classes", [1, 2, 3, 4])
def test_label_maps_are_seen_in_their_palette(classes):
    labels = torch.randint(classes, (2, 4, 4))
    one_hot = torch.eye(classes)[labels].permute(0, 3, 1, 2)
    answer = one_hot * 1.5 - 0.8 + 0.1 * torch.rand(2, classes, 4, 4)  # as tanh leaves it
    for picture in (one_hot, one_hot * 2 - 1, answer):
        for x in (one_hot, torch.rand(2, 3, 4, 4), torch.rand(2, 1, 4, 4)):
            shown = visible(picture, x, palette(classes))
            assert np.array_equal(levels(shown), np.array(COLOURS)[labels.numpy()])


def test_what_is_no_label_map_is_seen_as_it_is():
    grey, photo, ab = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4) * 2 - 1, torch.rand(2, 2, 4, 4) - 0.5
    for kind, picture in (("edges", grey), ("gray", grey), ("photo", photo), ("hole", photo)):
        assert torch.equal(visible(picture, photo, {"kind": kind}), picture.expand(-1, 3, -1, -1))
    coloured = torch.stack([lab_to_photo(light, c) for light, c in zip(grey, ab, strict=True)])
    assert torch.equal(visible(ab, grey, {"kind": "ab"}), coloured)


def test_pictures_of_unknown_kind_are_guessed():
    grey, photo, ab = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4), torch.rand(2, 2, 4, 4) - 0.5
    assert torch.equal(visible(grey, grey), grey.expand(-1, 3, -1, -1)) and torch.equal(visible(photo, photo), photo)
    assert torch.equal(visible(ab, grey), visible(ab, grey, {"kind": "ab"}))
    assert visible(ab, photo).shape == visible(ab, ab).shape == (2, 3, 4, 4)  # two classes
    one_hot = torch.eye(3)[torch.randint(3, (2, 4, 4))].permute(0, 3, 1, 2)
    assert visible(one_hot, one_hot).shape == (2, 3, 4, 4) and not torch.equal(visible(one_hot, one_hot), one_hot)


BICYCLE = BicycleGANConfig(32, 4, 3, "unet_32", width=4, patch=16, patch_width=4, scales=1)


@pytest.mark.parametrize(
    "make", [lambda: Pix2Pix(replace(TINY, inputs=4)), lambda: BicycleGAN(BICYCLE)], ids=["pix2pix", "bicyclegan"]
)
def test_a_resumed_run_equals_an_unbroken_one(make, label_pairs, check_resume):
    """With dropout, jitter, mirroring and random latents."""
    check_resume(make, PairedDataset(label_pairs, "train", 32, PairedConfig(val_fraction=0.2)), steps=5, stop=2)
