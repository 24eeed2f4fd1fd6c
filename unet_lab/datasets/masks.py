"""Masks: from grey codes in a file to class indices in the network, and back.

A mask file is a picture for people: background dark grey, cell body light grey, nucleus white. The network
wants class indices 0, 1, 2. Mixing the two up is the most asked question of beginners, so every step checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

CLASS_NAMES = ("background", "cell body", "nucleus")
MASK_CODES = (51, 153, 255)  # dark grey, light grey, white
IGNORE = 255  # in a mask of class indices: a pixel that nobody judged; no loss, no metric and no count sees it
Code = int | tuple[int, int, int]  # a grey, or a colour as red, green, blue


def encode_mask(grey: np.ndarray, codes: Sequence[Code] | Mapping[Code, int] = MASK_CODES) -> np.ndarray:
    """Turn grey codes (or colours) into class indices: the position of a pixel's grey in `codes`.

    Parameters
    ----------
    grey : (H, W) integer array of grey codes, or (H, W, 3) uint8 colours.
    codes : the grey of class 0, of class 1, and so on; all different, 0..65535. For colours (red, green, blue) each. Where
        several codes mean one class, a mapping from code to class: {0: 0, 128: 1, 255: 1}.

    Returns
    -------
    (H, W) uint8 class indices 0..number of classes - 1.

    Raises ValueError where a pixel has a grey that is not a code, with the greys found and how often.

    >>> encode_mask(np.array([[51, 153], [255, 51]], np.uint8)).tolist()
    [[0, 1], [2, 0]]
    """
    grey = np.asarray(grey)
    table = _check_codes(codes)
    coloured = isinstance(next(iter(table)), tuple)
    if coloured and grey.ndim == 2:
        grey = np.repeat(grey[..., None], 3, axis=2)  # a mask in which only black and white occur reads as grey
    if grey.ndim != (3 if coloured else 2) or (coloured and grey.shape[2] != 3):
        shape = "(H, W, 3), since the codes are colours" if coloured else "(H, W). For a colour mask give colours as codes"
        raise ValueError(f"the mask has shape {grey.shape}; allowed is {shape}: codes=((0, 0, 0), (255, 0, 0)).")
    if grey.dtype == bool:
        grey = grey.astype(np.uint8)
    if grey.dtype.kind not in "ui":
        raise ValueError(f"the mask's type is {grey.dtype}; grey codes are whole numbers, e.g. uint8.")
    flat = pack(grey) if coloured else grey
    indices = np.full(flat.shape, 255, np.uint8)
    for code, index in table.items():
        indices[flat == (pack(np.array(code)) if coloured else code)] = index
    if (indices == 255).any():
        strangers, counts = np.unique(flat[indices == 255], return_counts=True)
        some = list(zip(strangers.tolist(), counts.tolist(), strict=True))[:6]
        listed = ", ".join(f"{unpack(g) if coloured else g} ({n} px)" for g, n in some)
        more = f" and {len(strangers) - 6} {'colours' if coloured else 'greys'} more" if len(strangers) > 6 else ""
        hint = (
            "Many greys between the codes: was the mask resized with interpolation, or saved as JPEG? Resize masks with nearest "
            "neighbour, save them as PNG. What is left of such a mask, snap_mask(grey, codes) brings back to the nearest codes."
            if len(strangers) > 3
            else "Pass the codes that your masks use, darkest first: encode_mask(grey, codes=...)."
        )
        raise ValueError(f"the mask has greys that are no code: {listed}{more}; codes are {tuple(table)}. {hint}")
    return indices


def snap_mask(grey: np.ndarray, codes: Sequence[int] = MASK_CODES) -> np.ndarray:
    """Bring every pixel of a mask that interpolation or JPEG has damaged to the nearest of its grey codes.

    (H, W) integers in, (H, W) of the same type out. A mend, not a cure: between background and nucleus interpolation makes the
    grey of the cell body, and a thin line of false body stays there. Export the mask again where that can be done.

    >>> snap_mask(np.array([[0, 3, 130, 250]], np.uint8), (0, 128, 255)).tolist()
    [[0, 0, 128, 255]]
    """
    grey = np.asarray(grey)
    if grey.ndim != 2 or grey.dtype.kind not in "ui":
        raise ValueError(f"the mask is {grey.dtype} {grey.shape}; allowed are whole numbers, (H, W).")
    steps = np.array(sorted(_check_codes(codes)), np.int64)
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
    indices = check_indices(indices, len(_check_codes(codes)))
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


def _check_codes(codes: Sequence[Code] | Mapping[Code, int]) -> dict[Code, int]:
    """Codes and the class of each, once they are sure to make sense."""
    given = codes.items() if isinstance(codes, Mapping) else [(code, k) for k, code in enumerate(codes)]
    table = {}
    for code, index in given:
        table[tuple(int(c) for c in code) if isinstance(code, tuple | list | np.ndarray) else int(code)] = int(index)
    colours = [code for code in table if isinstance(code, tuple)]
    greys = [code for code in table if not isinstance(code, tuple)]
    if len(table) != len(given) or not 2 <= len(table) <= 254 or any(not 0 <= g <= 65535 for g in greys):
        raise ValueError(f"codes are {codes}; allowed are 2 to 254 different greys from 0 to 65535, e.g. (0, 255).")
    if (colours and greys) or any(len(c) != 3 or not all(0 <= v <= 255 for v in c) for c in colours):
        raise ValueError(f"codes are {codes}; allowed are greys, or colours of three numbers 0 to 255, not both.")
    if sorted(set(table.values())) != list(range(max(table.values()) + 1)):
        raise ValueError(f"the classes are {sorted(set(table.values()))}; they must be 0, 1, 2 and so on, with none left out.")
    return table
