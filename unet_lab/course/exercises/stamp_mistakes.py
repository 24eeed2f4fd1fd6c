"""The transposed convolution by stamping, and what students make of it instead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unet_lab.course.agreement import Suspect


def stamped(image, kernel, stride, put: Callable = np.add) -> np.ndarray:
    """Stamp by stamp; put : what happens where stamps overlap."""
    size = len(kernel)
    out = np.zeros(((image.shape[0] - 1) * stride + size, (image.shape[1] - 1) * stride + size))
    for row, column in np.ndindex(image.shape):
        place = out[row * stride : row * stride + size, column * stride : column * stride + size]
        place[...] = put(place, image[row, column] * kernel)
    return out


def stamp_suspects() -> list[Suspect]:
    add = "Stamps add up where they overlap: out[...] += value * kernel, not =."
    adds = f"{add} (And += with lists of places adds to a repeated place only once; np.add.at adds all.)"
    size = "The output has (H - 1) * stride + k rows, and (W - 1) * stride + k columns."
    place = "The stamp of input (r, c) begins at row r * stride, column c * stride."
    stands = "The kernel is stamped as it stands."
    each = "Each stamp is the input number times the whole kernel."

    def averaged(image, kernel, stride):
        return stamped(image, kernel, stride) / np.maximum(stamped(np.ones(image.shape), np.ones(kernel.shape), stride), 1)

    def cut(image, kernel, stride):
        return stamped(image, kernel, stride)[: image.shape[0] * stride, : image.shape[1] * stride]

    def convolution(image, kernel, stride):
        rows, columns = (range(0, n - len(kernel) + 1, stride) for n in image.shape)
        pairs = [[(image[r : r + len(kernel), c : c + len(kernel)] * kernel).sum() for c in columns] for r in rows]
        return np.array(pairs)

    def padded(image, kernel, stride):
        return np.pad(stamped(image, kernel, stride), ((0, max(stride - len(kernel), 0)),) * 2)

    def larger(image, kernel, stride):
        return np.pad(stamped(image, kernel, stride), ((0, stride),) * 2)

    def columns_by_one(image, kernel, stride):
        size = len(kernel)
        out = np.zeros(((image.shape[0] - 1) * stride + size, image.shape[1] - 1 + size))
        for r, c in np.ndindex(image.shape):
            out[r * stride : r * stride + size, c : c + size] += image[r, c] * kernel
        return out

    def spread(image, stride, behind):
        wide = np.zeros([(n - 1) * stride + 1 + behind * (stride - 1) for n in image.shape])
        wide[::stride, ::stride] = image
        return wide

    def same_size(image, kernel, stride):
        full = stamped(image, kernel, stride)
        sizes, start = [(n - 1) * stride + 1 for n in image.shape], (len(kernel) - 1) // 2
        sizes = [max(n, len(kernel)) for n in sizes] if min(sizes) < len(kernel) else sizes
        return full[start : start + sizes[0], start : start + sizes[1]]

    def same_layer(image, kernel, stride):
        full, p = stamped(image, kernel, stride), (len(kernel) - 1) // 2
        return full[p : full.shape[0] - p, p : full.shape[1] - p]

    def once(image, kernel, stride):
        alone = image * (np.diff(image, axis=1, prepend=np.nan) != 0)
        return stamped(alone if stride < len(kernel) else image, kernel, stride)

    def corner(image, kernel, stride):
        return stamped(image, kernel * np.outer(np.arange(len(kernel)) < 2, np.arange(len(kernel)) < 2), stride)

    def without_last(image, kernel, stride):
        kept = np.zeros(image.shape)
        kept[:-1, :-1] = image[:-1, :-1]
        return stamped(kept, kernel, stride)

    def of_types(image, kernel, stride, kind):
        out = np.zeros(stamped(image, kernel, stride).shape, kind)
        size = len(kernel)
        for r, c in np.ndindex(image.shape):
            place = out[r * stride : r * stride + size, c * stride : c * stride + size]
            place[...] = place + image[r, c] * kernel
        return out

    kinds = {
        "The output is made of integers: every stamp is cut to whole numbers.": lambda i, k: int,
        "The output has the kernel's type: where that is integers, every stamp is cut.": lambda i, k: k.dtype,
        "The output has the image's type: where that is integers, every stamp is cut.": lambda i, k: i.dtype,
        "The output is float16, whose precision is about three digits: too coarse a type.": lambda i, k: np.float16,
    }
    floats = "np.zeros(shape) makes floats (float64); zeros_like of an array has that array's type."
    return [
        Suspect(lambda i, k, s: stamped(i, k, s, lambda old, new: new), "Where stamps overlap, the later one wins.", adds),
        Suspect(lambda i, k, s: stamped(i, k, s, np.maximum), "Where stamps overlap, the larger number wins (max).", add),
        Suspect(averaged, "Where stamps overlap, their mean is taken: divided by their number.", add),
        Suspect(lambda i, k, s: stamped(i, k, 1), "The stamps stand one pixel apart: the stride was left out.", place),
        Suspect(lambda i, k, s: stamped(i, k, 2), "Your stride is always 2.", place),
        Suspect(lambda i, k, s: stamped(i, k, len(k)), "Your stride is the size of the kernel.", place),
        Suspect(lambda i, k, s: stamped(i, k, min(s, 2)), "A stride above 2 counts as 2.", place),
        Suspect(lambda i, k, s: stamped(i, k[::-1, ::-1], s), "Your stamps are turned round (flipped).", stands),
        Suspect(lambda i, k, s: stamped(i, k.T, s), "Rows and columns of your stamps are exchanged (transposed).",
                "kernel[i, j] lands i rows down and j columns right."),
        Suspect(lambda i, k, s: stamped(i, k[:, ::-1], s), "Your stamps are mirrored left to right.", stands),
        Suspect(lambda i, k, s: stamped(i, k[::-1], s), "Your stamps are mirrored upside down.", stands),
        Suspect(cut, "The last stamps are cut off.", size),
        Suspect(larger, "There are rows and columns too many at the end.", size),
        Suspect(padded, "There are rows and columns too many at the end, or too few.", size),
        Suspect(lambda i, k, s: stamped(i, k, s)[1:-1, 1:-1], "A border of one is cropped (as padding=1 does).", size),
        Suspect(lambda i, k, s: stamped(i, np.ones(k.shape), s),
                "Each number was only repeated: the kernel's numbers were not used.", each),
        *(Suspect(lambda i, k, s, n=n: np.kron(i, np.ones((n or s, n or s))),
                  "Each number was only repeated (nearest): the kernel is not used.", each) for n in (0, 2)),
        Suspect(lambda i, k, s: stamped(np.ones(i.shape), k, s), "The stamps do not carry the input's values (image).", each),
        Suspect(lambda i, k, s: stamped(i, k, s) / k.sum(), "It is divided by the sum of the kernel.", each),
        Suspect(lambda i, k, s: stamped(i * (np.arange(len(i)) < len(i) - 1)[:, None], k, s), "The last row is lost.", each),
        Suspect(lambda i, k, s: stamped(i, k, s, lambda old, new: old + np.trunc(new)), "Stamps are cut to whole numbers.", each),
        Suspect(lambda i, k, s: stamped(i, k, s).astype(i.dtype), "The numbers are cut off to whole ones, as the image's are.",
                "np.zeros makes floats; zeros_like of a whole-number image does not."),
        *(Suspect(lambda i, k, s, f=of: of_types(i, k, s, f(i, k)), finding, floats) for finding, of in kinds.items()),
        Suspect(lambda i, k, s: stamped(np.maximum(i, 0), k, s), "Numbers below 0 are left out: they press too.", each),
        Suspect(without_last, "The last row and the last column are left out.", "range(image.shape[0]), to its end."),
        Suspect(lambda i, k, s: stamped(i * (np.arange(i.shape[1]) < i.shape[1] - 1), k, s), "The last column is lost.", each),
        Suspect(columns_by_one, "The stride holds for rows, not for columns: they stand one pixel apart.", place),
        Suspect(lambda i, k, s: stamped(i.T, k, s), "Rows and columns of the image are exchanged (transposed).", place),
        Suspect(lambda i, k, s: stamped(i.T if len(i) == i.shape[1] else i, k, s),
                "Square images are transposed: rows and columns are exchanged.", place),
        Suspect(lambda i, k, s: stamped(np.repeat(np.repeat(i, s, 0), s, 1), k, 1),
                "The image is enlarged by repeating (nearest) and then stamped: between numbers there is nothing.", place),
        Suspect(lambda i, k, s: stamped(spread(i, s, 1), k, 1),
                "There are stride - 1 rows and columns of zeros too many behind the last number.", size),
        Suspect(same_size, "The ends of the stamps are cropped (mode 'same'): all of each stamp belongs to the output.", size),
        Suspect(same_layer, "A border is cropped as padding=(k - 1) // 2 does: nothing is cropped here.", size),
        Suspect(once, "A number that equals its neighbour does not press: every number does.", each),
        Suspect(corner, "Only the first 2x2 of the kernel is stamped: any size is asked.", each),
        Suspect(convolution, "That is an ordinary convolution, which makes it smaller.", each),
        Suspect(lambda i, k, s: np.pad(stamped(i, k, s), 1), "A border of zeros too many.", size),
    ]  # fmt: skip
