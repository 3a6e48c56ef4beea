"""pix2pix: image-to-image translation with conditional adversarial networks (Isola et al., CVPR 2017).

Every choice that the paper studies is a field of `Pix2PixConfig`: the objective (section 4.2), the generator (4.3),
the patch that the discriminator judges (4.4), and the noise (3.1).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.checks import MOST_RATE, check_choice, check_finite, check_types
from i2i.colour import lab_to_photo
from i2i.grids import colours_of, draw_input, tile
from i2i.methods.adversarial import adam, falling_rate
from i2i.methods.logs import as_numbers
from i2i.nets.discriminators import PatchDiscriminator
from i2i.nets.layers import as_served
from i2i.nets.resnet import ResNetGenerator
from i2i.nets.unet import UNet

OBJECTIVES = ("l1", "gan", "cgan", "l1+gan", "l1+cgan", "l2", "l2+gan", "l2+cgan")

# Numbers of a recipe: fields -> (whether a value can be, in words), for pix2pix, BicycleGAN and CycleGAN alike.
RANGES = {
    ("size", "inputs", "outputs", "width", "patch_width", "scales"): (lambda v: v >= 1, "at least 1"),
    ("z",): (lambda v: v >= 0, "0 (none) or more"),
    ("lambda_l1", "lambda_z", "lambda_kl", "lambda_cycle", "lambda_identity"): (
        lambda v: 0 <= v < math.inf,
        "0 or more",
    ),
    ("lr",): (lambda v: 0 < v <= MOST_RATE, f"a rate above 0 and at most {MOST_RATE:g}"),
    ("dropout", "beta1"): (lambda v: 0 <= v < 1, "a share from 0 to below 1"),
    ("decay_from",): (lambda v: 0 <= v <= 1, "a share from 0 to 1"),
    ("noisy",): (lambda v: all(k >= 0 for k in v), "layers from 0, the innermost, upwards"),
}


def check_ranges(config: Any) -> None:
    """ValueError that names the first field of a recipe whose number cannot be; fields it lacks are left out."""
    check_types(config)
    for names, (can_be, words) in RANGES.items():
        for name in names:
            value = getattr(config, name, None)
            if value is not None and not can_be(value):
                shown = " ".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"
                raise ValueError(f"got {name} {shown}, expected {words}")
    check_finite(config)


@dataclass(frozen=True)
class Pix2PixConfig:
    """Recipe of pix2pix; the defaults are the paper's.

    Attributes:
        size: height and width of the training pictures, pixels.
        inputs, outputs: channels of x (1 drawing or lightness, 3 photo, or the number of classes) and of y.
        generator: unet_N or encoder_decoder_N (N pixels shrink to 1: 256, 128, ...), or resnet_N (N blocks: 9, 6);
            the scripts choose the U-Net that fits the size.
        width: channels of the generator's first layer (ngf).
        norm: batch, instance or none, in the generator and the discriminator.
        dropout: rate of the generator's noise, in training and when sampling.
        noisy: decoder layers of the U-Net with dropout, 0 the innermost.
        z: dimensions of a Gaussian z that is joined to x; 0 as in the paper, which found it ignored.
        objective: l1, gan (the discriminator does not see x), cgan, l1+gan or l1+cgan; l2 in place of l1 everywhere.
        gan: vanilla (cross entropy, the paper), lsgan or hinge.
        patch: pixels that one verdict of the discriminator sees: 1, 16, 34, 70, 142 or 286.
        patch_width: channels of the discriminator's first layer (ndf).
        lambda_l1: weight of the L1 (or L2) term.
        lr, beta1: Adam's learning rate and first momentum.
        decay_from: share of the run after which the learning rate falls linearly to zero.
    """

    size: int = 256
    inputs: int = 3
    outputs: int = 3
    generator: str = "unet_256"
    width: int = 64
    norm: str = "batch"
    dropout: float = 0.5
    noisy: tuple[int, ...] = (0, 1, 2)
    z: int = 0
    objective: str = "l1+cgan"
    gan: str = "vanilla"
    patch: int = 70
    patch_width: int = 64
    lambda_l1: float = 100.0
    lr: float = 2e-4
    beta1: float = 0.5
    decay_from: float = 0.5

    def __post_init__(self) -> None:
        check_choice("objective", self.objective, OBJECTIVES)
        check_choice("gan", self.gan, losses.GAN_LOSSES)
        check_ranges(self)

    @property
    def conditional(self) -> bool:
        return "cgan" in self.objective

    @property
    def adversarial(self) -> bool:
        return "gan" in self.objective


def make_generator(config, latent: int = 0) -> nn.Module:
    """The net that `config.generator` names; `config` has size, inputs, outputs, width, norm, dropout, noisy.

    Raises:
        ValueError: for an unknown name, or a picture size that does not fit.
    """
    match = re.fullmatch(r"(unet|encoder_decoder|resnet)_(\d+)", config.generator)
    kind, number = (match[1], int(match[2])) if match else ("", 0)
    if not match or number < 1 or (kind != "resnet" and (number < 4 or number & (number - 1))):
        raise ValueError(
            f"unknown generator {config.generator!r}: use unet_N or encoder_decoder_N with N a power of two "
            "(256, 128, ...), or resnet_N with N blocks (9 or 6)"
        )
    stride, least = (ResNetGenerator.stride, ResNetGenerator.least) if kind == "resnet" else (number, number)
    if config.size % stride or config.size < least:
        from_on = f" from {least} on" if least > stride else ""
        raise ValueError(
            f"{config.generator} takes pictures whose side is a multiple of {stride} pixels{from_on}, got size "
            f"{config.size}: choose --size {max(least, config.size // stride * stride)}"
            + ("" if kind == "resnet" else f", or a smaller net such as {kind}_{config.size & -config.size}")
        )
    if kind == "resnet":
        if latent:
            raise ValueError("a latent at all levels needs a U-Net: use --generator unet_N")
        return ResNetGenerator(
            config.inputs, config.outputs, config.width, number, norm=config.norm, dropout=config.dropout
        )
    return UNet(
        config.inputs,
        config.outputs,
        config.width,
        depth=number.bit_length() - 1,
        dropout=config.dropout,
        norm=config.norm,
        skips=kind == "unet",
        latent=latent,
        noisy=config.noisy,
    )


def check_patch(net: PatchDiscriminator, size: int, scales: int = 1) -> None:
    """ValueError where pictures of `size` pixels are too small for the discriminator, the coarsest of `scales` that
    each see the picture at half the size of the one before, to give a verdict."""
    halved = size >> scales - 1
    if net.logits(halved) < 1:
        least = next(s for s in range(halved, 2048) if net.logits(s) >= 1) << scales - 1
        fewer = ", fewer --scales" if scales > 1 else ""
        raise ValueError(
            f"the discriminator with patches of {net.patch} pixels needs pictures of at least {least}, got {size}: "
            f"choose a smaller --patch{fewer}, or a larger --size"
        )


def serving_nets(config: Pix2PixConfig) -> nn.ModuleDict:
    """The net that a model folder holds: the generator, with z's channels beside x's where there are any."""
    return nn.ModuleDict({"generator": make_generator(replace(config, inputs=config.inputs + config.z))})


def with_z(x: Tensor, z: Tensor | None) -> Tensor:
    """x (B, C, H, W) with z (B, D) joined as D constant channels."""
    return x if z is None else torch.cat([x, z[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


def visible(picture: Tensor, lightness: Tensor, described: dict[str, Any] | None = None) -> Tensor:
    """A net's input or output as something to look at: (B, C, H, W) -> (B, 3, H, W) in [-1, 1].

    Args:
        picture: x, y, or an answer.
        lightness: x of the same rows, (B, 1, H, W) where `picture` is colour alone (ab).
        described: what it is, as `input` or `output` of config.json: labels come in the colours of their palette,
            colour alone on its lightness, all else as it is. None: as its channels, and those of x, suggest.
    """
    described = described or {"kind": _guessed(picture, lightness)}
    if described["kind"] == "labels":
        return draw_input(picture, colours_of(described))
    if described["kind"] == "ab":
        parts = zip(lightness.cpu(), picture.cpu(), strict=True)
        return torch.stack([lab_to_photo(light, ab) for light, ab in parts]).to(picture.device)
    return picture.expand(-1, 3, -1, -1)


def _guessed(picture: Tensor, x: Tensor) -> str:
    channels = picture.shape[1]
    if channels == 2 and x.shape[1] == 1:
        return "ab"
    one_hot = bool((picture.amin() >= 0) & (picture.sum(1) == 1).all())
    return "photo" if channels == 1 or (channels == 3 and not one_hot) else "labels"


class Pix2Pix(nn.Module):
    """Nets, optimizers and one training step.

    Attributes:
        sides: what x and y are, as `input` and `output` of config.json; (None, None): as their channels suggest. Only
            the sample grids look at it.
    """

    method = "pix2pix"
    sides: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None)

    def __init__(self, config: Pix2PixConfig):
        super().__init__()
        self.config = config
        self.nets = serving_nets(config)
        self.served = tuple(self.nets)
        if config.adversarial:
            seen = config.outputs + (config.inputs if config.conditional else 0)
            self.nets["discriminator"] = PatchDiscriminator(seen, config.patch_width, config.patch, config.norm)
            check_patch(self.nets["discriminator"], config.size)

    def receptive_field(self) -> str:
        """What one verdict of the discriminator sees, in words."""
        if "discriminator" not in self.nets:
            return "no discriminator"
        return f"{self.nets['discriminator'].receptive_field()} pixels"

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return adam(self.nets, {name: (name,) for name in self.nets}, self.config.lr, self.config.beta1)

    def rate(self, progress: float) -> float:
        """Factor of the learning rate: constant, then linearly to zero."""
        return falling_rate(progress, self.config.decay_from)

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each pair: x, y, and the answers to two seeds, as they are served."""
        x, y = batch["x"], batch["y"]
        answers = []
        with as_served(nets["generator"]) as generator:
            for seed in range(2):
                noise = [torch.Generator().manual_seed(seed) for _ in x]
                z = torch.stack([torch.randn(self.config.z, generator=g) for g in noise]).to(x.device)
                answers.append(generator(with_z(x, z), noise))
        given, wanted = self.sides
        return tile(torch.stack([visible(x, x, given), *(visible(c, x, wanted) for c in (y, *answers))], 1))

    def _judge(self, x: Tensor, y: Tensor) -> Tensor:
        return self.nets["discriminator"](torch.cat([x, y], 1) if self.config.conditional else y)

    def step(self, batch: dict[str, Tensor], progress: float, update) -> dict[str, float]:
        """One step of the discriminator, then one of the generator (section 3.3).

        Args:
            batch: `x` (B, inputs, S, S) and `y` (B, outputs, S, S), in [-1, 1].
            progress: share of the run that is done, in [0, 1).
            update: callable (optimizer name, loss) that runs backward and the optimizer.
        """
        c, nets = self.config, self.nets
        x, y = batch["x"], batch["y"]
        z = torch.randn(len(x), c.z, device=x.device) if c.z else None
        fake = nets["generator"](with_z(x, z))
        terms, logs = {}, {}
        if c.adversarial:
            discriminator_loss, generator_loss = losses.GAN_LOSSES[c.gan]
            real = self._judge(x, y)
            loss_d = discriminator_loss(real, self._judge(x, fake.detach()))
            update("discriminator", loss_d)
            nets["discriminator"].requires_grad_(False)
            terms["adversarial"] = generator_loss(self._judge(x, fake))
            nets["discriminator"].requires_grad_(True)
            logs = {"discriminator": loss_d, "real_score": real.mean()}
        if c.objective.startswith(("l1", "l2")):
            distance = F.l1_loss if c.objective.startswith("l1") else F.mse_loss
            terms[c.objective[:2]] = c.lambda_l1 * distance(fake, y)
        update("generator", sum(terms.values()))
        return as_numbers(terms | logs)
