"""Winograd's convolution: the same 3x3 convolution with a quarter of the multiplications.

Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks" (arXiv 1509.09308). A 3-tap filter over 4 outputs in a
row takes 12 multiplications. Read the inputs as a polynomial, the filter as another: their product has degree 5, is known from
its values at 6 points, and each value is one multiplication. In two dimensions: 36 instead of 144 for 4x4 outputs.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Where the polynomials are looked at, besides infinity. 0, 1, -1 are exact; the others are chosen for little rounding
# (Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution for deep neural networks").
POINTS = {2: ("0", "1", "-1"), 4: ("0", "1", "-1", "1/2", "-2")}
_STRIP = 4_000_000  # bytes of a strip's tiles: what a core's cache holds about twice


def winograd_matrices(outputs: int = 4, taps: int = 3, points: tuple[str, ...] | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """The matrices of F(outputs, taps): for inputs d and filter g, y = A ((G g) * (B d)) with an elementwise product.

    Returns B (n, n), G (n, taps), A (outputs, n), float64, n = outputs + taps - 1, by the method of Toom and Cook: the transposes
    of evaluating the output's and the filter's polynomial at n - 1 points and at infinity, and of interpolating their product.
    Raises ValueError where the points are not n - 1 different ones.

    >>> B, G, A = winograd_matrices(2)
    >>> d, g = torch.tensor([1.0, 2.0, 3.0, 4.0]).double(), torch.tensor([1.0, 0.0, -1.0]).double()
    >>> (A @ ((G @ g) * (B @ d))).tolist()
    [-2.0, -2.0]
    """
    size = outputs + taps - 1
    at = [Fraction(p) for p in (points or POINTS.get(outputs, ()))]
    if len(set(at)) != size - 1:
        raise ValueError(f"F({outputs}, {taps}) takes {size - 1} different points; {len(set(at))} were given.")
    one, zero = Fraction(1), Fraction(0)
    nodes = [product(p - q for q in at if q != p) for p in at]
    a = [[p**k for p in at] + [one if k == outputs - 1 else zero] for k in range(outputs)]
    g = [[p**k / node for k in range(taps)] for p, node in zip(at, nodes, strict=True)] + [[zero] * (taps - 1) + [one]]
    b = [[*polynomial(q for q in at if q != p), zero] for p in at] + [polynomial(at)]
    return tuple(torch.tensor([[float(v) for v in row] for row in rows], dtype=torch.float64) for rows in (b, g, a))


class WinogradConv2d(nn.Module):
    """A 3x3 convolution of stride 1 with zero padding 0 or 1, for inference: same input, same output to about 1e-5.

    tile : outputs of a tile, side to side, 2 or 4. Larger tiles save more multiplications and round more.
    relu : put out max(0, y). The work is done in strips of tile rows, so that a strip's tiles stay in the cache.
    Raises ValueError for other convolutions. Not for training: gradients do not pass.
    """

    def __init__(self, convolution: nn.Conv2d, tile: int = 4, relu: bool = False):
        super().__init__()
        if not fits_winograd(convolution):
            raise ValueError(f"{convolution} is no 3x3 convolution of stride 1 with zero padding of 0 or 1 and one group.")
        if tile not in POINTS:
            raise ValueError(f"tile is {tile!r}; allowed are {', '.join(map(str, POINTS))}.")
        b, g, a = winograd_matrices(tile)
        device, weight = convolution.weight.device, convolution.weight.detach().cpu().double()  # (K, C, 3, 3)
        outputs, inputs = weight.shape[:2]
        filters = torch.einsum("ia,kcab,jb->ijck", g, weight, g)  # (n, n, C, K)
        bias = torch.zeros(outputs) if convolution.bias is None else convolution.bias.detach().clone()
        self.tile, self.relu, self.padding = tile, relu, convolution.padding[0]
        self.in_channels, self.out_channels = inputs, outputs
        self.register_buffer("filters", filters.reshape(-1, inputs, outputs).float().contiguous())
        self.register_buffer("into", torch.kron(b, b).float())  # (n², n²): both axes of a tile at once
        self.register_buffer("back", torch.kron(a, a).float())  # (tile², n²)
        self.register_buffer("bias", bias.float())
        self.to(device)  # made on the CPU: Apple's GPUs have no float64

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, K, H', W')
        height, width = (size + 2 * self.padding - 2 for size in x.shape[-2:])
        y = x.new_empty(x.shape[0], height, width, self.out_channels)  # channels last
        for image, out in zip(x, y, strict=True):
            self.one_tile(image, out)
        return y.permute(0, 3, 1, 2)

    def one_tile(self, x: Tensor, y: Tensor) -> None:  # (C, H, W), (H', W', K) to be filled
        m, n = self.tile, self.tile + 2
        (height, width, outputs), inputs = y.shape, self.in_channels
        down, across = -(-height // m), -(-width // m)  # tiles; the last may stand out
        right, below = across * m + 2 - x.shape[2] - self.padding, down * m + 2 - x.shape[1] - self.padding
        padded = F.pad(x, (self.padding, right, self.padding, below)).permute(1, 2, 0)
        tiles = padded.unfold(0, n, m).unfold(1, n, m).permute(3, 4, 0, 1, 2)  # (n, n, down, across, C)
        rows = min(down, max(1, _STRIP // (4 * n * n * across * max(inputs, outputs))))
        whole = height == down * m and width == across * m
        for first in range(0, down, rows):
            strip = tiles[:, :, first : first + rows]
            count = strip.shape[2]
            pixels = strip.reshape(n * n, -1)  # (n², rows · across · C)
            seen = (self.into @ pixels).view(n * n, count * across, inputs)
            product = torch.bmm(seen, self.filters)  # (n², rows · across, K): the only multiplications
            made = (self.back @ product.view(n * n, -1)).view(m, m, count, across, outputs)
            made += self.bias
            if self.relu:
                made.relu_()
            made = made.permute(2, 0, 3, 1, 4)  # (rows, m, across, m, K)
            if whole:
                y[first * m : (first + count) * m].view(count, m, across, m, outputs).copy_(made)
            else:
                part = made.reshape(count * m, across * m, outputs)[: height - first * m, :width]
                y[first * m : first * m + part.shape[0]] = part


def fits_winograd(layer: nn.Module) -> bool:
    """True for the convolutions that `WinogradConv2d` can take over."""
    return (
        type(layer) is nn.Conv2d
        and layer.kernel_size == (3, 3)
        and layer.stride == layer.dilation == (1, 1)
        and layer.padding in ((0, 0), (1, 1))
        and layer.padding_mode == "zeros"
        and layer.groups == 1
    )


def product(factors) -> Fraction:
    result = Fraction(1)
    for factor in factors:
        result *= factor
    return result


def polynomial(roots) -> list[Fraction]:
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [s - root * c for s, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return coefficients
