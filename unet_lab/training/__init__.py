"""Training: the loop, `train` and `fit` around it, and what a long run needs."""

from unet_lab.inference.predict import OutOfMemory
from unet_lab.training.comparison import Candidate, Protocol, difference, load_outcomes, run_once
from unet_lab.training.history import EpochReport, History
from unet_lab.training.loop import (
    REPORT_RECIPE,
    Step,
    TrainingDiverged,
    best_device,
    evaluate,
    fit,
    has_bfloat16,
    steps,
    train,
)
from unet_lab.training.memory import keep_freed_memory, training_memory
from unet_lab.training.planning import in_words, plan_training

__all__ = [
    "REPORT_RECIPE",
    "Candidate",
    "EpochReport",
    "History",
    "OutOfMemory",
    "Protocol",
    "Step",
    "TrainingDiverged",
    "best_device",
    "difference",
    "evaluate",
    "fit",
    "has_bfloat16",
    "in_words",
    "keep_freed_memory",
    "load_outcomes",
    "plan_training",
    "run_once",
    "steps",
    "train",
    "training_memory",
]
