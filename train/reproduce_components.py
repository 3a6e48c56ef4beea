"""The table components of reproduce.py: StarGAN v2's component ablation (table 1) on one's own data."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import domains_task
import starganv2
from loss_features import name_of
from model_run import features_or_none

from i2i.data.domains import DomainConfig
from i2i.data.records import write_atomically
from i2i.methods.starganv2_recipes import COMPONENTS
from i2i.metrics.domains import MEAN, DomainProtocol
from i2i.metrics.scores import Score
from i2i.training.state import StateFolder
from i2i.translator import Translator, choose_device

ABOUT = "StarGAN v2's ablation, from a StarGAN-like baseline (A) to the full method (F); more options: starganv2.py"
PAPER = "the paper: CelebA-HQ at 256 pixels, Inception features and LPIPS, latent-guided"
MEASURES = ("Fréchet distance", "kernel distance", "diversity")
# What runs of one table may differ in: the length of a call, what is looked at, and where the data lie.
FREE = ("minutes", "save_minutes", "grid_every", "log_every", "workers", "index")


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


def settings(config: dict, domains: dict, how: dict) -> dict[str, Any]:
    """All that shapes a run, by its options' names."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in (config | domains | how).items() if k not in FREE}


def refuse_other_run(args: argparse.Namespace, rest: list[str], key: str) -> None:
    """ValueError where the run of a configuration began otherwise than this command would begin it: it would stand in
    one table with unequal ones. What old runs did not keep is not compared."""
    given = starganv2.parse(command(args, rest, key))
    config, how, data, val = starganv2.resolve(given)
    meta = StateFolder(args.out / key).meta()
    recipe, kept = meta["recipe"], settings(meta["recipe"]["config"], meta["recipe"]["domains"], meta["train"])
    now = settings(dataclasses.asdict(config), dataclasses.asdict(data.config), dataclasses.asdict(how))
    if now["mixed_precision"] == "auto":  # it is kept as the machine decided
        now.pop("mixed_precision")
    differ = [f"{k} {kept[k]} (now {now[k]})" for k in now if k in kept and kept[k] != now[k]]
    taught, began = recipe.get("taught"), recipe.get("began_with")
    if taught is not None and given.features != recipe["options"].get("features"):
        loss = name_of(features_or_none(given.features, "loss", fetch=False))
        differ += [f"features {taught} (now {loss})"] * (loss != taught)
    if began is not None:
        first = began[0]["weights"] if began else "none"
        start = Translator.from_pretrained(given.init, "cpu", "float32").weights_id if given.init else "none"
        differ += [f"init {first} (now {start})"] * (first != start)
    if recipe.get("data_digest") not in (None, starganv2.digest_of_domains(data, val)):
        differ.append("other photos, or divided otherwise")
    if differ:
        raise ValueError(
            f"the run {args.out / key} began with {', '.join(differ)}, and unequal runs cannot be compared in one "
            "table: give the data and options as before, or another --out"
        )


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Train, measure, print the table, and leave it in results.json and results.md.

    Raises:
        ValueError: before anything is trained, for a file of the measures' feature network that cannot be read, for
            runs that began with other options, and for what starganv2.py refuses.
    """
    protocol = DomainProtocol(args.outputs, args.repeats, args.sources, guide="latent")
    if args.measure_features not in ("torchvision", "none"):
        features_or_none(args.measure_features, "measure")  # a file must be there now, not when training is over
    keys, known = sorted(set(args.configs)), read(args.out / "results.json")
    for key in COMPONENTS:  # also those that were finished before and stand in the table
        if StateFolder(args.out / key).exists():
            refuse_other_run(args, rest, key)
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
    for key, scores in measured(args, protocol, keys).items():
        if scores or key not in known:
            known[key] = {"about": COMPONENTS[key].about} | {s.name: s.json() for s in scores}
    known = {key: known[key] for key in sorted(known)}
    text = table({key: values_of(found) for key, found in known.items()})
    plain = json.dumps(known, indent=1, ensure_ascii=False) + "\n"
    write_atomically(args.out / "results.json", plain.encode())
    write_atomically(args.out / "results.md", text.encode())
    print(text)
    return 0


def read(path: Path) -> dict[str, dict[str, Any]]:
    """What was measured before, by configuration; nothing where nothing was.

    Raises:
        ValueError: for a file that this script did not write.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}): remove it, and all is measured again") from error
    if not isinstance(found, dict) or not found.keys() <= COMPONENTS.keys():
        raise ValueError(f"{path} holds no results of this table: remove it, or give another --out")
    return found


def values_of(found: dict[str, Any]) -> list[Score]:
    """A configuration's scores as they lie in results.json."""
    kept = {name: score for name, score in found.items() if name != "about"}
    return [Score(name, s["value"], s["protocol"], s.get("better", "")) for name, s in kept.items()]


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
    protocols: dict[str, list[str]] = {}
    for key, scores in rows.items():
        own = {s.name: s for s in scores}
        found = [own.get(f"latent: {measure}, {MEAN}") for measure in MEASURES]
        for text in dict.fromkeys(s.protocol for s in found if s is not None):
            protocols.setdefault(text, []).append(key)
        cells = ["–" if s is None or s.value is None else f"{s.value:.4f}" for s in found]
        component = COMPONENTS[key]
        cells += [f"*{component.frechet}*", "*–*" if component.lpips is None else f"*{component.lpips}*"]
        lines.append(f"| {key} | {component.about} | {' | '.join(cells)} |")
    # Rows that were measured at different times may have been measured differently.
    which = {text: f" ({', '.join(keys)})" if len(protocols) > 1 else "" for text, keys in protocols.items()}
    notes = [f"Measured here{which[text]}: {text}." for text in protocols] or ["Nothing measured: no feature network."]
    notes.append(f"In italics {PAPER}; other data, networks and lengths, so only the order can be compared.")
    return "\n".join([*lines, "", *notes, ""])
