"""A class's submissions, checked again: each in a process of its own, with limits, into one table.

Each name is loaded when it is first used: what starts processes (`hosting`, `in_container`) needs no PyTorch.
"""

from typing import TYPE_CHECKING

from unet_lab.when_used import when_used

if TYPE_CHECKING:
    from unet_lab.course.grading.by_hand import belonging_to, manual_columns
    from unet_lab.course.grading.containers import IMAGE, TOOLS, container_hosts, prepare
    from unet_lab.course.grading.feedback import write_feedback, write_overview
    from unet_lab.course.grading.gradebook import (
        FORMATS,
        counting,
        gradebook_doubts,
        points_of,
        what_counts,
        what_flags_cost,
        write_gradebook,
    )
    from unet_lab.course.grading.hosting import Host, Limits
    from unet_lab.course.grading.journal import Journal, grade_with_journal
    from unet_lab.course.grading.lateness import late_rows
    from unet_lab.course.grading.marking import Row, grade, mark
    from unet_lab.course.grading.points import Points, read_points
    from unet_lab.course.grading.roster import Roster, Student, read_roster
    from unet_lab.course.grading.similarity import similar_pairs
    from unet_lab.course.grading.slicing import needed_cells
    from unet_lab.course.grading.submissions import Submission, find_submissions
    from unet_lab.course.grading.tables import write_similar, write_tables

__all__ = [
    "FORMATS",
    "IMAGE",
    "TOOLS",
    "Host",
    "Journal",
    "Limits",
    "Points",
    "Roster",
    "Row",
    "Student",
    "Submission",
    "belonging_to",
    "container_hosts",
    "counting",
    "find_submissions",
    "grade",
    "grade_with_journal",
    "gradebook_doubts",
    "late_rows",
    "manual_columns",
    "mark",
    "needed_cells",
    "points_of",
    "prepare",
    "read_points",
    "read_roster",
    "similar_pairs",
    "what_counts",
    "what_flags_cost",
    "write_feedback",
    "write_gradebook",
    "write_overview",
    "write_similar",
    "write_tables",
]

MODULES = {
    "FORMATS": "gradebook",
    "IMAGE": "containers",
    "TOOLS": "containers",
    "Host": "hosting",
    "Journal": "journal",
    "Limits": "hosting",
    "Points": "points",
    "Roster": "roster",
    "Row": "marking",
    "Student": "roster",
    "Submission": "submissions",
    "belonging_to": "by_hand",
    "container_hosts": "containers",
    "counting": "gradebook",
    "find_submissions": "submissions",
    "grade": "marking",
    "grade_with_journal": "journal",
    "gradebook_doubts": "gradebook",
    "late_rows": "lateness",
    "manual_columns": "by_hand",
    "mark": "marking",
    "needed_cells": "slicing",
    "points_of": "gradebook",
    "prepare": "containers",
    "read_points": "points",
    "read_roster": "roster",
    "similar_pairs": "similarity",
    "what_counts": "gradebook",
    "what_flags_cost": "gradebook",
    "write_feedback": "feedback",
    "write_gradebook": "gradebook",
    "write_overview": "feedback",
    "write_similar": "tables",
    "write_tables": "tables",
}

__getattr__, __dir__ = when_used(__name__, MODULES)
