"""What making pairs of a folder begins with: its examples, and what an earlier run made of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from i2i.data.changes import Changes, refuse_another_folder
from i2i.data.layout import Item, PrepareError, find_items, side_of
from i2i.data.manifest import OUTPUTS, Manifest
from i2i.data.out_folder import check_writable, refuse_around
from i2i.data.pair_work import plain_names
from i2i.images import FITS

FORMAT = 1
# Defaults of `prepare_pairs`.
SIZE, MIN_INK, MAX_INK = 256, 0.002, 0.1


@dataclass(frozen=True)
class PairPlan:
    """The examples of a folder, and the records of what is made of them already.

    Attributes:
        layout: what the source was taken for.
        items: the examples.
        manifest: the records of the output folder, as they are on disk.
    """

    layout: str
    items: list[Item]
    manifest: Manifest

    @cached_property
    def changes(self) -> Changes:
        """How the files differ from those that the records are of."""
        return self.manifest.changes(self.items)

    @property
    def names(self) -> dict[str, str] | None:
        """Where drawings are called as their photos are, key -> name."""
        if self.manifest.settings["output"] != "drawings":
            return None
        return plain_names(self.items, {record["file"]: record["id"] for record in self.manifest.kept()})

    @property
    def todo(self) -> list[str]:
        """Keys of what is still to be made: files without a record, files that changed, and pairs that are gone."""
        return [*self.changes.added, *self.changes.changed, *self.manifest.lost()]

    @property
    def done(self) -> bool:
        """Whether the pairs stay as they are: nothing is to be made, none is to be removed, no run was cut off."""
        removed = {record["file"] for record in self.manifest.kept()} & {*self.changes.removed}
        return not (self.todo or removed or self.manifest.unfinished)

    def check(self) -> None:
        """Raise a PrepareError where files that no earlier run made would be overwritten, or where the output folder
        was made of another folder."""
        self.manifest.refuse_strangers(self.names)
        refuse_another_folder(self.manifest.out, self.manifest, self.changes)


def plan_pairs(
    source: str | os.PathLike,
    out: str | os.PathLike,
    size: int = SIZE,
    fit: str = "crop",
    val_fraction: float = 0.1,
    *,
    layout: str = "auto",
    drawing_side: str = "auto",
    min_ink: float = MIN_INK,
    max_ink: float = MAX_INK,
    recipe: str = "",
    output: str = "folders",
) -> PairPlan:
    """Look at a folder and at what was made of it; nothing is written. The arguments are those of `prepare_pairs`.

    Raises:
        PrepareError: for unknown options, a folder without usable photos or with pairs that are not whole, an `out`
            that the source lies in, that nothing can be written to, or that was made with other settings.
    """
    source, out = Path(source), Path(out)
    refuse_around([source], out)
    check_writable(out)
    if fit not in FITS:
        raise PrepareError(f"unknown fit {fit!r}: expected one of {', '.join(FITS)}")
    if output not in OUTPUTS:
        raise PrepareError(f"unknown output {output!r}: expected one of {', '.join(OUTPUTS)}")
    if not 0 <= val_fraction < 1:
        raise PrepareError(f"got val_fraction {val_fraction}, expected a number from 0 to below 1")
    layout, items = find_items(source, layout, drawing_side, skip=out)
    settings = {
        "format": FORMAT, "size": size, "fit": fit, "val_fraction": val_fraction, "layout": layout,
        "min_ink": min_ink, "max_ink": max_ink, "recipe": recipe, "output": output,
        "drawing_side": side_of(items),
    }  # fmt: skip
    return PairPlan(layout, items, Manifest(out, settings))
