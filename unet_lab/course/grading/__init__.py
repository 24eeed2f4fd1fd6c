"""A class's submissions, checked again: each in a process of its own, with limits, into one table."""

from unet_lab.course.grading.marking import Limits, Row, grade, mark
from unet_lab.course.grading.roster import Roster, Student, read_roster
from unet_lab.course.grading.slicing import needed_cells
from unet_lab.course.grading.submissions import Submission, find_submissions
from unet_lab.course.grading.tables import write_tables

__all__ = [
    "Limits",
    "Roster",
    "Row",
    "Student",
    "Submission",
    "find_submissions",
    "grade",
    "mark",
    "needed_cells",
    "read_roster",
    "write_tables",
]
