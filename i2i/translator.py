"""The library's face: a drawing (or label map, or photo) goes in, pictures come out."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from i2i import hub, model_folder
from i2i.data.paired import channels_of
from i2i.devices import DTYPES, best_dtype, choose_device
from i2i.images import load_image
from i2i.serving import pictures
from i2i.serving.given import check_beside, check_count, checked_jobs, checked_seeds, seeds_of, split_styles
from i2i.serving.loading import SERVERS, load
from i2i.serving.pictures import DRAWING_SIZE, Picture
from i2i.serving.seen import check_seen, checked_size

__all__ = ["DRAWING_SIZE", "Picture", "Translator", "choose_device"]

Style = Any  # vector (S,), stack (n, S), a photo, or a sequence of vectors and photos


class Translator:
    """A trained model, ready to sample. Make one with `Translator.from_pretrained`.

    Attributes:
        name: as config.json says, or the folder's name.
        config: its config.json.
        weights_id: first 8 hexadecimal digits of the sha256 of the weights that were loaded.
        image_size: height and width of inputs and answers, pixels.
        input_kind: "edges", "labels", "photo", "gray" (lightness alone) or "hole" (the centre is missing).
        device: where it runs.
        dtype: of the generator's arithmetic, float32 or bfloat16; styles are always computed in float32.
        nets: the weights, float32 and without gradients, by name. In bfloat16 the generator answers with a copy that
            was made when the model was loaded: to change weights and look at answers, load with dtype "float32".
        folder: the model folder that it was loaded from, or None.
    """

    def __init__(
        self, name: str, config: dict[str, Any], nets: nn.ModuleDict, device: torch.device, dtype: str = "float32"
    ):
        dtype = str(dtype).removeprefix("torch.")
        if dtype != "auto" and dtype not in DTYPES:
            raise ValueError(f"unknown dtype {dtype!r}: use auto, {' or '.join(DTYPES)}")
        self.name, self.config, self.device = name, config, device
        self.folder: Path | None = None
        self.weights_id: str = config["sha256"][:8]
        self.image_size: int = config["size"]
        self.input_kind: str = config["input"]["kind"]
        self.nets = nets.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
        self._server = SERVERS[config["method"]](name, config, self.nets, device)
        self.dtype = DTYPES.get(dtype) or best_dtype(device, self.image_size)
        self._server.cast(self.dtype)

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | os.PathLike,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
    ) -> Translator:
        """Load a bundled model, a model folder, or a Hub id `owner/name`.

        Args:
            name_or_folder: which model.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            dtype: "float32", "bfloat16", or "auto": bfloat16 on CUDA, and for pictures of 128 pixels or more on a CPU
                that has instructions for it.

        Raises:
            ModelFolderError: naming what is wrong with the folder and what to do.
            ValueError: for an unknown or missing device.
        """
        where = choose_device(device)
        folder = model_folder.resolve(name_or_folder)
        config, nets = load(folder)
        name = Path(folder).resolve().name if "name" not in config else config["name"]
        translator = cls(name, config, nets, where, dtype)
        translator.folder = Path(folder)
        return translator

    def save_pretrained(self, folder: str | os.PathLike, card: str | None = None) -> None:
        """Write the model folder again, somewhere else: weights as they are now, card and examples.

        Where the weights were changed, examples and measures are left behind, and the card says that its numbers are of
        others. Examples of a model that is replaced go with it.

        Args:
            folder: new, empty, or a model's folder, whose model it replaces.
            card: text of README.md (default: the card of the folder that this model was loaded from).

        Raises:
            ModelFolderError: if the folder holds other things, or cannot be written.
        """
        config = {k: v for k, v in self.config.items() if k not in ("format", "sha256")}
        same = self.folder is not None and not model_folder.changed(self.folder, self.nets)
        if self.folder is not None and not same:
            config.pop("metrics", None)
        old = self.folder / model_folder.CARD if self.folder is not None else None
        if card is None:
            card = old.read_text(encoding="utf-8") if old is not None and old.is_file() else f"# {self.name}\n"
            if self.folder is not None and not same:
                note = f"The weights were changed after {self.weights_id}: what follows, numbers too, is of those.\n\n"
                card = note + card
        folder = Path(folder)
        own = same and folder.is_dir() and folder.samefile(self.folder)
        replaces = (folder / model_folder.CONFIG).is_file()
        model_folder.save(folder, config, self.nets, card)
        if own:
            return
        if replaces and (folder / "examples").is_dir():
            shutil.rmtree(folder / "examples")
        if same and (self.folder / "examples").is_dir():
            shutil.copytree(self.folder / "examples", folder / "examples", dirs_exist_ok=True)

    def push_to_hub(self, repo_id: str, token: str | None = None, private: bool = False) -> str:
        """Publish the model folder, card and examples included, on the Hugging Face Hub; returns its address.

        Changed weights are published as `save_pretrained` writes them.

        Args:
            repo_id: `owner/name`.
            token: with the right to write (default: the saved one).
            private: whether a new repository is for its owner alone.

        Raises:
            ModelFolderError: if there is no token, or the Hub refuses; it says what to do.
        """
        if self.folder is not None and not model_folder.changed(self.folder, self.nets):
            return hub.push(self.folder, repo_id, token=token, private=private)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "model"
            self.save_pretrained(folder)
            return hub.push(folder, repo_id, token=token, private=private)

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

    def warm_up(self) -> None:
        """Run once on an empty page: the first call prepares kernels and takes several times as long as later ones."""
        domain = self.domains[0] if self.domains else None
        self._server.answer(self._server.blank(self.image_size), [0], domain=domain)

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the domains that the model translates to (StarGAN v2); none for other methods."""
        return tuple(self.config.get("domains", ()))

    @property
    def has_styles(self) -> bool:
        """Whether seeds become style vectors, which may be mixed, kept, and taken from photos."""
        return self.style_length > 0

    @property
    def style_length(self) -> int:
        """How many numbers a style has; 0 where the model has none."""
        return self._server.style_length

    def styles(self, seeds: Sequence[int], domain: str | None = None) -> np.ndarray:
        """Style vectors of seeds, (n, S) float32; each depends on the weights and its seed alone.

        Raises:
            ValueError: if the model has no styles (classic pix2pix), or a domain is named and it has none.
        """
        return self._server.styles(seeds, domain)

    def style_of(self, photo: Picture, domain: str | None = None) -> np.ndarray:
        """The style vector (S,) of a reference photo (centre square); ValueError as in `styles`."""
        if not self.has_styles:
            return self._server.style_of(photo, domain)  # says why there is none
        return self._server.style_of(load_image(photo), domain)

    def sample(
        self,
        x: Picture,
        n: int | None = None,
        seed: int | None = None,
        *,
        seeds: Sequence[int] | None = None,
        style: Style | None = None,
        direction: str | None = None,
        domain: str | None = None,
        size: int | None = None,
        plain: bool = False,
    ) -> list[Image.Image]:
        """Pictures for an input; picture i depends on the weights, the input, and seed i (or style i) alone.

        Args:
            x: what the model was trained on: a sketch of any size, mode and polarity; a square label map as palette
                PNG, RGB or class indices; or a photo, whose centre square is taken. PIL image, uint8 array, float array
                in [0, 1], or path.
            n, seed: short for `seeds=[seed, ..., seed + n - 1]`; 4 and 0 where neither seeds nor style is given.
            seeds: one picture for each.
            style: instead of seeds: a style vector (S,), a stack (n, S), a photo, or a list of vectors and photos.
            direction, domain: for methods that have them; an error where the method has none. A style vector belongs
                to a domain already, so that beside vectors alone the domain has no say.
            size: height and width of the answers where they shall differ from `image_size`: the nets of pix2pix,
                BicycleGAN, CycleGAN and StarGAN v2 take any multiple of their coarsest step (256 for U-Net-256, 4 for
                ResNets, whose least is 8).
            plain: pix2pix only: the one answer of evaluation mode, without dropout and with the batch statistics of
                training: n, seed, seeds and style are left out.

        Returns:
            RGB images, or palette images from a model that answers with labels.

        Raises:
            ValueError: empty drawing, NaN, a wrong array type, n < 1, an n that is not the number of seeds or styles
                given, seed beside them, a style of another length, or a size that the net does not take.
        """
        self._server.check(direction, domain)
        seen = self.see(x, size=size, direction=direction)
        if plain:
            if any(given is not None for given in (n, seed, seeds, style)):
                raise ValueError("plain gives the one answer without noise: leave n, seed, seeds and style out")
            answers = self._server.answer(seen, [0], direction=direction, domain=domain, plain=True)
        else:
            noise = self._noise(n, seed, seeds, style, domain)
            answers = self._server.answer_many([(seen, noise)], direction=direction, domain=domain)[0]
        return [pictures.write(y, self._server.output(direction), seen) for y in answers]

    def sample_many(
        self, jobs: Iterable[Mapping[str, Any]], *, direction: str | None = None, domain: str | None = None
    ) -> list[list[Image.Image]]:
        """Pictures for several inputs in one call, such as the drawings of several people: a list for each.

        Where `rows_together` is above 1, all inputs are encoded in one batch and all their pictures decoded in batches
        of at most so many; else they are answered one after another. A picture is the one that `sample` gives: the same
        bytes on a CPU, at most two grey levels apart in float32 on a GPU.

        Args:
            jobs: for each input its own arguments of `sample`: {"x": input}, and with it "seeds", "style", "n" or
                "seed".
            direction, domain: as in `sample`, for all of them.

        Raises:
            ValueError: as in `sample`; if one job is at fault, none is answered.
        """
        self._server.check(direction, domain)
        jobs = checked_jobs(jobs)
        seen = [self.see(job["x"], direction=direction) for job in jobs]
        own = [{name: value for name, value in job.items() if name != "x"} for job in jobs]
        ready = [(x, self._noise(**noise, domain=domain)) for x, noise in zip(seen, own, strict=True)]
        answers = self._server.answer_many(ready, direction=direction, domain=domain)
        output = self._server.output(direction)
        return [[pictures.write(y, output, x) for y in ys] for x, ys in zip(seen, answers, strict=True)]

    @property
    def rows_together(self) -> int:
        """How many pictures of different inputs one pass holds at most; 1 where collecting inputs wins nothing.

        That is on a CPU, which is no faster with a batch, and for methods that answer one input at a time.
        """
        return self._server.rows_together

    @property
    def directions(self) -> dict[str, str]:
        """Directions of a model that has some, with words: {"AtoB": "orange to grey", "BtoA": ...}; else empty."""
        return dict(self._server.directions)

    def sides(self, direction: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """What goes in and what comes out, as config.json describes them: ({"kind": "photo"}, {"kind": "photo"})."""
        return self._server.input(direction), self._server.output(direction)

    def cycle(
        self, x: Picture, direction: str | None = None, *, size: int | None = None
    ) -> tuple[Image.Image, Image.Image]:
        """There and back (CycleGAN, equation 2): the answer, and the input again as the way back makes it from that.

        The way back starts from the network's own answer, not from the picture of it, which has 256 levels only.

        Raises:
            ValueError: if the model translates one way only, or as in `sample`.
        """
        seen = self.see(x, size=size, direction=direction)
        answer, rebuilt = self.there_and_back(seen, direction)
        here, there = self.sides(direction)
        return pictures.write(answer, there, seen), pictures.write(rebuilt, here, seen)

    def there_and_back(self, x: Tensor, direction: str | None = None) -> tuple[Tensor, Tensor]:
        """The network's own view of `cycle`: x (C, S, S) as `see` gives it -> answer (C', S, S), input again (C, S, S).

        One-hot maps come as scores from -1 to 1, as from `answer`. ValueError as in `cycle`, or for an x of another
        shape.
        """
        self._check_seen(x, direction)
        answer, rebuilt = self._server.cycle(x, direction)
        return answer.clone(), rebuilt.clone()  # outside of inference mode, so that they may enter other computations

    def see(self, x: Picture, *, size: int | None = None, direction: str | None = None) -> Tensor:
        """What the network sees of an input: (C, S, S) in [-1, 1]; of a sketch (1, S, S), paper +1 and ink -1.

        Drawings are made at 256 pixels, as in training; a smaller model sees them shrunk by area averaging.
        """
        size = checked_size(size, self.name, self.image_size, self._server.sizes)
        return pictures.read(x, self._server.input(direction), size)

    def answer(
        self,
        x: Tensor,
        seeds: Sequence[int],
        *,
        direction: str | None = None,
        domain: str | None = None,
        plain: bool = False,
    ) -> Tensor:
        """The network's own view, for every method: x (C, S, S) as `see` gives it -> (n, C', S, S) on the CPU.

        One answer for each seed, as the network gives it: about in [-1, 1], colour in Lab where the output is "ab", a
        score for each class where it is "labels". `sample` shows the same answers as pictures. No gradient leads back
        through them; `nets` are there for that.

        Raises:
            ValueError: for an x of another shape, or seeds as in `sample`.
        """
        self._check_seen(x, direction)
        seeds = checked_seeds(seeds)
        return self._server.answer(x, seeds, direction=direction, domain=domain, plain=plain).clone()

    def render(self, x: Tensor, styles: Tensor | np.ndarray) -> Tensor:
        """The network's own view: input (C, S, S) in [-1, 1] and styles (n, D), n >= 1 -> (n, C', S, S) on the CPU.

        No gradient leads back to them: for that, `nets["generator"]` of styled pix2pix and StarGAN v2 has
        `encode(x) -> features` and `decode(features, styles)`, on batches and on `device`.

        Raises:
            ValueError: for inputs or styles of another shape, or with NaN, or a model without styles.
        """
        self._check_seen(x)
        length = self._server.style_length
        styles = torch.from_numpy(styles.copy()) if isinstance(styles, np.ndarray) else torch.as_tensor(styles)
        if not length:
            self.styles([0])  # says that there are none
        if styles.ndim != 2 or not len(styles) or styles.shape[1] != length:
            raise ValueError(f"styles are (n, {length}) with n of at least 1, got {tuple(styles.shape)}")
        if not torch.isfinite(styles).all():
            raise ValueError("the styles hold NaN or infinite values")
        return self._server.answer_styles(x, styles.detach()).clone()

    def _check_seen(self, x: Tensor, direction: str | None = None) -> None:
        check_seen(x, channels_of(self.sides(direction)[0]), self.image_size, self._server.sizes)

    def _noise(
        self,
        n: int | None = None,
        seed: int | None = None,
        seeds: Sequence[int] | None = None,
        style: Style | None = None,
        domain: str | None = None,
    ) -> Tensor | list[int]:
        """What makes the pictures of one input differ, as `sample` is told it: styles (n, S), or seeds."""
        if style is None:
            return seeds_of(n, seed, seeds)
        length = self._server.style_length
        if not length:
            self.styles([0])  # says that there are none
        check_beside("style", seed, seeds)
        rows = [
            item if isinstance(item, np.ndarray) and item.ndim == 1 else self.style_of(item, domain)
            for item in split_styles(style, length)
        ]
        check_count("style", n, len(rows))
        return torch.from_numpy(np.stack(rows).astype(np.float32))
