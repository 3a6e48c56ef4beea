"""StarGAN v2: diverse image synthesis for multiple domains (Choi et al., CVPR 2020).

One generator G(x, s) translates a photo x into every domain; the style s comes from a latent, s = F(z), or from a
reference photo, s = E(y), through the head of the target domain. A step takes a turn guided by latents and one guided
by references. Every choice of the paper's component ablation (table 1) is a field of `StarGANv2Config`;
`i2i.methods.starganv2_recipes` names its settings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.grids import tile
from i2i.methods.adversarial import check_choice
from i2i.nets.starganv2 import PlanesGenerator, StarGANv2Generator, paper_widths
from i2i.nets.starganv2_heads import (
    ClassifyingDiscriminator,
    DomainDiscriminator,
    ProjectedDomainDiscriminator,
    ResidualStyleEncoder,
    paper_trunk_widths,
)
from i2i.nets.style import MappingNetwork, StyleEncoder

CHOICES = {
    "style_nets": ("paper", "lean"),
    "condition": ("style", "latent", "domain", "planes"),
    "judge": ("branches", "classifier"),
    "objective": ("logistic", "wgan-gp"),
    "turns": ("both", "alternate"),
}


@dataclass(frozen=True)
class StarGANv2Config:
    """Recipe of StarGAN v2; the defaults are the paper's without the high-pass path.

    Attributes:
        size: height and width of the photos, pixels.
        domains: how many.
        style, latent: dimensions of the style s and of the latent z.
        style_nets: paper (eight layers of 512; residual style encoder) or lean (those of styled pix2pix: four layers of
            128, the photo at 64 pixels, styles of unit length).
        widths: channels of the generator at size, size/2, ... (from size/fold on); none for the paper's.
        judge_widths: the same of the discriminator and the residual style encoder, down to 4 pixels.
        blocks: residual blocks at the coarsest size, in each half of the generator.
        fold: squares of so many pixels are channels inside the nets; 1 in the paper.
        high_pass: gain of the high-pass path, 1 in the paper's setting for faces; 0 for none.
        condition: what the generator is given, style (as StarGAN v2), latent (z and the domain), domain (all three
            through AdaIN), or planes (the domain as planes beside the photo, as StarGAN).
        judge: branches (one a domain) or classifier (one critic and a classifier, as StarGAN).
        objective: logistic (non-saturating, with R1) or wgan-gp.
        turns: both, latents and references in each step, or alternate, one of the two in each.
        lr: Adam's learning rate.
        mapping_lr: that of the mapping network.
        beta1, beta2, weight_decay: Adam's.
        lambda_sty, lambda_cyc: weights of the style reconstruction and of the cycle consistency.
        lambda_ds: weight of the diversity loss at the start; it falls linearly to zero over the run.
        lambda_r1: weight gamma of R1.
        r1_every: steps from one R1 to the next, which counts so many times more; 1 in the paper.
        lambda_gp, lambda_class: weights of WGAN-GP's penalty and of the classifier.
    """

    size: int = 256
    domains: int = 2
    style: int = 64
    latent: int = 16
    style_nets: str = "paper"
    widths: tuple[int, ...] = ()
    judge_widths: tuple[int, ...] = ()
    blocks: int = 2
    fold: int = 1
    high_pass: float = 0.0
    condition: str = "style"
    judge: str = "branches"
    objective: str = "logistic"
    turns: str = "both"
    lr: float = 1e-4
    mapping_lr: float = 1e-6
    beta1: float = 0.0
    beta2: float = 0.99
    weight_decay: float = 1e-4
    lambda_sty: float = 1.0
    lambda_cyc: float = 1.0
    lambda_ds: float = 1.0
    lambda_r1: float = 1.0
    r1_every: int = 1
    lambda_gp: float = 10.0
    lambda_class: float = 1.0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            check_choice(name, getattr(self, name), known)
        for name, least in {"domains": 2, "fold": 1, "blocks": 1, "r1_every": 1, "style": 1, "latent": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.size < 16 or self.size & (self.size - 1):
            raise ValueError(f"size must be a power of two from 16 on, got {self.size}")
        if self.high_pass and self.condition == "planes":
            raise ValueError("condition planes is StarGAN's, which has no high-pass path: leave high_pass at 0")

    @property
    def code(self) -> int:
        """Length of what the generator is given beside the photo."""
        return {"style": self.style, "latent": self.latent + self.domains}.get(self.condition, self.domains)

    @property
    def read(self) -> int:
        """How many of these numbers E reads back from a photo."""
        return {"style": self.style, "latent": self.latent}.get(self.condition, 0)


def serving_nets(config: StarGANv2Config) -> nn.ModuleDict:
    """The nets that a model folder holds: generator and, where there are styles or latents, what makes them.

    Raises:
        ValueError: for widths that do not fit the size.
    """
    c = config
    levels = max(1, (c.size // c.fold).bit_length() - 5) + bool(c.high_pass)
    widths = tuple(c.widths) or paper_widths(c.size, levels)
    if c.size % (c.fold * 2 ** len(widths[1:])) or c.size // c.fold >> len(widths[1:]) < 4:
        raise ValueError(f"photos of {c.size} pixels cannot be folded by {c.fold} and halved {len(widths) - 1} times")
    if c.condition == "planes":
        nets = {"generator": PlanesGenerator(c.code, widths, c.blocks, c.fold)}
    else:
        nets = {"generator": StarGANv2Generator(c.code, widths, c.blocks, c.fold, c.high_pass)}
    paper = c.style_nets == "paper"
    if c.condition == "style":
        deep = {"width": 512, "layers": 8, "own": 4, "leak": 0.0, "normalised": False} if paper else {}
        nets["mapping"] = MappingNetwork(c.latent, c.style, domains=c.domains, **deep)
    if c.read:
        # A latent has no domain of its own, and its numbers have no common length.
        heads = c.domains if c.condition == "style" else 1
        if paper:
            nets["style_encoder"] = ResidualStyleEncoder(c.read, heads, c.size, _judge_widths(c), c.fold)
        else:
            nets["style_encoder"] = StyleEncoder(c.read, domains=heads, normalised=c.condition == "style")
    return nn.ModuleDict(nets)


def _judge_widths(c: StarGANv2Config) -> tuple[int, ...]:
    return tuple(c.judge_widths) or paper_trunk_widths(c.size // c.fold)


def _one_hot(config: StarGANv2Config, domain: Tensor) -> Tensor:
    return F.one_hot(domain, config.domains).float()


def latent_code(nets: nn.ModuleDict, config: StarGANv2Config, z: Tensor, domain: Tensor) -> Tensor:
    """What the generator is given for latents z (B, latent) and target domains (B,): (B, code)."""
    if config.condition == "style":
        return nets["mapping"](z, domain)
    one_hot = _one_hot(config, domain)
    return torch.cat([z, one_hot], 1) if config.condition == "latent" else one_hot


def photo_code(nets: nn.ModuleDict, config: StarGANv2Config, photo: Tensor, domain: Tensor) -> Tensor:
    """What the generator is given for reference photos (B, 3, S, S) and their domains (B,): (B, code)."""
    if config.condition == "style":
        return nets["style_encoder"](photo, domain)
    one_hot = _one_hot(config, domain)
    return torch.cat([nets["style_encoder"](photo), one_hot], 1) if config.condition == "latent" else one_hot


class StarGANv2(nn.Module):
    """Nets, optimizers and one training step.

    Args:
        config: the recipe.
        features: frozen feature network of a second discriminator, a projected one; None as in the paper.
    """

    method = "starganv2"

    def __init__(self, config: StarGANv2Config, features: nn.Module | None = None):
        super().__init__()
        self.config = config
        self.nets = serving_nets(config)
        self.served = tuple(self.nets)
        judge = DomainDiscriminator if config.judge == "branches" else ClassifyingDiscriminator
        self.nets["discriminator"] = judge(config.domains, config.size, _judge_widths(config), config.fold)
        if features is not None:
            self.nets["projected"] = ProjectedDomainDiscriminator(features.channels, config.domains)
        self._features = (features,)  # in a tuple: neither saved, nor averaged, nor optimised
        self.judges = tuple(name for name in self.nets if name not in self.served)
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        c = self.config

        def group(names: Sequence[str], lr: float) -> dict:
            return {"params": [p for n in names for p in self.nets[n].parameters()], "lr": lr}

        players = [group([n for n in self.served if n != "mapping"], c.lr)]
        if "mapping" in self.nets:
            players.append(group(["mapping"], c.mapping_lr))
        return {
            name: torch.optim.Adam(groups, betas=(c.beta1, c.beta2), weight_decay=c.weight_decay)
            for name, groups in {"generator": players, "discriminator": [group(self.judges, c.lr)]}.items()
        }

    def rate(self, progress: float) -> float:
        """Factor of the learning rates: constant."""
        return 1.0

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each photo: itself, two latents in each domain (the same in each row), and the styles of the
        references, which stand on top.

        Args:
            batch: `x` (B, 3, S, S), `reference` (R, 3, S, S) and their domains `target` (R,).
        """
        c, x, reference = self.config, batch["x"], batch["reference"]
        domain = torch.arange(c.domains, device=x.device).repeat_interleave(2)
        generator = torch.Generator().manual_seed(0)
        z = torch.randn(2, c.latent, generator=generator).repeat(c.domains, 1).to(x.device)
        codes = torch.cat([latent_code(nets, c, z, domain), photo_code(nets, c, reference, batch["target"])])
        encoded = nets["generator"].encode(x)
        columns = [x, *(nets["generator"].decode(encoded, code.expand(len(x), -1)) for code in codes)]
        head = torch.cat([torch.ones_like(x[:1]).expand(1 + len(domain), -1, -1, -1), reference])
        return tile(torch.cat([head[None], torch.stack(columns, 1)]))

    @contextlib.contextmanager
    def _frozen(self, names: Sequence[str]) -> Iterator[None]:
        nets = [self.nets[name] for name in names if name in self.nets]
        for net in nets:
            net.requires_grad_(False)
        try:
            yield
        finally:
            for net in nets:
                net.requires_grad_(True)

    def step(self, batch: dict[str, Tensor], progress: float, update) -> dict[str, float]:
        """One step: a turn with latents and a turn with references, or one of them.

        Args:
            batch: photos `x` (B, 3, S, S) in [-1, 1] and their `domain` (B,); target domains `target` (B,), and two
                photos `reference`, `reference2` of each one's target domain.
            progress: share of the run that is done, in [0, 1).
            update: callable (optimizer name, loss) that runs backward and the optimizer.
        """
        guides = ("latent", "reference")
        if self.config.turns == "alternate":
            # Each once in two steps, but (Thue-Morse) in no fixed rhythm: whatever is done every so many steps, logging
            # or R1, meets both.
            guides = (guides[int(self.count).bit_count() % 2],)
        logs = {}
        for guide in guides:
            logs |= {f"{guide}_{k}": float(v.detach()) for k, v in self._turn(guide, batch, progress, update).items()}
        self.count += 1
        return logs

    def _codes(self, guide: str, batch: dict[str, Tensor]) -> list[Tensor]:
        """Two codes of the target domain for each photo."""
        target, c = batch["target"], self.config
        if guide == "latent":
            zs = torch.randn(2, len(target), c.latent, device=target.device)
            return [latent_code(self.nets, c, z, target) for z in zs]
        return [photo_code(self.nets, c, batch[k], target) for k in ("reference", "reference2")]

    def _turn(self, guide: str, batch: dict[str, Tensor], progress: float, update) -> dict[str, Tensor]:
        """One update of the discriminator, then one of the players. References teach the generator alone: E and F learn
        in the turns with latents, as in the authors' training."""
        c, generator = self.config, self.nets["generator"]
        x, domain, target = batch["x"], batch["domain"], batch["target"]
        with self._frozen(("mapping", "style_encoder") if guide == "reference" else ()):
            code, second = self._codes(guide, batch)
            encoded = generator.encode(x)
            fake = generator.decode(encoded, code)
            seen = self._see(fake)

            loss_d, logs = self._discriminator_loss(x, domain, fake.detach(), [f.detach() for f in seen], target)
            update("discriminator", loss_d)

            with self._frozen(self.judges):
                terms = self._adversarial(fake, seen, target)
            if c.read:
                found = photo_code(self.nets, c, fake, target)[:, : c.read]
                terms["style"] = c.lambda_sty * F.l1_loss(found, code[:, : c.read])  # equation 2
                if c.lambda_ds:
                    with torch.no_grad():  # one of the two pictures is moved away from the other
                        other = generator.decode(encoded, second)
                    terms["diversity"] = -c.lambda_ds * (1 - progress) * losses.style_difference(fake, other)
            own = photo_code(self.nets, c, x, domain)
            terms["cycle"] = c.lambda_cyc * F.l1_loss(generator(fake, own), x)  # equation 4
            update("generator", sum(terms.values()))
        return terms | logs

    def _see(self, photo: Tensor) -> list[Tensor]:
        return [] if self._features[0] is None else self._features[0](photo)

    def _judge(self, photo: Tensor, seen: list[Tensor], domain: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Logits of each discriminator for photos of these domains, D's own (B,) first; and the classifier's."""
        judged = self.nets["discriminator"]
        if self.config.judge == "branches":
            logits, classes = judged(photo, domain), None
        else:
            logits, classes = judged(photo)
        return [logits, *(self.nets["projected"](seen, domain) if seen else ())], classes

    def _adversarial(self, fake: Tensor, seen: list[Tensor], target: Tensor) -> dict[str, Tensor]:
        """What the generator's pictures lose by being told from real ones, and from their domain."""
        c = self.config
        judged, classes = self._judge(fake, seen, target)
        loss = losses.vanilla_generator if c.objective == "logistic" else losses.hinge_generator
        terms = {"adversarial": sum(map(loss, judged)) / len(judged)}
        if classes is not None:
            terms["class"] = c.lambda_class * F.cross_entropy(classes, target)
        return terms

    def _discriminator_loss(
        self, x: Tensor, domain: Tensor, fake: Tensor, seen: list[Tensor], target: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Equation 1 with R1, or WGAN-GP with the classifier."""
        c = self.config
        logistic = c.objective == "logistic"
        r1 = logistic and c.lambda_r1 > 0 and int(self.count) % c.r1_every == 0
        with torch.no_grad():
            seen_real = self._see(x)
        real_x = x.detach().requires_grad_(r1)
        real, classes = self._judge(real_x, seen_real, domain)
        faked, _ = self._judge(fake, seen, target)
        loss = losses.logistic_discriminator if logistic else losses.wasserstein_discriminator
        total = sum(loss(r, f) for r, f in zip(real, faked, strict=True)) / len(real)
        logs = {"discriminator": total, "real": real[0].mean(), "fake": faked[0].mean()}
        if r1:
            logs["r1"] = losses.r1_penalty(real[0], real_x)
            total = total + c.lambda_r1 * c.r1_every * logs["r1"]
        if not logistic:
            share = torch.rand(len(x), 1, 1, 1, device=x.device)
            between = torch.lerp(x, fake, share).requires_grad_(True)
            total = total + c.lambda_gp * losses.gradient_penalty(self._judge(between, [], target)[0][0], between)
        if classes is not None:
            total = total + c.lambda_class * F.cross_entropy(classes, domain)
        return total, logs
