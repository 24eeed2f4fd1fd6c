"""A class's submissions, checked again: each in a process of its own, with limits, into one table."""

from unet_lab.grading.marking import Limits, Row, grade, mark
from unet_lab.grading.slicing import needed_cells
from unet_lab.grading.submissions import Submission, find_submissions
from unet_lab.grading.tables import write_tables

__all__ = ["Limits", "Row", "Submission", "find_submissions", "grade", "mark", "needed_cells", "write_tables"]
