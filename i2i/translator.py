"""The library's face: a drawing goes in, photos come out."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from i2i import model_folder
from i2i.edges import normalize_sketch
from i2i.images import drawing_to_tensor, fit_square, load_image, photo_to_tensor, tensor_to_photo
from i2i.methods import styled
from i2i.model_folder import ModelFolderError

DRAWING_SIZE = 256  # pixels; drawings are made at this size whatever the model's

Picture = Image.Image | np.ndarray | str | os.PathLike
Style = Any  # vector (S,), stack (n, S), a photo, or a sequence of photos


def choose_device(device: str = "auto") -> torch.device:
    """ "auto": CUDA where there is one, else the CPU.

    Raises:
        ValueError: for an unknown device, or "cuda" without one.
    """
    if device not in ("auto", "cpu", "cuda") and not device.startswith("cuda:"):
        raise ValueError(f"unknown device {device!r}: use auto, cpu or cuda")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            "device cuda was asked for, but torch sees no CUDA GPU: use --device cpu, or install a CUDA torch"
        )
    return torch.device(device)


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# bfloat16 must be this much faster before the CPU uses it: it costs a grey level of accuracy, and a check that is
# close must not fall out differently the next time.
WORTHWHILE = 0.75


class Translator:
    """A trained model, ready to sample. Make one with `Translator.from_pretrained`.

    Attributes:
        name: the folder's name.
        config: its config.json.
        weights_id: first 8 hexadecimal digits of the weights' sha256.
        image_size: height and width of drawings and photos, pixels.
        input_kind: "edges" or "labels".
        device: where it runs.
        dtype: of the generator's arithmetic, float32 or bfloat16; styles are always computed in float32.
    """

    def __init__(
        self, name: str, config: dict[str, Any], nets: nn.ModuleDict, device: torch.device, dtype: str = "float32"
    ):
        if dtype != "auto" and dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}: use auto, {' or '.join(DTYPES)}")
        self.name, self.config, self.device = name, config, device
        self.weights_id: str = config["sha256"][:8]
        self.image_size: int = config["size"]
        self.input_kind: str = config["input"]["kind"]
        self.nets = nets.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
        self.dtype = DTYPES.get(dtype) or self._faster_dtype()
        self._generator = self._cast(self.dtype)

    @classmethod
    def from_pretrained(
        cls, name_or_folder: str | os.PathLike, device: str = "auto", dtype: str = "auto"
    ) -> Translator:
        """Load a bundled model, a model folder, or a Hub id `owner/name`.

        Args:
            name_or_folder: which model.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            dtype: "float32", "bfloat16", or "auto": bfloat16 on CUDA, and on a CPU that a short check finds clearly
                faster with it.

        Raises:
            ModelFolderError: naming what is wrong with the folder and what to do.
            ValueError: for an unknown or missing device.
        """
        where = choose_device(device)
        folder = model_folder.resolve(name_or_folder)
        config = model_folder.read_config(folder)
        if config["method"] != "styled":
            raise ModelFolderError(
                f"{folder} holds method {config['method']!r}, which does not translate drawings; "
                f"bundled models that do: {', '.join(model_folder.bundled_models()) or 'none'}"
            )
        try:
            recipe = styled.StyledConfig(
                **{k: tuple(v) if isinstance(v, list) else v for k, v in config["net"].items()}
            )
            nets = styled.serving_nets(recipe)
        except (TypeError, KeyError) as error:
            raise ModelFolderError(f"{folder}/config.json does not describe a styled model: {error}") from error
        model_folder.load_weights(folder, config, nets)
        return cls(Path(folder).resolve().name if "name" not in config else config["name"], config, nets, where, dtype)

    def save_pretrained(self, folder: str | os.PathLike, card: str | None = None) -> None:
        """Write the model folder again, somewhere else."""
        config = {k: v for k, v in self.config.items() if k not in ("format", "sha256")}
        model_folder.save(Path(folder), config, self.nets, card or f"# {self.name}\n")

    def describe(self) -> dict[str, Any]:
        """What this model is and how it runs, as plain values."""
        return {
            "name": self.name,
            "weights": self.weights_id,
            "method": self.config["method"],
            "input": self.config["input"],
            "size": self.image_size,
            "device": str(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "parameters": sum(p.numel() for p in self.nets.parameters()),
            "data": self.config.get("data", {}),
        }

    def _cast(self, dtype: torch.dtype) -> nn.Module:
        """The generator in another precision; `nets` keeps the weights as they were stored."""
        generator = self.nets["generator"]
        return generator if dtype == torch.float32 else copy.deepcopy(generator).to(dtype)

    def _faster_dtype(self) -> torch.dtype:
        """bfloat16 on CUDA; on the CPU whichever wins, by a margin, with pictures large enough to matter."""
        if self.device.type == "cuda":
            return torch.bfloat16
        if self.image_size < 128:
            return torch.float32
        times = {}
        for dtype in (torch.float32, torch.bfloat16):
            self.dtype, self._generator = dtype, self._cast(dtype)
            self.warm_up()
            rounds = []
            for _ in range(3):
                start = time.perf_counter()
                self.warm_up()
                rounds.append(time.perf_counter() - start)
            times[dtype] = min(rounds)
        faster = times[torch.bfloat16] < WORTHWHILE * times[torch.float32]
        return torch.bfloat16 if faster else torch.float32

    def warm_up(self) -> None:
        """Run once on an empty page: the first call prepares kernels and takes several times as long as later ones."""
        blank = torch.ones(self.config["net"]["inputs"], self.image_size, self.image_size)
        self.render(blank, torch.from_numpy(self.styles([0])))

    def styles(self, seeds: Sequence[int], domain: str | None = None) -> np.ndarray:
        """Style vectors of seeds, (n, S) float32; each depends on the weights and its seed alone.

        Raises:
            ValueError: if a domain is named: this model has none.
        """
        self._refuse_domain(domain)
        latents = [self._latent(seed) for seed in seeds]
        if not latents:
            raise ValueError("seeds is empty: give at least one")
        return self._map(torch.stack(latents)).cpu().numpy()

    def style_of(self, photo: Picture, domain: str | None = None) -> np.ndarray:
        """The style vector (S,) of a reference photo (centre square)."""
        self._refuse_domain(domain)
        y = photo_to_tensor(fit_square(load_image(photo), self.image_size))
        with torch.inference_mode():
            return self.nets["style_encoder"](y[None].to(self.device))[0].float().cpu().numpy()

    def sample(
        self,
        x: Picture,
        n: int = 4,
        seed: int = 0,
        *,
        seeds: Sequence[int] | None = None,
        style: Style | None = None,
        direction: str | None = None,
        domain: str | None = None,
    ) -> list[Image.Image]:
        """Photos for a drawing; picture i depends on the weights, the drawing, and seed i (or style i) alone.

        Args:
            x: a sketch of any size, mode and polarity: PIL image, uint8 array, float array in [0, 1], or path.
            n, seed: short for `seeds=[seed, ..., seed + n - 1]`.
            seeds: one picture for each.
            style: instead of seeds: a style vector (S,), a stack (n, S), a photo, or a list of photos.
            direction, domain: for methods that have them; here an error.

        Returns:
            RGB images of `image_size`.

        Raises:
            ValueError: empty drawing, NaN, a wrong array type, n < 1, or a style of another length.
        """
        if direction is not None:
            raise ValueError(f"{self.name} translates one way only: leave direction out")
        self._refuse_domain(domain)
        drawing = self.see(x)
        vectors = self._styles_for(n, seed, seeds, style)
        return [tensor_to_photo(y) for y in self.render(drawing, vectors)]

    def see(self, x: Picture) -> Tensor:
        """What the network sees of a sketch: (1, S, S) in [-1, 1], paper +1 and ink -1.

        Drawings are made at 256 pixels, as in training; a smaller model sees them shrunk by area averaging.
        """
        drawing = drawing_to_tensor(normalize_sketch(x, DRAWING_SIZE))
        if self.image_size != DRAWING_SIZE:
            size = (self.image_size, self.image_size)
            drawing = torch.nn.functional.interpolate(drawing[None], size=size, mode="area")[0]
        return drawing

    @torch.inference_mode()
    def render(self, x: Tensor, styles: Tensor) -> Tensor:
        """The network's own view: drawing (1, S, S) in [-1, 1] and styles (n, D) -> photos (n, 3, S, S) on the CPU."""
        generator = self._generator
        x = x[None].to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        encoded = generator.encode(x)
        photos = []
        # One decoding for each style: on a CPU a batch is no faster, and pictures cannot depend on batch-mates.
        step = 1 if self.device.type == "cpu" else len(styles)
        for part in styles.to(self.device, self.dtype).split(step):
            photos.append(generator.decode([f.expand(len(part), -1, -1, -1) for f in encoded], part))
        return torch.cat(photos).float().cpu()

    def _latent(self, seed: int) -> Tensor:
        seed = int(seed)
        if not 0 <= seed < 2**63:
            raise ValueError(f"seeds are whole numbers from 0 to 2**63 - 1, got {seed}")
        generator = torch.Generator("cpu").manual_seed(seed)
        return torch.randn(self.config["net"]["latent"], generator=generator)

    @torch.inference_mode()
    def _map(self, latents: Tensor) -> Tensor:
        # A row at a time: matrix kernels may round differently for other batch sizes, a style must not.
        return torch.cat([self.nets["mapping"](z[None].to(self.device)) for z in latents]).float().cpu()

    def _refuse_domain(self, domain: str | None) -> None:
        if domain is not None:
            raise ValueError(f"{self.name} knows no domains: leave domain out")

    def _styles_for(self, n: int, seed: int, seeds: Sequence[int] | None, style: Style | None) -> Tensor:
        if style is not None:
            if seeds is not None:
                raise ValueError("give seeds or style, not both")
            return self._given_styles(style)
        if seeds is None:
            if int(n) < 1:
                raise ValueError(f"n must be at least 1, got {n}")
            seeds = range(int(seed), int(seed) + int(n))
        return torch.from_numpy(self.styles(list(seeds)))

    def _given_styles(self, style: Style) -> Tensor:
        length = self.config["net"]["style"]
        if isinstance(style, Tensor):
            style = style.detach().cpu().float().numpy()
        if isinstance(style, np.ndarray) and np.issubdtype(style.dtype, np.floating) and style.shape[-1:] == (length,):
            if style.ndim in (1, 2):
                if not np.isfinite(style).all():
                    raise ValueError("the style holds NaN or infinite values")
                return torch.from_numpy(np.atleast_2d(style).astype(np.float32))
        if isinstance(style, np.ndarray) and style.ndim < 2:
            raise ValueError(f"a style of this model has {length} numbers, got shape {style.shape}")
        photos = list(style) if isinstance(style, (list, tuple)) else [style]
        if not photos:
            raise ValueError("style is an empty list: give at least one vector or photo")
        rows = [
            p if isinstance(p, np.ndarray) and p.shape == (length,) else self.style_of(p)  # vectors or photos
            for p in photos
        ]
        return torch.from_numpy(np.stack(rows).astype(np.float32))
