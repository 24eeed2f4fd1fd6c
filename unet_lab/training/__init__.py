"""Training: the loop, `train` and `fit` around it, and what a long run needs."""

from unet_lab.inference.out_of_memory import OutOfMemory
from unet_lab.training.batch_loss import DeepSupervision
from unet_lab.training.candidate import Candidate, ComparisonData, Protocol
from unet_lab.training.comparison import compare, run_once
from unet_lab.training.device import best_device, bfloat16_is_faster, has_bfloat16
from unet_lab.training.history import EpochReport, History
from unet_lab.training.loop import Step, TrainingDiverged
from unet_lab.training.memory import keep_freed_memory, training_memory
from unet_lab.training.outcomes import difference, holm, interval, load_outcomes, p_value
from unet_lab.training.planning import in_words, plan_training
from unet_lab.training.rate_search import find_learning_rate
from unet_lab.training.running import fit, steps, train
from unet_lab.training.sampling import balanced_sampling
from unet_lab.training.settings import REPORT_RECIPE, TrainingSettings
from unet_lab.training.validation import evaluate

__all__ = [
    "REPORT_RECIPE",
    "Candidate",
    "ComparisonData",
    "DeepSupervision",
    "EpochReport",
    "History",
    "OutOfMemory",
    "Protocol",
    "Step",
    "TrainingDiverged",
    "TrainingSettings",
    "balanced_sampling",
    "best_device",
    "bfloat16_is_faster",
    "compare",
    "difference",
    "evaluate",
    "find_learning_rate",
    "fit",
    "has_bfloat16",
    "holm",
    "in_words",
    "interval",
    "keep_freed_memory",
    "load_outcomes",
    "p_value",
    "plan_training",
    "run_once",
    "steps",
    "train",
    "training_memory",
]
