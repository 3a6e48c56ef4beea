"""The folder that a Space runs: code, models, pinned requirements, and a README that configures it."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from demo.handlers import check_servable
from demo.paper import MODES
from i2i import hub, model_folder
from i2i.cards import plain
from i2i.translator import Translator

ROOT = Path(__file__).resolve().parent.parent
MARK = "Made by demo/space.py"  # in app.py: tells a folder that may be built again
ZERO_PYTHON = "3.12"  # the newest that ZeroGPU offers
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
# What the platform brings in versions of its own; gradio brings huggingface_hub to every other machine.
BROUGHT = {"spaces", "huggingface_hub"}
HARDWARE = {"cpu": "cpu-basic", "gpu": "t4-small", "zero": "zero-a10g"}  # our names -> the Hub's

_APP = '''"""What this Space runs: the page of demo/app.py, with the models in assets/. {mark}."""

import os
import sys

from demo import zero_gpu  # noqa: F401  before torch: on ZeroGPU it stands in for CUDA
from demo.app import main

MODELS = {models}

if __name__ == "__main__":
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")  # a Space sets both
    port = os.environ.get("GRADIO_SERVER_PORT", "7860")
    sys.exit(main(["--host", host, "--port", port] + [word for name in MODELS for word in ("--model", name)]))
'''


class SpaceError(ValueError):
    """A Space that cannot be built; one line that says why and what to do."""


@dataclass(frozen=True)
class Chosen:
    """A model of the Space: its name there, where it is now, and its config.json."""

    name: str
    folder: Path
    config: dict[str, Any]


def choose(models: list[str] | None) -> list[Chosen]:
    """The models by name, folder or Hub id, each under a name of its own; without any, every bundled one.

    ValueError if one cannot be found, or does not make photos of drawings.
    """
    chosen: list[Chosen] = []
    taken = set(model_folder.bundled_models("detector"))
    for model in models or model_folder.bundled_models():
        folder = model_folder.resolve(model)
        config = model_folder.read_config(folder)
        if config.get("kind") != "translator":
            raise SpaceError(f"{model} is no model that a page can show: its kind is {config.get('kind')!r}")
        if not (folder / model_folder.WEIGHTS).is_file() or model_folder.weights_digest(folder) != config.get("sha256"):
            raise SpaceError(f"the weights of {model} are missing or damaged; copy the model folder again")
        check_servable(Translator.from_pretrained(folder, "cpu", "float32"))  # what the page would refuse as it starts
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(config.get("name") or folder.resolve().name)).strip("-.") or "model"
        if name in taken:
            name = f"{name}-{config['sha256'][:8]}"
        if name in taken:
            raise SpaceError(f"{model} is there twice; name each model once")
        taken.add(name)
        chosen.append(Chosen(name, folder, config))
    if not chosen:
        raise SpaceError("there is no bundled model; name one with --model NAME_OR_FOLDER")
    return chosen


def build(out: Path, models: list[str] | None = None, hardware: str = "cpu", title: str | None = None) -> list[Path]:
    """Make the folder of a Space.

    Args:
        out: a new or empty folder, or one that was built before: it is replaced, hidden files (.git) apart.
        models: see `choose`; the first one is shown first.
        hardware: "cpu", "gpu" or "zero" (ZeroGPU); they differ in the PyTorch that is installed.
        title: of the Space; None: by what the models take.

    Returns:
        The files, relative to `out`.

    Raises:
        ValueError: for an unknown model, or a folder that holds something else.
    """
    chosen = choose(models)
    _check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        fresh = Path(scratch) / "space"
        _copy_code(fresh)
        for one in chosen:
            _copy_model(one.folder, fresh / "assets" / "models" / one.name)
        for name in model_folder.bundled_models("detector"):  # photos become drawings with it
            _copy_model(model_folder.resolve(name), fresh / "assets" / "models" / name)
        _copy_all(model_folder.ASSETS / "sketches", fresh / "assets" / "sketches")
        names = [one.name for one in chosen]
        app = _APP.format(mark=MARK, models=json.dumps(names, ensure_ascii=False))
        (fresh / "app.py").write_text(app, encoding="utf-8")
        for name, text in requirements(fresh, hardware).items():
            (fresh / name).write_text(text, encoding="utf-8")
        (fresh / "README.md").write_text(readme(chosen, hardware, title), encoding="utf-8")
        out.mkdir(exist_ok=True)
        for old in out.iterdir():
            if not old.name.startswith("."):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        for new in fresh.iterdir():
            new.rename(out / new.name)
    return sorted(p.relative_to(out) for p in _files(out))


def _check_free(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise SpaceError(f"{out} is a file; give a folder for the Space")
    held = [p for p in out.iterdir() if not p.name.startswith(".")] if out.exists() else []
    app = out / "app.py"
    if held and not (app.is_file() and MARK in app.read_text(encoding="utf-8", errors="replace")):
        raise SpaceError(f"{out} holds other things ({held[0].name}, ...); choose a new folder, or empty this one")


def _files(folder: Path) -> Iterator[Path]:
    """Files of a folder and below, without hidden ones and Python's caches."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden and model_folder.is_own(path, folder):
            yield path


def _copy_all(source: Path, target: Path) -> None:
    for path in _files(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _copy_code(fresh: Path) -> None:
    _copy_all(ROOT / "demo", fresh / "demo")
    _copy_all(ROOT / "i2i", fresh / "i2i")
    shutil.copyfile(ROOT / "LICENSE", fresh / "LICENSE")


def _copy_model(folder: Path, target: Path) -> None:
    """The files of a model folder, and nothing that lies beside them."""
    for name in (model_folder.CONFIG, model_folder.WEIGHTS, model_folder.CARD):
        if (folder / name).is_file() and model_folder.is_own(folder / name, folder):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target / name)
    if (folder / "examples").is_dir():
        _copy_all(folder / "examples", target / "examples")


def imported(space: Path) -> set[str]:
    """Modules that the Space's app.py, and whatever it reaches in demo/ and i2i/, imports from elsewhere and needs."""
    seen: set[Path] = set()
    found: set[str] = set()
    todo = [space / "app.py"]
    while todo:
        path = todo.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        optional = _optional(tree)
        for node in ast.walk(tree):
            if node in optional:
                continue
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for name in names:
                parts = name.split(".")
                if parts[0] in ("demo", "i2i"):
                    for depth in range(1, len(parts) + 1):
                        place = space.joinpath(*parts[:depth])
                        todo += [place.with_suffix(".py"), place / "__init__.py"]
                else:
                    found.add(parts[0])
    return found - set(sys.stdlib_module_names)


def _optional(tree: ast.Module) -> set[ast.stmt]:
    """Statements of `try` blocks that go on without what they import."""
    return {
        statement
        for block in ast.walk(tree) if isinstance(block, ast.Try)
        if any(isinstance(h.type, ast.Name) and h.type.id == "ImportError" for h in block.handlers)
        for statement in block.body
    }  # fmt: skip


def requirements(space: Path, hardware: str) -> dict[str, str]:
    """requirements.txt, pinned to what is installed here, and for CPUs pre-requirements.txt with the small PyTorch.

    A Space installs pre-requirements.txt first. On ZeroGPU the platform chooses PyTorch.
    """
    owners = metadata.packages_distributions()
    pins: dict[str, str] = {}
    for module in sorted(imported(space) - BROUGHT):
        if module not in owners:
            raise SpaceError(f"the page imports {module}, which is not installed here; pip install -e . first")
        # OpenCV comes in several packages; the headless one needs no desktop.
        name = min(owners[module], key=lambda dist: (not dist.endswith("headless"), dist))
        pins[name] = metadata.version(name).partition("+")[0]
    torches = [name for name in ("torch", "torchvision") if name in pins]
    lines = {name: f"{name}=={version}" for name, version in pins.items()}
    if hardware == "zero":
        lines |= {name: name for name in torches}
    texts = {"requirements.txt": "\n".join(sorted(lines.values(), key=str.lower)) + "\n"}
    if hardware == "cpu":
        cpu = [f"--index-url {CPU_WHEELS}", *(lines[name] for name in torches)]
        texts["pre-requirements.txt"] = "\n".join(cpu) + "\n"
    return texts


def start(hardware: str) -> str:
    """What installs and starts the page of a Space's folder on one's own machine, in a shell."""
    # As a Space does: pre-requirements.txt brings the small PyTorch, which requirements.txt then finds.
    first = "pip install -r pre-requirements.txt && " if hardware == "cpu" else ""
    return f"{first}pip install -r requirements.txt && python app.py"


# What people do there: as title, in a line for the Space's card, and in a sentence.
_ABOUT = {
    "edges": (
        "Draw, and photos answer",
        "Draw a few lines, and several photos answer.",
        "Draw a few lines: after every line, several different photos answer.",
    ),
    "labels": (
        "Paint, and photos answer",
        "Paint in a few colours, and photos answer.",
        "Paint a label map in the colours of its classes: after every stroke, photos answer.",
    ),
    "photo": (
        "Give a photo, and others answer",
        "Give a photo, and see what becomes of it.",
        "Put a photo on the paper, and draw on it if you like: the model answers at once.",
    ),
    "several": (
        "Draw, and photos answer",
        "Draw, paint or give a photo, and photos answer.",
        "Draw, paint or give a photo, as the model takes it: the answers follow at once.",
    ),
}


def _taken(chosen: list[Chosen]) -> str:
    """What the models take: a key of `_ABOUT`."""
    modes = {MODES[one.config["input"]["kind"]] for one in chosen}
    return modes.pop() if len(modes) == 1 else "several"


def readme(chosen: list[Chosen], hardware: str, title: str | None = None) -> str:
    """README.md: front matter that the Space is configured by, then the models with their data and licences."""
    import yaml  # huggingface_hub brings it

    shown = [*chosen]
    for name in model_folder.bundled_models("detector"):
        folder = model_folder.resolve(name)
        shown.append(Chosen(name, folder, model_folder.read_config(folder)))
    usual, short, what = _ABOUT[_taken(chosen)]
    title = title or usual
    licences = [str((one.config.get("data") or {}).get("licence") or "not stated") for one in shown]
    fields = [hub.licence_fields(licence) for licence in licences]
    python = ZERO_PYTHON if hardware == "zero" else f"{sys.version_info.major}.{sys.version_info.minor}"
    front = {
        "title": title,
        "emoji": "✏️",
        "colorFrom": "indigo",
        "colorTo": "pink",
        "sdk": "gradio",
        "sdk_version": metadata.version("gradio"),
        "python_version": python,
        "app_file": "app.py",
        "suggested_hardware": HARDWARE[hardware],
        **(fields[0] if all(f == fields[0] for f in fields) else {"license": "other", "license_name": "by-model"}),
        "short_description": short,
        "tags": ["image-to-image", "sketch-to-image", "gan"],
        "pinned": False,
    }
    rows = []
    for one, licence in zip(shown, licences, strict=True):
        data = (one.config.get("data") or {}).get("name") or "not stated"
        rows.append(f"| [`{one.name}`](assets/models/{one.name}/README.md) | {plain(data)} | {plain(licence)} |")
    table = "\n".join(["| model | trained on | licence of the data |", "|---|---|---|", *rows])
    return (
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n# {title}\n\n"
        f"{what}\n\n"
        f"{table}\n\nWeights carry the terms of the data that they were trained on. The code is under Apache-2.0.\n\n"
        f"The same page on one's own machine: `{start(hardware)}`.\n"
    )
