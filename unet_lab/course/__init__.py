"""What makes a course of it: exercises that check themselves, progress, grading.

Each name is loaded when it is first used: marks and progress can be read without PyTorch.
"""

from typing import TYPE_CHECKING

from unet_lab.when_used import when_used

if TYPE_CHECKING:
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

MODULES = {
    "CHECKS": "exercises",
    "LESSONS": "exercises",
    "LESSON_NAMES": "exercises",
    "check": "checks",
    "keep_predictions": "predictions",
    "own_small_unet": "own_parts",
    "show_calibration": "calibration_plot",
    "show_progress": "checks",
}

__getattr__, __dir__ = when_used(__name__, MODULES)
