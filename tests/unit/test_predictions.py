"""Predictions: kept once, told apart, drawn, handed in and put together."""

import json
import runpy
import sys

import pytest
import torch
from torch import nn

from tests.conftest import ROOT, SOURCES
from tests.own_pages import OWN
from unet_lab.blocks import ConvBlock
from unet_lab.course import CHECKS, LESSON_NAMES, keep_predictions, own_small_unet, show_calibration
from unet_lab.course.calibration_plot import Kept, groups, in_words, judged, of_class
from unet_lab.course.prediction_questions import QUESTIONS
from unet_lab.course.predictions import load_predictions
from unet_lab.course.progress import export_progress
from unet_lab.unet import UNet


@pytest.fixture
def kept_here(tmp_path, monkeypatch):
    monkeypatch.setenv("UNET_LAB_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr("unet_lab.course.progress.told", set())
    return tmp_path / "progress.predictions.json"


def test_the_first_answer_is_kept_and_stays(kept_here, capsys):
    keep_predictions("07_training", {"first_loss": None, "first_rate": ("b", 0.7)})
    said = capsys.readouterr().out
    assert "first_rate" in said
    assert "● B, 70% sure" in said
    assert said.count("○ open") == 2
    keep_predictions("07_training", {"first_rate": ("A", 1.0), "other_cells": ["C", 0.5]})
    assert {name: (e["answer"], e["sure"]) for name, e in load_predictions().items()} == {
        "first_rate": ("B", 0.7), "other_cells": ("C", 0.5),
    }  # fmt: skip
    assert sorted(judged(load_predictions())) == [Kept(0.5, False), Kept(0.7, True)]
    assert json.loads(kept_here.read_text())["format"] == 1


@pytest.mark.parametrize(
    ("page", "guess", "words"),
    [
        ("07_training", {"first_loss": ("D", 0.8)}, "the answers are A, B, C; got 'D'"),
        ("07_training", {"first_loss": ("B", 0.1)}, "lies between 0.33"),
        ("07_training", {"first_loss": ("B", 80)}, "lies between 0.33"),
        ("07_training", {"first_loss": ("B", "very")}, "a number from 0 to 1; got 'very'"),
        ("07_training", {"first_loss": "B"}, "expected a pair"),
        ("07_training", {"skip_order": ("B", 0.8)}, "has no question skip_order; it has: first_loss"),
        ("99_nothing", {}, "it has: none"),
    ],
)
def test_a_guess_that_cannot_be_is_refused_in_words(page, guess, words, kept_here):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        keep_predictions(page, guess)
    assert not kept_here.exists()


def test_nothing_is_kept_where_progress_is_off(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("UNET_LAB_PROGRESS", "off")
    keep_predictions("08_evaluation", {"f1_or_iou": ("A", 0.9)})
    assert load_predictions() == {}
    assert "○ open" in capsys.readouterr().out


def test_a_damaged_file_stops_no_page(kept_here, capsys):
    kept_here.write_text('{"predictions": {"first_loss": {"answer": "B", "sure": 7}}}')
    keep_predictions("07_training", {"first_loss": None})
    assert "Your predictions cannot be read" in capsys.readouterr().out


def test_groups_say_how_sure_and_how_right():
    answers = [Kept(0.5, True), Kept(0.5, False), Kept(0.95, True), Kept(1.0, True)]
    assert [tuple(group) for group in groups(answers)] == [(2, 0.5, 0.5), (2, 0.975, 1.0)]
    words = show_calibration(answers)
    assert "4 predictions: 74% sure on the average, 75% right" in words.alt
    assert "No prediction is kept" in show_calibration([]).alt


def test_every_question_names_a_page_that_asks_it():
    handed_out = {name: question for name, question in QUESTIONS.items() if question.page in LESSON_NAMES}
    assert handed_out == QUESTIONS or not SOURCES.exists()
    for name, question in handed_out.items():
        assert question.right in question.letters
        source = (ROOT / "notebooks" / f"{question.page}.ipynb").read_text(encoding="utf-8")
        assert question.page in OWN or f'\\"{name}\\": None' in source


def test_the_answers_that_can_be_computed_are_right():
    report = UNet.report()
    floor = sum(p.numel() for part in (report.bottleneck, report.encoder[3], report.decoder[0]) for p in part.parameters())
    assert floor > report.num_parameters / 2
    assert QUESTIONS["most_parameters"].right == "B"
    from unet_lab.training import training_memory

    needed = training_memory(report, (512, 512), batch_size=1)
    assert needed.activations > max(needed.weights, needed.optimizer)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(torch.optim.Adam([torch.zeros(1)], lr=0.01), max_lr=0.01, total_steps=100)
    assert 0 < scheduler.get_last_lr()[0] < 0.001


def test_a_class_s_files_are_put_together(tmp_path, monkeypatch, capsys):
    right, wrong = {"answer": "B", "sure": 0.8}, {"answer": "A", "sure": 0.6}
    export_progress(tmp_path / "ada.json", "Ada", {}, {"first_loss": right, "first_rate": wrong})
    export_progress(tmp_path / "bob.json", "Bob", {}, {"first_loss": wrong})
    export_progress(tmp_path / "cem.json", "Cem", {})
    students = of_class(tmp_path.glob("*.json"))
    assert students == {"Ada": [Kept(0.8, True), Kept(0.6, False)], "Bob": [Kept(0.6, False)], "Cem": []}
    monkeypatch.setattr(sys, "argv", ["x", "--class", str(tmp_path), "--plot", str(tmp_path / "class.png")])
    main = runpy.run_path(str(ROOT / "scripts" / "show_progress.py"))["main"]
    assert main() == 0
    assert "the class                3 predictions: 67% sure on the average, 33% right." in capsys.readouterr().out
    assert (tmp_path / "class.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "bob.json").write_text((tmp_path / "bob.json").read_text().replace("0.6", "0.9"))
    with pytest.raises(ValueError, match=r"bob\.json"):
        of_class(tmp_path.glob("*.json"))


class OwnBlock(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.mine = ConvBlock(in_channels, out_channels)

    def forward(self, x):
        return self.mine(x)


class Linear(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.only = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x):
        return self.only(x)


@pytest.mark.skipif("conv_block" not in CHECKS, reason="notebook 02 was not handed out")
def test_a_block_that_passes_takes_the_library_s_place_and_another_does_not(capsys):
    assert sum(isinstance(m, OwnBlock) for m in own_small_unet(block=OwnBlock).modules()) == 9
    assert "✓ conv_block: yours is used." in capsys.readouterr().out
    assert not any(isinstance(m, Linear) for m in own_small_unet(block=Linear).modules())
    assert "✗ conv_block: the library's is used, since yours does not pass." in capsys.readouterr().out
    torch.manual_seed(0)
    ours = own_small_unet().state_dict()
    torch.manual_seed(0)
    theirs = UNet.small().state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_where_the_exercise_of_a_part_was_not_handed_out_the_library_s_is_used(capsys, monkeypatch):
    monkeypatch.setattr("unet_lab.course.own_parts.CHECKS", {})
    assert not any(isinstance(m, OwnBlock) for m in own_small_unet(block=OwnBlock, network=UNet).modules())
    assert capsys.readouterr().out.count("since the exercise that checks yours is not here") == 2


@pytest.mark.skipif("unet" not in CHECKS, reason="notebook 05 was not handed out")
def test_a_network_that_passes_is_the_one_that_is_trained(capsys):
    class Mine(UNet):
        def __init__(self, in_channels, num_classes, base_channels, depth):
            super().__init__(in_channels, num_classes, base_channels, depth)

    assert type(own_small_unet(network=Mine)) is Mine
    assert "✓ unet: yours is used." in capsys.readouterr().out
    assert in_words([]).startswith("No prediction")
