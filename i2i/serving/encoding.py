"""Methods that encode the input once, whatever the style, and decode it once for each style."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor

from i2i.devices import own_precision
from i2i.serving.base import Noise, Server
from i2i.serving.exactly import exactly


class EncodingServer(Server):
    """The generator has `encode(x) -> features` and `decode(features, styles) -> answers`."""

    @property
    def rows_together(self) -> int:
        return self.rows

    @own_precision
    def answer_styles(self, x: Tensor, styles: Tensor, *, direction: str | None = None) -> Tensor:
        self._refuse_direction(direction)
        parts = styles.to(self.device, self.dtype).split(self.rows)
        with self._exactly():
            encoded = self._encode(x[None])
            answers = [self.generator.decode([f.expand(len(p), -1, -1, -1) for f in encoded], p) for p in parts]
        return torch.cat(answers).float().cpu()

    @own_precision
    def answer_many(
        self, jobs: Sequence[tuple[Tensor, Noise]], *, direction: str | None = None, domain: str | None = None
    ) -> list[Tensor]:
        """All inputs encoded in one batch; then all answers, `rows` at a time, each from its own input's features."""
        if self.rows == 1 or len(jobs) < 2:
            return super().answer_many(jobs, direction=direction, domain=domain)
        self._refuse_direction(direction)
        styles = [
            noise if isinstance(noise, Tensor) else torch.from_numpy(self.styles(noise, domain)) for _, noise in jobs
        ]
        counts = [len(one) for one in styles]
        owners = torch.tensor([k for k, n in enumerate(counts) for _ in range(n)], device=self.device)
        inputs = torch.stack([x for x, _ in jobs]).split(self.rows)
        parts = torch.cat(styles).to(self.device, self.dtype).split(self.rows)
        with self._exactly():
            encoded = [torch.cat(level) for level in zip(*map(self._encode, inputs), strict=True)]
            answers = [
                self.generator.decode([f.index_select(0, rows) for f in encoded], part)
                for rows, part in zip(owners.split(self.rows), parts, strict=True)
            ]
        return list(torch.cat(answers).float().cpu().split(counts))

    def _exactly(self) -> contextlib.AbstractContextManager:
        """Where the arithmetic is float32, no TF32: it would move pictures by more than rounding."""
        if self.dtype != torch.float32:
            return contextlib.nullcontext()
        return exactly(self.device)

    def _encode(self, x: Tensor) -> list[Tensor]:
        return self.generator.encode(x.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last))
