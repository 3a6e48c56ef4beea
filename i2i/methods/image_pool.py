"""A pool of generated pictures: the discriminator sees the generators' past as well as their latest answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """The last pictures that were generated (CycleGAN, section 4, after Shrivastava et al., CVPR 2017, section 2.3).

    A module without parameters, so that its pictures are saved and resumed with the method that owns it. Chance comes
    from torch's CPU generator, which a run's state holds too.

    Args:
        size: pictures that are kept, 50 in the paper; 0: the pool passes everything on.
        channels, side: of a picture.
    """

    def __init__(self, size: int, channels: int, side: int):
        super().__init__()
        if size < 0:
            raise ValueError(f"got a pool of {size} pictures, expected 0 (none) or more")
        self.register_buffer("images", torch.zeros(size, channels, side, side))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return int(self.filled)

    @torch.no_grad()
    def exchange(self, fakes: Tensor) -> Tensor:
        """Pictures to train the discriminator on, as many as came: (B, C, S, S) -> (B, C, S, S), detached.

        While the pool fills, each picture is kept and passed on. Then, one by one, with probability one half a picture
        is passed on and not kept; otherwise it takes the place of one that was kept, which is passed on instead.

        Raises:
            ValueError: for pictures of another size than the pool's.
        """
        fakes = fakes.detach()
        size, filled = len(self.images), len(self)
        if not size:
            return fakes
        if fakes.shape[1:] != self.images.shape[1:]:
            raise ValueError(f"the pool keeps pictures {tuple(self.images.shape[1:])}, got {tuple(fakes.shape[1:])}")
        chosen = []
        for fake in fakes:
            if filled < size:
                self.images[filled] = fake
                filled += 1
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(size, ()))
                fake, kept = self.images[place].to(fake.dtype, copy=True), fake
                self.images[place] = kept
            chosen.append(fake)
        self.filled.fill_(filled)
        return torch.stack(chosen)
