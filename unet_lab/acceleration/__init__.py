"""The same network, faster: layers folded, other algorithms, lower precision, other programs; measured on the machine at hand."""

from unet_lab.acceleration.exporting import export, load_exported
from unet_lab.acceleration.runtimes import quantised
from unet_lab.acceleration.selection import AS_GIVEN, WAYS, Accelerated, Trial, accelerate, table, with_winograd
from unet_lab.acceleration.winograd import WinogradConv2d, winograd_matrices
from unet_lab.inference.folding import fold_batch_norm, folded_convolution

__all__ = [
    "AS_GIVEN",
    "WAYS",
    "Accelerated",
    "Trial",
    "WinogradConv2d",
    "accelerate",
    "export",
    "fold_batch_norm",
    "folded_convolution",
    "load_exported",
    "quantised",
    "table",
    "winograd_matrices",
    "with_winograd",
]
