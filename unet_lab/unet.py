"""The U, put together from the parts, and the size arithmetic that comes with it."""

from __future__ import annotations

from torch import Tensor, nn

from unet_lab.blocks import PADDINGS, Bottleneck, ConvBlock, DecoderStage, EncoderStage, ResidualBlock

DEEPEST = 6


class UNet(nn.Module):
    """U-Net: a contracting path that learns what is there, an expansive path that says where.

    Ronneberger, Fischer and Brox 2015 (arXiv 1505.04597), figure 1. `depth` counts the poolings; stage k has
    `base_channels * 2**k` channels, so the paper's 64, 128, 256, 512, 1024 come out of base_channels=64, depth=4.

    Parameters
    ----------
    in_channels : 1 for grey images, 3 for colour.
    num_classes : number of output channels.
    base_channels : channels of the first stage; any number from 1.
    depth : number of poolings, 1 to 6.
    padding : "same" (output as large as the input) or "valid" (the 2015 network: the border is lost).
    norm : "batch", "instance", "group", "layer" or None (`blocks.normalisation`).
    dropout : probability of dropping an activation at the end of the contracting path.
    up : "transposed", "nearest" or "bilinear" (`blocks.up_sampling`).
    skip : "concatenate", "sum" or "none". attention : gates in the skips (`blocks.AttentionGate`).
    residual : blocks that add to their input (`blocks.ResidualBlock`).

    Input: float tensor (N, in_channels, H, W). Output: logits, float (N, num_classes, H', W') with
    H' = output_size(H, depth, padding). Raises ValueError for any other input, with the sizes that would do.

    >>> UNet.small().num_parameters
    1943795
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 3,
        base_channels: int = 64,
        depth: int = 4,
        padding: str = "same",
        norm: str | None = "batch",
        dropout: float = 0.0,
        *,
        up: str = "transposed",
        skip: str = "concatenate",
        attention: bool = False,
        residual: bool = False,
    ):
        super().__init__()
        for name, value in [("in_channels", in_channels), ("num_classes", num_classes), ("base_channels", base_channels)]:
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; allowed are whole numbers from 1 up.")
        _check_depth(depth)
        self.settings = {
            "in_channels": in_channels,
            "num_classes": num_classes,
            "base_channels": base_channels,
            "depth": depth,
            "padding": padding,
            "norm": norm,
            "dropout": dropout,
            "up": up,
            "skip": skip,
            "attention": attention,
            "residual": residual,
        }
        block = ResidualBlock if residual else ConvBlock
        channels = [base_channels * 2**k for k in range(depth + 1)]  # 64, 128, 256, 512 and 1024 in the report
        inputs = [in_channels, *channels]

        self.encoder = nn.ModuleList(EncoderStage(inputs[k], channels[k], padding, norm, block) for k in range(depth))
        self.bottleneck = Bottleneck(inputs[depth], channels[depth], padding, norm, dropout, block)
        self.decoder = nn.ModuleList(
            DecoderStage(channels[k + 1], channels[k], padding, norm, up, skip, attention, block) for k in reversed(range(depth))
        )
        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)

    # fmt: off
    def forward(self, x: Tensor) -> Tensor:  # (N, in_channels, H, W)
        self._check_input(x)
        skips = []
        for stage in self.encoder:
            x, skip = stage(x)               # (N, 2^k base, H/2^(k+1), W/2^(k+1)), (N, 2^k base, H/2^k, W/2^k)
            skips.append(skip)
        x = self.bottleneck(x)               # (N, 2^depth base, H/2^depth, W/2^depth)
        for stage in self.decoder:
            x = stage(x, skips.pop())        # (N, 2^k base, H/2^k, W/2^k), the deepest skip first
        return self.head(x)                  # (N, num_classes, H, W), less with valid padding
    # fmt: on

    @classmethod
    def report(cls) -> UNet:
        """The network of the 2023 report: 1 grey channel in, 3 classes out, 31,042,499 parameters."""
        return cls(in_channels=1, num_classes=3, base_channels=64, depth=4)

    @classmethod
    def paper_2015(cls) -> UNet:
        """The network of the 2015 paper: valid padding, no batch normalisation, two classes, 572x572 to 388x388.

        Dropout at the end of the contracting path (section 3.1; the paper does not give the probability, 0.5 is the
        usual reading) and weights drawn with standard deviation sqrt(2 / inputs per neuron) (section 3).
        """
        model = cls(num_classes=2, padding="valid", norm=None, dropout=0.5)
        model.he_initialise()
        return model

    @classmethod
    def small(cls, in_channels: int = 1, num_classes: int = 3) -> UNet:
        """The network of the notebooks: the report's shape at a quarter of its width, about 1.94 M parameters."""
        return cls(in_channels=in_channels, num_classes=num_classes, base_channels=16)

    @property
    def num_parameters(self) -> int:
        """How many numbers training may change."""
        return sum(p.numel() for p in self.parameters())

    def he_initialise(self) -> None:
        """Draw all convolution weights from a normal distribution of variance 2 / inputs (He et al. 2015); biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                # A 2x2 up-convolution of stride 2 does not overlap: each output pixel has in_channels inputs.
                inputs = module.in_channels
                if isinstance(module, nn.Conv2d):
                    inputs *= module.kernel_size[0] * module.kernel_size[1]
                nn.init.normal_(module.weight, std=(2 / inputs) ** 0.5)
                nn.init.zeros_(module.bias)

    def _check_input(self, x: Tensor) -> None:
        channels = self.settings["in_channels"]
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(
                f"the input has shape {tuple(x.shape)}; this U-Net takes (N, {channels}, H, W): a batch of images with "
                f"{channels} channel{'s' if channels > 1 else ''}. For one image (H, W), use predict(model, image), or "
                f"image[None, None]."
            )
        if not x.is_floating_point():
            raise ValueError(f"the input's type is {x.dtype}; a U-Net takes float32. Use standardise(image) first.")
        height, width = x.shape[-2:]
        depth, padding = self.settings["depth"], self.settings["padding"]
        if not (_survives(height, depth, padding) and _survives(width, depth, padding)):
            raise ValueError(_size_message(height, width, depth, padding))


def output_size(size: int, depth: int = 4, padding: str = "same") -> int:
    """The height (or width) that comes out of a U-Net for one that goes in.

    With "same" padding the size stays, if it can be halved `depth` times. With "valid" padding every block takes
    4 pixels: 572 becomes 388 at depth 4 (Ronneberger et al. 2015, figure 1).
    Raises ValueError, with the nearest sizes that do, where a pooling would meet an odd size or nothing is left.

    >>> output_size(572, depth=4, padding="valid"), output_size(96)
    (388, 96)
    """
    _check_depth(depth)
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; allowed are 'same' and 'valid'.")
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"size is {size!r}; allowed are whole numbers from 1 up, in pixels.")
    if not _survives(size, depth, padding):
        raise ValueError(_size_message(size, size, depth, padding))
    return size_ledger(size, depth, padding)[-1][1]


def size_ledger(size: int, depth: int = 4, padding: str = "same") -> list[tuple[str, int]]:
    """Every size on the way through the U, as (place, size in pixels); sizes that do not fit are rounded down.

    >>> size_ledger(12, depth=1, padding="valid")
    [('input', 12), ('encoder 0', 8), ('pool 0', 4), ('bottleneck', 0), ('up 0', 0), ('decoder 0', -4)]
    """
    lost = 4 if padding == "valid" else 0
    ledger = [("input", size)]
    for k in range(depth):
        size = size - lost
        ledger.append((f"encoder {k}", size))
        size = size // 2
        ledger.append((f"pool {k}", size))
    size = size - lost
    ledger.append(("bottleneck", size))
    for k in reversed(range(depth)):
        size = 2 * size
        ledger.append((f"up {k}", size))
        size = size - lost
        ledger.append((f"decoder {k}", size))
    return ledger


def nearest_sizes(size: int, depth: int = 4, padding: str = "same") -> list[int]:
    """The sizes next to `size`, below and above, that survive all poolings; `[size]` where it does itself.

    >>> nearest_sizes(100)
    [96, 112]
    """
    if _survives(size, depth, padding):
        return [size]
    below = next((s for s in range(size, 0, -1) if _survives(s, depth, padding)), None)
    above = size
    while not _survives(above, depth, padding):
        above += 1
    return [above] if below is None else [below, above]


# fmt: off
def unet_receptive_field(
    place: int, depth: int = 4, padding: str = "same", up: str = "transposed", attention: bool = False
) -> tuple[int, int]:
    """First and last pixel that output pixel `place` of a U-Net depends on, along one axis, both included.

    Not cut off at the image's border: below 0 lies padding. The U is a chain with branches, so the answer depends on
    where `place` lies in the pooling grid: the width differs from pixel to pixel.
    With "valid" padding, `place` counts in the smaller output. For norms that look at the whole image see `sees_everything`.

    >>> [last - first + 1 for first, last in (unet_receptive_field(p) for p in (0, 1, 8))]
    [188, 188, 204]
    """
    if padding not in PADDINGS:
        raise ValueError(f"padding is {padding!r}; allowed are 'same' and 'valid'.")
    before, after = (2, 2) if padding == "same" else (0, 4)  # how far two 3x3 convolutions reach

    def behind(level: int, first: int, last: int) -> tuple[int, int]:
        """From the output of this level's last block to the input of its first."""
        first, last = first - before, last + after
        if level == depth:
            return first, last
        halves = first // 2, last // 2                                              # through the up-convolution
        between = (first - 1) // 2, (last + 1) // 2                                 # through an interpolation: one more
        below_first, below_last = behind(level + 1, *(between if up == "bilinear" or attention else halves))
        if attention:                                                               # the gate's own look at the skip
            first, last = 2 * between[0], 2 * between[1] + 1
        crop = _cropped(level, depth) // 2 if padding == "valid" else 0
        first, last = min(first + crop, 2 * below_first), max(last + crop, 2 * below_last + 1)  # skip, or pooling
        return first - before, last + after

    return behind(0, place, place)
# fmt: on


def reach(depth: int = 4, up: str = "transposed", attention: bool = False) -> int:
    """How far the farthest pixel lies that an output pixel of a U-Net may depend on: the margin that is not to be trusted.

    >>> reach(4), reach(4, up="bilinear")
    (107, 122)
    """
    fields = [(p, *unet_receptive_field(p, depth, "same", up, attention)) for p in range(2**depth)]
    return max(max(place - first, last - place) for place, first, last in fields)


def tile_margin(depth: int = 4, padding: str = "same", up: str = "transposed", attention: bool = False) -> int:
    """How many pixels around a tile the network must be shown, so that the tile's own pixels come out as in the whole image.

    For tiles that start and end on multiples of 2**depth, which is less than `reach`: the pixel that looks farthest to one side
    never lies at that side's end. Rounded up to a multiple of 2**depth. With "valid" padding: what the network eats.

    >>> tile_margin(4), tile_margin(4, up="bilinear"), tile_margin(4, padding="valid")
    (96, 112, 92)
    """
    if padding == "valid":
        smallest = nearest_sizes(1, depth, padding)[-1]
        return (smallest - output_size(smallest, depth, padding)) // 2
    cell = 2**depth
    fields = [unet_receptive_field(p, depth, padding, up, attention) for p in (0, cell - 1)]
    needed = max(-fields[0][0], fields[1][1] - (cell - 1))
    return -(-needed // cell) * cell


def sees_everything(model: nn.Module) -> bool:
    """True where a layer takes mean and variance over the image at hand, so that each pixel depends on all others."""
    whole = (nn.InstanceNorm2d, nn.GroupNorm)
    return any(isinstance(m, whole) and not getattr(m, "track_running_stats", False) for m in model.modules())


def _cropped(level: int, depth: int) -> int:
    """Pixels that a skip is larger than what it meets, with valid padding: 8 at the deepest, 176 at the top of four."""
    return 8 if level == depth - 1 else 16 + 2 * _cropped(level + 1, depth)


def _survives(size: int, depth: int, padding: str) -> bool:
    """True where no pooling meets an odd size and something is left at the end."""
    ledger = dict(size_ledger(size, depth, padding))
    pooled = [ledger[f"encoder {k}"] for k in range(depth)]
    return all(s % 2 == 0 for s in pooled) and min(ledger.values()) >= 1


def _check_depth(depth: int) -> None:
    if not isinstance(depth, int) or not 1 <= depth <= DEEPEST:
        raise ValueError(f"depth is {depth!r}; allowed are whole numbers from 1 to {DEEPEST} (poolings).")


def _size_message(height: int, width: int, depth: int, padding: str) -> str:
    bad = height if not _survives(height, depth, padding) else width
    if padding == "same" and bad >= 2**depth:
        factors = _factorise(bad)
        twos = factors.count(2)
        times = {0: "not divisible by 2", 1: "divisible by 2 once only", 2: "divisible by 2 twice only"}
        why = f"{bad} = {'·'.join(map(str, factors))} is {times.get(twos, f'divisible by 2 only {twos} times')}"
    elif padding == "same":
        why = f"after {depth} halvings nothing is left of {bad} pixels"
    else:
        ledger = size_ledger(bad, depth, padding)
        place, size = next((p, s) for p, s in ledger if s < 1 or (p.startswith("encoder") and s % 2))
        state = "nothing is left" if size < 1 else f"the size is {size}, which is odd,"
        why = f"with valid padding {state} at {place}"
    sizes = ", ".join(map(str, nearest_sizes(bad, depth, padding)))
    nearest = f"Nearest sizes: {sizes}." if "," in sizes else f"The smallest size that does: {sizes}."
    poolings = "1 pooling" if depth == 1 else f"{depth} poolings"
    return f"{height} x {width} does not survive {poolings}: {why}. {nearest} Or use predict(), which pads and crops."


def _factorise(number: int) -> list[int]:
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors or [1]
