"""Explorers: step a kernel over an image, cell by cell; see what batch normalisation and ReLU do to its values."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.datasets.standardise import standardise
from unet_lab.explorers.base import Explorer, dropdown, float_slider, slider
from unet_lab.plots.figure import panel_row
from unet_lab.plots.images import show_image
from unet_lab.plots.kernels import draw_map, draw_numbers, draw_values

KERNELS = {
    "vertical edge": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "horizontal edge": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "sum of nine": [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
    "copy": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "one to the left": [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
    "spot": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}
INPUTS = {
    "a bright stripe": np.tile([0, 0, 5, 9, 5, 0, 0], (7, 1)),
    "a dark corner": np.where(np.add.outer(np.arange(7), np.arange(7)) < 6, 1, 8),
    "one spot": np.pad([[9]], 3),
    "all the same": np.full((7, 7), 4),
}
ENTRIES = [f"k{row}{column}" for row in range(3) for column in range(3)]


def window_of(place: int, size: int, padding: int, stride: int) -> tuple[int, int, int]:
    """Row and column of output number `place`, counted along the rows (the last one where there are fewer), and their count."""
    across = (size + 2 * padding - 3) // stride + 1
    place = min(place, across**2 - 1)
    return place // across, place % across, across**2


def sum_in_words(window: np.ndarray, kernel: np.ndarray) -> str:
    """The nine products and their sum as a line of arithmetic; products with 0 are left out."""
    pairs = zip(window.ravel(), kernel.ravel(), strict=True)
    terms = [f"{v:g}·{w:g}" if w > 0 else f"{v:g}·({w:g})" for v, w in pairs if w]
    return f"{' + '.join(terms) or '0'} = {(window * kernel).sum():g}"


class ConvolutionExplorer(Explorer):
    """The kernel stepper; choosing a kernel by name fills its nine fields, changing a field makes it your own."""

    def __init__(self):
        def draw(numbers, kernel, place, padding, stride, **entries):
            image = np.pad(INPUTS[numbers], padding).astype(float)
            weights = np.array([entries[name] for name in ENTRIES], float).reshape(3, 3)
            whole = F.conv2d(Tensor(image)[None, None], Tensor(weights)[None, None], stride=stride)[0, 0].numpy()
            row, column, count = window_of(place, len(INPUTS[numbers]), padding, stride)
            here = min(place, count - 1)
            window = image[row * stride : row * stride + 3, column * stride : column * stride + 3]
            words = f"{len(whole)} x {len(whole)} output, window {here + 1} of {count}."
            figure, (left, middle, right) = panel_row((9, 4.5, 9), 3.9, f"Input, kernel and output; {words}", gap=0.12)
            draw_numbers(left, image, "input", window=(row * stride, column * stride, 3, 3), padding=padding)
            draw_numbers(middle, weights, "kernel")
            known = np.arange(count).reshape(whole.shape) <= here
            draw_numbers(right, whole, f"output, {len(whole)} x {len(whole)}", known=known, window=(row, column, 1, 1))
            left.set_gid("input")
            right.set_gid("output")
            return figure, f"Window {here + 1} of {count}: {sum_in_words(window, weights)}"

        start = KERNELS["vertical edge"]
        field = widgets.Layout(width="150px")
        controls = {
            "numbers": dropdown("input", list(INPUTS), "a bright stripe"),
            "kernel": dropdown("kernel", [*KERNELS, "my own"], "vertical edge"),
            "place": slider("window (number)", 6, 0, 48),
            "padding": dropdown("padding (pixels)", [0, 1], 0),
            "stride": dropdown("stride (pixels)", [1, 2], 1),
        }
        for name in ENTRIES:
            where = f"row {name[1]}, col {name[2]}"
            style = {"description_width": "85px"}
            value = start[int(name[1])][int(name[2])]
            controls[name] = widgets.BoundedIntText(value, -9, 9, description=where, layout=field, style=style)
        groups = [["numbers", "kernel"], ["place"], ["padding", "stride"], *(ENTRIES[k : k + 3] for k in (0, 3, 6))]

        def on_click(panel, row, column):
            padding, stride = self.controls["padding"].value, self.controls["stride"].value
            across = (len(INPUTS["one spot"]) + 2 * padding - 3) // stride + 1
            if panel == "input":
                row, column = (row - 1) // stride, (column - 1) // stride
            row, column = (min(max(v, 0), across - 1) for v in (row, column))
            return {"place": row * across + column}

        help_line = (
            "Step the window with the arrow keys, or click into input or output. Which kernel finds the stripe, which moves it?"
        )

        def limits(numbers, padding, stride, **_others):
            return {"place": window_of(0, len(INPUTS[numbers]), padding, stride)[2] - 1}

        super().__init__(controls, draw, help_line, on_click, groups, limits)

    def _changed(self, change) -> None:
        if self._held:
            return
        kernel, fields = self.controls["kernel"], [self.controls[name] for name in ENTRIES]
        if change["owner"] is kernel and kernel.value in KERNELS:
            self.set(**dict(zip(ENTRIES, np.ravel(KERNELS[kernel.value]).tolist(), strict=True)))
        elif change["owner"] in fields:
            mine = [field.value for field in fields]
            named = [name for name, entries in KERNELS.items() if np.ravel(entries).tolist() == mine]
            self.set(kernel=named[0] if named else "my own")
        else:
            super()._changed(change)


def explore_convolution() -> ConvolutionExplorer:
    """Step a 3x3 kernel over 7x7 numbers: choose or edit the kernel, padding 0 or 1, stride 1 or 2; the sum stands in words."""
    return ConvolutionExplorer()


def norm_steps(images: Tensor, norm: nn.BatchNorm2d, kernel: Tensor, training: bool) -> list[Tensor]:
    """A batch (N, 1, H, W) before and after convolution, batch normalisation and ReLU; `norm` is left as it was."""
    kept = {name: value.clone() for name, value in norm.state_dict().items()}
    norm.train(training)
    with torch.no_grad():
        convolved = F.conv2d(images, kernel)
        normalised = norm(convolved)
        steps = [images, convolved, normalised, normalised.relu()]
    norm.load_state_dict(kept)
    return steps


def fitted_norm(kernel: Tensor, cells: int = 16, size: int = 96) -> nn.BatchNorm2d:
    """Batch normalisation of one channel whose running mean and variance are those of some generated cells, convolved."""
    images = torch.stack([torch.from_numpy(standardise(generate_cell(k, size).image)) for k in range(cells)])[:, None]
    norm = nn.BatchNorm2d(1, momentum=None)  # None: the plain average over all batches seen
    with torch.no_grad():
        norm.train()(F.conv2d(images, kernel))
    return norm


def explore_norm(size: int = 96) -> Explorer:
    """Histograms before and after convolution, batch normalisation and ReLU, for one image under sliders, in both modes."""
    kernel = Tensor([[[[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]]]])
    norm = fitted_norm(kernel, size=size)

    def draw(cell, contrast, brightness, mode, scale, shift):
        image = torch.from_numpy(standardise(generate_cell(cell, size).image))
        with torch.no_grad():
            norm.weight.fill_(scale)
            norm.bias.fill_(shift)
        steps = norm_steps((contrast * image + brightness)[None, None], norm, kernel, mode == "training")
        given, convolved, normalised, relu = (s[0, 0].numpy() for s in steps)
        alt = "The image, the feature map after ReLU, and histograms at four steps."
        figure, panels = panel_row((1.25, 1.25, 1, 1, 1, 1), 2.7, alt, gap=0.22, bottom=0.19)
        show_image(panels[0], given, "image")
        draw_map(panels[1], relu, "after ReLU", signed=False)
        titles = ("image", "convolution", "batch norm", "ReLU")
        for axes, values, title in zip(panels[2:], (given, convolved, normalised, relu), titles, strict=True):
            draw_values(axes, values, title, (-8, 8) if title == "convolution" else (-4, 4))
            axes.set_xlabel("value", fontsize=8)
        used = (convolved.mean(), convolved.std()) if mode == "training" else (norm.running_mean[0], norm.running_var[0] ** 0.5)
        whose = "this batch's own" if mode == "training" else "the running"
        words = (
            f"Batch norm takes off {whose} mean, {float(used[0]):.2f}, and divides by {whose} standard deviation, "
            f"{float(used[1]):.2f}. After it: mean {normalised.mean():.2f}, standard deviation {normalised.std():.2f}. "
            f"ReLU sets {(relu == 0).mean():.0%} to 0."
        )
        return figure, words

    controls = {
        "cell": slider("cell (seed)", 4, 0, 50),
        "contrast": float_slider("contrast (factor)", 2.0, 0.0, 4.0, 0.25),
        "brightness": float_slider("brightness (added)", 0.0, -3.0, 3.0, 0.25),
        "mode": dropdown("mode", ["training", "evaluation"], "evaluation"),
        "scale": float_slider("learnt scale (gamma)", 1.0, 0.0, 3.0, 0.25),
        "shift": float_slider("learnt shift (beta)", 0.0, -2.0, 2.0, 0.25),
    }
    help_line = "Turn the contrast in both modes. In which does the network notice? Which shift makes ReLU kill it all?"
    return Explorer(controls, draw, help_line)
