"""What makes a course of it: exercises that check themselves, progress, grading."""

from unet_lab.course.calibration_plot import show_calibration
from unet_lab.course.checks import check, show_progress
from unet_lab.course.exercises import CHECKS, LESSON_NAMES, LESSONS
from unet_lab.course.own_parts import own_small_unet
from unet_lab.course.predictions import keep_predictions

__all__ = [
    "CHECKS",
    "LESSONS",
    "LESSON_NAMES",
    "check",
    "keep_predictions",
    "own_small_unet",
    "show_calibration",
    "show_progress",
]
