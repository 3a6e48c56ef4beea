"""The page's Blocks: what is wrong with the values of a call is said in words, whoever finds it."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

log = logging.getLogger(__name__)

GONE = "The file is not here any more: uploads are deleted after {} minutes. Upload it again."


class Page(gr.Blocks):
    """gr.Blocks whose checks of a call's values end in words, where Gradio has none for the caller and a traceback in
    the log.

    Args:
        lifetime: seconds that uploads are kept.
    """

    def __init__(self, *args: Any, lifetime: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.lifetime = lifetime

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> list[Any]:
        wanted = [str(block.label) for block in block_fn.inputs]
        if len(inputs) != len(wanted):
            raise _words(
                f"/{block_fn.api_name} takes {len(wanted)} values ({', '.join(wanted)}), and {len(inputs)} came: give "
                "all of them, null where there is nothing to say."
            )
        try:
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as problem:
            cause = problem.__cause__ or problem
            if isinstance(cause, FileNotFoundError):
                raise _words(GONE.format(self.lifetime // 60)) from problem
            if not isinstance(cause, (ValueError, TypeError)):  # not what came, but the server
                log.exception("a call's values could not be read")
            raise _words(
                f"A value of /{block_fn.api_name} cannot be read: a file is given as the path that its upload got."
            ) from problem


def _words(text: str) -> gr.Error:
    return gr.Error(text, print_exception=False)
