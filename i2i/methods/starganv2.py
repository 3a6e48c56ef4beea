"""StarGAN v2: diverse image synthesis for multiple domains (Choi et al., CVPR 2020).

One generator G(x, s) translates a photo x into every domain; the style s comes from a latent, s = F(z), or from a
reference photo, s = E(y), through the head of the target domain. A step takes a turn guided by latents and one guided
by references. Every choice of the paper's component ablation (table 1) is a field of `StarGANv2Config`, which
`i2i.methods.starganv2_recipes` holds with its settings.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.grids import tile
from i2i.methods.adversarial import falling_rate
from i2i.methods.logs import as_numbers
from i2i.methods.starganv2_recipes import StarGANv2Config
from i2i.nets.starganv2 import PlanesGenerator, StarGANv2Generator, paper_widths
from i2i.nets.starganv2_heads import (
    ClassifyingDiscriminator,
    DomainDiscriminator,
    ProjectedDomainDiscriminator,
    ResidualStyleEncoder,
    paper_trunk_widths,
)
from i2i.nets.style import MappingNetwork, StyleEncoder


def serving_nets(config: StarGANv2Config) -> nn.ModuleDict:
    """The nets that a model folder holds: generator and, where there are styles or latents, what makes them.

    Raises:
        ValueError: for widths that do not fit the size.
    """
    c = config
    levels = max(1, (c.size // c.fold).bit_length() - 5) + bool(c.high_pass)
    widths = tuple(c.widths) or paper_widths(c.size, levels)
    if c.size % (c.fold * 2 ** len(widths[1:])) or c.size // c.fold >> len(widths[1:]) < 4:
        raise ValueError(
            f"photos of {c.size} pixels cannot be folded by {c.fold} and halved {len(widths) - 1} times: "
            "give fewer widths"
        )
    skips = c.skips == "plain"
    if c.condition == "planes":
        nets = {"generator": PlanesGenerator(c.code, widths, c.blocks, c.fold, skips)}
    else:
        nets = {"generator": StarGANv2Generator(c.code, widths, c.blocks, c.fold, c.high_pass, skips)}
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
    fitting = paper_trunk_widths(c.size // c.fold)
    if c.judge_widths and len(c.judge_widths) != len(fitting):
        raise ValueError(
            f"judge_widths has {len(c.judge_widths)} numbers; photos of {c.size} pixels folded by {c.fold} need "
            f"{len(fitting)}, for {c.size // c.fold} pixels and each halving down to 4"
        )
    return tuple(c.judge_widths) or fitting


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
    added = ("last_r1",)  # what a run's state of an earlier version lacks

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
        self.register_buffer("last_r1", torch.zeros(()))  # for the logs of steps that have none of their own

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        c = self.config

        def group(names: Sequence[str], lr: float) -> dict:
            return {"params": [p for n in names for p in self.nets[n].parameters()], "lr": lr}

        players = [group([n for n in self.served if n != "mapping"], c.lr)]
        if "mapping" in self.nets:
            players.append(group(["mapping"], c.mapping_lr))
        return {
            name: torch.optim.Adam(groups, betas=(c.beta1, c.beta2), weight_decay=c.weight_decay, fused=True)
            for name, groups in {"generator": players, "discriminator": [group(self.judges, c.lr)]}.items()
        }

    def rate(self, progress: float) -> float:
        """Factor of the learning rates: constant, in the lean recipe with a linear fall at the end."""
        return falling_rate(progress, self.config.decay_from)

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
            found = as_numbers(self._turn(guide, batch, progress, update))
            logs |= {f"{guide}_{name}": value for name, value in found.items()}
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

            loss_d, logs = self._discriminator_loss(batch, fake.detach(), [f.detach() for f in seen])
            update("discriminator", loss_d)

            with self._frozen(self.judges):
                terms = self._adversarial(fake, seen, target)
            if c.read:
                found = photo_code(self.nets, c, fake, target)[:, : c.read]
                terms["style"] = c.lambda_sty * F.l1_loss(found, code[:, : c.read])  # equation 2
                if c.lambda_ds:
                    terms["diversity"] = self._diversity(fake, encoded, second, progress)
            if c.lambda_range:
                terms["range"] = c.lambda_range * F.relu(fake.abs() - 1).square().mean()
            own = photo_code(self.nets, c, x, domain)
            terms["cycle"] = c.lambda_cyc * F.l1_loss(generator(fake, own), x)  # equation 4
            update("generator", sum(terms.values()))
        return terms | logs

    def _diversity(self, fake: Tensor, encoded: list[Tensor], second: Tensor, progress: float) -> Tensor:
        """Equation 3: the picture is moved away from one in a second style, which has no gradient."""
        c = self.config
        weight = c.lambda_ds * max(0.0, 1 - progress / c.ds_until)
        if not weight:
            return fake.new_zeros(())
        with torch.no_grad():
            other = self.nets["generator"].decode(encoded, second)
        if c.lambda_range:
            fake, other = fake.clamp(-1, 1), other.clamp(-1, 1)
        return -weight * losses.style_difference(fake, other, c.ds_cell)

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
        self, batch: dict[str, Tensor], fake: Tensor, seen: list[Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Equation 1 with R1, or WGAN-GP with the classifier."""
        c, x, domain, target = self.config, batch["x"], batch["domain"], batch["target"]
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
        alone = []  # what D has beside its adversarial loss
        if r1:
            penalty = losses.r1_penalty(real[0], real_x)
            self.last_r1.copy_(penalty.detach())
            alone.append(c.lambda_r1 * c.r1_every * penalty)
        if logistic and c.lambda_r1 > 0:
            logs["r1"] = self.last_r1
        if not logistic:
            share = torch.rand(len(x), 1, 1, 1, device=x.device)
            # A branch judges one domain: both ends are of that one.
            begin = batch["reference"] if c.judge == "branches" else x
            between = torch.lerp(begin, fake.to(begin.dtype), share).requires_grad_(True)
            alone.append(c.lambda_gp * losses.gradient_penalty(self._judge(between, [], target)[0][0], between))
        if classes is not None:
            alone.append(c.lambda_class * F.cross_entropy(classes, domain))
        # D's adversarial loss is one of several in the mean: the rest keeps its weight beside it.
        return total + sum(alone) / len(real), logs
