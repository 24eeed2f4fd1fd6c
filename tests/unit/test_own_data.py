"""Data of a student's own: any map-style dataset, sampling, and masks that hold labels or values instead of classes."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from torch import nn
from torch.nn import functional as F
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset

from tests.unit.test_settings import QUICK, losses, tiny
from unet_lab.datasets import Augmentation, MapStyleDataset, SegmentationDataset
from unet_lab.datasets.map_style import as_dataset
from unet_lab.datasets.patches import Patches
from unet_lab.doctor import examine_model
from unet_lab.explorers import watch_training
from unet_lab.inference import predict, predict_labels, predict_logits, predict_values
from unet_lab.losses import IGNORE, binary_cross_entropy, squared_error
from unet_lab.metrics import label_scores, scores
from unet_lab.training import balanced_sampling, evaluate, fit, plan_training, train
from unet_lab.training.batches import EpochLoader
from unet_lab.training.distributed import Workers
from unet_lab.training.sampling import epoch_batches
from unet_lab.training.settings import TrainingSettings

CELLS = SegmentationDataset.generated(6, size=32)


class Lazy(Dataset):
    """As a student writes it: reads (here: draws) a sample when it is asked for."""

    def __init__(self, count=6, first=0, size=32):
        self.count, self.first, self.size, self.read = count, first, size, []

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        if not 0 <= number < self.count:
            raise IndexError(number)
        self.read.append(number)
        image, mask, *_ = SegmentationDataset.generated(1, self.size, self.first + number).pairs[0]
        return image, mask  # arrays


@pytest.mark.parametrize(
    "own",
    [
        Lazy(),
        Subset(CELLS, range(6)),
        ConcatDataset([CELLS.subset(range(2)), CELLS.subset(range(2, 6))]),
        TensorDataset(*(torch.stack(part) for part in zip(*(CELLS[k] for k in range(6)), strict=True))),
    ],
    ids=lambda data: type(data).__name__,
)
def test_any_map_style_dataset_trains_and_is_judged_as_ours(own, tmp_path):
    expected = fit(tiny(), CELLS, CELLS, **QUICK)
    history = fit(tiny(), own, own, **QUICK)
    assert history.column("loss") == pytest.approx(expected.column("loss"), rel=1e-6)
    assert history.column("validation_loss") == pytest.approx(expected.column("validation_loss"), rel=1e-5)
    assert history.column("iou") == pytest.approx(expected.column("iou"), rel=1e-6)
    assert np.array_equal(evaluate(tiny(), own)[1], evaluate(tiny(), CELLS)[1])
    told = {"patch": 24, "augmentation": Augmentation()}
    assert losses(tiny(), own, **told) == pytest.approx(losses(tiny(), CELLS, **told), rel=1e-6)
    assert plan_training(tiny(), own, own, epochs=1).steps_per_epoch == 1
    for _ in train(tiny(), own, checkpoint=tmp_path / "run.pt", **QUICK):
        break
    assert losses(tiny(), own, checkpoint=tmp_path / "run.pt") == losses(tiny(), own)
    assert examine_model(tiny().eval(), own).names == examine_model(tiny().eval(), CELLS).names


def test_data_are_read_when_they_are_asked_for():
    data = Lazy(count=1000)
    dataset = as_dataset(data, "training")
    assert len(dataset) == 1000
    assert set(data.read) == {0, 1, 2, 3}
    assert dataset.pairs[900].mask.shape == (32, 32)
    assert data.read[-1] == 900
    assert dataset.fingerprint() == "Lazy of 1000 classes, 1 channels"


def test_the_network_or_the_dataset_says_how_many_classes_there_are():
    assert as_dataset(Subset(CELLS, [0]), "training").num_classes == 3
    assert as_dataset(ConcatDataset([CELLS, CELLS]), "training").num_classes == 3
    assert evaluate(tiny(num_classes=5), Lazy())[1].shape == (5, 5)
    assert evaluate(nn.Conv2d(1, 4, 3, padding=1), Lazy())[1].shape == (4, 4)
    with pytest.raises(ValueError, match="the training masks hold class 2, so there are 3 classes or more"):
        losses(tiny(num_classes=2), Lazy())
    with pytest.raises(ValueError, match=r"3 channel\(s\), and the network takes 1"):
        losses(tiny(), TensorDataset(torch.randn(4, 3, 32, 32), torch.zeros(4, 32, 32, dtype=torch.int64)))


def test_sizes_that_differ_are_judged_whole_and_trained_on_by_patches():
    mixed = ConcatDataset([Lazy(2), Lazy(2, size=40)])
    assert evaluate(tiny(), mixed)[1].sum() == 2 * 32**2 + 2 * 40**2
    assert len(losses(tiny(), mixed, patch=24)) == 2
    with pytest.raises(ValueError, match=r"2 sizes \(32 x 32, 40 x 40\)"):
        losses(tiny(), mixed)
    late = ConcatDataset([Lazy(5), Lazy(1, size=40)])  # beyond the samples that are looked at
    with pytest.raises(ValueError, match="a batch holds images of 32 x 32 and 40 x 40 pixels"):
        losses(tiny(), late)


def of(sample):
    class Given(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, number):
            return sample

    return Given()


IMAGE, MASK = np.zeros((8, 8)), np.zeros((8, 8), np.uint8)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ([(IMAGE, MASK)], TypeError, "the training set is a list; allowed is a SegmentationDataset"),
        (type("Stream", (IterableDataset,), {"__iter__": None})(), TypeError, "the training set is a Stream"),
        (iter([]), TypeError, "the training set is a list_iterator"),
        (of({"image": IMAGE}), TypeError, r"sample 0 of Given: it is a dict of 1; allowed is \(image, mask\)"),
        (of((IMAGE, MASK, MASK, MASK)), TypeError, "it is a tuple of 4"),
        (of(("a.png", MASK)), TypeError, "the image is a str"),
        (of((IMAGE, "a.png")), TypeError, "the mask is a str"),
        (of((torch.zeros(8, 8, dtype=torch.uint8), MASK)), ValueError, r"a tensor torch\.uint8 \(8, 8\)"),
        (of((IMAGE, MASK[:4])), ValueError, "the image is 8 x 8 and the mask 4 x 8 pixels"),
        (of((IMAGE, MASK[None] + 7)), ValueError, "holds labels: allowed are 0, 1 and IGNORE"),
        (of((IMAGE, MASK.astype(int) - 1)), ValueError, "the mask goes down to -1"),
        (of((IMAGE, MASK, MASK - 1.0)), ValueError, "numbers from 0 up"),
        (Lazy(0), ValueError, "the dataset is empty"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_in_words(given, kind, words):
    for call in (fit, plan_training):
        with pytest.raises(kind, match=words):
            call(tiny(), given, **QUICK)


def test_images_that_are_not_standardised_are_told():
    raw = TensorDataset(100 + 20 * torch.randn(3, 1, 16, 16), torch.zeros(3, 16, 16, dtype=torch.int64))
    with pytest.warns(UserWarning, match="are not standardised .*predict.. standardises"):
        MapStyleDataset(raw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MapStyleDataset(Lazy())


def test_the_monitor_takes_them_and_says_what_it_cannot_show(capsys):
    model = tiny()
    monitor = watch_training(train(model, Lazy(), Lazy(), **QUICK), model, Lazy(2))
    assert len(monitor.history.reports) == 2
    with pytest.raises(ValueError, match="masks hold values, and the monitor draws classes"):
        watch_training(iter([]), tiny(num_classes=1), Distances())


# -- sampling ----------------------------------------------------------------------------------------------------------


def with_rare_class(count=10, rare=2):
    masks = [np.zeros((16, 16), np.uint8) for _ in range(count)]
    for mask in masks[:rare]:
        mask[4:8, 4:8] = 1
    image = np.random.default_rng(0).random((16, 16))
    return SegmentationDataset([(image, mask) for mask in masks], num_classes=2)


def test_balanced_sampling_shows_rare_classes_as_often_as_common_ones():
    shares = balanced_sampling(with_rare_class())
    assert sum(shares) == pytest.approx(1)
    assert shares[0] == pytest.approx((1 / 10 + 1 / 2) / 2)  # both classes, by hand
    assert shares[5] == pytest.approx(1 / 10 / 2)
    drawn = [image for epoch in range(200) for batch in epoch_batches(10, 4, epoch, shares) for image in batch]
    assert len(drawn) == 2000
    assert np.mean(np.array(drawn) < 2) == pytest.approx(0.6, abs=0.05)


def test_sampling_is_repeatable_resumes_and_draws_each_patch_anew(tmp_path):
    shares = balanced_sampling(CELLS)
    told = {"sampling": [*shares[:3], 0, 0, 0], "patch": 16, "augmentation": Augmentation()}
    expected = losses(tiny(), **told)
    assert losses(tiny(), workers=1, **told) == expected
    for _ in train(tiny(), CELLS, checkpoint=tmp_path / "run.pt", **QUICK, **told):
        break
    assert losses(tiny(), checkpoint=tmp_path / "run.pt", **told) == expected
    with pytest.raises(ValueError, match="its sampling is"):
        losses(tiny(), checkpoint=tmp_path / "run.pt", **told | {"sampling": None})
    loader = EpochLoader(CELLS, TrainingSettings(batch_size=3, sampling=[1, 0, 0, 0, 0, 0], patch=16), Workers())
    assert [n for batch in loader.order(1) for n in batch] == [0] * 6
    assert len({seed for batch in loader.seeds(1) for seed in batch}) == 6
    for wrong in ([1, 2], [-1, *shares[1:]], [0] * 6):
        with pytest.raises(ValueError, match="allowed are 6 numbers from 0 up"):
            losses(tiny(), sampling=wrong)


# -- labels and values --------------------------------------------------------------------------------------------------


class Labels(Lazy):
    """Two labels, of which a pixel may have both: cell, and nucleus."""

    def __getitem__(self, number):
        image, mask = super().__getitem__(number)
        return image, np.stack([mask > 0, mask == 2]).astype(np.uint8)


class Distances(Lazy):
    """How far each pixel of the cell lies inside it, in tenths of a pixel."""

    def __getitem__(self, number):
        image, mask = super().__getitem__(number)
        return image, (distance_transform_edt(mask > 0) / 10).astype(np.float32)


def test_labels_are_trained_predicted_and_scored_each_by_itself():
    model = tiny(num_classes=2)
    history = fit(model, Labels(), Labels(), **QUICK | {"epochs": 12, "learning_rate": 0.02})
    assert history.column("loss")[-1] < 0.8 * history.column("loss")[0]
    loss, matrices = evaluate(model, Labels())
    logits = torch.stack([predict_values(model, Labels()[k][0]) for k in range(6)])
    truth = torch.stack([torch.from_numpy(Labels()[k][1]) for k in range(6)])
    assert loss == pytest.approx(F.binary_cross_entropy_with_logits(logits, truth.float()).item(), rel=1e-5)
    found = np.stack([predict_labels(model, Labels()[k][0]) for k in range(6)])
    assert found.shape == (6, 2, 32, 32)
    for k in range(2):
        true_positive = ((found[:, k] == 1) & (truth[:, k].numpy() == 1)).sum()
        assert matrices[k, 1, 1] == true_positive
        assert matrices[k].sum() == 6 * 32**2
    result = label_scores(matrices)
    assert history.reports[-1].iou == pytest.approx(label_scores(evaluate_last(model, history)).iou)
    assert result.iou == pytest.approx(np.nanmean([scores(m, average=None).iou[1] for m in matrices]))
    assert label_scores(matrices, average=None).iou.shape == (2,)
    strict = predict_labels(model, Labels()[0][0], threshold=0.9)
    assert strict.sum() < predict_labels(model, Labels()[0][0], threshold=0.1).sum()
    with pytest.raises(ValueError, match="threshold is 2"):
        predict_labels(model, Labels()[0][0], threshold=2)


def evaluate_last(model, history):
    history.restore_last(model)
    return evaluate(model, Labels())[1]


def test_values_are_met_predicted_and_judged_by_their_squared_error(tmp_path):
    model = tiny(num_classes=1)
    told = QUICK | {"epochs": 12, "learning_rate": 0.02, "checkpoint": tmp_path / "run.pt"}
    history = fit(model, Distances(), Distances(), **told)
    losses_seen = history.column("validation_loss")
    assert history.best.epoch == 1 + int(np.argmin(losses_seen))
    assert min(losses_seen) < 0.8 * losses_seen[0]
    assert math.isnan(history.reports[0].iou)
    loss, nothing = evaluate(model, Distances())
    assert nothing is None
    apart = [(predict_values(model, d)[0].numpy() - t) ** 2 for d, t in (Distances()[k] for k in range(6))]
    assert loss == pytest.approx(np.mean(apart), rel=1e-4)


@pytest.mark.parametrize("data", [Labels(), Distances()], ids=["labels", "values"])
def test_patches_augmentation_workers_and_sum_hold_for_them_too(data):
    classes = 2 if isinstance(data, Labels) else 1
    told = {"patch": 40, "augmentation": Augmentation()}  # larger than the images: what is padded is not judged
    expected = losses(tiny(num_classes=classes), data, **told)
    assert np.isfinite(expected).all()
    assert losses(tiny(num_classes=classes), data, workers=1, **told) == expected
    summed = losses(tiny(num_classes=classes), data, reduction="sum", epochs=1, learning_rate=1e-12)[0]
    mean = losses(tiny(num_classes=classes), data, epochs=1, learning_rate=1e-12)[0]
    assert summed == pytest.approx(mean * 3 * classes * 32**2, rel=1e-3)
    _, mask = Patches(as_dataset(data, "training"), 40)[0, 1]
    unjudged = mask.isnan() if mask.is_floating_point() else mask == IGNORE
    assert unjudged.sum() == mask.numel() - mask.numel() // 40**2 * 32**2


def test_what_does_not_match_is_refused_in_words():
    with pytest.raises(ValueError, match="the training masks have 2 labels, and the network gives 3"):
        losses(tiny(), Labels())
    with pytest.raises(ValueError, match="the training masks have 1 values, and the network gives 2"):
        losses(tiny(num_classes=2), Distances())
    with pytest.raises(ValueError, match="the training masks hold labels and the validation masks classes"):
        fit(tiny(num_classes=2), Labels(), with_rare_class(), **QUICK)
    with pytest.raises(ValueError, match="nothing to balance"):
        balanced_sampling(Distances())
    assert sum(balanced_sampling(Labels())) == pytest.approx(1)


def test_their_losses_are_pytorchs():
    logits, labels = torch.randn(2, 3, 5, 6), torch.randint(0, 2, (2, 3, 5, 6))
    expected = F.binary_cross_entropy_with_logits(logits, labels.float())
    assert binary_cross_entropy(logits, labels) == pytest.approx(expected.item(), rel=1e-5)
    labels[0, 1, 2] = IGNORE
    judged = labels != IGNORE
    expected = F.binary_cross_entropy_with_logits(logits[judged], labels[judged].float())
    assert binary_cross_entropy(logits, labels) == pytest.approx(expected.item(), rel=1e-5)
    values = torch.randn(2, 3, 5, 6)
    assert squared_error(logits, values) == pytest.approx(F.mse_loss(logits, values).item(), rel=1e-5)
    weights = torch.rand(2, 5, 6)
    spread = weights[:, None].expand_as(values)
    expected = (spread * (logits - values) ** 2).sum() / spread.sum()
    assert squared_error(logits, values, weights=weights) == pytest.approx(expected.item(), rel=1e-5)
    values[1, 0, 0, 0] = np.nan
    logits.requires_grad_()
    squared_error(logits, values).backward()
    assert logits.grad[1, 0, 0, 0] == 0
    assert torch.isfinite(logits.grad).all()
    for loss in (binary_cross_entropy, squared_error):
        with pytest.raises(ValueError, match="do not fit"):
            loss(logits, values[:, :2])


def test_a_sigmoid_network_of_one_channel_has_half_as_its_threshold():
    model = tiny(num_classes=1)
    image = CELLS.pairs[0].image
    probability = predict_logits(model, image).softmax(dim=0)[1]
    assert torch.allclose(probability, predict_values(model, image)[0].sigmoid(), atol=1e-6)
    assert np.array_equal(predict(model, image), (probability > 0.5).numpy())
