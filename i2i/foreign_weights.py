"""Opening weights that another program saved with torch, without running what may hide in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def open_weights(path: Path) -> Any:
    """What a .pth file holds, on the CPU: tensors and plain containers of them; nothing else is ever unpickled.

    Raises:
        ValueError: for a damaged file, or one that holds more.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Not torch's own words, which advise to open it all the same.
        raise ValueError(
            f"{path} was refused: it is damaged, or holds more than weights, which might run code when it is opened; "
            "where it was made, save net.state_dict() alone, and give that file"
        ) from error
