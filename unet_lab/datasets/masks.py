"""Masks: from grey codes in a file to class indices in the network, and back.

A mask file is a picture for people: background dark grey, cell body light grey, nucleus white. The network
wants class indices 0, 1, 2. Mixing the two up is the most asked question of beginners, so every step checks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CLASS_NAMES = ("background", "cell body", "nucleus")
MASK_CODES = (51, 153, 255)  # dark grey, light grey, white


def encode_mask(grey: np.ndarray, codes: Sequence[int] = MASK_CODES) -> np.ndarray:
    """Turn grey codes into class indices: the position of a pixel's grey in `codes`.

    Parameters
    ----------
    grey : (H, W) integer array of grey codes.
    codes : the grey of class 0, of class 1, and so on; all different, 0..65535.

    Returns
    -------
    (H, W) uint8 class indices 0..len(codes)-1.

    Raises ValueError where a pixel has a grey that is not a code, with the greys found and how often.

    >>> encode_mask(np.array([[51, 153], [255, 51]], np.uint8)).tolist()
    [[0, 1], [2, 0]]
    """
    grey = np.asarray(grey)
    codes = _check_codes(codes)
    if grey.ndim != 2:
        raise ValueError(f"the mask has shape {grey.shape}; allowed is (H, W). A colour mask must become grey first.")
    if grey.dtype == bool:
        grey = grey.astype(np.uint8)
    if grey.dtype.kind not in "ui":
        raise ValueError(f"the mask's type is {grey.dtype}; grey codes are whole numbers, e.g. uint8.")
    indices = np.full(grey.shape, 255, np.uint8)
    for index, code in enumerate(codes):
        indices[grey == code] = index
    if (indices == 255).any():
        strangers, counts = np.unique(grey[indices == 255], return_counts=True)
        listed = ", ".join(f"{g} ({n} px)" for g, n in list(zip(strangers.tolist(), counts.tolist(), strict=True))[:6])
        more = f" and {len(strangers) - 6} greys more" if len(strangers) > 6 else ""
        hint = (
            "Many greys between the codes: was the mask resized with interpolation, or saved as JPEG? Resize masks "
            "with nearest neighbour, save them as PNG."
            if len(strangers) > 3
            else "Pass the codes that your masks use, darkest first: encode_mask(grey, codes=...)."
        )
        raise ValueError(f"the mask has greys that are no code: {listed}{more}; codes are {tuple(codes)}. {hint}")
    return indices


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


def check_indices(mask: np.ndarray, num_classes: int) -> np.ndarray:
    """Return `mask` as it came, once it is sure to hold class indices 0..num_classes-1 of shape (H, W)."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"the mask has shape {mask.shape}; allowed is (H, W) with at least one pixel.")
    if mask.dtype.kind not in "ui":
        raise ValueError(f"the mask's type is {mask.dtype}; class indices are whole numbers: mask.astype('uint8').")
    low, high = int(mask.min()), int(mask.max())
    if low < 0 or high >= num_classes:
        hint = "These look like grey codes: use encode_mask(mask, codes) first." if high > 20 else ""
        raise ValueError(
            f"the mask's values run from {low} to {high}; allowed are class indices 0 to {num_classes - 1}. {hint}".strip()
        )
    return mask


def _check_codes(codes: Sequence[int]) -> tuple[int, ...]:
    codes = tuple(int(code) for code in codes)
    if not 2 <= len(codes) <= 254 or len(set(codes)) != len(codes) or min(codes) < 0 or max(codes) > 65535:
        raise ValueError(f"codes are {codes}; allowed are 2 to 254 different greys from 0 to 65535, e.g. (0, 255).")
    return codes
