"""Train a HED-style edge detector from scratch on BSDS500: python train/edge_detector.py BSDS --out RUN."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from cli import Progress, add_options, claim_run_folder, collect, print_plan, run_script

from i2i import model_folder
from i2i.data.bsds import BsdsCrops, find_bsds, read_boundaries
from i2i.data.layout import find_photos
from i2i.edges.detector import EdgeDetector
from i2i.edges.postprocess import postprocess
from i2i.images import fit_square, load_image
from i2i.methods.edge_detector import EdgeConfig, EdgeTraining
from i2i.metrics.faithfulness import agreement
from i2i.training.loop import TrainConfig, train
from i2i.training.state import StateFolder

OFFSETS = np.arange(-6.0, 2.01, 0.5)


def config_json(config: EdgeConfig, calibration: dict[str, float], metrics: dict, steps: int, images: int) -> dict:
    return {
        "kind": "detector",
        "method": EdgeTraining.method,
        "name": "edges",
        "net": {"widths": config.widths, "blocks": config.blocks, "head_widths": config.head_widths},
        "input": {"kind": "photo"},
        "calibration": calibration,
        "data": {
            "name": "BSDS500, train and val images",
            "images": images,
            "licence": "non-commercial research and education",
        },
        "training": {"steps": steps},
        "metrics": metrics,
    }


def held_out_maps(detector: EdgeDetector, pairs: list[tuple[Path, Path]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(soft map, annotators' drawing) of the centre 256 x 256 of each photo; people's ink where 3 in 10 agree."""
    found = []
    for photo_path, truth_path in pairs:
        photo = load_image(photo_path)
        left, top = (photo.width - 256) // 2, (photo.height - 256) // 2
        soft = detector.detect_batch([np.asarray(photo.crop((left, top, left + 256, top + 256)))])[0]
        truth = read_boundaries(truth_path)[top : top + 256, left : left + 256]
        found.append((soft, np.where(truth >= 0.3, np.uint8(0), np.uint8(255))))
    return found


def shifted(soft: np.ndarray, offset: float) -> np.ndarray:
    """The soft map with `offset` added to its logits."""
    odds = np.clip(soft, 1e-6, 1 - 1e-6)
    return (1 / (1 + (1 - odds) / odds * np.exp(-offset))).astype(np.float32)


def measure(maps: list[tuple[np.ndarray, np.ndarray]], offset: float) -> dict:
    """Agreement of drawings with people's boundaries, within 2 pixels."""
    results = [agreement(postprocess(shifted(soft, offset)), truth) for soft, truth in maps]
    precision, recall = (float(np.mean([getattr(r, k) for r in results])) for k in ("precision", "recall"))
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return {"f1": round(f1, 4), "precision": round(precision, 4), "recall": round(recall, 4)}


def ink_offset(detector: EdgeDetector, photos: list[Path], share: float) -> float:
    """The offset at which drawings of these photos have `share` of ink on average, to 0.05."""
    soft = [detector.detect_batch([np.asarray(fit_square(load_image(p), 256))])[0] for p in photos]
    low, high = -12.0, 6.0
    while high - low > 0.05:
        middle = (low + high) / 2
        ink = np.mean([np.mean(postprocess(shifted(s, middle)) == 0) for s in soft])
        low, high = (low, middle) if ink > share else (middle, high)
    return round((low + high) / 2, 2)


def calibrate(folder: Path, pairs: list[tuple[Path, Path]], photos: list[Path], share: float) -> tuple[dict, dict]:
    """Calibration and metrics of a freshly trained model folder.

    With `photos`, their drawings get `share` of ink on average; without, the offset is where drawings of the held-out
    photos agree best with people's.
    """
    detector = EdgeDetector(folder)
    maps = held_out_maps(detector, pairs)
    if photos:
        offset = ink_offset(detector, photos, share)
        how = f"{share:.1%} of ink on average on {len(photos)} photos"
    else:
        offset = max(OFFSETS, key=lambda o: measure(maps, o)["f1"])
        how = "best F1 on the held-out photos"
    protocol = f"{len(pairs)} held-out BSDS500 val photos, centre 256, drawings against consensus >= 0.3, within 2 px"
    return {"slope": 1.0, "offset": float(offset), "how": how}, measure(maps, offset) | {"protocol": protocol}


def card(config: dict, command: str) -> str:
    m, d = config["metrics"], config["data"]
    return f"""# edges

HED-style edge detector, trained from scratch: photo -> soft edge map, made into a one-pixel drawing by
`i2i.edges.postprocess`.

- Data: {d["name"]} ({d["images"]} images used for training). Licence of the data: {d["licence"]}.
- Command: `{command}` ({config["training"]["steps"]} steps)
- Agreement of drawings with people's boundaries: F1 {m["f1"]}, precision {m["precision"]}, recall {m["recall"]}
  ({m["protocol"]}).
- Calibration: sigmoid(logit + {config["calibration"]["offset"]}), ink at 25/255: {config["calibration"]["how"]}.
"""


def main(argv: list[str] | None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bsds", type=Path, help="BSDS500 folder that holds images/ and groundTruth/")
    parser.add_argument("--out", type=Path, default=Path("runs/edges"), help="run folder (default: runs/edges)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--held-out", type=int, default=20, help="val photos kept out of training (default: 20)")
    parser.add_argument("--crop", type=int, default=256, help="pixels of a training crop (default: 256)")
    parser.add_argument("--calibrate", type=Path, help="folder of photos that set the amount of ink (see --ink)")
    parser.add_argument("--ink", type=float, default=0.025, help="share of ink with --calibrate (default: 0.025)")
    parser.add_argument("--cpu", action="store_true", help="train on the CPU even where there is a GPU")
    parser.add_argument("--dry-run", action="store_true", help="print everything and stop")
    add_options(parser, EdgeConfig)
    add_options(parser, TrainConfig)
    args = parser.parse_args(argv)
    config, how = collect(EdgeConfig, args), collect(TrainConfig, args, steps=6000, ema=0.99, warmup=50)

    pairs = find_bsds(args.bsds)
    if not 2 <= args.held_out < len(pairs) - 1:
        raise ValueError(f"--held-out must leave photos on both sides of {len(pairs)}, got {args.held_out}")
    held = [p for p in pairs if p[0].parent.name == "val"][: args.held_out]
    kept = [p for p in pairs if p not in held]
    torch.manual_seed(how.seed)
    method = EdgeTraining(config)
    plan = {"photos": len(kept), "held out": len(held), "crop": args.crop, "out": str(args.out)}
    if args.dry_run:
        print_plan([config, how], method.nets, plan)
        return 0
    start = StateFolder(args.out).meta()["step"] if args.resume else 0
    claim_run_folder(args.out, args.resume)
    accelerator = Accelerator(cpu=args.cpu or not torch.cuda.is_available(), mixed_precision=how.mixed_precision)
    data, unseen = BsdsCrops(kept, args.crop), BsdsCrops(held, args.crop)
    sample = [unseen[(i % len(unseen), i)] for i in range(4)]
    held_out = {k: torch.stack([s[k] for s in sample]) for k in sample[0]}
    images = how.batch * accelerator.num_processes
    bar = Progress(how.steps, start, images) if accelerator.is_main_process else None
    target = args.out / "model"

    def export(step: int, nets: torch.nn.ModuleDict, seconds: float) -> None:
        plain = config_json(config, {"slope": 1.0, "offset": 0.0}, {}, step, len(kept))
        model_folder.save(target, plain, nets["edges"], "# edges\n\nTraining is not finished.\n")

    outcome = train(
        method, data, held_out, args.out, how,
        accelerator=accelerator, resume=args.resume, on_step=bar or (lambda step, logs: None), on_save=export,
    )  # fmt: skip
    if bar:
        bar.close()
    if accelerator.is_main_process and outcome.reason == "finished":
        photos = find_photos(args.calibrate)[:200] if args.calibrate else []
        calibration, metrics = calibrate(target, held, photos, args.ink)
        final = config_json(config, calibration, metrics, outcome.step, len(kept))
        detector = EdgeDetector(target)
        command = f"python train/edge_detector.py BSDS --steps {how.steps}"
        model_folder.save(target, final, detector.net, card(final, command))
        print(f"model: {target}   {metrics}")
    elif accelerator.is_main_process:
        print(f"stopped ({outcome.reason}) after {outcome.step} steps; go on with --resume")
    return 0


if __name__ == "__main__":
    run_script(main)
