"""The loop: losses checked against PyTorch, the report's recipe and log, stopping, resuming, determinism, files."""

import math
import pickle

import numpy as np
import pytest
import torch

from unet_lab.datasets import SegmentationDataset, split
from unet_lab.training import REPORT_RECIPE, TrainingDiverged, evaluate, fit, has_bfloat16, train
from unet_lab.training.checkpoint import load_checkpoint
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained, load_weights, save_weights

CELLS = SegmentationDataset.generated(12, size=32)
QUICK = {"epochs": 3, "batch_size": 4, "learning_rate": 0.01}


def tiny():
    torch.manual_seed(0)
    return UNet(base_channels=4, depth=2)


def weights(model):
    return torch.cat([p.detach().cpu().flatten() for p in model.state_dict().values()])


def test_training_lowers_the_loss_and_keeps_the_best():
    model = tiny()
    history = fit(model, CELLS, CELLS, **QUICK | {"epochs": 6})
    losses = history.column("loss")
    assert losses[-1] < 0.8 * losses[0]
    assert history.best.iou == max(history.column("iou"))
    _, matrix = evaluate(model, CELLS)
    assert (np.trace(matrix) / matrix.sum()) == pytest.approx(history.best.accuracy)


def test_two_runs_are_equal_and_another_seed_differs():
    results = []
    for seed in (0, 0, 1):
        model = tiny()
        list(train(model, CELLS, seed=seed, **QUICK))
        results.append(weights(model))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("schedule", ["one_cycle", "constant"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, schedule, dropout):
    training, validation = split(CELLS, seed=0)
    settings = QUICK | {"schedule": schedule}

    def fresh():
        torch.manual_seed(0)
        return UNet(base_channels=4, depth=2, dropout=dropout)

    straight = fresh()
    expected = [(r.loss, r.iou) for r in train(straight, training, validation, **settings)]
    for stop_after in (1, 2):
        file = tmp_path / f"{stop_after}.pt"
        for report in train(fresh(), training, validation, checkpoint=file, **settings):
            if report.epoch == stop_after:
                break
        torch.manual_seed(123)  # the resumed run starts from other weights and another global state
        resumed = UNet(base_channels=4, depth=2, dropout=dropout)
        got = [(r.loss, r.iou) for r in train(resumed, training, validation, checkpoint=file, **settings)]
        assert got == expected
        assert torch.equal(weights(resumed), weights(straight))


def test_resuming_brings_the_best_weights_back(tmp_path):
    settings = QUICK | {"epochs": 4, "learning_rate": 0.02}
    straight = fit(tiny(), CELLS, CELLS, **settings)
    for report in train(tiny(), CELLS, CELLS, checkpoint=tmp_path / "c.pt", **settings):
        if report.epoch == 3:
            break
    resumed = fit(tiny(), CELLS, CELLS, checkpoint=tmp_path / "c.pt", **settings)
    assert resumed.best.epoch == straight.best.epoch
    assert all(torch.equal(resumed.best_weights[name], value) for name, value in straight.best_weights.items())


def test_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    file = tmp_path / "run.pt"
    list(train(tiny(), CELLS, checkpoint=file, **QUICK))
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"another run's checkpoint: its epochs is 3, yours is 2"):
        list(train(tiny(), CELLS, checkpoint=file, **QUICK | {"epochs": 2}))
    with pytest.raises(ValueError, match="its network is"):
        list(train(UNet(base_channels=2, depth=1), CELLS, checkpoint=file, **QUICK))
    assert file.read_bytes() == before


def test_a_checkpoint_that_wants_to_run_code_is_refused(tmp_path):
    class Harm:
        def __reduce__(self):
            return print, ("harm",)

    file = tmp_path / "harm.pt"
    torch.save({"settings": Harm()}, file)
    with pytest.raises(ValueError, match="could run code"):
        load_checkpoint(file)
    file.write_bytes(pickle.dumps(Harm(), protocol=2))
    with pytest.raises(ValueError, match=r"harm\.pt"):
        load_checkpoint(file)


def test_log_lines_are_in_the_reports_form():
    history = fit(tiny(), CELLS, epochs=2, batch_size=3, reduction="sum", schedule="constant")
    lines = history.log().splitlines()
    assert lines[0] == f"Epoch [1/2] Average Loss: {history.reports[0].loss}"
    assert lines[-1] == "Training finished"
    assert 0.2 < history.reports[0].loss / (3 * 32 * 32) < 2 * math.log(3)
    assert REPORT_RECIPE == {"epochs": 100, "batch_size": 3, "learning_rate": 1e-3, "reduction": "sum", "schedule": "constant"}


def test_stop_button_keeps_what_was_learnt(monkeypatch):
    import unet_lab.training.running as module

    real_steps = module.steps

    def interrupted(*arguments, **settings):
        for news in real_steps(*arguments, **settings):
            yield news
            if not isinstance(news, module.EpochReport) and news == 8:  # in the middle of the third epoch
                raise KeyboardInterrupt

    monkeypatch.setattr(module, "steps", interrupted)
    model = tiny()
    history = fit(model, CELLS, **QUICK)
    assert history.stopped_early
    assert len(history.reports) == 2
    assert "Training finished" not in history.log()
    best = weights(model)
    history.restore_last(model)
    last = tiny()
    for news in real_steps(last, CELLS, **QUICK):
        if not isinstance(news, module.EpochReport) and news == 8:
            break
    assert torch.equal(weights(model), weights(last))
    assert not torch.equal(best, weights(last))
    with pytest.raises(ValueError, match="no run has ended"):
        module.History().restore_last(model)
    with pytest.raises(ValueError, match="no epoch was finished"):
        _ = module.History().best


def test_too_high_a_learning_rate_is_named():
    with pytest.raises(TrainingDiverged, match=r"learning rate that is too high|not standardised"):
        list(train(tiny(), CELLS, **QUICK | {"learning_rate": 1e30, "schedule": "constant"}))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"learning_rate": -1}, "learning_rate is -1"),
        ({"schedule": "cosine"}, "schedule is 'cosine'"),
        ({"precision": "float8"}, "precision is 'float8'"),
        ({"reduction": "max"}, "reduction is 'max'"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        next(train(tiny(), CELLS, **QUICK | setting))


def test_images_of_two_sizes_cannot_share_a_batch():
    mixed = SegmentationDataset([*CELLS.pairs[:2], *SegmentationDataset.generated(1, size=48).pairs])
    with pytest.raises(ValueError, match=r"2 sizes \(32 x 32, 48 x 48\).*at most 32"):
        next(train(tiny(), mixed))
    loss, matrix = evaluate(tiny(), mixed)
    assert matrix.sum() == 2 * 32**2 + 48**2
    assert math.isfinite(loss)


def test_valid_padding_trains_on_the_middle_of_the_mask():
    model = UNet(base_channels=2, depth=1, padding="valid")
    reports = list(train(model, SegmentationDataset.generated(2, size=32), epochs=1, batch_size=2))
    assert math.isfinite(reports[0].loss)


def test_evaluation_leaves_the_mode_alone():
    model = tiny().train()
    evaluate(model, CELLS)
    assert model.training


def test_bfloat16_reaches_what_float32_reaches():
    """On by default only because of this; benchmarks/precision.py shows it at full size."""
    if not has_bfloat16(torch.device("cpu")):
        pytest.skip("this processor has no bfloat16 instructions, so it is not used")
    cells = SegmentationDataset.generated(48, size=32, difficulty=0.3)
    ious = {}
    for precision in ("float32", "bfloat16"):
        history = fit(tiny(), cells, cells, epochs=8, batch_size=4, learning_rate=0.01, precision=precision, device="cpu")
        ious[precision] = history.best.iou
    assert ious["bfloat16"] > ious["float32"] - 0.03
    assert ious["float32"] > 0.6


def test_weights_go_to_a_file_and_back(tmp_path):
    model = tiny()
    save_weights(model, tmp_path / "m.safetensors")
    loaded = load_weights(tmp_path / "m.safetensors")
    assert torch.equal(weights(loaded), weights(model))
    assert loaded.settings == model.settings
    save_weights(model, tmp_path / "h.safetensors", half=True)
    half = load_weights(tmp_path / "h.safetensors")
    assert (tmp_path / "h.safetensors").stat().st_size < 0.7 * (tmp_path / "m.safetensors").stat().st_size
    torch.testing.assert_close(weights(half), weights(model), atol=1e-3, rtol=1e-3)


def test_files_that_are_no_weights_are_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(ValueError, match=r"a\.safetensors: these weights cannot be used"):
        load_weights(tmp_path / "a.safetensors")
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match="not written by save_weights"):
        load_weights(tmp_path / "b.safetensors")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_weights(tmp_path / "c.safetensors")
    with pytest.raises(ValueError, match="stored as safetensors"):
        save_weights(tiny(), tmp_path / "m.pt")
    with pytest.raises(ValueError, match="there is 'small'"):
        load_pretrained("large")
