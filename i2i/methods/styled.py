"""Styled pix2pix: the paired objective of pix2pix joined to the style code of StarGAN v2.

A pair (x, y) is reconstructed with the style of its own photo, s = E(y), under L1, perceptual and adversarial
losses. The same drawing is also decoded with a foreign style s', half of them styles E(y') of other photos and half
F(z) of latents, under the adversarial loss and the style reconstruction |E(G(x, s')) - s'|. The mapping network F is
fitted in style space alone: the energy distance between F(z) and a queue of recent E(y) makes its samples cover the
styles that photos have, however little the generator has learned so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.checks import check_finite, check_least, check_positive, check_rates, check_shares, check_types, check_weights
from i2i.grids import draw_input, tile
from i2i.methods.augmentation import DiffAugment, random_views
from i2i.methods.logs import as_numbers
from i2i.methods.plain_ground import ground_loss, plain_ground
from i2i.nets.discriminators import ConditionalPatchDiscriminator, ProjectedDiscriminator
from i2i.nets.style import MappingNetwork, StyleEncoder
from i2i.nets.styled_unet import StyledUNet, StyledUNetConfig


@dataclass(frozen=True)
class StyledConfig:
    """Recipe of styled pix2pix.

    Attributes:
        size: height and width of drawing and photo, pixels; a multiple of 32, at least 64 (edges2photo.py: 64, 128 or
            256).
        inputs: channels of the drawing (1) or classes of the label map.
        style, latent: dimensions of the style s and of the latent z.
        widths: channels of the generator at size/2, size/4, ...
        noise: channels of noise that join the drawing's features at each resolution, 0 for none: what the generator
            makes fur, grass or leather of where the drawing is blank.
        lr: Adam's learning rate.
        mapping_rate: the mapping network's learning rate as a multiple of `lr`.
        lambda_l1, lambda_perceptual: weights of the reconstruction terms.
        lambda_range: weight of the squared excess of the (linear) output over the range that can be shown.
        lambda_style: weight of the style reconstruction.
        lambda_diversity: weight of the diversity loss at the start; it falls linearly to zero over the run.
        lambda_ground: weight of the loss that keeps plain ground plain in a foreign style (`plain_ground`); for
            drawings of subjects on plain ground, such as products.
        lambda_contrast: weight of `losses.excess_contrast`: an answer in the style of another photo is to be at most a
            fifth harder in contrast than that photo.
        lambda_lines: weight of `losses.faint_lines`: in an answer in a foreign style, drawn lines are to stand out as
            they do in the drawing's own photo; for drawings.
        style_noise: standard deviation of the noise on E(y) in the reconstruction, which keeps styles smooth
            (styles have a root mean square of one).
        style_views: how far the style encoder's views of a photo differ from the photo, 0 to 1: mirrored, moved, nearer
            or further away, so that a style cannot tell where things are, or how large.
        augment: share of the pairs that discriminators, and the feature network, see changed in colour and place
            (`DiffAugment`); for long runs on few photos, which discriminators would learn by heart.
        small_until: share of the run that is trained at half the picture size.
        discriminators_first: share of the run, at its start, in which the discriminators alone learn: in a run that
            starts from a model they begin anew, and would tell its generator little that is true.
        fit_mapping: steps after the run in which the mapping network alone is fitted to the styles of whole training
            photos: in training it follows those of views.
    """

    size: int = 256
    inputs: int = 1
    style: int = 64
    latent: int = 16
    widths: tuple[int, ...] = (32, 80, 128, 144, 144)
    noise: int = 0
    lr: float = 4e-4
    mapping_rate: float = 4.0
    lambda_l1: float = 10.0
    lambda_perceptual: float = 5.0
    lambda_range: float = 1.0
    lambda_style: float = 1.0
    lambda_diversity: float = 0.1
    lambda_ground: float = 0.0
    lambda_contrast: float = 0.0
    lambda_lines: float = 0.0
    style_noise: float = 0.1
    style_views: float = 1.0
    augment: float = 0.0
    small_until: float = 0.65
    discriminators_first: float = 0.0
    fit_mapping: int = 300

    def __post_init__(self) -> None:
        check_types(self)
        check_rates(self, ("lr",))
        check_positive(self, ("mapping_rate",))
        if min(self.widths, default=0) < 1:
            raise ValueError(f"widths must be at least 1 each, got {' '.join(map(str, self.widths)) or 'none'}")
        check_shares(self, ("style_views", "augment", "small_until", "discriminators_first"))
        check_least(self, {"inputs": 1, "style": 1, "latent": 1, "noise": 0, "fit_mapping": 0, "style_noise": 0})
        check_weights(self)
        for name in ("lambda_ground", "lambda_lines"):
            if getattr(self, name) and self.inputs != 1:
                raise ValueError(f"{name} is for drawings, which have ink: leave it at 0 for label maps")
        check_finite(self)


def serving_nets(config: StyledConfig) -> nn.ModuleDict:
    """The nets that a model folder holds: generator, mapping network, style encoder."""
    architecture = StyledUNetConfig(config.inputs, config.size, config.style, tuple(config.widths), config.noise)
    return nn.ModuleDict(
        {
            "generator": StyledUNet(architecture),
            "mapping": MappingNetwork(config.latent, config.style),
            "style_encoder": StyleEncoder(config.style),
        }
    )


class StyledPix2Pix(nn.Module):
    """Nets, optimizers and one training step.

    Args:
        config: the recipe.
        features: frozen feature network for the perceptual loss and the projected discriminator, or None: then
            neither is there, and the conditional PatchGAN alone judges.

    Attributes:
        colours: of the classes of label maps, as in their palette; None: hues all around. Only `grid` looks at them.
    """

    method = "styled"
    may_lack = ("generator.grain.",)  # what a run may have, and a model that it starts from not, or the other way round
    colours: Sequence[Sequence[int]] | None = None
    queue_length = 128  # sixteen batches of 8: older styles are from an encoder that has moved on

    def __init__(self, config: StyledConfig, features: nn.Module | None = None):
        super().__init__()
        self.config = config
        self.nets = serving_nets(config)
        self.served = tuple(self.nets)  # these get an EMA and go into the model folder
        self.nets["patch"] = ConditionalPatchDiscriminator(config.inputs)
        if features is not None:
            self.nets["projected"] = ProjectedDiscriminator(features.channels)
        # Held in a tuple: frozen, so neither saved, nor averaged, nor optimised.
        self._features = (features,)
        self.register_buffer("style_queue", torch.zeros(self.queue_length, config.style))
        self.register_buffer("queue_filled", torch.zeros((), dtype=torch.long))
        self._queued = 0

    @property
    def features(self) -> nn.Module | None:
        return self._features[0]

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        c = self.config

        def group(names: list[str], lr: float) -> dict:
            return {"params": [p for n in names for p in self.nets[n].parameters()], "lr": lr}

        judges = [n for n in ("patch", "projected") if n in self.nets]
        # The mapping network chases the styles of an encoder that still learns, so it must be the faster of the two.
        players = {
            "generator": [group(["generator", "style_encoder"], c.lr), group(["mapping"], c.mapping_rate * c.lr)],
            "discriminator": [group(judges, c.lr)],
        }
        return {name: torch.optim.Adam(groups, betas=(0.5, 0.99), fused=True) for name, groups in players.items()}

    def rate(self, progress: float) -> float:
        """Factor of the learning rate: constant, then linearly to zero over the last 40 % of the run."""
        return min(1.0, (1 - progress) / 0.4)

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each pair: drawing, photo, the photo's own style, four latent styles (the same in each row)."""
        x, y = batch["x"], batch["y"]
        generator = torch.Generator().manual_seed(0)
        styles = nets["mapping"](torch.randn(4, self.config.latent, generator=generator).to(x.device))
        encoded = nets["generator"].encode(x)
        columns = [draw_input(x, self.colours), y, nets["generator"].decode(encoded, nets["style_encoder"](y))]
        columns += [nets["generator"].decode(encoded, s.expand(len(x), -1)) for s in styles]
        return tile(torch.stack(columns, 1))

    def _judge(self, x: Tensor, y: Tensor, features: list[Tensor]) -> list[Tensor]:
        logits = [self.nets["patch"](x, y)]
        if "projected" in self.nets:
            logits += self.nets["projected"](features)
        return logits

    def _view(self, y: Tensor) -> Tensor:
        """What the style encoder sees of photos in training: a view of each, of the size that it looks at."""
        if not self.config.style_views:
            return y
        return random_views(y, self.nets["style_encoder"].size, self.config.style_views)

    def _foreign_styles(self, own: Tensor) -> tuple[Tensor, Tensor]:
        """Styles s' for the second decoding (half from other photos, half from latents), and F(z) for all."""
        batch = len(own)
        z = torch.randn(batch, self.config.latent, device=own.device)
        mapped = self.nets["mapping"](z)
        from_photos = torch.arange(batch, device=own.device) % 2 == 0
        foreign = torch.where(from_photos[:, None], own.detach().roll(1, 0), mapped.detach())
        return foreign, mapped

    def _cover(self, own: Tensor, mapped: Tensor) -> Tensor:
        """Energy distance between fresh F(z) and the queue of photos' styles."""
        n = len(own)
        self.style_queue.copy_(torch.cat([own.detach().float(), self.style_queue])[: self.queue_length])
        self.queue_filled += n
        # Asked only until it is full: to read a number from a GPU is to wait for it.
        self._queued = self._queued if self._queued >= self.queue_length else int(self.queue_filled)
        known = self.style_queue[: min(self._queued, self.queue_length)]
        z = torch.randn(max(0, self.queue_length - n), self.config.latent, device=own.device)
        fresh = torch.cat([mapped, self.nets["mapping"](z)])
        return losses.energy_distance(fresh.float(), known)

    def step(self, batch: dict[str, Tensor], progress: float, update) -> dict[str, float]:
        """One step of both players.

        Args:
            batch: `x` (B, inputs, S, S) and `y` (B, 3, S, S), in [-1, 1]; B >= 2.
            progress: share of the run that is done, in [0, 1).
            update: callable (optimizer name, loss) that runs backward and the optimizer.
        """
        c, nets = self.config, self.nets
        x, y = batch["x"], batch["y"]
        if len(x) < 2:
            raise ValueError(f"a step needs a batch of at least 2 pairs, got {len(x)}: styles come from other photos")
        size = c.size // 2 if progress < c.small_until else c.size
        if size != c.size:
            factor = c.size // size
            y, x_small = F.avg_pool2d(y, factor), F.avg_pool2d(x, factor)
        else:
            x_small = x

        alone = progress < c.discriminators_first  # then the others need no gradients
        with torch.set_grad_enabled(not alone):
            own = nets["style_encoder"](self._view(y))
            foreign, mapped = self._foreign_styles(own)
            noisy = own + c.style_noise * torch.randn_like(own)
            encoded = nets["generator"].encode(x)
            twice = [torch.cat([f, f]) for f in encoded]
            fakes = nets["generator"].decode(twice, torch.cat([noisy, foreign]), size)
        same, other = fakes.chunk(2)

        # What the discriminators and the feature network see: the pictures, or the same change of all of a pair's.
        shown_x, shown_real, shown_fakes = x_small, y, fakes
        if c.augment:
            change = DiffAugment(len(y), c.augment, y.device)
            shown_x, shown_real, shown_fakes = change.place(x_small), change.pictures(y), change.pictures(fakes)
        seen_fake, seen_real = [], []
        if self.features is not None:
            seen_fake = self.features(shown_fakes)
            with torch.no_grad():
                seen_real = self.features(shown_real)

        # Discriminators, on this step's own fakes.
        x_twice = torch.cat([shown_x, shown_x])
        judged_real = self._judge(shown_x, shown_real, seen_real)
        judged_fake = self._judge(x_twice, shown_fakes.detach(), [f.detach() for f in seen_fake])
        loss_d = sum(losses.hinge_discriminator(r, f) for r, f in zip(judged_real, judged_fake, strict=True))
        loss_d = loss_d / len(judged_real)
        update("discriminator", loss_d)
        real = torch.cat([r.detach().flatten() for r in judged_real])
        judges = {"discriminator": loss_d, "real_accuracy": (real > 0).float().mean()}
        if alone:
            return as_numbers(judges)

        # Generator, style encoder and mapping network.
        for name in ("patch", "projected"):
            if name in nets:
                nets[name].requires_grad_(False)
        judged = self._judge(x_twice, shown_fakes, seen_fake)
        terms = {
            "adversarial": sum(losses.hinge_generator(j) for j in judged) / len(judged),
            "l1": c.lambda_l1 * F.l1_loss(same, y),
            "range": c.lambda_range * F.relu(fakes.abs() - 1).square().mean(),
            "cover": self._cover(own, mapped),
        }
        if seen_real:
            halves = [f[: len(y)] for f in seen_fake]
            terms["perceptual"] = c.lambda_perceptual * losses.feature_distance(halves, seen_real)
        # The style encoder only reads here: it must not learn to hide the style in the picture.
        nets["style_encoder"].requires_grad_(False)
        found = nets["style_encoder"](self._view(other))
        nets["style_encoder"].requires_grad_(True)
        terms["style"] = c.lambda_style * F.l1_loss(found, foreign)
        fading = c.lambda_diversity * (1 - progress)
        terms["diversity"] = -fading * losses.style_difference(other, same.detach(), cell=8)
        if c.lambda_ground:
            terms["ground"] = c.lambda_ground * ground_loss(other, plain_ground(x_small, y))
        if c.lambda_contrast:
            # The even ones have the style of the photo before them (`_foreign_styles`).
            terms["contrast"] = c.lambda_contrast * losses.excess_contrast(other[::2], y.roll(1, 0)[::2])
        if c.lambda_lines:
            # Shrunk by area averaging, a line of one pixel leaves a grey of 0 or more where it only touches a pixel.
            terms["lines"] = c.lambda_lines * losses.faint_lines(other, y, (x_small < 0.5).float())
        loss_g = sum(terms.values())
        update("generator", loss_g)
        for name in ("patch", "projected"):
            if name in nets:
                nets[name].requires_grad_(True)

        return as_numbers(terms | judges)
