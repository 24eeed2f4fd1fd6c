"""Exercises that check themselves: `check("encode_mask", my_encode_mask)` prints what is right or what to look at next."""

from __future__ import annotations

from unet_lab.course.exercises import (
    augmentation,
    bootstrap,
    contracting_path,
    convolution,
    evaluation,
    expansive_path,
    fast_and_small,
    field_width,
    from_masks_to_measurements,
    large_images,
    looking_inside,
    losses,
    more_than_one_machine,
    mystery_modules,
    other_programs,
    pair_counts,
    rate_schedule,
    skip_ranking,
    stamping,
    start_here,
    the_block,
    the_count,
    the_dishes,
    the_head,
    the_images,
    the_share,
    the_split,
    the_whole_u,
    training,
    variations,
    when_it_fails,
    your_own_images,
)

# The exercises of each notebook, in the order in which they stand there.
LESSONS = {
    "00_start_here": {"read_shape": start_here.read_shape, "nucleus_pixels": start_here.nucleus_pixels},
    "01_the_images": {"encode_mask": the_images.encode_mask, "split": the_split.split},
    "02_convolution": {"conv2d": convolution.conv2d, "conv_block": the_block.conv_block},
    "03_contracting_path": {"encoder_stage": contracting_path.encoder_stage, "receptive_field": field_width.field_width},
    "04_expansive_path": {
        "transposed_convolution": stamping.transposed_convolution,
        "decoder_stage": expansive_path.decoder_stage,
    },
    "05_the_whole_u": {
        "head": the_head.head,
        "unet": the_whole_u.unet,
        "parameter_count": the_count.parameter_count,
        "mysteries": mystery_modules.mysteries,
    },
    "06_losses": {
        "weighted_cross_entropy": losses.weighted_cross_entropy,
        "soft_dice": losses.soft_dice,
        "detective": losses.detective,
    },
    "07_training": {
        "training_step": training.training_step,
        "learning_rate": training.learning_rate,
        "schedule": rate_schedule.schedule,
    },
    "08_evaluation": {
        "confusion_matrix": pair_counts.confusion,
        "iou": evaluation.iou,
        "audit": evaluation.audit,
        "interval": bootstrap.interval,
    },
    "09_looking_inside": {"hook_layer": looking_inside.hook_layer, "rank_skips": skip_ranking.rank_skips},
    "10_augmentation": {"flip_rotate": augmentation.flip_rotate, "augmentation_bugs": augmentation.augmentation_bugs},
    "11_variations": {"attention_gate": variations.attention_gate, "fair_plan": variations.fair_plan},
    "12_large_images": {"tile_starts": large_images.tile_starts, "seamless_overlap": large_images.seamless_overlap},
    "13_fast_and_small": {"fold_norm": fast_and_small.fold_norm, "batch_plan": fast_and_small.batch_plan},
    "14_when_it_fails": {"diagnoses": when_it_fails.diagnoses, "own_doctor": when_it_fails.own_doctor},
    "15_your_own_images": {"colour_codes": your_own_images.colour_codes, "split_by_dish": the_dishes.split_by_dish},
    "16_more_than_one_machine": {
        "share_of_batch": the_share.share_of_batch,
        "data_parallel_step": more_than_one_machine.data_parallel_step,
    },
    "17_from_masks_to_measurements": {
        "object_f1": from_masks_to_measurements.object_f1,
        "bias": from_masks_to_measurements.bias,
    },
    "18_other_programs": {
        "compare_networks": other_programs.compare_networks,
        "prepare": other_programs.prepare,
    },
}
LESSON_NAMES = {lesson: tuple(exercises) for lesson, exercises in LESSONS.items()}
CHECKS = {name: function for exercises in LESSONS.values() for name, function in exercises.items()}
