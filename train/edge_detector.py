"""Train a HED-style edge detector from scratch on BSDS500: python train/edge_detector.py BSDS --out RUN.

With a teacher it learns from that one's soft maps too, of BSDS500's photos and of photos that nobody labelled:

python train/edge_detector.py BSDS --trunk mobilenet_v1 --trunk-weights IMAGENET --out TEACHER
python train/edge_detector.py BSDS --teacher TEACHER/model --unlabelled PHOTOS ... --out RUN
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

import numpy as np
import torch
from cli import add_options, collect, print_plan, run_script, shown_command
from model_run import (
    UNFINISHED,
    add_run_options,
    check_steps,
    check_training,
    find_accelerator,
    parse_run,
    tell,
    train_with_bar,
)
from run_folder import begin_run, check_run_folder, held_alone
from same_data import digest_of, refuse_other_data
from teacher import describe_teacher, teacher_maps, unlabelled_photos

from i2i import model_folder
from i2i.cards import plain
from i2i.data.bsds import BsdsCrops, find_bsds
from i2i.data.layout import find_photos
from i2i.edges.detector import EdgeDetector
from i2i.edges.postprocess import postprocess
from i2i.images import fit_square, load_image
from i2i.methods.edge_detector import EdgeConfig, EdgeTraining
from i2i.metrics.boundaries import evaluate_detector
from i2i.nets.edge_teacher import make_edge_net
from i2i.nets.mobilenet import MobileNetTrunk
from i2i.training.loop import Outcome, TrainConfig
from i2i.training.state import StateFolder

TRAINING = {"steps": 11000, "ema": 0.998, "mixed_precision": "auto"}
INK = 25 / 255  # what counts as ink in a soft map
SCALES = (0.5, 1.0, 1.5)
SHARE = 0.02  # of ink in drawings
LEAST_CROP = 32  # pixels: the network's coarsest level is a sixteenth
# Kept with the run, so that --resume needs none of them again.
KEPT = ("held_out", "crop", "calibrate", "ink", "init", "trunk_weights", "teacher", "unlabelled", "each", "shapes")
CALIBRATION_PHOTOS = 100  # of each folder
UNLABELLED_PHOTOS = 1000  # of each folder, at most
UNLABELLED_SIZE = 256  # pixels of a photo without labels, as drawings are made


def config_json(config: EdgeConfig, calibration: dict, metrics: dict, training: dict) -> dict:
    return {
        "kind": "detector",
        "method": EdgeTraining.method,
        "name": "edges",
        "net": config.net,
        "input": {"kind": "photo"},
        "calibration": calibration,
        "data": {"name": "BSDS500, train and val images", "licence": "non-commercial research and education"},
        "training": training,
        "metrics": metrics,
    }


def _name(pair: tuple[Path, Path]) -> str:
    return f"{pair[0].parent.name}/{pair[0].stem}"


def logit(value: float | np.ndarray) -> float | np.ndarray:
    value = np.clip(value, 1e-6, 1 - 1e-6)
    return np.log(value / (1 - value))


def shifted(soft: np.ndarray, offset: float) -> np.ndarray:
    """The soft map with `offset` added to its logits."""
    return (1 / (1 + np.exp(-logit(soft.astype(np.float64)) - offset))).astype(np.float32)


def calibration_photos(folders: list[str]) -> list[list[np.ndarray]]:
    """The first photos of each folder, CALIBRATION_PHOTOS at most, as drawings are made of them: uint8 (256, 256, 3).

    Raises:
        ValueError: for a folder that is missing or has no photos, or a photo that cannot be read.
    """
    groups = []
    for folder in folders:
        photos = find_photos(Path(folder))[:CALIBRATION_PHOTOS]
        if not photos:
            raise ValueError(f"there are no photos in {folder}: give folders of photos with --calibrate")
        groups.append([np.asarray(fit_square(load_image(p), 256)) for p in photos])
    return groups


def soft_maps(detector: EdgeDetector, photos: list[np.ndarray]) -> list[np.ndarray]:
    return [detector.detect_batch([photo])[0] for photo in photos]


def mean_ink(maps: list[np.ndarray], offset: float) -> float:
    """Share of ink of the drawings of these maps."""
    return float(np.mean([np.mean(postprocess(shifted(soft, offset)) == 0) for soft in maps]))


def ink_offset(groups: list[list[np.ndarray]], share: float) -> float:
    """The offset, to 0.05, at which drawings have `share` of ink, as the mean over groups of maps."""
    low, high = -12.0, 6.0
    while high - low > 0.05:
        middle = (low + high) / 2
        ink = np.mean([mean_ink(maps, middle) for maps in groups])
        low, high = (low, middle) if ink > share else (middle, high)
    return round((low + high) / 2, 2)


def benchmark(detector: EdgeDetector, pairs: list[tuple[Path, Path]]) -> tuple[dict, float]:
    """Scores on held-out photos at one scale and at three, and the threshold that is best at one."""
    workers = min(len(pairs), os.cpu_count() or 1)
    metrics = {"protocol": f"BSDS500 boundary benchmark, {len(pairs)} val photos that training did not see"}
    best = 0.5
    for name, scales in (("one scale", (1.0,)), ("scales 0.5, 1, 1.5", SCALES)):
        scores = evaluate_detector(detector, pairs, scales, workers)
        metrics[name] = {k: round(getattr(scores, k), 4) for k in ("ods", "ois", "ap")}
        best = scores.threshold if len(scales) == 1 else best
    return metrics, best


def calibrate(detector: EdgeDetector, sets: list[list[np.ndarray]], share: float, best: float | None) -> dict:
    """The offset that moves the wanted amount of ink, or without photos the best threshold, to 25/255."""
    if not sets:
        return {"slope": 1.0, "offset": round(float(logit(INK) - logit(best)), 2), "how": "best threshold, held out"}
    groups = [soft_maps(detector, photos) for photos in sets]
    offset = ink_offset(groups, share)
    each = ", ".join(f"{mean_ink(maps, offset):.2%}" for maps in groups)
    how = f"{share:.1%} of ink on average over {len(groups)} sets of {len(groups[0])} photos (each: {each})"
    return {"slope": 1.0, "offset": offset, "how": how}


def card(config: dict, command: str) -> str:
    m, d, t = config["metrics"], config["data"], config["training"]
    lines = [f"| {k} | {v['ods']} | {v['ois']} | {v['ap']} |" for k, v in m.items() if isinstance(v, dict)]
    table = "\n".join(["| | ODS | OIS | AP |", "|---|---|---|---|", *lines]) if lines else ""
    start = f"on a trunk that ImageNet taught ({t['trunk']})" if "trunk" in t else "trained from scratch"
    taught = (
        f"- Teacher: {t['teacher']}, whose maps of these images and of {t['unlabelled']} unlabelled photos it learned "
        "as well.\n"
        if "teacher" in t
        else ""
    )
    return f"""# edges

HED-style edge detector, {start}: photo -> soft edge map, made into a one-pixel drawing by
`i2i.edges.postprocess`.

- Data: {plain(d["name"])} ({t["images"]} images used for training). Licence of the data: {plain(d["licence"])}.
{taught}- Command: `{command}`
- Calibration: sigmoid(logit + {config["calibration"]["offset"]}), ink at 25/255: {config["calibration"]["how"]}.
- Measured: {m["protocol"]}.

{table}
"""


def main(argv: list[str] | None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bsds", type=Path, help="BSDS500 folder that holds images/ and groundTruth/")
    parser.add_argument("--out", type=Path, default=Path("runs/edges"), help="run folder (default: runs/edges)")
    parser.add_argument("--init", help="start from the weights of this detector's folder, in its shape")
    parser.add_argument(
        "--held-out", type=int, default=50,
        help="val photos kept out of training and measured at the end; 0: train on all (default: 50)",
    )  # fmt: skip
    parser.add_argument("--trunk-weights", help="MobileNet v1 safetensors file that --trunk mobilenet_v1 starts from")
    parser.add_argument("--teacher", help="detector whose maps are learned as well: a model folder")
    parser.add_argument("--unlabelled", nargs="+", default=[], help="folders of photos for the teacher's maps")
    parser.add_argument(
        "--each", type=int, default=None,
        help=f"photos of each of these folders, spread evenly (default: {UNLABELLED_PHOTOS})",
    )  # fmt: skip
    parser.add_argument(
        "--shapes", type=float, default=0.0,
        help="share of the crops that show plain shapes with exact edges, 0 to 1 (default: 0)",
    )  # fmt: skip
    parser.add_argument("--crop", type=int, default=256, help="pixels of a training crop (default: 256)")
    parser.add_argument("--calibrate", nargs="+", default=[], help="folders of photos that set the ink")
    parser.add_argument("--ink", type=float, default=None, help=f"share of ink with --calibrate (default: {SHARE})")
    add_run_options(parser)
    add_options(parser, EdgeConfig)
    add_options(parser, TrainConfig, defaults=TRAINING)
    args = parse_run(parser, argv, EdgeTraining.method, ("bsds",))
    check_run_folder(args, args.bsds, *map(Path, args.unlabelled), *map(Path, args.calibrate))
    before = StateFolder(args.out).meta() if args.resume else None
    saved, defaults = {}, TRAINING
    if before:
        saved, defaults = before["recipe"]["config"], before["train"] | {"minutes": 0.0}
    elif args.init:
        saved = model_folder.read_config(model_folder.resolve(args.init))["net"]
    config = collect(EdgeConfig, args, **{k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()})
    if not before and any(width % 16 for width in config.head_widths):  # see EdgeConfig
        defaults = defaults | {"mixed_precision": "no"}
    how = collect(TrainConfig, args, **defaults)

    pairs = find_bsds(args.bsds)
    if args.held_out and not 2 <= args.held_out < len(pairs) - 1:
        raise ValueError(f"--held-out must be 0 or leave photos on both sides of {len(pairs)}, got {args.held_out}")
    if not args.held_out and not args.calibrate:
        raise ValueError("--held-out 0 leaves no photos to calibrate on: give folders of photos with --calibrate")
    held = [p for p in pairs if p[0].parent.name == "val"][: args.held_out]
    kept = [p for p in pairs if p not in held]
    digest = digest_of({"train": map(_name, kept), "val": map(_name, held)})
    refuse_other_data(args, before and before["recipe"], digest, f"the photos of {args.bsds}", "--held-out")
    if args.crop < LEAST_CROP:
        raise ValueError(f"--crop must be at least {LEAST_CROP} pixels, got {args.crop}")
    if args.ink is not None and not 0 < args.ink < 1:
        raise ValueError(f"--ink is a share between 0 and 1, got {args.ink:g}")
    if not 0 <= args.shapes <= 1:
        raise ValueError(f"--shapes must be from 0 to 1, got {args.shapes:g}")
    if args.unlabelled and not args.teacher:
        raise ValueError("--unlabelled needs a detector that draws these photos: give one with --teacher")
    if args.each is not None and args.each < 1:
        raise ValueError(f"--each must be at least 1, got {args.each}")
    for option, value, needed, there in (
        ("--each", args.each, "--unlabelled", args.unlabelled),
        ("--ink", args.ink, "--calibrate", args.calibrate),
        ("--lambda-taught", args.lambda_taught, "--teacher", args.teacher),
        ("--lambda-exact", args.lambda_exact, "--shapes", args.shapes),
        ("--norms frozen", True if args.norms == "frozen" else None, "--init", args.init),
        ("--trunk-lr", args.trunk_lr, "--trunk mobilenet_v1", config.trunk != "residual"),
    ):
        if value is not None and not there and not before:  # runs of older versions kept them all
            raise ValueError(f"{option} does nothing without {needed}: give that too, or leave it out")
    if (config.trunk == "mobilenet_v1") != bool(args.trunk_weights) and not (args.init or before):
        raise ValueError("--trunk mobilenet_v1 and --trunk-weights belong together: give both, or neither")
    torch.manual_seed(how.seed)
    method = EdgeTraining(config)
    if args.init and not before:
        folder = model_folder.resolve(args.init)
        model_folder.load_weights(folder, model_folder.read_config(folder), method.nets["edges"])
    elif args.trunk_weights and not before:
        method.nets["edges"].trunk.load(args.trunk_weights)
    more = unlabelled_photos(args.unlabelled, args.each or UNLABELLED_PHOTOS)
    teacher = {"teacher": describe_teacher(args.teacher), "unlabelled": len(more)} if args.teacher else {}
    plan = {
        "photos": len(kept), "held out": len(held), "unlabelled": len(more), "crop": args.crop, "out": str(args.out)
    }  # fmt: skip
    check_steps(args, how)
    accelerator, how = find_accelerator(args, how, args.crop)
    check_training(method, args, how, accelerator)
    # What cannot be read is told before anything is written; with a teacher its maps come to the photos later.
    photos = [np.asarray(fit_square(load_image(p), UNLABELLED_SIZE)) for p in more]
    calibration_sets = calibration_photos(args.calibrate)
    data = BsdsCrops(kept, args.crop, shapes=args.shapes)
    unseen = BsdsCrops(held or kept[:4], args.crop)
    sample = [unseen[(i % len(unseen), i)] for i in range(4)]
    held_out = {k: torch.stack([s[k] for s in sample]) for k in sample[0]}
    if args.dry_run:
        print_plan([config, how], method.nets, plan)
        return 0
    begin_run(accelerator, args)
    if args.teacher:
        every = [np.asarray(load_image(p)) for p, _ in kept] + photos
        with accelerator.main_process_first():  # which draws them, the others read
            taught = teacher_maps(args.teacher, every, args.out / "teacher", SCALES, accelerator.device)
        data = BsdsCrops(kept, args.crop, taught, photos, args.shapes)
    images = how.batch * accelerator.num_processes
    target = args.out / "model"

    def facts(step: int, seconds: float) -> dict:
        counts = {"steps": step, "images": len(kept), "crops": step * images, "hours": round(seconds / 3600, 2)}
        if config.trunk != "residual":
            counts["trunk"] = MobileNetTrunk.name
        return counts | teacher

    def export(step: int, nets: torch.nn.ModuleDict, seconds: float) -> None:
        plain = config_json(config, {"slope": 1.0, "offset": 0.0}, {}, facts(step, seconds))
        model_folder.save(target, plain, nets["edges"], "# edges\n\nTraining is not finished.\n")

    options = {k: getattr(args, k) for k in KEPT}

    def finish(outcome: Outcome) -> None:
        detector = EdgeDetector(target)
        metrics, best = benchmark(detector, held) if held else ({"protocol": "nothing was held out"}, None)
        calibration = calibrate(detector, calibration_sets, args.ink or SHARE, best)
        final = config_json(config, calibration, metrics, facts(outcome.step, outcome.seconds))
        net = make_edge_net(config.net)
        model_folder.load_weights(target, model_folder.read_config(target), net)
        command = shown_command("edge_detector.py", "BSDS", args.given, args.changed)
        model_folder.save(target, final, net, card(final, command))
        print(f"model: {target}   {metrics}")

    with held_alone(accelerator, args):  # to the end: a second process would write the same model
        outcome = train_with_bar(
            method, data, held_out, args, how, accelerator=accelerator,
            recipe={
                "config": dataclasses.asdict(config), "options": options, "given": args.given, "changed": args.changed,
                "data_digest": digest,
            },
            on_save=export,
        )  # fmt: skip
        if accelerator.is_main_process and outcome.reason == "finished":
            try:
                finish(outcome)
            except KeyboardInterrupt:
                tell(UNFINISHED.format(target))
                return 130
    if accelerator.is_main_process and outcome.reason != "finished":
        print(f"stopped ({outcome.reason}) after {outcome.step} steps; go on with --resume")
    return 0


if __name__ == "__main__":
    run_script(main)
