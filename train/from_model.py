"""A run that starts from a model (--init): the shape of its nets, their weights, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_run import tell
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from i2i import model_folder
from i2i.cards import plain
from i2i.serving.base import plain_arguments
from i2i.training.state import StateFolder
from i2i.translator import Translator

# What shapes the served nets and follows neither from the data nor from the size of the pictures.
SHAPING = (
    *("generator", "width", "widths", "judge_widths", "norm", "blocks", "fold", "skips", "high_pass"),
    *("style", "latent", "z", "style_nets", "condition", "noise"),
)


def shape_of(source: str | None, method: type, config: type) -> dict[str, Any]:
    """What the model that --init names says of the shape of its nets, fields of the method's configuration class.

    Nothing without --init, or where the model is of another method, which `begin_with` refuses.

    Raises:
        ModelFolderError: if the model cannot be loaded.
    """
    start = Translator.from_pretrained(source, "cpu", "float32") if source else None
    if start is None or start.config["method"] != method.method:
        return {}
    net = config(**plain_arguments(start.config["net"]))  # with what the model's config.json leaves to the defaults
    return {name: getattr(net, name) for name in SHAPING if hasattr(net, name)}


def begin_with(
    method: Any, source: str, weights: Callable[[Translator], dict[str, Tensor]] = lambda start: start.nets.state_dict()
) -> list[dict[str, str]]:
    """Take the weights of a model folder for the served nets; `weights` may put them in the method's own order.

    Returns:
        Name, weights, data and licence of that model, and of those that it began with, whose terms go on.

    What the method's `may_lack` names by the beginnings of its names keeps its new weights where the model has none,
    and is left out where the method has none.
    """
    start = Translator.from_pretrained(source, "cpu", "float32")
    if start.config["method"] != method.method:
        raise ValueError(
            f"--init {source} is a {start.config['method']} model and this script trains {method.method}: "
            "give a model that this script made, or start without --init"
        )
    given, nets = weights(start), nn.ModuleDict({k: method.nets[k] for k in method.served})
    new = tuple(getattr(method, "may_lack", ()))
    here, there = ({k: v for k, v in found.items() if k.startswith(new)} for found in (nets.state_dict(), given))
    if not here or not there:
        given = here | {name: tensor for name, tensor in given.items() if name not in there}
    if differs := model_folder.difference(given, nets.state_dict()):
        raise ValueError(
            f"--init {source} has another architecture: {differs}; the options that shape the nets come from the model "
            "and are left out, the pictures must be of its kinds (label maps: of as many classes), and with some nets "
            "of its size; or start without --init"
        )
    nets.load_state_dict(given)
    data = start.config.get("data", {})
    about = {"name": start.name, "weights": start.weights_id}
    about |= {"data": str(data.get("name", "not stated")), "licence": str(data.get("licence", "not stated"))}
    return [about, *start.config.get("training", {}).get("began_with", [])]


def began_with(config: dict[str, Any]) -> str:
    """Lines of a card on the models whose weights a run began with; empty where it began with none."""
    return "".join(
        f"- Began with {plain(one['name'])} (weights {one['weights']}), trained on {plain(one['data'])}; their "
        f"licence, which holds for this model too: {plain(one['licence'])}.\n"
        for one in config["training"].get("began_with", ())
    )


def begin_discriminators(method: Any, source: str, say: Callable[[str], None] = tell) -> None:
    """Where the model of --init lies in the folder of the run that made it, with that run's state beside it, the
    discriminators go on as the run left them, and that is said; those of other shapes, or without a state, begin anew.

    Raises:
        ValueError: for a state that cannot be read.
    """
    folder = StateFolder(Path(source).parent).whole
    path = folder / "nets.safetensors"
    if not Path(source).is_dir() or not path.is_file():
        return
    try:
        saved = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged ({error}): delete {folder}, and the discriminators of the new run begin anew"
        ) from error
    found = []
    for name in method.nets.keys() - set(method.served):
        prefix = f"nets.{name}."
        given = {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
        if not model_folder.difference(given, method.nets[name].state_dict()):
            method.nets[name].load_state_dict(given)
            found.append(name)
    if found:
        say(f"discriminators go on as the run in {folder.parent} left them: {', '.join(sorted(found))}")
