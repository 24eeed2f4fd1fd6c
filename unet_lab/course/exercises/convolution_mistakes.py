"""A convolution of one channel, and what students make of it instead."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from unet_lab.course.agreement import Suspect


def convolved(image, kernel, padding=0, stride=1, mode="constant"):
    framed = np.pad(np.asarray(image, float), padding, mode=mode)
    return F.conv2d(torch.tensor(framed)[None, None], torch.tensor(np.array(kernel, float))[None, None], stride=stride)[
        0, 0
    ].numpy()


def windows(image, kernel, padding, stride):
    return np.lib.stride_tricks.sliding_window_view(np.pad(image, padding), kernel.shape)[::stride, ::stride]


def conv_suspects() -> list[Suspect]:
    frame = "Lay the image into a frame of zeros first: np.pad(image, padding), the same on all four sides."
    walk = "Output (r, c) looks at the window that begins at row r * stride, column c * stride."
    products = "Multiply window and kernel, number by number, and add up: nothing else."

    def one_sided(image, kernel, padding, stride):
        return convolved(np.pad(image, ((0, 2 * padding), (0, 2 * padding))), kernel, 0, stride)

    def rows_only(image, kernel, padding, stride):
        return convolved(np.pad(image, ((padding, padding), (0, 0))), kernel, 0, stride)

    def no_steps(image, kernel, padding, stride):
        size = convolved(image, kernel, padding, stride).shape
        return convolved(image, kernel, padding, 1)[: size[0], : size[1]]

    def dilated(image, kernel, padding, stride):
        wide = np.zeros([(n - 1) * stride + 1 for n in kernel.shape])
        wide[::stride, ::stride] = kernel
        return convolved(image, wide, padding)

    def thinned(image, kernel, padding, stride):
        thin = np.pad(np.asarray(image, float), padding)[::stride, ::stride]
        size = [max(n - k + 1, 0) for n, k in zip(thin.shape, kernel.shape, strict=True)]
        return convolved(thin, kernel) if all(size) else np.zeros(size)

    def late(image, kernel, padding, stride):
        return convolved(np.roll(np.pad(np.asarray(image, float), padding), -1, 1), kernel, 0, stride)

    def framed_later(image, kernel, padding, stride):
        return np.pad(convolved(image, kernel, 0, stride), padding)

    def first_sides(image, kernel, padding, stride):
        return convolved(np.pad(image, ((padding, 0), (padding, 0))), kernel, 0, stride)

    def counted_twice(image, kernel, padding, stride):
        framed = np.pad(np.asarray(image, float), ((padding, 3 * padding), (padding, 3 * padding)))
        return convolved(framed, kernel, 0, stride)

    def rows_for_columns(image, kernel, padding, stride):
        right = convolved(image, kernel, padding, stride)
        out = np.zeros((len(right), len(right)))
        out[:, : right.shape[1]] = right[:, : len(right)]
        return out

    turned = "window * kernel multiplies number by number; window @ kernel is a matrix product."
    whole = "The frame is made of whole numbers: the image's fractions are cut off when it is laid into it (int)."
    floats = "np.zeros(shape) makes a frame of floats; with dtype=int or the kernel's dtype, what is laid into it is cut."
    return [
        Suspect(lambda i, k, p, s: convolved(i, k, 0, s), "The padding was left out.", frame),
        Suspect(lambda i, k, p, s: convolved(i, k, p, 1), "The window moved by 1: the stride was left out.", walk),
        Suspect(no_steps, "The size is right, but the window moved by 1: the stride is missing in its place.", walk),
        Suspect(lambda i, k, p, s: convolved(i, k, p, min(s, 2)), "A stride above 2 counts as 2.", walk),
        Suspect(lambda i, k, p, s: convolved(i, k, p, 1)[::s], "The stride holds for rows, not for columns.", walk),
        Suspect(lambda i, k, p, s: convolved(i, k, p, 1)[:, ::s], "The stride holds for columns, not for rows.", walk),
        Suspect(lambda i, k, p, s: convolved(i, k[::-1, ::-1], p, s), "Your kernel is flipped.",
                "Mathematics flips the kernel; deep learning's convolution does not: multiply as it stands and add up."),
        Suspect(lambda i, k, p, s: convolved(i, k.T, p, s), "Rows and columns of your kernel are exchanged (transposed).",
                "kernel[i, j] belongs to row i and column j of the window."),
        Suspect(lambda i, k, p, s: windows(i, k, p, s).sum((2, 3)), "That is the sum of the window; the kernel was not used.",
                "Multiply window and kernel, number by number, before you add up."),
        Suspect(lambda i, k, p, s: (windows(i, k, p, s) * k).mean((2, 3)), "That is the mean of the products.",
                "Add the products up; there is no division."),
        Suspect(lambda i, k, p, s: (windows(i, k, p, s) * k).max((2, 3)), "That is the largest of the products (max).", products),
        Suspect(lambda i, k, p, s: convolved(i, k, p, s) / k.sum(), "It is divided by the sum of the kernel.", products),
        Suspect(lambda i, k, p, s: windows(i, k, p, s) @ k, "That is a matrix product.",
                "window * kernel multiplies number by number; window @ kernel is a matrix product."),
        Suspect(lambda i, k, p, s: (windows(i, k, p, s) @ k).sum((2, 3)), "That is the sum of a matrix product.",
                "window * kernel multiplies number by number; window @ kernel is a matrix product."),
        Suspect(lambda i, k, p, s: np.trunc(convolved(i, k, p, s)), "The numbers are cut off to whole ones.",
                "np.zeros makes floats; zeros_like of a whole-number image does not."),
        Suspect(lambda i, k, p, s: np.trunc(convolved(i, k, p, s)) % 256, "The numbers are cut off to 0, 1, … 255 (uint8).",
                "np.zeros makes floats; zeros_like of an image does not."),
        Suspect(lambda i, k, p, s: convolved(i, k, p, s)[:-1, :-1], "The last row and column of windows are missing.",
                "There are (H + 2 * padding - k) // stride + 1 windows in a column: one begins before the first step."),
        Suspect(lambda i, k, p, s: convolved(i, k, 1 if p else 0, s), "Any padding counts as 1.", frame),
        Suspect(lambda i, k, p, s: convolved(i, k, len(k) // 2 if p else 0, s),
                "Your padding is half the kernel, whatever is asked.", frame),
        Suspect(lambda i, k, p, s: convolved(i, k, len(k) // 2, s),
                "Your padding is half the kernel, always: the same size is kept.", frame),
        Suspect(one_sided, "The padding lies on one side only.", frame),
        Suspect(rows_only, "The padding lies above and below only, not at the columns.", frame),
        Suspect(first_sides, "The padding lies above and on the left only; it belongs on all four sides.", frame),
        Suspect(framed_later, "The zeros lie round the output; the padding belongs round the image, before.", frame),
        Suspect(counted_twice, "The padding is counted twice: the frame is in the image's size already.",
                "After np.pad, framed.shape has the padding in it: (framed.shape[0] - k) // stride + 1 rows."),
        Suspect(dilated, "The stride lies between the kernel's numbers: that is dilation. It is the window that moves.", walk),
        Suspect(late, "Every window begins one column late; the first begins at column 0.", walk),
        Suspect(thinned, "The image was thinned out before; the stride takes every second window, not every second pixel.", walk),
        Suspect(rows_for_columns, "The number of rows is used for the columns too: an image need not be square.",
                "rows from image.shape[0], columns from image.shape[1]."),
        Suspect(lambda i, k, p, s: (windows(i, k, p, s) @ k.T).sum((2, 3)), "That is the sum of a matrix product.", turned),
        Suspect(lambda i, k, p, s: convolved(np.trunc(np.asarray(i, float)), k, p, s), whole, floats),
        Suspect(lambda i, k, p, s: convolved(i.astype(k.dtype), k, p, s),
                "The frame has the kernel's type: where that is whole numbers, the image's fractions are cut off.", floats),
        Suspect(lambda i, k, p, s: (windows(i, k, p, s) * k.astype(i.dtype)).sum((2, 3)),
                "The kernel is given the image's type: where that is whole numbers, its fractions are cut off.", floats),
        *(Suspect(lambda i, k, p, s, t=kind: convolved(i.astype(t), k, p, s),
                  f"The image becomes {kind}: fractions are lost, and numbers wrap round at its end (256 for uint8).", floats)
          for kind in ("uint8", "int8")),
        Suspect(lambda i, k, p, s: convolved(i, k, p, s).astype(i.dtype), "The output has the image's type (whole numbers).",
                "np.zeros(shape) makes floats; zeros_like of an image has its type."),
        Suspect(lambda i, k, p, s: convolved(i, k, p, s).astype(k.dtype), "The output has the kernel's type (whole numbers).",
                "np.zeros(shape) makes floats; zeros_like of a kernel has its type."),
        Suspect(lambda i, k, p, s: convolved(i.T if len(i) == i.shape[1] else i, k, p, s),
                "Square images are transposed: rows and columns are exchanged.", walk),
        *(Suspect(lambda i, k, p, s, m=mode: convolved(i, k, p, s, m), f"The border is {how}, not zeros.", frame)
          for mode, how in (("edge", "repeated"), ("reflect", "mirrored"), ("wrap", "taken from the other side"))),
    ]  # fmt: skip
