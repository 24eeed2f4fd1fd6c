"""A class's submissions, checked again: each in a process of its own, with limits, into one table."""

from unet_lab.course.grading.hosting import Host, Limits
from unet_lab.course.grading.journal import Journal, grade_with_journal
from unet_lab.course.grading.marking import Row, grade, mark
from unet_lab.course.grading.roster import Roster, Student, read_roster
from unet_lab.course.grading.similarity import similar_pairs
from unet_lab.course.grading.slicing import needed_cells
from unet_lab.course.grading.submissions import Submission, find_submissions
from unet_lab.course.grading.tables import write_similar, write_tables

__all__ = [
    "Host",
    "Journal",
    "Limits",
    "Roster",
    "Row",
    "Student",
    "Submission",
    "find_submissions",
    "grade",
    "grade_with_journal",
    "mark",
    "needed_cells",
    "read_roster",
    "similar_pairs",
    "write_similar",
    "write_tables",
]
