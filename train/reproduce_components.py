"""The table components of reproduce.py: StarGAN v2's component ablation (table 1) on one's own data."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import domains_task
import starganv2
from model_run import features_or_none

from i2i.data.domains import DomainConfig
from i2i.methods.starganv2_recipes import COMPONENTS
from i2i.metrics.domains import MEAN, DomainProtocol
from i2i.metrics.scores import Score
from i2i.training.state import StateFolder
from i2i.translator import Translator, choose_device

ABOUT = "StarGAN v2's ablation, from a StarGAN-like baseline (A) to the full method (F); more options: starganv2.py"
PAPER = "the paper: CelebA-HQ at 256 pixels, Inception features and LPIPS, latent-guided"
MEASURES = ("Fréchet distance", "kernel distance", "diversity")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, help="photos of several domains, as for starganv2.py")
    parser.add_argument("--out", type=Path, default=Path("runs/components"), help="a run folder for each lies in it")
    parser.add_argument(
        "--configs", nargs="+", default=list(COMPONENTS), choices=list(COMPONENTS), help="which (default: all)"
    )
    parser.add_argument("--recipe", default="lean", help="setting of starganv2.py that all share (default: lean)")
    parser.add_argument(
        "--measure-features",
        default="torchvision",
        help="feature network of the measures: a MobileNet v1 safetensors file, torchvision, or none",
    )
    parser.add_argument("--outputs", type=int, default=10, help="answers to each held-out photo (default: 10)")
    parser.add_argument("--repeats", type=int, default=1, help="measure so often, with other seeds (default: 1)")
    parser.add_argument("--sources", type=int, default=0, help="held-out photos of each domain, at most (0: all)")
    parser.add_argument("--cpu", action="store_true", help="use the CPU even where there is a GPU")
    parser.add_argument("--dry-run", action="store_true", help="print every plan and stop")


def command(args: argparse.Namespace, rest: list[str], key: str) -> list[str]:
    """The arguments of starganv2.py for one configuration."""
    words = [str(args.root), "--out", str(args.out / key), "--recipe", args.recipe, "--name", key, *rest]
    for name, value in COMPONENTS[key].net.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    return words + ["--cpu"] * args.cpu + ["--dry-run"] * args.dry_run


def finished(run: Path) -> bool:
    meta = StateFolder(run).meta()
    return meta["step"] >= meta["train"]["steps"]


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Train, measure, print the table, and leave it in results.json and results.md.

    Raises:
        ValueError: before anything is trained, for a file of the measures' feature network that cannot be read, and
            for what starganv2.py refuses.
    """
    protocol = DomainProtocol(args.outputs, args.repeats, args.sources, guide="latent")
    if args.measure_features not in ("torchvision", "none"):
        features_or_none(args.measure_features, "measure")  # a file must be there now, not when training is over
    keys = sorted(set(args.configs))
    for key in keys:
        begun = StateFolder(args.out / key).exists()
        if begun and finished(args.out / key):
            continue
        print(f"{key}: {COMPONENTS[key].about}", file=sys.stderr)
        starganv2.main(command(args, rest, key) + ["--resume"] * begun)
        if not args.dry_run and not finished(args.out / key):
            print("the same command goes on where it stopped", file=sys.stderr)
            return 0
    if args.dry_run:
        return 0
    rows = measured(args, protocol, keys)
    plain = {key: {"about": COMPONENTS[key].about} | {s.name: s.json() for s in rows[key]} for key in keys}
    (args.out / "results.json").write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = table(rows)
    (args.out / "results.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def measured(args: argparse.Namespace, protocol: DomainProtocol, keys: list[str]) -> dict[str, list[Score]]:
    """Means over all pairs of domains of each configuration; none without a feature network."""
    features = features_or_none(args.measure_features, "measure")
    if features is None:
        return {key: [] for key in keys}
    device, measures, rows = "cpu" if args.cpu else "auto", None, {}
    for key in keys:
        translator = Translator.from_pretrained(args.out / key / "model", device, "float32")
        if measures is None:
            config = DomainConfig(**StateFolder(args.out / key).meta()["recipe"]["domains"])
            features = features.to(choose_device(device))
            measures = domains_task.measures_for(translator, args.root, config, features, protocol)
        rows[key] = [s for s in domains_task.measure(measures, translator, key) if s.name.endswith(MEAN)]
    return rows


def table(rows: dict[str, list[Score]]) -> str:
    """The results in Markdown, beside the paper's."""
    lines = [
        f"| | configuration | {' | '.join(MEASURES)} | *paper: FID* | *paper: LPIPS* |",
        "|---|---|" + "--:|" * (len(MEASURES) + 2),
    ]
    protocols: dict[str, None] = {}
    for key, scores in rows.items():
        own = {s.name: s for s in scores}
        found = [own.get(f"latent: {measure}, {MEAN}") for measure in MEASURES]
        protocols |= dict.fromkeys(s.protocol for s in found if s is not None)
        cells = ["–" if s is None else f"{s.value:.4f}" for s in found]
        component = COMPONENTS[key]
        cells += [f"*{component.frechet}*", "*–*" if component.lpips is None else f"*{component.lpips}*"]
        lines.append(f"| {key} | {component.about} | {' | '.join(cells)} |")
    notes = [f"Measured here: {text}." for text in protocols] or ["Nothing measured: no feature network."]
    notes.append(f"In italics {PAPER}; other data, networks and lengths, so only the order can be compared.")
    return "\n".join([*lines, "", *notes, ""])
