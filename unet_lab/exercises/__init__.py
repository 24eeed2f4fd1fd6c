"""Exercises that check themselves: `check("encode_mask", my_encode_mask)` prints what is right or what to look at next."""

from __future__ import annotations

from unet_lab.exercises import (
    augmenting,
    contracting,
    convolution,
    evaluation,
    expansive,
    failures,
    images,
    looking,
    losses,
    mysteries,
    speed,
    start_here,
    tiling,
    training,
    variations,
    whole_u,
    workers,
    your_images,
)
from unet_lab.exercises.checking import run_check
from unet_lab.exercises.panel import progress_panel
from unet_lab.explorers import Explorer
from unet_lab.progress import record

# The exercises of each notebook, in the order in which they stand there.
LESSONS = {
    "00_start_here": {"read_shape": start_here.read_shape, "nucleus_pixels": start_here.nucleus_pixels},
    "01_the_images": {"encode_mask": images.encode_mask, "split": images.split},
    "02_convolution": {"conv2d": convolution.conv2d, "conv_block": convolution.conv_block},
    "03_contracting_path": {"encoder_stage": contracting.encoder_stage, "receptive_field": contracting.field_width},
    "04_expansive_path": {
        "transposed_convolution": expansive.transposed_convolution,
        "decoder_stage": expansive.decoder_stage,
    },
    "05_the_whole_u": {"unet": whole_u.unet, "parameter_count": whole_u.parameter_count, "mysteries": mysteries.mysteries},
    "06_losses": {
        "weighted_cross_entropy": losses.weighted_cross_entropy,
        "soft_dice": losses.soft_dice,
        "detective": losses.detective,
    },
    "07_training": {"training_step": training.training_step, "learning_rate": training.learning_rate},
    "08_evaluation": {"confusion_matrix": evaluation.confusion, "iou": evaluation.iou, "audit": evaluation.audit},
    "09_looking_inside": {"hook_layer": looking.hook_layer, "rank_skips": looking.rank_skips},
    "10_augmentation": {"flip_rotate": augmenting.flip_rotate, "augmentation_bugs": augmenting.augmentation_bugs},
    "11_variations": {"attention_gate": variations.attention_gate, "fair_plan": variations.fair_plan},
    "12_large_images": {"tile_starts": tiling.tile_starts, "seamless_overlap": tiling.seamless_overlap},
    "13_fast_and_small": {"fold_norm": speed.fold_norm, "batch_plan": speed.batch_plan},
    "14_when_it_fails": {"diagnoses": failures.diagnoses, "own_doctor": failures.own_doctor},
    "15_your_own_images": {"colour_codes": your_images.colour_codes, "split_by_dish": your_images.split_by_dish},
    "16_more_than_one_machine": {
        "share_of_batch": workers.share_of_batch,
        "data_parallel_step": workers.data_parallel_step,
    },
}
LESSON_NAMES = {lesson: tuple(exercises) for lesson, exercises in LESSONS.items()}
CHECKS = {name: function for exercises in LESSONS.values() for name, function in exercises.items()}


class Passed(int):
    """True or False, but as the last line of a cell it shows nothing below what `check` has printed."""

    def _ipython_display_(self) -> None:
        pass

    def __repr__(self) -> str:
        return str(bool(self))


def check(name: str, answer) -> Passed:
    """Check an answer, print the finding, and return whether it is right.

    A wrong answer gets one hint; checked again, the next. A right one lets you write
    `encode = my_encode_mask if check("encode_mask", my_encode_mask) else encode_mask`: your part takes the library's place.
    What is passed is noted in a local file (`unet_lab.progress`). Raises ValueError for a name that is no exercise.
    """
    if name not in CHECKS:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(CHECKS)}.")
    verdict = run_check(name, CHECKS[name], answer)
    if verdict.state != "not tried":
        record(name, verdict.state == "right")
    return Passed(verdict.state == "right")


def show_progress() -> Explorer:
    """The panel of notebook 00: which exercises you have passed."""
    return progress_panel(LESSON_NAMES)
