"""Exercises that check themselves: `check("encode_mask", my_encode_mask)` prints what is right or what to look at next."""

from __future__ import annotations

from unet_lab.exercises import (
    augmenting,
    contracting,
    convolution,
    evaluation,
    expansive,
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

CHECKS = {
    "nucleus_pixels": start_here.nucleus_pixels,
    "read_shape": start_here.read_shape,
    "encode_mask": images.encode_mask,
    "split": images.split,
    "conv2d": convolution.conv2d,
    "conv_block": convolution.conv_block,
    "encoder_stage": contracting.encoder_stage,
    "receptive_field": contracting.field_width,
    "transposed_convolution": expansive.transposed_convolution,
    "decoder_stage": expansive.decoder_stage,
    "unet": whole_u.unet,
    "parameter_count": whole_u.parameter_count,
    "mysteries": mysteries.mysteries,
    "weighted_cross_entropy": losses.weighted_cross_entropy,
    "soft_dice": losses.soft_dice,
    "detective": losses.detective,
    "training_step": training.training_step,
    "learning_rate": training.learning_rate,
    "confusion_matrix": evaluation.confusion,
    "iou": evaluation.iou,
    "audit": evaluation.audit,
    "hook_layer": looking.hook_layer,
    "rank_skips": looking.rank_skips,
    "flip_rotate": augmenting.flip_rotate,
    "augmentation_bugs": augmenting.augmentation_bugs,
    "attention_gate": variations.attention_gate,
    "fair_plan": variations.fair_plan,
    "tile_starts": tiling.tile_starts,
    "seamless_overlap": tiling.seamless_overlap,
    "fold_norm": speed.fold_norm,
    "batch_plan": speed.batch_plan,
    "colour_codes": your_images.colour_codes,
    "split_by_dish": your_images.split_by_dish,
    "share_of_batch": workers.share_of_batch,
    "data_parallel_step": workers.data_parallel_step,
}


def check(name: str, answer) -> bool:
    """Check an answer, print the finding, and return whether it is right.

    A wrong answer gets one hint; checked again, the next. A right one lets you write
    `encode = my_encode_mask if check("encode_mask", my_encode_mask) else encode_mask`: your part takes the library's place.
    Raises ValueError for a name that is no exercise.
    """
    if name not in CHECKS:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(CHECKS)}.")
    return run_check(name, CHECKS[name], answer)
