"""Masks that stay in their files: encoded where they are sliced, and looked through once for what training must know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unet_lab.datasets.image_files import naming_the_file
from unet_lab.datasets.in_file import InFile
from unet_lab.datasets.masks import Codes, are_colours, encode_mask
from unet_lab.datasets.standardise import BLOCK, pieces
from unet_lab.datasets.stored_images import as_mask, shows_greys
from unet_lab.datasets.tiff_windows import TiffWindows
from unet_lab.losses import IGNORE

WIDTH = BLOCK  # pixels of a row that are counted together


class MaskFacts(NamedTuple):
    """What was seen of a mask (H, W) when all of it was looked through."""

    present: frozenset[int]  # its values
    counts: np.ndarray  # (H, blocks) int64: how many pixels of each row, `WIDTH` by `WIDTH`, are of a class above 0

    @classmethod
    def of(cls, mask: InFile) -> MaskFacts:
        present: set[int] = set()
        counts = np.zeros((mask.shape[0], -(-mask.shape[1] // WIDTH)), np.int64)
        for piece, top, left in pieces(mask, WIDTH):
            present |= set(np.flatnonzero(np.bincount(piece.ravel(), minlength=IGNORE + 1)).tolist())
            counts[top : top + len(piece), left // WIDTH] = is_foreground(piece).sum(axis=1)
        return cls(frozenset(present), counts)


class LazyMask(InFile):
    """A mask (H, W) of uint8 class indices; `facts` reads it once from end to end."""

    dtype = np.dtype(np.uint8)

    @cached_property
    def facts(self) -> MaskFacts:
        return MaskFacts.of(self)


class MaskFile(LazyMask):
    """A mask in an array that stays in its file, encoded by `codes` window by window; errors name `path`."""

    def __init__(self, path: Path, raw: InFile, codes: Codes):
        self.path, self.raw, self.codes, self.shape = path, raw, codes, raw.shape[:2]

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        try:
            return encode_mask(self.raw[rows, columns], self.codes)
        except ValueError as error:
            raise ValueError(str(error) if str(self.path) in str(error) else f"{self.path}: {error}") from None

    def close(self) -> None:
        self.raw.close()


class RawMaskWindows(InFile):
    """A page of a TIFF as `read_mask` gives it: greys, indices or colours."""

    def __init__(self, path: Path, page: int, codes: Codes, channel: str | int | None):
        self.path, self.channel, self.colours = path, channel, are_colours(codes)
        self.tiff = TiffWindows(path, page)
        first = self.tiff.stored(slice(0, 1), slice(0, 1))
        self.shape, self.dtype = self.tiff.size, first.values.dtype
        if first.palette is not None and not self.colours:  # whether it shows greys, all of its indices say, not a window's
            bands = (self.tiff.stored(slice(top, top + BLOCK), slice(None)).values for top in range(0, self.shape[0], BLOCK))
            self.colours = shows_greys(first._replace(values=np.concatenate([np.unique(band) for band in bands])))

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        with naming_the_file(self.path):
            stored = self.tiff.stored(rows, columns)
            if self.channel is None and not self.colours:
                stored = stored._replace(palette=None)
            return as_mask(stored, self.colours, self.channel)

    def close(self) -> None:
        self.tiff.close()


class MergedMask(LazyMask):
    """Several masks of one image, combined window by window; `combine` makes one array of theirs."""

    def __init__(self, masks: Sequence[LazyMask], combine: Callable[[Sequence[np.ndarray]], np.ndarray]):
        self.masks, self.combine, self.shape = list(masks), combine, masks[0].shape

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        return self.combine([mask[rows, columns] for mask in self.masks])

    def close(self) -> None:
        for mask in self.masks:
            mask.close()


class ForegroundPixels(Sequence):
    """The pixels of a mask in a file that are of a class above 0, row by row: [k] reads a piece of one row to find the k-th."""

    def __init__(self, mask: LazyMask):
        self.mask, self.counts = mask, mask.facts.counts
        self.until = np.cumsum(self.counts)  # how many there are up to the end of each piece of a row, in the order of reading

    def __len__(self) -> int:
        return int(self.until[-1])

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} pixels of the foreground, and no number {index}.")
        piece = int(np.searchsorted(self.until, index, side="right"))
        row, block = divmod(piece, self.counts.shape[1])
        before = int(self.until[piece - 1]) if piece else 0
        left = block * WIDTH
        there = np.flatnonzero(is_foreground(self.mask[row : row + 1, left : left + WIDTH][0]))
        return row, left + int(there[index - before])


def is_foreground(mask: np.ndarray) -> np.ndarray:
    """Where class indices are neither background nor ignored."""
    return (mask > 0) & (mask != IGNORE)
