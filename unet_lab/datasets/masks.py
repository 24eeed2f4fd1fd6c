"""Masks: from grey codes in a file to class indices in the network, and back.

A mask file is a picture for people: background dark grey, cell body light grey, nucleus white. The network
wants class indices 0, 1, 2. Mixing the two up is the most asked question of beginners, so every step checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unet_lab.losses import IGNORE

CLASS_NAMES = ("background", "cell body", "nucleus")
MASK_CODES = (51, 153, 255)  # dark grey, light grey, white
Code = int | tuple[int, int, int] | tuple[int, int]  # a grey, a colour as red, green, blue, or a range of greys
Codes = Sequence[Code] | Mapping[Code, int]


def encode_mask(grey: np.ndarray, codes: Codes = MASK_CODES) -> np.ndarray:
    """Turn grey codes (or colours) into class indices: the position of a pixel's grey in `codes`.

    Parameters
    ----------
    grey : (H, W) integer array of grey codes, or (H, W, 3) uint8 colours; floats that hold whole numbers pass.
    codes : the grey of class 0, of class 1, and so on; all different whole numbers. For colours (red, green, blue) each. Or a
        mapping to the class: {0: 0, 128: 1, 255: 1}; to `IGNORE` where nobody judged: {0: 0, 1: 1, 255: IGNORE}; of a range, both
        ends included, as for instance numbers or a threshold: {0: 0, (1, 65535): 1}; of everything else: {255: 1, ...: 0}.

    Returns
    -------
    (H, W) uint8 class indices 0..number of classes - 1, and IGNORE where the codes say so.

    Raises ValueError where a pixel has a grey that is not a code, with the greys found and how often.

    >>> encode_mask(np.array([[51, 153], [255, 51]], np.uint8)).tolist()
    [[0, 1], [2, 0]]
    >>> encode_mask(np.array([[0, 7], [300, 255]]), {0: 0, (1, 299): 1, ...: IGNORE}).tolist()
    [[0, 1], [255, 1]]
    """
    table = check_codes(codes)
    coloured = any(is_colour(code) for code in table)
    flat = packed_mask(np.asarray(grey), coloured)
    indices = np.full(flat.shape, table.get(..., 0), np.uint8)
    known = np.full(flat.shape, ... in table)
    for code, index in sorted(table.items(), key=is_single):  # a single code within a range has the last word
        if code is not ...:
            first, last = (pack(np.array(code)),) * 2 if is_colour(code) else code if isinstance(code, tuple) else (code, code)
            there = (flat >= first) & (flat <= last)
            indices[there], known[there] = index, True
    if not known.all():
        raise ValueError(strangers_message(flat[~known], table, coloured))
    return indices


def is_colour(code: object) -> bool:
    """(red, green, blue); a tuple of two is a range of greys."""
    return isinstance(code, tuple) and len(code) == 3


def are_colours(codes: Codes | None) -> bool:
    """Whether the codes are colours, not greys or indices."""
    return codes is not None and any(is_colour(plain_code(code)) for code in codes)


def is_single(item: tuple[Code, int]) -> bool:
    """Whether a code is one value, no range."""
    return isinstance(item[0], int) or is_colour(item[0])


def packed_mask(grey: np.ndarray, coloured: bool) -> np.ndarray:
    """A mask as whole numbers (H, W), colours packed into one. Raises ValueError where shape or type do not fit the codes."""
    if coloured and grey.ndim == 2:
        grey = np.repeat(grey[..., None], 3, axis=2)  # a mask in which only black and white occur reads as grey
    if grey.ndim != (3 if coloured else 2) or (coloured and grey.shape[2] != 3):
        shape = "(H, W, 3), since the codes are colours" if coloured else "(H, W). For a colour mask give colours as codes"
        channel = (
            " load_folder(…, mask_channel=0) takes one of several channels." if grey.ndim == 3 and grey.shape[2] != 3 else ""
        )
        raise ValueError(f"the mask has shape {grey.shape}; allowed is {shape}: codes=((0, 0, 0), (255, 0, 0)).{channel}")
    if grey.dtype == bool:
        grey = grey.astype(np.uint8)
    if grey.dtype.kind == "f" and np.array_equal(grey, np.trunc(grey)):
        grey = grey.astype(np.int64)  # label images that a program stored as floats
    if grey.dtype.kind not in "ui":
        raise ValueError(
            f"the mask's type is {grey.dtype}; grey codes are whole numbers, e.g. uint8. Probabilities become classes where they "
            f"are cut: (mask > 0.5).astype('uint8')."
        )
    return pack(grey) if coloured else grey


def strangers_message(values: np.ndarray, table: dict[Code, int], coloured: bool) -> str:
    """Which values of a mask are no code, how often they occur, and what that usually means."""
    strangers, counts = np.unique(values, return_counts=True)
    some = list(zip(strangers.tolist(), counts.tolist(), strict=True))[:6]
    listed = ", ".join(f"{unpack(g) if coloured else g} ({n} px)" for g, n in some)
    more = f" and {len(strangers) - 6} {'colours' if coloured else 'greys'} more" if len(strangers) > 6 else ""
    hint = "Pass the codes that your masks use, darkest first: encode_mask(grey, codes=...)."
    if len(strangers) > 3 and not coloured and strangers[0] > highest_code(table):
        hint = "Are these the numbers of objects? codes={0: 0, (1, 65535): 1} makes them one class."
    elif len(strangers) > 3:
        hint = (
            "Many greys between the codes: was the mask resized with interpolation, or saved as JPEG? Resize masks with nearest "
            "neighbour, save them as PNG. What is left of such a mask, snap_mask(grey, codes) brings back to the nearest codes."
        )
    return f"the mask has greys that are no code: {listed}{more}; codes are {tuple(table)}. {hint}"


def highest_code(table: dict[Code, int]) -> int:
    """The highest grey that means something."""
    return max((code if isinstance(code, int) else max(code) for code in table if code is not ...), default=0)


def snap_mask(grey: np.ndarray, codes: Sequence[Code] = MASK_CODES) -> np.ndarray:
    """Bring every pixel of a mask that interpolation or JPEG has damaged to the nearest of its codes.

    grey : (H, W) integers, or (H, W, 3) where the codes are colours. Returns the same shape and type. It does not bring back
    what is lost: between background and nucleus interpolation makes the grey of the cell body, and a thin line of false body
    stays there. Export the mask again where that can be done.

    >>> snap_mask(np.array([[0, 3, 130, 250]], np.uint8), (0, 128, 255)).tolist()
    [[0, 0, 128, 255]]
    """
    grey = np.asarray(grey)
    table = list(check_codes(codes))
    coloured = is_colour(table[0])
    fits = grey.ndim == 3 and grey.shape[2] == 3 if coloured else grey.ndim == 2
    if not fits or grey.dtype.kind not in "ui":
        shape = "(H, W, 3), since the codes are colours" if coloured else "(H, W)"
        raise ValueError(f"the mask is {grey.dtype} {grey.shape}; allowed are whole numbers, {shape}.")
    if coloured:
        apart = [((grey.astype(np.int64) - np.array(colour)) ** 2).sum(axis=2) for colour in table]  # (H, W) each
        return np.array(table)[np.argmin(apart, axis=0)].astype(grey.dtype)
    steps = np.array(sorted(table), np.int64)
    borders = (steps[1:] + steps[:-1] + 1) // 2
    return steps[np.searchsorted(borders, grey.astype(np.int64), side="right")].astype(grey.dtype)


def pack(colours: np.ndarray) -> np.ndarray:
    """One number for each colour (..., 3)."""
    colours = np.asarray(colours).astype(np.int64)
    return (colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2]


def unpack(number: int) -> tuple[int, int, int]:
    """The colour of a number that `pack` made."""
    return number >> 16, (number >> 8) & 255, number & 255


def decode_mask(indices: np.ndarray, codes: Sequence[int] = MASK_CODES) -> np.ndarray:
    """Turn class indices into grey codes, to save or to look at: the inverse of `encode_mask`.

    Parameters
    ----------
    indices : (H, W) integer class indices 0..len(codes)-1.
    codes : the grey of each class.

    Returns
    -------
    (H, W) grey codes, uint8 (uint16 where a code is above 255). Raises ValueError for indices without a code.

    >>> decode_mask(np.array([[0, 1, 2]])).tolist()
    [[51, 153, 255]]
    """
    indices = check_indices(indices, len(check_codes(codes)))
    return np.array(codes, np.uint8 if max(codes) < 256 else np.uint16)[indices]


def check_indices(mask: np.ndarray, num_classes: int, ignore: bool = False) -> np.ndarray:
    """Return `mask` as it came, once it is sure to hold class indices 0..num_classes-1 of shape (H, W)."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"the mask has shape {mask.shape}; allowed is (H, W) with at least one pixel.")
    if mask.dtype.kind not in "ui":
        raise ValueError(f"the mask's type is {mask.dtype}; class indices are whole numbers: mask.astype('uint8').")
    judged = mask[mask != IGNORE] if ignore else mask
    if judged.size == 0:
        return mask
    low, high = int(judged.min()), int(judged.max())
    if low < 0 or high >= num_classes:
        hint = "These look like grey codes: use encode_mask(mask, codes) first." if high > 20 else ""
        raise ValueError(
            f"the mask's values run from {low} to {high}; allowed are class indices 0 to {num_classes - 1}. {hint}".strip()
        )
    return mask


def check_codes(codes: Codes) -> dict[Code, int]:
    """Codes and the class of each, once they are sure to make sense."""
    given = list(codes.items()) if isinstance(codes, Mapping) else [(code, k) for k, code in enumerate(codes)]
    table = {plain_code(code): plain_class(index) for code, index in given}
    colours = [code for code in table if is_colour(code)]
    ranges = [code for code in table if isinstance(code, tuple) and len(code) == 2]
    greys = [code for code in table if isinstance(code, int)]
    if len(table) != len(given) or not 2 <= len(table) <= 254 or any(not -(2**31) <= g < 2**32 for g in greys):
        raise ValueError(
            f"codes are {codes}; allowed are 2 to 254 different greys, e.g. (0, 255). Many object numbers of one class "
            f"are a range: {{0: 0, (1, 65535): 1}}."
        )
    wrong = [c for c in table if isinstance(c, tuple) and len(c) not in (2, 3)] + [r for r in ranges if r[0] > r[1]]
    mixed = bool(colours) and bool(greys or ranges)
    if wrong or mixed or any(not 0 <= v <= 255 for c in colours for v in c):
        raise ValueError(
            f"codes are {codes}; allowed are greys and ranges (low, high) of them, or colours of 3 numbers 0 to 255, not both."
        )
    classes = sorted(set(table.values()) - {IGNORE})
    if classes != list(range(len(classes))) or not classes:
        raise ValueError(
            f"the classes are {sorted(set(table.values()))}; they must be 0, 1, 2 and so on, with none left out. A code that "
            f"nobody judged is IGNORE (unet_lab.datasets.IGNORE, 255)."
        )
    return table


def plain_code(code: object) -> Code:
    """A code as plain numbers: NumPy's and lists too. Raises ValueError for what is no code."""
    if code is ...:
        return code  # type: ignore[return-value]
    try:
        return tuple(int(c) for c in code) if isinstance(code, tuple | list | np.ndarray) else int(code)  # type: ignore
    except (TypeError, ValueError):
        words = "allowed are greys, colours (red, green, blue), ranges (low, high) and ... for everything else"
        raise ValueError(f"{code!r} is no code; {words}.") from None


def plain_class(index: object) -> int:
    """A class as a plain number. Raises ValueError for None, -1 and the like, and names IGNORE."""
    if isinstance(index, int | np.integer) and not isinstance(index, bool) and 0 <= index <= IGNORE:
        return int(index)
    raise ValueError(
        f"{index!r} is no class; allowed are 0, 1, 2 and so on, and IGNORE (unet_lab.datasets.IGNORE) for pixels nobody judged."
    )


def count_classes(codes: Codes) -> int:
    """How many classes the codes name, IGNORE not counted."""
    return len(set(check_codes(codes).values()) - {IGNORE})
