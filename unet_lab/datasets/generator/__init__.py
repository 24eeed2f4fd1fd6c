"""Cells drawn by a program: micrographs like those of real lymphocytes, each with its mask."""

from unet_lab.datasets.generator.cells import Cell, generate_cell, generate_cells
from unet_lab.datasets.generator.example_set import write_example_set
from unet_lab.datasets.generator.fields_of_cells import Field, generate_field
from unet_lab.datasets.generator.painter import CellPainter
from unet_lab.datasets.generator.parameters import CellParameters
from unet_lab.datasets.generator.sheet import generate_sheet
from unet_lab.datasets.generator.smears import Smear, generate_smear, write_smear_set

__all__ = [
    "Cell",
    "CellPainter",
    "CellParameters",
    "Field",
    "Smear",
    "generate_cell",
    "generate_cells",
    "generate_field",
    "generate_sheet",
    "generate_smear",
    "write_example_set",
    "write_smear_set",
]
