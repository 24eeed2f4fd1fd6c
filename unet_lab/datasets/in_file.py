"""Arrays that stay in their files: sliced like an array, read where they are sliced, whole only where they must be."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import prod

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from unet_lab.datasets.image_files import check_fits
from unet_lab.datasets.standardise import Scale, scale_of


class InFile(NDArrayOperatorsMixin):
    """An image (H, W) or (H, W, C), or a mask (H, W), that is read by `read(rows, columns)`.

    `image[top:bottom, left:right]` is an array. NumPy's functions and signs (np.unique(mask), mask == 2) read all of it, if it
    fits into half of the free memory; ValueError says so where it does not.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        """The rectangle, as an array."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what an open file needs; it is opened again where something is read."""

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole, decoded."""
        return prod(self.shape) * self.dtype.itemsize

    @cached_property
    def scale(self) -> Scale:
        """How the whole image is standardised; found once, in pieces."""
        return scale_of(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key) -> np.ndarray:
        rows, columns, *rest = key if isinstance(key, tuple) else (key, slice(None))
        if not (isinstance(rows, slice) and isinstance(columns, slice)):
            raise TypeError(f"an image in a file is sliced by rows and columns, image[0:512, 0:512]; this is {key!r}.")
        return self.read(rows, columns)[(slice(None), slice(None), *rest)]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        check_fits(self.nbytes)
        return np.asarray(self.read(slice(None), slice(None)), dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **how):
        return getattr(ufunc, method)(*(np.asarray(one) if isinstance(one, InFile) else one for one in inputs), **how)


class WholeFile(InFile):
    """What cannot be read in parts (a PNG, a JPEG, a turned TIFF): read anew, and whole, wherever it is sliced.

    load : gives the array; a function that can be pickled, for processes that prepare batches. like : what it gives.
    """

    def __init__(self, load: Callable[[], np.ndarray], like: np.ndarray):
        self.load, self.shape, self.dtype = load, like.shape, like.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        return self.load()[rows, columns]


class GreyInColour(InFile):
    """A grey image in a file, with its grey in each of three channels."""

    def __init__(self, grey: InFile):
        self.grey, self.shape, self.dtype = grey, (*grey.shape, 3), grey.dtype

    def read(self, rows: slice, columns: slice) -> np.ndarray:
        return np.stack([self.grey[rows, columns]] * 3, axis=2)

    def close(self) -> None:
        self.grey.close()
