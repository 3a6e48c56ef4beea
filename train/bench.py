"""Benchmarks: four samples of one sketch, training, edges; each beside a reference measured in the same run.

python train/bench.py                        everything, on the CPU
python train/bench.py --model RUN/model --only sampling
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from cli import run_script

from i2i import Translator
from i2i.devices import DTYPES
from i2i.edges.detector import EdgeDetector
from i2i.edges.postprocess import postprocess
from i2i.images import photo_to_tensor
from i2i.methods.styled import StyledConfig, StyledPix2Pix
from i2i.nets.unet import UNet
from i2i.training.loop import TrainConfig
from i2i.training.precision import resolve_precision

PARTS = ("sampling", "training", "edges")


def seconds(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median time of one call, after two calls to warm up."""
    times = []
    for k in range(repeats + 2):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if k >= 2:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def circles() -> np.ndarray:
    """A sketch to work on: a head, ears and eyes, uint8 (256, 256)."""
    page = np.full((256, 256), 255, np.uint8)
    for centre, axes in [((128, 150), (80, 70)), ((96, 135), (14, 9)), ((160, 135), (14, 9)), ((128, 170), (8, 5))]:
        cv2.ellipse(page, centre, axes, 0, 0, 360, 0, 1)
    return page


def row(name: str, value: str, note: str = "") -> None:
    print(f"{name:<46} {value:>14}   {note}")


def check_model(model: str) -> int:
    """The size that a model answers at; ValueError, before anything is timed, unless it answers drawings in styles."""
    translator = Translator.from_pretrained(model, "cpu", "float32")
    if translator.input_kind != "edges" or not translator.has_styles:
        raise ValueError(f"--model {model}: the sampling part draws circles, so it wants a styled model of drawings")
    return translator.image_size


def bench_sampling(model: str, device: torch.device, repeats: int) -> None:
    size = check_model(model)
    translators = [Translator.from_pretrained(model, str(device), dtype) for dtype in ("float32", "bfloat16")]
    reference = UNet(1, 3).to(device).eval().requires_grad_(False)
    x = torch.randn(4, 1, 256, 256, device=device)
    plain = seconds(lambda: reference(x), repeats, device)
    reference.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
    last = seconds(lambda: reference(x), repeats, device)
    row("U-Net-256 (54.4 M), batch 4, float32", f"{plain * 1e3:.0f} ms", "as it comes (channels first)")
    row("U-Net-256 (54.4 M), channels last, float32", f"{last * 1e3:.0f} ms")
    exact = None
    for translator in translators:
        dtype = translator.describe()["dtype"]
        drawing, styles = translator.see(circles()), torch.from_numpy(translator.styles(range(4)))
        cost = seconds(lambda t=translator, d=drawing, s=styles: t.render(d, s), repeats, device)
        note = f"{plain / cost:.1f} x the U-Net, {last / cost:.1f} x with channels last; "
        note += f"at {size} px, the U-Net at 256; " if size != 256 else ""
        note += f"{translator.name} {translator.weights_id}"
        row(f"four samples, encoder once, {dtype}", f"{cost * 1e3:.0f} ms", note)
        pictures = torch.stack([photo_to_tensor(p) for p in translator.sample(circles())]) * 127.5
        if exact is None:
            exact = pictures
        else:
            row("  its mean difference from float32", f"{(pictures - exact).abs().mean():.2f}", "grey levels of 255")
        cost = seconds(lambda t=translator: t.sample(circles(), n=4), repeats, device)
        row(f"four samples, sketch to PIL, {dtype}", f"{cost * 1e3:.0f} ms", "with sketch clean-up and conversion")
    chosen = Translator.from_pretrained(model, str(device)).describe()["dtype"]
    row("the page would use", chosen, "bfloat16 where the CPU or GPU has instructions for it")


def bench_training(device: torch.device, repeats: int, batch: int) -> None:
    method = StyledPix2Pix(StyledConfig()).to(device)
    for net in method.nets.values():
        net.to(memory_format=torch.channels_last)
    optimizers = method.optimizers()
    data = {
        k: torch.rand(batch, c, 256, 256, device=device).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
        for k, c in (("x", 1), ("y", 3))
    }

    def update(name: str, loss: torch.Tensor) -> None:
        optimizers[name].zero_grad()
        loss.backward()
        optimizers[name].step()

    for progress, size in ((0.0, 128), (0.99, 256)):
        for name, dtype in DTYPES.items():

            def step(progress: float = progress, dtype: torch.dtype = dtype) -> None:
                with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                    method.step(data, progress, update)

            cost = seconds(step, max(2, repeats // 4), device)
            text = f"training, {size} px, batch {batch}, {name}"
            row(text, f"{batch / cost:.1f} img/s", "styled, without a feature network")
    auto = resolve_precision(TrainConfig(mixed_precision="auto"), device, 256).mixed_precision
    row("--mixed-precision auto would take", auto)
    reference = UNet(1, 3).to(device)
    optimizer = torch.optim.Adam(reference.parameters())

    def reference_step() -> None:
        optimizer.zero_grad()
        (reference(data["x"]) - data["y"]).abs().mean().backward()
        optimizer.step()

    cost = seconds(reference_step, max(2, repeats // 4), device)
    row(f"training, U-Net-256 with L1 alone, batch {batch}", f"{batch / cost:.1f} img/s", "generator only, no GAN")


def bench_edges(device: torch.device, repeats: int) -> None:
    rng = np.random.default_rng(0)
    detector = EdgeDetector("edges", device)
    for height, width in ((256, 256), (321, 481)):
        coarse = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
        photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        soft = detector.detect_batch([photo])[0]
        network = seconds(lambda p=photo: detector.detect_batch([p]), repeats, device)
        row(f"edge network, {width}x{height}", f"{1 / network:.1f} img/s")
        if height == width:
            drawing = seconds(lambda s=soft: postprocess(s), repeats, torch.device("cpu"))
            row("post-processing, 256x256", f"{1 / drawing:.1f} img/s")
            row("photo to drawing, 256x256", f"{1 / (network + drawing):.1f} img/s", "both, one after the other")
        canny = seconds(lambda p=photo: cv2.Canny(p, 100, 200), repeats, torch.device("cpu"))
        row(f"Canny (OpenCV), {width}x{height}", f"{1 / canny:.1f} img/s", "reference")


def main(argv: list[str] | None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="edges2cats", help="model of the sampling part (default: edges2cats)")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be repeated")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--batch", type=int, default=8, help="of the training part")
    args = parser.parse_args(argv)
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch sees no CUDA GPU: use --device cpu")
    if args.repeats < 1 or args.batch < 2:
        raise ValueError("--repeats must be at least 1 and --batch at least 2")
    torch.manual_seed(0)
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {os.cpu_count()} cores"
    print(f"torch {torch.__version__}, {where}, {torch.get_num_threads()} threads, median of {args.repeats}")
    parts = args.only or PARTS
    if "sampling" in parts:
        bench_sampling(args.model, device, args.repeats)
    if "training" in parts:
        bench_training(device, args.repeats, args.batch)
    if "edges" in parts:
        bench_edges(device, args.repeats)
    return 0


if __name__ == "__main__":
    run_script(main)
