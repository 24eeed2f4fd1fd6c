"""What makes a course of it: exercises that check themselves, progress, grading."""

from unet_lab.course.checks import check, show_progress
from unet_lab.course.exercises import CHECKS, LESSON_NAMES, LESSONS

__all__ = ["CHECKS", "LESSONS", "LESSON_NAMES", "check", "show_progress"]
