"""BicycleGAN: toward multimodal image-to-image translation (Zhu et al., NeurIPS 2017), from the parts of pix2pix.

The latent reaches every level of the encoder of the U-Net. Two cycles meet at the latent: cVAE-GAN, y -> z -> y, where
the encoder's z must rebuild the photo; and cLR-GAN, z -> y -> z, where a random z must be found again in the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.checks import check_choice
from i2i.grids import tile
from i2i.methods.adversarial import adam, falling_rate
from i2i.methods.logs import as_numbers
from i2i.methods.pix2pix import check_patch, check_ranges, make_generator, visible
from i2i.nets.discriminators import MultiScaleDiscriminator
from i2i.nets.layers import as_served
from i2i.nets.resnet import ResNetEncoder


@dataclass(frozen=True)
class BicycleGANConfig:
    """Recipe of BicycleGAN; the defaults are the paper's.

    One thing differs: the discriminators see the pair (x, y), as in the paper's equations and in pix2pix. For its
    results the paper left x out (section 4, training details).

    Attributes:
        size: height and width of the training pictures, pixels.
        inputs, outputs: channels of x (1 drawing or lightness, 3 photo, or the number of classes) and of y.
        generator: unet_N (N pixels shrink to 1: 256, 128, ...); the latent joins the input of each encoder layer;
            the scripts choose the one that fits the size.
        width: channels of the first layer of generator and encoder.
        norm: instance, batch or none, in all nets.
        latent: dimensions of z.
        gan: lsgan (the paper), vanilla or hinge.
        patch: pixels that one verdict of a discriminator sees at full size: 1, 16, 34, 70, 142 or 286.
        patch_width: channels of the discriminators' first layer.
        scales: sizes at which each of the two discriminators judges, every one half of the one before.
        lambda_l1: weight of the reconstruction of y.
        lambda_z: weight of the reconstruction of z.
        lambda_kl: weight of the divergence of E(y) from the standard normal distribution.
        lr, beta1: Adam's learning rate and first momentum.
        decay_from: share of the run after which the learning rate falls linearly to zero.
    """

    size: int = 256
    inputs: int = 3
    outputs: int = 3
    generator: str = "unet_256"
    width: int = 64
    norm: str = "instance"
    latent: int = 8
    gan: str = "lsgan"
    patch: int = 70
    patch_width: int = 64
    scales: int = 2
    lambda_l1: float = 10.0
    lambda_z: float = 0.5
    lambda_kl: float = 0.01
    lr: float = 2e-4
    beta1: float = 0.5
    decay_from: float = 0.5

    # The paper's noise is the latent alone; these are what the shared U-Net asks for.
    dropout = 0.0
    noisy = ()

    def __post_init__(self) -> None:
        check_choice("gan", self.gan, losses.GAN_LOSSES)
        check_ranges(self)
        if self.latent < 1:
            raise ValueError(f"got latent {self.latent}, expected at least 1: without one this is pix2pix")
        if self.size < 32:
            raise ValueError(f"got size {self.size}, expected at least 32 pixels")


def serving_nets(config: BicycleGANConfig) -> nn.ModuleDict:
    """The nets that a model folder holds: generator and encoder."""
    # The encoder's last features are 8x8, whatever the size; it has at least one block.
    blocks = max(1, config.size.bit_length() - 5)
    return nn.ModuleDict(
        {
            "generator": make_generator(config, config.latent),
            "encoder": ResNetEncoder(config.outputs, config.latent, config.width, blocks, config.norm),
        }
    )


class BicycleGAN(nn.Module):
    """Nets, optimizers and one training step; `sides` as in `Pix2Pix`."""

    method = "bicyclegan"
    sides: tuple[dict[str, Any] | None, dict[str, Any] | None] = (None, None)

    def __init__(self, config: BicycleGANConfig):
        super().__init__()
        self.config = config
        self.nets = serving_nets(config)
        self.served = tuple(self.nets)
        for name in ("encoded_discriminator", "random_discriminator"):
            net = MultiScaleDiscriminator(
                config.inputs + config.outputs, config.patch_width, config.patch, config.norm, config.scales
            )
            check_patch(net.nets[-1], config.size, config.scales)
            self.nets[name] = net

    def receptive_field(self) -> str:
        """What one verdict of each discriminator sees, in words."""
        seen = [net.receptive_field() << k for k, net in enumerate(self.nets["encoded_discriminator"].nets)]
        return " and ".join(map(str, seen)) + " pixels, two discriminators"

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        players = {
            "generator": ["generator", "encoder"],
            "discriminator": ["encoded_discriminator", "random_discriminator"],
        }
        return adam(self.nets, players, self.config.lr, self.config.beta1)

    def rate(self, progress: float) -> float:
        """Factor of the learning rate: constant, then linearly to zero."""
        return falling_rate(progress, self.config.decay_from)

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each pair: x, y, y's own latent decoded, and four random latents (the same in each row)."""
        x, y = batch["x"], batch["y"]
        latents = torch.randn(4, self.config.latent, generator=torch.Generator().manual_seed(0)).to(x.device)
        with as_served(nets):
            columns = [x, y, nets["generator"](x, z=nets["encoder"](y)[0])]
            columns += [nets["generator"](x, z=z.expand(len(x), -1)) for z in latents]
        given, wanted = self.sides
        shown = [visible(columns[0], x, given)] + [visible(c, x, wanted) for c in columns[1:]]
        return tile(torch.stack(shown, 1))

    def _judge(self, name: str, x: Tensor, y: Tensor) -> list[Tensor]:
        return self.nets[name](torch.cat([x, y], 1))

    def step(self, batch: dict[str, Tensor], progress: float, update) -> dict[str, float]:
        """One step of the discriminators, then one of generator and encoder (section 3.4).

        As in pix2pix the discriminators' loss is halved, which the authors' code does not do; that code also gives the
        generator an update of its own for the reconstruction of z, which joins its other terms here.

        Args:
            batch: `x` (B, inputs, S, S) and `y` (B, outputs, S, S), in [-1, 1]; B even: the first half is encoded, and
                the second half is what the answers to random latents are compared with.
            progress: share of the run that is done, in [0, 1).
            update: callable (optimizer name, loss) that runs backward and the optimizer.
        """
        c, nets = self.config, self.nets
        if not len(batch["x"]) or len(batch["x"]) % 2:
            raise ValueError(f"a step needs an even batch of at least 2 pairs, got {len(batch['x'])}")
        half = len(batch["x"]) // 2
        x, x_other = batch["x"][:half], batch["x"][half:]
        y, y_other = batch["y"][:half], batch["y"][half:]
        discriminator_loss, generator_loss = losses.GAN_LOSSES[c.gan]

        mean, log_variance = nets["encoder"](y)
        encoded = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        random = torch.randn_like(mean)
        rebuilt = nets["generator"](x, z=encoded)
        invented = nets["generator"](x, z=random)

        judged = {
            "encoded_discriminator": (x, y, rebuilt),
            "random_discriminator": (x_other, y_other, invented),
        }
        loss_d = 0
        for name, (x_real, real, fake) in judged.items():
            reals, fakes = self._judge(name, x_real, real), self._judge(name, x, fake.detach())
            loss_d = loss_d + sum(discriminator_loss(r, f) for r, f in zip(reals, fakes, strict=True))
        update("discriminator", loss_d)

        terms = {}
        for name, (_, _, fake) in judged.items():
            nets[name].requires_grad_(False)
            terms[name.replace("_discriminator", "_adversarial")] = sum(map(generator_loss, self._judge(name, x, fake)))
            nets[name].requires_grad_(True)
        terms["l1"] = c.lambda_l1 * F.l1_loss(rebuilt, y)
        terms["kl"] = c.lambda_kl * losses.gaussian_divergence(mean, log_variance)
        # The encoder only reads here: it must not learn to hide z in the picture.
        nets["encoder"].requires_grad_(False)
        found, _ = nets["encoder"](invented)
        nets["encoder"].requires_grad_(True)
        terms["z"] = c.lambda_z * F.l1_loss(found, random)
        update("generator", sum(terms.values()))
        return as_numbers(terms | {"discriminator": loss_d})
