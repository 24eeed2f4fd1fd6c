"""Interfaces for notebooks: each answers a "what if?" with a figure. They compute nothing themselves.

Each is loaded when it is first used (PEP 562): a notebook with two explorers does not wait for what the other thirty need.
"""

from typing import TYPE_CHECKING

from unet_lab.when_used import when_used

if TYPE_CHECKING:
    from unet_lab.explorers.augmentation import explore_augmentation
    from unet_lab.explorers.base import Explorer
    from unet_lab.explorers.cell_generator import explore_generator
    from unet_lab.explorers.contracting_path import explore_contracting
    from unet_lab.explorers.convolution import explore_convolution, explore_norm
    from unet_lab.explorers.evaluation import explore_confusion, explore_metrics
    from unet_lab.explorers.expansive_path import explore_crop, explore_upsampling
    from unet_lab.explorers.fast_and_small import explore_speed
    from unet_lab.explorers.feature_maps import explore_feature_maps
    from unet_lab.explorers.from_masks_to_measurements import explore_touching
    from unet_lab.explorers.large_images import explore_tiling
    from unet_lab.explorers.looking_inside import explore_attribution, explore_receptive_field, explore_shift, explore_skips
    from unet_lab.explorers.losses import explore_borders, explore_loss
    from unet_lab.explorers.more_than_one_machine import explore_workers
    from unet_lab.explorers.network import NetworkExplorer, explore_network
    from unet_lab.explorers.other_programs import explore_preparation
    from unet_lab.explorers.painting import PaintingExplorer, explore_painting
    from unet_lab.explorers.start_here import explore_segmentation
    from unet_lab.explorers.the_images import explore_samples
    from unet_lab.explorers.the_whole_u import explore_unet
    from unet_lab.explorers.training import watch_training
    from unet_lab.explorers.training_runs import explore_runs
    from unet_lab.explorers.variations import explore_variations
    from unet_lab.explorers.when_it_fails import explore_failures, explore_faults
    from unet_lab.explorers.your_own_images import explore_folder

__all__ = [
    "Explorer",
    "NetworkExplorer",
    "PaintingExplorer",
    "explore_attribution",
    "explore_augmentation",
    "explore_borders",
    "explore_confusion",
    "explore_contracting",
    "explore_convolution",
    "explore_crop",
    "explore_failures",
    "explore_faults",
    "explore_feature_maps",
    "explore_folder",
    "explore_generator",
    "explore_loss",
    "explore_metrics",
    "explore_network",
    "explore_norm",
    "explore_painting",
    "explore_preparation",
    "explore_receptive_field",
    "explore_runs",
    "explore_samples",
    "explore_segmentation",
    "explore_shift",
    "explore_skips",
    "explore_speed",
    "explore_tiling",
    "explore_touching",
    "explore_unet",
    "explore_upsampling",
    "explore_variations",
    "explore_workers",
    "watch_training",
]

MODULES = {
    "Explorer": "base",
    "NetworkExplorer": "network",
    "PaintingExplorer": "painting",
    "explore_attribution": "looking_inside",
    "explore_augmentation": "augmentation",
    "explore_borders": "losses",
    "explore_confusion": "evaluation",
    "explore_contracting": "contracting_path",
    "explore_convolution": "convolution",
    "explore_crop": "expansive_path",
    "explore_failures": "when_it_fails",
    "explore_faults": "when_it_fails",
    "explore_feature_maps": "feature_maps",
    "explore_folder": "your_own_images",
    "explore_generator": "cell_generator",
    "explore_loss": "losses",
    "explore_metrics": "evaluation",
    "explore_network": "network",
    "explore_norm": "convolution",
    "explore_painting": "painting",
    "explore_preparation": "other_programs",
    "explore_receptive_field": "looking_inside",
    "explore_runs": "training_runs",
    "explore_samples": "the_images",
    "explore_segmentation": "start_here",
    "explore_shift": "looking_inside",
    "explore_skips": "looking_inside",
    "explore_speed": "fast_and_small",
    "explore_tiling": "large_images",
    "explore_touching": "from_masks_to_measurements",
    "explore_unet": "the_whole_u",
    "explore_upsampling": "expansive_path",
    "explore_variations": "variations",
    "explore_workers": "more_than_one_machine",
    "watch_training": "training",
}


__getattr__, __dir__ = when_used(__name__, MODULES)
