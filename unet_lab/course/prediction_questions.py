"""The questions that pages ask before they are read, with their answers."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """A question of a page with its possible answers, A, B, C, in order; right : the letter."""

    page: str
    question: str
    answers: tuple[str, ...]
    right: str

    @property
    def letters(self) -> str:
        return "ABCDEFGH"[: len(self.answers)]


QUESTIONS = {
    "skip_order": Question(
        "05_the_whole_u", "In which order does the decoder take the skips?", ("first in, first out", "last in, first out"), "B"
    ),
    "most_parameters": Question(
        "05_the_whole_u",
        "Where do most of the 31 million parameters sit?",
        ("at the top, where the images are large", "at the bottom, where the channels are many", "evenly on all levels"),
        "B",
    ),
    "most_memory": Question(
        "05_the_whole_u",
        "Training on one image of 512 x 512: what takes most memory?",
        ("the weights", "gradients and Adam's means", "what every layer was given, kept for the way back"),
        "C",
    ),
    "first_loss": Question(
        "07_training", "The cross entropy of three classes before any training?", ("near 0", "near 1.1", "near 3"), "B"
    ),
    "first_rate": Question(
        "07_training",
        "One cycle with a highest rate of 0.01: with which rate does step 1 begin?",
        ("0.01", "a small part of it", "0"),
        "B",
    ),
    "other_cells": Question(
        "07_training",
        "Trained on plain cells, tried on cells of the full variety: the IoU?",
        ("about the same", "lower", "higher"),
        "B",
    ),
    "best_average": Question(
        "08_evaluation",
        "All background found, half of a small nucleus: which average of the IoU looks best?",
        ("macro", "micro", "they are equal"),
        "B",
    ),
    "worst_point": Question(
        "08_evaluation",
        "Two masks of equal IoU: which has the better (smaller) Hausdorff distance?",
        ("the one that is two pixels too thin all around", "the one with a bite"),
        "A",
    ),
    "f1_or_iou": Question("08_evaluation", "For one class, F1 is", ("never below IoU", "never above IoU", "either"), "A"),
}
