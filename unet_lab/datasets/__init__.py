"""Images and masks: the generator, the codes, the pairs and their split, the files."""

from unet_lab.datasets.augmentation import Augmentation, warp
from unet_lab.datasets.code_table import CodeTable, find_codes, propose_codes
from unet_lab.datasets.folder import load_cells, load_folder
from unet_lab.datasets.generator.cells import Cell, generate_cell, generate_cells
from unet_lab.datasets.generator.example_set import write_example_set
from unet_lab.datasets.generator.fields_of_cells import Field, generate_field
from unet_lab.datasets.generator.painter import CellPainter
from unet_lab.datasets.generator.parameters import CellParameters
from unet_lab.datasets.generator.sheet import generate_sheet
from unet_lab.datasets.generator.smears import generate_smear, write_smear_set
from unet_lab.datasets.image_files import (
    iterate_pages,
    read_image,
    read_mask,
    read_mask_pages,
    read_pages,
)
from unet_lab.datasets.image_writing import write_image, write_pages
from unet_lab.datasets.jurkat import load_jurkat
from unet_lab.datasets.map_style import MapStyleDataset
from unet_lab.datasets.masks import CLASS_NAMES, MASK_CODES, decode_mask, encode_mask, snap_mask
from unet_lab.datasets.outlines import masks_from_outlines
from unet_lab.datasets.pairing import pair_files
from unet_lab.datasets.pairs import Pair, SegmentationDataset, folds, split
from unet_lab.datasets.standardise import standardise
from unet_lab.datasets.windows import open_image
from unet_lab.losses import IGNORE

__all__ = [
    "CLASS_NAMES",
    "IGNORE",
    "MASK_CODES",
    "Augmentation",
    "Cell",
    "CellPainter",
    "CellParameters",
    "CodeTable",
    "Field",
    "MapStyleDataset",
    "Pair",
    "SegmentationDataset",
    "decode_mask",
    "encode_mask",
    "find_codes",
    "folds",
    "generate_cell",
    "generate_cells",
    "generate_field",
    "generate_sheet",
    "generate_smear",
    "iterate_pages",
    "load_cells",
    "load_folder",
    "load_jurkat",
    "masks_from_outlines",
    "open_image",
    "pair_files",
    "propose_codes",
    "read_image",
    "read_mask",
    "read_mask_pages",
    "read_pages",
    "snap_mask",
    "split",
    "standardise",
    "warp",
    "write_example_set",
    "write_image",
    "write_pages",
    "write_smear_set",
]
