"""What a training is told: losses, optimizers, schedules, patches: held against plain PyTorch, or refused in words."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unet_lab.datasets import Pair, SegmentationDataset, folds
from unet_lab.datasets.patches import Patches
from unet_lab.inference import predict
from unet_lab.losses import IGNORE
from unet_lab.training import REPORT_RECIPE, TrainingSettings, evaluate, fit, plan_training, train
from unet_lab.training.batches import epoch_batches, epoch_seed
from unet_lab.training.device import best_device
from unet_lab.unet import UNet

CELLS = SegmentationDataset.generated(6, size=32)
QUICK = {"epochs": 2, "batch_size": 3, "device": "cpu", "precision": "float32"}


def tiny(**changes):
    torch.manual_seed(0)
    return UNet(**{"base_channels": 2, "depth": 1} | changes)


def losses(model, dataset=CELLS, **settings):
    return [report.loss for report in train(model, dataset, **QUICK | settings)]


def by_hand(model, loss, optimizer, scheduler=None, clip=None, dataset=CELLS):
    """The same training, in plain PyTorch."""
    means = []
    model.train()
    for epoch in (1, 2):
        values = []
        for batch in epoch_batches(len(dataset), 3, epoch_seed(0, epoch)):
            image, mask = (torch.stack(part) for part in zip(*(dataset[k] for k in batch), strict=True))
            value = loss(model(image), mask)
            optimizer.zero_grad()
            value.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            values.append(value.item())
        means.append(sum(values) / len(values))
    return means


def own_loss(logits, mask):
    """The mean squared distance of the probabilities from the truth."""
    truth = F.one_hot(mask, logits.shape[1]).movedim(-1, 1).float()
    return ((logits.softmax(dim=1) - truth) ** 2).mean()


@pytest.mark.parametrize(
    ("told", "loss", "optimizer", "schedule"),
    [
        ({"loss": own_loss}, own_loss, torch.optim.Adam, "constant"),
        (
            {"loss": partial(F.cross_entropy, weight=torch.tensor([0.2, 1.0, 3.0]))},
            partial(F.cross_entropy, weight=torch.tensor([0.2, 1.0, 3.0])),
            torch.optim.Adam,
            "constant",
        ),
        (
            {"optimizer": "sgd"},
            F.cross_entropy,
            partial(torch.optim.SGD, momentum=0.9, nesterov=True),
            "constant",
        ),
        ({"optimizer": "adamw", "weight_decay": 0.1}, F.cross_entropy, partial(torch.optim.AdamW, weight_decay=0.1), "constant"),
        ({"optimizer": torch.optim.RMSprop}, F.cross_entropy, torch.optim.RMSprop, "constant"),
        ({"schedule": "one_cycle"}, F.cross_entropy, torch.optim.Adam, "one_cycle"),
        ({"schedule": "polynomial"}, F.cross_entropy, torch.optim.Adam, "polynomial"),
        ({"schedule": lambda o, steps: torch.optim.lr_scheduler.StepLR(o, 2)}, F.cross_entropy, torch.optim.Adam, "own"),
        ({"clip": 0.1}, F.cross_entropy, torch.optim.Adam, "constant"),
    ],
)
def test_a_training_is_the_plain_loop_with_your_parts_in_it(told, loss, optimizer, schedule):
    told = {"schedule": "constant"} | told
    model = tiny()
    steps = 4
    made = optimizer(model.parameters(), lr=1e-3)
    schedulers = {
        "constant": lambda: None,
        "one_cycle": lambda: torch.optim.lr_scheduler.OneCycleLR(made, 1e-3, total_steps=steps),
        "polynomial": lambda: torch.optim.lr_scheduler.PolynomialLR(made, total_iters=steps, power=0.9),
        "own": lambda: torch.optim.lr_scheduler.StepLR(made, 2),
    }
    expected = by_hand(model, loss, made, schedulers[schedule](), told.get("clip"))
    assert losses(tiny(), **told) == pytest.approx(expected, rel=1e-5)


def no_gradient(logits, mask):
    return F.cross_entropy(logits, mask).detach()


def no_scalar(logits, mask):
    return F.cross_entropy(logits, mask, reduction="none")


def a_number(logits, mask):
    return F.cross_entropy(logits, mask).item()


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        ({"loss": no_gradient}, ValueError, "no gradient"),
        ({"loss": no_scalar}, ValueError, r"one number: loss\.mean\(\)"),
        ({"loss": a_number}, TypeError, r"Do not call \.item\(\)"),
        ({"loss": 3}, ValueError, "a function of"),
        ({"loss": own_loss, "reduction": "sum"}, ValueError, "let your own function reduce"),
        ({"optimizer": "adagrad"}, ValueError, "'adam', 'adamw' and 'sgd' and a function"),
        ({"optimizer": lambda parameters, rate: None}, TypeError, "Is a return missing"),
        ({"schedule": "cosine"}, ValueError, "'one_cycle', 'constant' and 'polynomial'"),
        ({"schedule": lambda optimizer, steps: 3}, TypeError, "must return a scheduler"),
        ({"clip": 0}, ValueError, "clip is 0"),
        ({"weight_decay": -1}, ValueError, "weight_decay is -1"),
        ({"patch": 0}, ValueError, "patch is 0"),
        ({"foreground": 2}, ValueError, "foreground is 2"),
        ({"epoch": 3}, TypeError, "Did you mean epochs"),
        ({"epochs": True}, ValueError, "epochs is True"),
    ],
)
def test_what_cannot_be_trained_with_is_refused_in_words(told, kind, words):
    with pytest.raises(kind, match=words):
        losses(tiny(), **told)


def test_a_network_that_does_not_fit_is_refused_with_the_call_that_fits():
    colour = SegmentationDataset(
        [Pair(np.random.default_rng(k).random((32, 32, 3)), CELLS.pairs[k].mask, str(k)) for k in (0, 1)]
    )
    for call in (fit, plan_training):
        with pytest.raises(ValueError, match=r"3 channel\(s\), and the network takes 1.*UNet\(in_channels=3, num_classes=3"):
            call(tiny(), colour, epochs=1)
        with pytest.raises(ValueError, match=r"3 classes, and the network gives 2.*num_classes=3"):
            call(tiny(num_classes=2), CELLS, epochs=1)
    with pytest.raises(ValueError, match=r"the validation images have 3 channel"):
        fit(tiny(), CELLS, colour, epochs=1)
    with pytest.raises(ValueError, match=r"3 channel\(s\)"):
        evaluate(tiny(), colour)
    assert np.isfinite(fit(tiny(in_channels=3), colour, colour, epochs=1).reports[0].iou)


@pytest.mark.parametrize("given", [[], None, CELLS.pairs])
def test_what_is_no_dataset_is_refused_in_words(given):
    if given is not None:
        with pytest.raises(TypeError, match="the validation set is a list; allowed is a SegmentationDataset"):
            fit(tiny(), CELLS, given, epochs=1)
    with pytest.raises(TypeError, match="the training set is a"):
        plan_training(tiny(), given, epochs=1)


def of_sizes(*sizes):
    return SegmentationDataset([SegmentationDataset.generated(1, size, k).pairs[0] for k, size in enumerate(sizes)])


def test_images_of_any_size_are_trained_on_by_patches_and_judged_whole():
    cells = of_sizes(40, 52, 33, 36)
    with pytest.raises(ValueError, match=r"4 sizes.*patch=96"):
        losses(tiny(), cells)
    history = fit(tiny(depth=2), cells, cells, patch=48, **QUICK)
    assert np.isfinite(history.column("loss")).all()
    _, matrix = evaluate(tiny(depth=2), cells)
    assert matrix.sum() == sum(p.mask.size for p in cells.pairs)  # every pixel of every image


def test_the_same_seed_gives_the_same_patches_with_workers_and_after_a_resume(tmp_path):
    cells = of_sizes(40, 52, 33, 36)
    told = {"patch": 32, "foreground": 0.7}
    alone = losses(tiny(), cells, **told)
    assert losses(tiny(), cells, workers=2, **told) == alone
    assert losses(tiny(), cells, seed=1, **told) != alone
    for report in train(tiny(), cells, checkpoint=tmp_path / "run.pt", **QUICK, **told):
        if report.epoch == 1:
            break
    assert losses(tiny(), cells, checkpoint=tmp_path / "run.pt", **told) == alone


def test_patches_come_from_everywhere_and_padding_is_ignored():
    image = np.arange(60 * 70, dtype=np.float32).reshape(60, 70)
    mask = np.zeros((60, 70), np.uint8)
    mask[50:, 60:] = 1
    data = SegmentationDataset([Pair(image, mask, "a")], num_classes=2)
    seen = np.zeros((60, 70), bool)
    for seed in range(300):
        window, _ = Patches(data, 16, foreground=0)[0, seed]
        seen |= np.isin(data[0][0][0].numpy(), window.numpy())
    assert seen.mean() > 0.95
    centred = [bool((Patches(data, 16, foreground=1)[0, seed][1] == 1).any()) for seed in range(20)]
    assert all(centred)
    window, inside = Patches(data, 100)[0, 0]
    assert window.shape == (1, 100, 100)
    assert (inside == IGNORE).sum() == 100 * 100 - 60 * 70


def test_a_finished_run_goes_on_with_more_epochs(tmp_path):
    file, constant = tmp_path / "run.pt", {"schedule": "constant"}
    straight = losses(tiny(), epochs=4, **constant)
    first = losses(tiny(), checkpoint=file, **constant)
    model = tiny()
    reports = list(train(model, CELLS, **QUICK | {"epochs": 4}, checkpoint=file, **constant))
    assert [r.loss for r in reports] == straight
    assert first == straight[:2]
    assert [r.epochs for r in reports] == [4] * 4
    for report in train(tiny(), CELLS, **QUICK | {"epochs": 6}, checkpoint=file, **constant):
        if report.epoch == 5:
            break
    with pytest.raises(ValueError, match=r"its epochs is 6, yours is 9.*Let it end with epochs=6"):
        losses(tiny(), epochs=9, checkpoint=file, **constant)


def test_a_schedule_begins_anew_over_the_added_epochs(tmp_path):
    file = tmp_path / "run.pt"
    losses(tiny(), checkpoint=file)
    rates = [r.learning_rate for r in train(tiny(), CELLS, **QUICK | {"epochs": 6}, checkpoint=file)]
    assert max(rates[2:]) > 2 * rates[1]  # it warms up again


def test_a_checkpoint_names_the_loss_and_refuses_another(tmp_path):
    file = tmp_path / "run.pt"
    losses(tiny(), loss=own_loss, checkpoint=file)
    with pytest.raises(ValueError, match="its loss is own_loss, yours is cross_entropy"):
        losses(tiny(), checkpoint=file)


def test_a_normalisation_over_a_single_value_is_refused_before_the_first_step():
    four = SegmentationDataset.generated(4, size=32)
    with pytest.raises(ValueError, match="a single value per channel: the smallest batch of an epoch has 1 image"):
        losses(tiny(depth=5), four)  # batches of 3 and 1
    assert len(losses(tiny(depth=5), four, batch_size=2)) == 2
    assert len(losses(tiny(depth=5, norm=None), four)) == 2


def test_settings_are_frozen_and_a_recipe_can_be_changed():
    assert REPORT_RECIPE.but(epochs=3) == {**REPORT_RECIPE, "epochs": 3}
    assert REPORT_RECIPE["epochs"] == 100
    with pytest.raises(AttributeError):
        TrainingSettings().epochs = 3


def test_a_dataset_of_your_own_stays_your_own_in_validation_and_split():
    class Inverted(SegmentationDataset):
        def __getitem__(self, index):
            image, mask = super().__getitem__(index)
            return -image, mask

    own = Inverted(CELLS.pairs)
    assert type(own.subset([0, 1])) is Inverted
    assert torch.equal(own.subset([1])[0][0], -CELLS[1][0])
    history = fit(tiny(), own, own, **QUICK)
    model = tiny()
    list(train(model, own, **QUICK))
    loss, _ = evaluate(model, own)
    assert history.reports[-1].validation_loss == pytest.approx(loss, rel=1e-6)


def test_one_output_channel_is_learnt_predicted_and_scored_as_two_classes():
    two = SegmentationDataset([(p.image, (p.mask > 0).astype(np.uint8)) for p in CELLS.pairs], num_classes=2)
    model = tiny(num_classes=1)
    assert losses(model, two, epochs=12, learning_rate=0.02)[-1] < 0.6
    loss, matrix = evaluate(model, two)
    logits = model.eval()(two[0][0][None])
    expected = F.binary_cross_entropy_with_logits(logits[:, 0], two[0][1][None].float())
    assert evaluate(model, two.subset([0]))[0] == pytest.approx(float(expected), rel=1e-5)
    assert np.array_equal(predict(model, two.pairs[0].image), (logits[0, 0] > 0).numpy())
    assert matrix.trace() / matrix.sum() > 0.6
    assert np.isfinite(loss)


def test_a_block_and_an_activation_of_your_own_are_built_in():
    class Wide(nn.Module):
        def __init__(self, in_channels, out_channels, padding, norm):
            super().__init__()
            self.conv = nn.Conv2d(in_channels, out_channels, 5, padding=2)

        def forward(self, x):
            return self.conv(x).relu()

    own = UNet(base_channels=2, depth=1, block=Wide)
    assert not own.is_as_built
    assert losses(own)[-1] > 0
    smooth = UNet(base_channels=2, depth=1, activation=nn.GELU)
    assert not any(isinstance(m, nn.ReLU) for m in smooth.modules())
    assert sum(isinstance(m, nn.GELU) for m in smooth.modules()) == 6


def test_early_stopping_ends_the_run_when_nothing_gets_better(tmp_path):
    told = {"epochs": 30, "learning_rate": 1e-9, "schedule": "constant"}  # too small to learn anything
    history = fit(tiny(), CELLS, CELLS, **QUICK | told, early_stopping=3)
    best = history.best.epoch
    assert len(history.reports) == best + 3
    file = tmp_path / "run.pt"
    for report in train(tiny(), CELLS, CELLS, **QUICK | told, early_stopping=3, checkpoint=file):
        if report.epoch == 2:
            break
    again = list(train(tiny(), CELLS, CELLS, **QUICK | told, early_stopping=3, checkpoint=file))
    assert [r.loss for r in again] == history.column("loss")
    with pytest.raises(ValueError, match="early_stopping is 0"):
        losses(tiny(), early_stopping=0)


def test_a_history_leaves_as_a_table(tmp_path):
    history = fit(tiny(), CELLS, CELLS, **QUICK)
    table = history.table()
    assert list(table.index) == [1, 2]
    assert table["loss"].tolist() == history.column("loss")
    table.to_csv(tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_text().startswith("epoch,epochs,loss,")


def test_every_pair_is_for_validation_once_and_groups_stay_together():
    pairs = [p._replace(group=f"dish {k % 3}") for k, p in enumerate(CELLS.pairs)]
    data = SegmentationDataset(pairs)
    seen = []
    for training, validation in folds(data, 3):
        assert not {p.group for p in training.pairs} & {p.group for p in validation.pairs}
        seen += [p.source for p in validation.pairs]
    assert sorted(seen) == sorted(p.source for p in pairs)
    with pytest.raises(ValueError, match="from 2 to 3, the number of groups"):
        next(folds(data, 4))


def test_the_device_can_be_said_from_outside(monkeypatch):
    monkeypatch.setenv("UNET_LAB_DEVICE", "cpu")
    assert best_device() == torch.device("cpu")
    monkeypatch.setenv("UNET_LAB_DEVICE", "abacus")
    with pytest.raises(ValueError, match=r"UNET_LAB_DEVICE is 'abacus'; this machine has cpu.*unset it"):
        best_device()
