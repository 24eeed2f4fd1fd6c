"""What a run tells: steps with losses and gradients, tables and event files, numbers and loops of a student's own; the search
for a learning rate."""

import math
import sys
from types import ModuleType

import numpy as np
import pandas
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.unit.test_settings import CELLS, QUICK, tiny
from unet_lab.explorers import watch_training
from unet_lab.losses import IGNORE
from unet_lab.metrics import calibration
from unet_lab.plots import show_curves
from unet_lab.training import EpochReport, History, Step, find_learning_rate, fit, steps, train


def test_every_step_says_its_loss_and_the_length_of_its_gradients():
    model = tiny()
    image, mask = (torch.stack(part) for part in zip(*(CELLS[k] for k in range(6)), strict=True))
    model.train()
    loss = F.cross_entropy(model(image), mask)
    loss.backward()
    norm = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters()))
    told = QUICK | {"batch_size": 6, "epochs": 1}
    for clip in (None, norm / 2):  # the length before it is clipped
        step, report = steps(tiny(), CELLS, clip=clip, **told)
        assert isinstance(step, Step)
        assert step.loss == report.loss == pytest.approx(loss.item(), rel=1e-5)
        assert step.gradient_norm == report.gradient_norm == pytest.approx(norm, rel=1e-4)


def share_of_cells(model):
    """A number of a student's own: of each image, how much is called cell."""
    assert not model.training
    images = torch.stack([CELLS[k][0] for k in range(6)])
    return {"share of cells": float((model(images).argmax(dim=1) > 0).float().mean())}


def test_numbers_of_your_own_are_in_reports_tables_and_checkpoints(tmp_path):
    history = fit(tiny(), CELLS, CELLS, metrics=share_of_cells, checkpoint=tmp_path / "run.pt", **QUICK)
    shares = history.column("share of cells")
    assert len(shares) == 2
    assert all(0 <= share <= 1 for share in shares)
    assert history.table()["share of cells"].tolist() == shares
    assert History.load(tmp_path / "run.pt").column("share of cells") == shares
    plain = fit(tiny(), CELLS, CELLS, **QUICK)
    assert plain.column("loss") == history.column("loss")  # looking changes nothing
    assert plain.reports[0].adding(mine=3).extra == {"mine": 3.0}
    assert plain.reports[0].extra == {}
    with pytest.raises(ValueError, match="there is no column 'los'; there are accuracy, "):
        plain.column("los")
    with pytest.raises(TypeError, match="metrics= gave NoneType"):
        fit(tiny(), CELLS, metrics=lambda model: None, **QUICK)
    with pytest.raises(ValueError, match="metrics is 3"):
        fit(tiny(), CELLS, metrics=3, **QUICK)


def test_a_run_leaves_as_csv_and_comes_back(tmp_path):
    history = fit(tiny(), CELLS, CELLS, metrics=share_of_cells, **QUICK)
    history.to_csv(tmp_path / "run.csv")
    again = pandas.read_csv(tmp_path / "run.csv", index_col="epoch")
    pandas.testing.assert_frame_equal(again, history.table())
    assert {"loss", "iou", "gradient_norm", "share of cells"} <= set(again.columns)


def test_event_files_are_written_where_tensorboard_is_installed(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            self.folder = folder

        def __enter__(self):
            return self

        def __exit__(self, *_):
            written.append("closed")

        def add_scalar(self, name, value, epoch):
            written.append((self.folder, name, value, epoch))

    history = fit(tiny(), CELLS, **QUICK)  # no validation: its columns are NaN, and are left out
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    history.to_tensorboard(tmp_path / "events")
    assert (str(tmp_path / "events"), "loss", history.reports[1].loss, 2) in written
    assert not any("iou" in part for part in written)
    assert written[-1] == "closed"
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install tensorboard\. history\.to_csv\(path\) needs nothing"):
        history.to_tensorboard(tmp_path / "events")


def own_loop(model, history):
    """As a student writes it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images, masks = (torch.stack(part) for part in zip(*(CELLS[k] for k in range(6)), strict=True))
    for epoch in range(3):
        model.train()
        loss = F.cross_entropy(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield history.add(model, loss=loss.item(), iou=[0.2, 0.5, 0.4][epoch], temperature=epoch)


def test_a_loop_of_your_own_feeds_history_curves_and_monitor():
    history, model = History(), tiny()
    monitor = watch_training(own_loop(model, history), model, CELLS.subset(range(2)))
    assert [r.epoch for r in history.reports] == [1, 2, 3]
    assert history.best.epoch == monitor.history.best.epoch == 2
    assert history.column("temperature") == [0, 1, 2]
    assert torch.equal(history.best_weights["head.bias"], model.state_dict()["head.bias"])  # the monitor gave them back
    assert "Training curves of 3 epochs" in show_curves(history.reports).alt
    by_loss = History()
    for loss in (0.5, 0.3, 0.4):
        by_loss.add(loss=loss)
    assert by_loss.best.epoch == 2
    assert math.isnan(by_loss.reports[0].iou)
    assert EpochReport(1, 2, 0.5).log_line == "Epoch [1/2] Average Loss: 0.5"


def test_the_search_for_a_learning_rate_finds_where_a_parabola_falls():
    """One weight, loss (w - 3)²: plain gradient descent converges below a rate of 1 and diverges above it."""

    class Weight(nn.Module):
        in_channels = 1

        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            return self.w.expand(len(x), 3, *x.shape[-2:])

    def parabola(logits, mask):
        return (logits.mean() - 3) ** 2

    model = Weight()
    found = find_learning_rate(
        model, CELLS, lowest=1e-5, highest=100, loss=parabola, optimizer=torch.optim.SGD, batch_size=6, device="cpu"
    )
    assert model.w.item() == 0  # a copy was trained
    assert 0.003 < found.suggestion < 1
    assert found.rates[-1] < 100  # it ended where the loss blew up
    assert np.allclose(np.diff(np.log(found.rates)), np.log(1e7) / 59)
    assert len(found.rates) == len(found.losses)


def test_the_search_takes_a_u_net_and_is_repeatable():
    found = [find_learning_rate(tiny(), CELLS, tries=20, batch_size=3, device="cpu", precision="float32") for _ in range(2)]
    assert np.array_equal(found[0].losses, found[1].losses)
    assert 1e-6 <= found[0].suggestion <= 1
    for wrong, words in (
        ({"lowest": 0}, "lowest is 0"),
        ({"highest": 1e-9}, "highest is 1e-09; allowed are numbers above lowest"),
        ({"tries": 3}, "tries is 3"),
        ({"epochs": 3}, "epochs is chosen by the search itself"),
    ):
        with pytest.raises(ValueError, match=words):
            find_learning_rate(tiny(), CELLS, **wrong)


def test_calibration_by_hand():
    sure = np.array([0.95, 0.95, 0.95, 0.65, 0.65])  # right, right, wrong, right, wrong
    p = np.stack([sure, 1 - sure])[:, None]
    truth = np.array([[0, 0, 1, 0, 1]])
    found = calibration(p, truth)
    assert found.pixels.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 0, 3]
    assert found.accuracy[9] == pytest.approx(2 / 3)
    assert found.confidence[6] == pytest.approx(0.65)
    assert np.isnan(found.accuracy[0])
    assert found.ece == pytest.approx((3 * abs(0.95 - 2 / 3) + 2 * abs(0.65 - 0.5)) / 5)
    unjudged = truth.copy()
    unjudged[0, 3:] = IGNORE
    assert calibration(p, unjudged).ece == pytest.approx(0.95 - 2 / 3)
    assert calibration(p[None], truth[None]).ece == found.ece
    with pytest.raises(ValueError, match="do not sum to 1"):
        calibration(2 * p, truth)
    with pytest.raises(ValueError, match="do not fit"):
        calibration(p, truth[0])


def test_a_network_that_says_what_is_so_is_calibrated():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], size=20_000).T[:, None]  # (3, 1, 20000)
    truth = (rng.random((1, 20_000)) > np.cumsum(p, axis=0)[:2]).sum(axis=0)
    assert calibration(p, truth).ece < 0.02
    sharper = p**3 / (p**3).sum(axis=0)  # as sure as a network that was trained too long
    assert calibration(sharper, truth).ece > 0.1


def test_training_is_the_same_with_and_without_a_table(tmp_path):
    reports = list(train(tiny(), CELLS, **QUICK))
    assert [r.loss for r in reports] == fit(tiny(), CELLS, **QUICK).column("loss")
