"""Images and masks: the generator, the codes, the pairs and their split, the files."""

from unet_lab.datasets.cells import Cell, generate_cell
from unet_lab.datasets.folder import find_codes, load_cells, load_folder, read_image, write_image
from unet_lab.datasets.masks import CLASS_NAMES, MASK_CODES, decode_mask, encode_mask
from unet_lab.datasets.pairs import Pair, SegmentationDataset, split, standardise

__all__ = [
    "CLASS_NAMES",
    "MASK_CODES",
    "Cell",
    "Pair",
    "SegmentationDataset",
    "decode_mask",
    "encode_mask",
    "find_codes",
    "generate_cell",
    "load_cells",
    "load_folder",
    "read_image",
    "split",
    "standardise",
    "write_image",
]
