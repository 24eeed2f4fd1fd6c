"""Images of any size: tile by tile, in memory that depends on the tile and not on the image, without seams."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from unet_lab.datasets.in_file import InFile
from unet_lab.datasets.standardise import Scale, Sliceable, scale_of
from unet_lab.datasets.windows import iterate_images
from unet_lab.foreign import class_logits, evaluating, geometry_of
from unet_lab.geometry import sees_everything
from unet_lab.inference.out_of_memory import explaining_memory
from unet_lab.inference.predict import borders, check_channels

BLENDS = ("crop", "none", "gaussian")
MOST_IN_MEMORY = 256_000_000  # bytes: larger sums of Gaussian blending lie in a temporary file


class Interval(NamedTuple):
    """One tile along one axis, in pixels of the network's output for the whole image."""

    start: int  # where the tile's output starts
    first: int  # of the pixels that are kept of it
    stop: int  # of the pixels that are kept, exclusive


class Tile(NamedTuple):
    """What `tiles` yields: logits of a part of the image, and where it lies."""

    rows: slice
    columns: slice
    logits: Tensor  # (num_classes, rows, columns) float32, on the model's device


def predict_tiled(
    model: nn.Module,
    image: Sliceable,
    tile: int = 1024,
    overlap: int | None = None,
    blend: str = "crop",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Segment one image of any size, tile by tile; with the standard settings the same as `predict`, without its memory.

    Ronneberger et al. 2015, figure 2, call it the overlap-tile strategy. The whole image's mean and standard deviation are found
    in a first pass; then each tile is read, segmented and written before the next is read.

    Parameters
    ----------
    image : (H, W) or (H, W, C) numbers, finite: an array, a `numpy.memmap`, or what has `shape` and `dtype` and can be sliced,
        such as `open_image("slide.tif")`, which stays in its file.
    tile : side of what the network is shown at once, in pixels; rounded down to a size that it accepts.
    overlap : how far neighbouring tiles overlap, in pixels; where None, as far as the network sees (`tile_margin`, twice).
    blend : what becomes of pixels that several tiles know. "crop": the tile in which they lie farther from the border decides.
        With the overlap of None that equals the whole image's logits. "none": the later tile decides. "gaussian": the mean of
        the logits, weighed with a Gaussian around each tile's middle (standard deviation an eighth of the tile).
    out : uint8 (H, W), written tile by tile; what is done stays in it where you stop. A file:
        `np.lib.format.open_memmap("mask.npy", "w+", np.uint8, image.shape)`.

    Returns `out`, or a new uint8 array (H, W): class indices. Needs memory for one tile; "gaussian" also for sums as high as a
    tile and as wide as the image (in a temporary file where they are large).
    Warns where the network's normalisation looks at all it is shown, so that tiles cannot agree with the whole.
    Raises ValueError for another shape, NaN, a tile that is no larger than the overlap, or an `out` that does not fit.
    """
    height, width = check_sliceable(image)[:2]
    if out is None:
        out = np.zeros((height, width), np.uint8)
    elif getattr(out, "shape", None) != (height, width) or out.dtype != np.uint8:
        given = f"{getattr(out, 'dtype', type(out).__name__)} {getattr(out, 'shape', '')}"
        raise ValueError(f"out is {given}; needed is uint8 {height, width}.")
    for rows, columns, logits in tiles(model, image, tile, overlap, blend):
        out[rows, columns] = logits.max(dim=0).indices.to(torch.uint8).cpu().numpy()
    return out


def tiles(
    model: nn.Module, image: Sliceable, tile: int = 1024, overlap: int | None = None, blend: str = "crop", progress: bool = True
) -> Iterator[Tile]:
    """The logits of an image, part by part, row by row; each pixel once. Parameters and errors as in `predict_tiled`."""
    shape = check_sliceable(image)
    check_channels(model, shape)
    if blend not in BLENDS:
        raise ValueError(f"blend is {blend!r}; allowed are {', '.join(map(repr, BLENDS))}.")
    plan = plan_tiles(model, (shape[0], shape[1]), tile, overlap, blend)
    count = len(plan.rows) * len(plan.columns)
    if count > 1 and sees_everything(model):
        warnings.warn(
            "this network normalises over all pixels it is shown (instance, group or layer norm), so a tile's logits differ from "
            "the whole image's at every pixel, whatever the overlap. Larger tiles differ less; batch norm does not differ.",
            stacklevel=3,
        )
    scale = image.scale if isinstance(image, InFile) else scale_of(image)
    assembled = blended_tiles if blend == "gaussian" else cropped_tiles
    with tqdm(total=count, unit="tile", leave=False, disable=not progress or count == 1) as bar:
        yield from assembled(model, image, plan, scale, bar)


class Plan(NamedTuple):
    """Where the tiles lie. The output for the whole image is the image with borders that make its size fit."""

    rows: list[Interval]
    columns: list[Interval]
    shown: tuple[int, int]  # height and width of what the network is shown
    given: tuple[int, int]  # height and width of what it gives back
    before: tuple[int, int]  # pixels of border above and left, in what is shown
    offset: tuple[int, int]  # pixels of border above and left, in what is given back
    shape: tuple[int, int]  # of the image


def plan_tiles(
    model: nn.Module, shape: tuple[int, int], tile: int = 1024, overlap: int | None = None, blend: str = "crop"
) -> Plan:
    """Where the tiles lie: each starts on a multiple of the network's pooling grid, so that all are pooled on one grid.

    A network of your own is measured (`foreign.MeasuredGeometry`). Raises ValueError where its margin cannot be found.
    """
    geometry = geometry_of(model)
    lost = geometry.nearest_sizes(1)[-1] - geometry.output_size(geometry.nearest_sizes(1)[-1])
    if overlap is None:
        overlap = 0 if lost else 2 * geometry.tile_margin()
    if not isinstance(overlap, int | np.integer) or overlap < 0 or not isinstance(tile, int | np.integer) or tile < 1:
        raise ValueError(f"tile is {tile!r} and overlap {overlap!r}; allowed are whole numbers of pixels, overlap from 0 up.")
    before, axes, shown, given = [], [], [], []
    for size in shape:
        above, below = borders(size, geometry)
        total = above + size + below
        side = min(geometry.nearest_sizes(int(tile))[0], total)
        places = tile_places(geometry.output_size(total), geometry.output_size(side), overlap, geometry.grid, tile)
        axes.append(owned_pixels(places, geometry.output_size(total), 0 if blend == "none" else geometry.grid))
        shown.append(side)
        given.append(geometry.output_size(side))
        before.append(above)
    offset = (0, 0) if lost else (before[0], before[1])
    return Plan(axes[0], axes[1], (shown[0], shown[1]), (given[0], given[1]), (before[0], before[1]), offset, shape)


def tile_places(total: int, side: int, overlap: int, cell: int, tile: int) -> list[tuple[int, int]]:
    """Start and end of tiles of `side` pixels over `total` pixels; the last is moved back, to end where the image ends."""
    if side >= total:
        return [(0, total)]
    step = (side - overlap) // cell * cell
    if step < cell:
        raise ValueError(
            f"tile is {tile} and overlap {overlap}: a tile gives {side} pixels, of which nothing is left beside the overlap. "
            f"Take a tile of at least {overlap + cell + tile - side} pixels, better twice that, or less overlap."
        )
    starts = [*range(0, total - side, step), total - side]
    return [(start, start + side) for start in starts]


def owned_pixels(places: list[tuple[int, int]], total: int, grid: int) -> list[Interval]:
    """Which pixels are kept of each: neighbours meet in the middle, on a multiple of `grid`; 0: the later has all it shares."""
    cuts = [0]
    for (_, end), (later, _) in pairwise(places):
        cuts.append(later + (end - later) // 2 // grid * grid if grid else later)
    return [Interval(start, first, stop) for (start, _), first, stop in zip(places, cuts, [*cuts[1:], total], strict=True)]


def predict_pages(model: nn.Module, path: str | Path, tile: int = 1024) -> Iterator[np.ndarray]:
    """Segment a TIFF page by page: uint8 (H, W) for each, with one page in memory at a time, or one tile where none would fit.

    To a file, as it goes: `write_pages("masks.tif", predict_pages(model, "stack.tif"))`. Raises as `read_pages`.
    """
    for page in iterate_images(path):
        yield predict_tiled(model, page, tile)


def cropped_tiles(model, image, plan: Plan, scale: Scale, bar) -> Iterator[Tile]:
    """Every tile's own part."""
    for row in plan.rows:
        for column in plan.columns:
            logits = tile_logits(model, image, plan, row.start, column.start, scale)
            yield from within_image(plan, row, column, logits[:, owned(row), owned(column)])
            bar.update()


def owned(stretch: Interval) -> slice:
    return slice(stretch.first - stretch.start, stretch.stop - stretch.start)


def blended_tiles(model, image, plan: Plan, scale: Scale, bar) -> Iterator[Tile]:
    """Sums over one row of tiles; what no later row reaches is handed on and forgotten."""
    high, wide = plan.given
    weight = gaussian_window(high)[:, None] * gaussian_window(wide)  # (high, wide)
    total = plan.columns[-1].start + wide
    sums = weights = np.zeros(0, np.float32)
    for row, following in zip(plan.rows, [*plan.rows[1:], None], strict=True):
        for column in plan.columns:
            logits = tile_logits(model, image, plan, row.start, column.start, scale).cpu()
            if not sums.size:
                sums, weights = allocate((len(logits), high, total)), allocate((1, high, total))
            there = slice(column.start, column.start + wide)
            sums[:, :, there] += (logits * weight).numpy()
            weights[:, :, there] += weight.numpy()
            bar.update()
        done = high if following is None else following.start - row.start
        for column in plan.columns:  # in pieces, so that nothing as wide as the image is made
            there = slice(column.first, column.stop)
            finished = torch.from_numpy(sums[:, :done, there] / weights[:, :done, there])
            yield from within_image(plan, Interval(row.start, row.start, row.start + done), column, finished)
        for array in (sums, weights):
            array[:, : high - done] = array[:, done:].copy()
            array[:, high - done :] = 0


def gaussian_window(size: int) -> Tensor:
    """A Gaussian over `size` pixels, never less than a thousandth."""
    places = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    return torch.exp(-0.5 * (places / (size / 8)) ** 2).clamp(min=1e-3)  # (size,)


def allocate(shape: tuple[int, ...]) -> np.ndarray:
    if 4 * np.prod(shape) <= MOST_IN_MEMORY:
        return np.zeros(shape, np.float32)
    return np.memmap(tempfile.TemporaryFile(), np.float32, "w+", shape=shape)  # gone with its last user


def within_image(plan: Plan, row: Interval, column: Interval, logits: Tensor) -> Iterator[Tile]:
    """Cut off what lies in the borders, and say where the rest lies in the image."""
    places, cut = [], []
    for axis, stretch in enumerate((row, column)):
        first = max(stretch.first - plan.offset[axis], 0)
        stop = min(stretch.stop - plan.offset[axis], plan.shape[axis])
        lead = first + plan.offset[axis] - stretch.first
        places.append(slice(first, stop))
        cut.append(slice(lead, lead + stop - first))
    if all(place.stop > place.start for place in places):
        yield Tile(places[0], places[1], logits[:, cut[0], cut[1]])


@torch.inference_mode()
def tile_logits(model: nn.Module, image, plan: Plan, top: int, left: int, scale: Scale) -> Tensor:
    """(num_classes, given) for the tile whose output starts at (top, left)."""
    piece = scale.apply(read_tile(image, plan, top, left))
    piece = piece.reshape(*piece.shape[:2], -1)  # (H, W, C)
    x = torch.from_numpy(piece).permute(2, 0, 1)[None].contiguous()  # (1, C, H, W)
    like = next(model.parameters(), torch.zeros(()))
    doing, way_out = "segmenting a tile", "a smaller tile (it is {} x {} pixels)".format(*plan.shown)
    with evaluating(model), explaining_memory(doing, way_out):
        return class_logits(model(x.to(like.device, like.dtype)))[0].float()  # (num_classes, given)


def read_tile(image, plan: Plan, top: int, left: int) -> np.ndarray:
    """The tile's pixels; outside the image its mirror image, as `numpy.pad(mode="reflect")` has it."""
    places = []
    for axis, start in enumerate((top, left)):
        wanted = np.arange(start, start + plan.shown[axis]) - plan.before[axis]
        last = plan.shape[axis] - 1
        places.append(last - abs(last - wanted % (2 * last)) if last else np.zeros_like(wanted))
    (first_row, last_row), (first_column, last_column) = ((int(p.min()), int(p.max())) for p in places)
    piece = np.asarray(image[first_row : last_row + 1, first_column : last_column + 1])
    return piece[np.ix_(places[0] - first_row, places[1] - first_column)]  # (shown)


def check_sliceable(image) -> tuple[int, ...]:
    """The shape (H, W) or (H, W, C) of anything that can be sliced like an image."""
    shape = tuple(getattr(image, "shape", ()))
    if len(shape) not in (2, 3) or 0 in shape:
        what = f"has shape {shape}" if hasattr(image, "shape") else f"is a {type(image).__name__}"
        raise ValueError(
            f"the image {what}; allowed are (H, W) and (H, W, C), at least one pixel. For the pages of a TIFF: predict_pages."
        )
    if np.dtype(image.dtype).kind not in "uif":
        raise ValueError(f"the image's type is {image.dtype}; allowed are whole numbers and floats.")
    return shape
