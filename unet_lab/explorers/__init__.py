"""Interfaces for notebooks: each answers a "what if?" with a picture. They compute nothing themselves."""

from unet_lab.explorers.architecture import explore_unet
from unet_lab.explorers.augmentation import explore_augmentation
from unet_lab.explorers.base import Explorer
from unet_lab.explorers.clinic import explore_clinic, explore_failures
from unet_lab.explorers.contracting import explore_contracting
from unet_lab.explorers.convolution import explore_convolution, explore_norm
from unet_lab.explorers.features import explore_feature_maps
from unet_lab.explorers.folder import explore_folder
from unet_lab.explorers.generator import explore_generator
from unet_lab.explorers.looking import explore_attribution, explore_receptive_field, explore_shift, explore_skips
from unet_lab.explorers.losses import explore_borders, explore_loss
from unet_lab.explorers.metrics import explore_confusion, explore_metrics
from unet_lab.explorers.painting import PaintingExplorer, explore_painting
from unet_lab.explorers.samples import explore_samples
from unet_lab.explorers.segmentation import explore_segmentation
from unet_lab.explorers.speed import explore_speed
from unet_lab.explorers.tiling import explore_tiling
from unet_lab.explorers.training import watch_training
from unet_lab.explorers.upsampling import explore_crop, explore_upsampling
from unet_lab.explorers.variations import explore_variations
from unet_lab.explorers.workers import explore_workers

__all__ = [
    "Explorer",
    "PaintingExplorer",
    "explore_attribution",
    "explore_augmentation",
    "explore_borders",
    "explore_clinic",
    "explore_confusion",
    "explore_contracting",
    "explore_convolution",
    "explore_crop",
    "explore_failures",
    "explore_feature_maps",
    "explore_folder",
    "explore_generator",
    "explore_loss",
    "explore_metrics",
    "explore_norm",
    "explore_painting",
    "explore_receptive_field",
    "explore_samples",
    "explore_segmentation",
    "explore_shift",
    "explore_skips",
    "explore_speed",
    "explore_tiling",
    "explore_unet",
    "explore_upsampling",
    "explore_variations",
    "explore_workers",
    "watch_training",
]
