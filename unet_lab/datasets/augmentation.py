"""Augmentation: image and mask changed together, at random, so that few images teach as much as many.

Ronneberger et al. 2015, section 3.1: shifts, rotations, grey values, and above all random elastic deformations, which look like
what tissue does. Here on whole batches, with PyTorch, on whatever device the batch lies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

GRID = 3  # the paper's coarse grid: 3 x 3 random displacements


@dataclass(frozen=True)
class Augmentation:
    """How far each change may go; 0 or False switches it off. `Augmentation(elastic=0)` is everything but that.

    Of geometry, which moves image and mask together:
    flip : mirror images, left to right and upside down, each in every other image.
    rotation : degrees, up to this far either way. zoom : up to this share larger or smaller.
    elastic : standard deviation of the displacements on the coarse grid, in pixels (the paper's 10).

    Of grey values, which touch the image alone; in units of its standard deviation, since images are standardised.
    Colours and other channels of an image are changed alike:
    gamma : how far the curve of greys bends (the logarithm of the exponent). shading : brighter on one side.
    noise : its standard deviation at most. blur : pixels, at most. cutout : side of a square that is wiped out, as a share of the
    image's.

    A global change of brightness or contrast is not among them: standardising takes it out again, exactly.
    """

    flip: bool = True
    rotation: float = 180.0
    zoom: float = 0.1
    elastic: float = 10.0
    gamma: float = 0.3
    shading: float = 0.3
    noise: float = 0.2
    blur: float = 0.7
    cutout: float = 0.0

    def __post_init__(self):
        most = {"rotation": 180.0, "zoom": 0.9, "cutout": 1.0}
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, int | float) and 0 <= value <= most.get(field.name, 1e6)):
                limit = f"from 0 to {most[field.name]:g}" if field.name in most else "from 0 up"
                raise ValueError(f"{field.name} is {value!r}; allowed are numbers {limit}.")

    def __call__(
        self, image: Tensor, mask: Tensor, seeds: Sequence[int], weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]:
        """Change every pair of a batch at random, by its own seed: the same seed, the same change, in whatever batch.

        image : float (N, C, H, W), standardised; stays so. mask : int64 (N, H, W) classes or IGNORE; labels are never mixed. Or
        (N, K, H, W) labels, or floats: values, a distance map say, which are moved and not scaled.
        weights : float (N, H, W), how much each pixel counts; moved along, and then returned third.
        Raises ValueError where the sizes do not fit.
        """
        check(image, mask, seeds)
        draws = [_Draws(self, seed, image.shape[-2:]) for seed in seeds]
        places = self.places(draws, image.shape[-2:], image.device)  # (N, H, W, 2)
        if weights is not None:
            weights, _ = warp(weights[:, None], mask, places)  # (N, 1, H, W)
        image, mask = warp(image, mask, places)
        image = self.grey(image, draws)
        return (image, mask) if weights is None else (image, mask, weights[:, 0])

    def places(self, draws: Sequence[_Draws], size: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
        """Where each pixel of the result is taken from: (N, H, W, 2), x and y from -1 (first pixel) to 1 (last)."""
        height, width = size
        matrix = torch.stack([draw.matrix for draw in draws]).to(device)[:, :, :, None, None]  # (N, 2, 3, 1, 1)
        y, x = (torch.linspace(-1, 1, n, device=device) for n in size)
        places = matrix[:, :, 0] * x + matrix[:, :, 1] * y[:, None] + matrix[:, :, 2]  # (N, 2, H, W)
        if self.elastic:
            coarse = torch.stack([draw.displacements for draw in draws]).to(device)  # (N, 2, 3, 3), pixels
            per_pixel = torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)], device=device)
            down, along = (bicubic(n).to(device) for n in size)  # (H, 3), (W, 3)
            places = places + down @ (coarse * per_pixel[:, None, None]) @ along.T  # (N, 2, H, W)
        return places.permute(0, 2, 3, 1)  # (N, H, W, 2)

    def grey(self, image: Tensor, draws: Sequence[_Draws]) -> Tensor:
        """Change the grey values of each image (N, C, H, W), and standardise each channel again."""
        done = []
        for one, draw in zip(image, draws, strict=True):  # (C, H, W)
            if self.gamma:
                low, high = one.amin(), one.amax()
                one = ((one - low) / (high - low).clamp(min=1e-6)) ** draw.exponent
                one = standardised(one)
            if self.shading:
                one = one + draw.shade.to(one.device)
            if self.blur and draw.sigma > 0.1:
                one = blurred(one, draw.sigma)
            if self.noise:
                one = one + draw.noise.to(one.device)
            if self.cutout:
                rows, columns = draw.hole
                one = one.clone()
                for channel in one:
                    channel[rows, columns] = channel.mean()
            done.append(standardised(one))
        return torch.stack(done)  # (N, C, H, W)


@cache
def bicubic(size: int) -> Tensor:
    """What each of three values in a row weighs at each of `size` places between them, (size, 3).

    Bicubic interpolation goes down the columns and then along the rows: two small products of matrices do what
    F.interpolate(mode="bicubic") does, ten times faster.
    """
    return F.interpolate(torch.eye(GRID)[None, :, None], (1, size), mode="bicubic", align_corners=True)[0, :, 0].T.contiguous()


class _Draws:
    """All random numbers of one image, from its seed. They are drawn even where they are not used, so that one setting does not
    change what the others do."""

    def __init__(self, how: Augmentation, seed: int, size: tuple[int, int]):
        generator = torch.Generator().manual_seed(seed)
        height, width = size

        def even(low=-1.0, high=1.0):
            return low + (high - low) * torch.rand((), generator=generator).item()

        mirrored = [1 if even() < 0 or not how.flip else -1 for _ in range(2)]
        angle, zoom = math.radians(how.rotation * even()), 1 + how.zoom * even()
        cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
        ratio = (height - 1) / max(width - 1, 1) if height > 1 else 1.0  # a turn in pixels, not in shares of the frame
        self.matrix = torch.tensor([[mirrored[0] * cos, -sin * ratio, 0.0], [mirrored[0] * sin / ratio, cos, 0.0]])
        self.matrix = self.matrix * torch.tensor([[1.0, mirrored[1], 1.0]])
        self.displacements = how.elastic * torch.randn(2, GRID, GRID, generator=generator)
        self.exponent = math.exp(how.gamma * even())
        direction, strength = math.pi * even(), how.shading * even(0, 1)
        y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
        self.shade = strength * (math.cos(direction) * x + math.sin(direction) * y)  # (H, W)
        self.sigma = how.blur * even(0, 1)
        side = [max(1, round(how.cutout * s)) for s in size]
        begin = [round((s - n) * even(0, 1)) for s, n in zip(size, side, strict=True)]
        self.hole = tuple(slice(b, b + n) for b, n in zip(begin, side, strict=True))
        self.noise = how.noise * even(0, 1) * torch.randn(height, width, generator=generator) if how.noise else torch.zeros(())


def warp(image: Tensor, mask: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Take each pixel from its place: of the image between its neighbours, of the mask the nearest one, never a mixture.

    image float (N, C, H, W), mask int64 (N, H, W) or (N, K, H, W), places (N, H, W, 2) as from `Augmentation.places`. What lies
    outside is mirrored in. A mask of floats holds values, and is interpolated like the image.
    """
    how = {"padding_mode": "reflection", "align_corners": True}
    image = F.grid_sample(image, places, mode="bilinear", **how)
    planes = mask.reshape(len(mask), -1, *mask.shape[-2:]).to(image.dtype)  # (N, 1 or K, H, W)
    moved = F.grid_sample(planes, places, mode="bilinear" if mask.is_floating_point() else "nearest", **how)
    return image, moved.reshape(mask.shape).to(mask.dtype)


def blurred(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (C, H, W) by `sigma` pixels, rows and columns one after the other."""
    reach = min(math.ceil(3 * sigma), min(image.shape[-2:]) - 1)
    steps = torch.arange(-reach, reach + 1, device=image.device)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).to(image.dtype)
    wide = F.pad(image[:, None], (reach, reach, reach, reach), mode="reflect")
    return F.conv2d(F.conv2d(wide, kernel[None, None, :, None]), kernel[None, None, None, :])[:, 0]


def standardised(image: Tensor) -> Tensor:
    """Each channel of (C, H, W) with mean 0 and standard deviation 1, as `datasets.standardise` leaves an image."""
    done = []
    for channel in image:
        std = channel.std(unbiased=False)
        done.append((channel - channel.mean()) / torch.where(std > 0, std, 1.0))
    return torch.stack(done)


def check(image: Tensor, mask: Tensor, seeds: Sequence[int]) -> None:
    if image.ndim != 4 or not image.is_floating_point():
        raise ValueError(f"the images are {image.dtype} {tuple(image.shape)}; allowed is float (N, C, H, W), standardised.")
    wanted = (len(image), *image.shape[-2:])
    if (*mask.shape[:1], *mask.shape[-2:]) != wanted or mask.ndim not in (3, 4):
        raise ValueError(f"the masks are {mask.dtype} {tuple(mask.shape)}; allowed are class indices, int64 {wanted}.")
    if len(seeds) != len(image):
        raise ValueError(f"{len(seeds)} seeds for {len(image)} images; each needs one.")
