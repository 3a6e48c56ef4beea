"""CycleGAN: unpaired image-to-image translation using cycle-consistent adversarial networks (Zhu et al., ICCV 2017).

The paper's G: X -> Y and F: Y -> X are called AtoB and BtoA here, D_Y and D_X discriminator_B and discriminator_A.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.checks import check_choice
from i2i.grids import colours_of, draw_input, tile
from i2i.methods.adversarial import adam, falling_rate
from i2i.methods.image_pool import ImagePool
from i2i.methods.logs import as_numbers
from i2i.methods.pix2pix import Pix2PixConfig, check_patch, check_ranges, make_generator
from i2i.nets.discriminators import PatchDiscriminator
from i2i.nets.layers import use_own_statistics
from i2i.nets.lean import LeanGenerator

DIRECTIONS = ("AtoB", "BtoA")
OPPOSITE = {"AtoB": "BtoA", "BtoA": "AtoB"}
# What each objective has: adversarial terms, forward cycle (A -> B -> A), backward cycle (B -> A -> B).
OBJECTIVES = {
    "full": (True, True, True),
    "cycle": (False, True, True),
    "gan": (True, False, False),
    "gan+forward": (True, True, False),
    "gan+backward": (True, False, True),
}


@dataclass(frozen=True)
class CycleGANConfig:
    """Recipe of CycleGAN; the defaults are the paper's for 256 pixels, with the identity term everywhere, as in the
    authors' code.

    Attributes:
        size: height and width of the training pictures, pixels.
        inputs, outputs: channels of A and of B (3 photo, 1 drawing, or the number of classes).
        generator: resnet_9 (the paper at 256 pixels), resnet_6 (at 128), lean (small machines), or unet_N; the scripts
            choose the ResNet that fits the size.
        width: channels of the generators' first layer (ngf); of lean, those at a quarter of the resolution.
        norm: instance, batch or none, in all nets.
        objective: full; or one of section 5.1.4's ablations, cycle (alone), gan (alone), gan+forward or gan+backward,
            which leave the identity term out as well.
        gan: lsgan (the paper), vanilla or hinge.
        patch: pixels that one verdict of a discriminator sees: 1, 16, 34, 70, 142 or 286.
        patch_width: channels of the discriminators' first layer (ndf).
        lambda_cycle: weight of the cycle consistency, forward and backward.
        lambda_identity: weight of the identity term as a multiple of lambda_cycle; 0 leaves it out.
        pool: generated pictures that are kept for each discriminator.
        lr, beta1: Adam's learning rate and first momentum.
        decay_from: share of the run after which the learning rate falls linearly to zero.
    """

    size: int = 256
    inputs: int = 3
    outputs: int = 3
    generator: str = "resnet_9"
    width: int = 64
    norm: str = "instance"
    objective: str = "full"
    gan: str = "lsgan"
    patch: int = 70
    patch_width: int = 64
    lambda_cycle: float = 10.0
    lambda_identity: float = 0.5
    pool: int = 50
    lr: float = 2e-4
    beta1: float = 0.5
    decay_from: float = 0.5

    def __post_init__(self) -> None:
        check_choice("objective", self.objective, OBJECTIVES)
        check_choice("gan", self.gan, losses.GAN_LOSSES)
        check_ranges(self)
        if self.identity and self.inputs != self.outputs:
            raise ValueError(
                f"A has {self.inputs} channels and B {self.outputs}, so no generator can pass on pictures of its own "
                "target: leave the identity term out with --lambda-identity 0"
            )

    @property
    def adversarial(self) -> bool:
        return OBJECTIVES[self.objective][0]

    @property
    def identity(self) -> bool:
        return self.objective == "full" and self.lambda_identity > 0


def make_one(config: CycleGANConfig, direction: str) -> nn.Module:
    """The generator of one direction; ValueError for an unknown name, or a picture size that does not fit."""
    inputs, outputs = (config.inputs, config.outputs) if direction == "AtoB" else (config.outputs, config.inputs)
    if config.generator == "lean":
        stride = LeanGenerator.stride
        if config.size % stride or config.size < stride:
            raise ValueError(
                f"lean takes pictures whose side is a multiple of {stride} pixels, got size {config.size}: choose "
                f"--size {max(stride, config.size // stride * stride)}"
            )
        return LeanGenerator(inputs, outputs, config.width, norm=config.norm)
    # CycleGAN has no noise, so no dropout either.
    recipe = Pix2PixConfig(
        config.size, inputs, outputs, config.generator, config.width, config.norm, dropout=0.0, noisy=()
    )
    return make_generator(recipe)


def serving_nets(config: CycleGANConfig, directions: Sequence[str] = DIRECTIONS) -> nn.ModuleDict:
    """The nets that a model folder holds: a generator for each direction."""
    # Batch norm, where somebody wants it, is served with each picture's own statistics, as in pix2pix.
    return use_own_statistics(nn.ModuleDict({direction: make_one(config, direction) for direction in directions}))


class CycleGAN(nn.Module):
    """Nets, optimizers, pools and one training step; `sides` as in `Pix2Pix`, of A and B."""

    method = "cyclegan"
    sides: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None)

    def __init__(self, config: CycleGANConfig):
        super().__init__()
        self.config = config
        self.nets = serving_nets(config)
        self.served = tuple(self.nets)
        self.pools = nn.ModuleDict()
        if config.adversarial:
            for side, channels in (("A", config.inputs), ("B", config.outputs)):
                judge = PatchDiscriminator(channels, config.patch_width, config.patch, config.norm)
                check_patch(judge, config.size)
                self.nets[f"discriminator_{side}"] = judge
                self.pools[side] = ImagePool(config.pool, channels, config.size)

    @property
    def judges(self) -> dict[str, PatchDiscriminator]:
        """Side -> its discriminator."""
        return {side: self.nets[f"discriminator_{side}"] for side in self.pools}

    def receptive_field(self) -> str:
        """What one verdict of a discriminator sees, in words."""
        seen = [judge.receptive_field() for judge in self.judges.values()]
        return f"{seen[0]} pixels, two discriminators" if seen else "no discriminator"

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        players = {"generators": self.served}
        if self.config.adversarial:
            players["discriminators"] = tuple(f"discriminator_{side}" for side in self.pools)
        return adam(self.nets, players, self.config.lr, self.config.beta1)

    def rate(self, progress: float) -> float:
        """Factor of the learning rate: constant, then linearly to zero."""
        return falling_rate(progress, self.config.decay_from)

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each pair of strangers: a, its translation, and back to A; then b, its translation, back to B."""
        columns = []
        a, b = self.sides
        for picture, there, back, own, other in (
            (batch["a"], "AtoB", "BtoA", a, b),
            (batch["b"], "BtoA", "AtoB", b, a),
        ):
            translated = nets[there](picture)
            returned = nets[back](translated)
            columns += [visible(picture, own), visible(translated, other), visible(returned, own)]
        return tile(torch.stack(columns, 1))

    def step(self, batch: dict[str, Tensor], progress: float, update) -> dict[str, float]:
        """One step of the generators (equation 3), then one of the discriminators, on the pools (section 4).

        Args:
            batch: `a` (B, inputs, S, S) and `b` (B, outputs, S, S), in [-1, 1], one-hot maps of -1 and +1.
            progress: share of the run that is done, in [0, 1).
            update: callable (optimizer name, loss) that runs backward and the optimizer.
        """
        c, nets, judges = self.config, self.nets, self.judges
        _, forward, backward = OBJECTIVES[c.objective]
        discriminator_loss, generator_loss = losses.GAN_LOSSES[c.gan]
        a, b = batch["a"], batch["b"]
        fakes = {"B": nets["AtoB"](a), "A": nets["BtoA"](b)}
        terms = {}
        for side, judge in judges.items():
            judge.requires_grad_(False)
            terms[f"adversarial_{side}"] = generator_loss(judge(fakes[side]))
            judge.requires_grad_(True)
        if forward:
            terms["forward_cycle"] = c.lambda_cycle * F.l1_loss(nets["BtoA"](fakes["B"]), a)  # equation 2
        if backward:
            terms["backward_cycle"] = c.lambda_cycle * F.l1_loss(nets["AtoB"](fakes["A"]), b)
        if c.identity:  # section 5.2
            weight = c.lambda_cycle * c.lambda_identity
            terms["identity_A"] = weight * F.l1_loss(nets["BtoA"](a), a)
            terms["identity_B"] = weight * F.l1_loss(nets["AtoB"](b), b)
        update("generators", sum(terms.values()))

        logs = dict(terms)
        if judges:
            for side, real in (("A", a), ("B", b)):
                past = self.pools[side].exchange(fakes[side])
                logs[f"discriminator_{side}"] = discriminator_loss(judges[side](real), judges[side](past))
            update("discriminators", logs["discriminator_A"] + logs["discriminator_B"])
        return as_numbers(logs)


def visible(picture: Tensor, described: dict[str, Any] | None = None) -> Tensor:
    """A side's pictures as something to look at: photos as they are, drawings in grey, label maps in colours.

    Args:
        picture: (B, C, H, W) in [-1, 1].
        described: what it is, as `input` or `output` of config.json; None: what its channels suggest.
    """
    colours = colours_of(described or {})
    return draw_input(picture, colours) if colours is not None or picture.shape[1] != 3 else picture
