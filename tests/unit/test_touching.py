"""The experiment with touching cells: what is taught, how answers become cells, and the stored table."""

import math

import numpy as np
import pytest
import torch

from scripts.touching import LESSONS
from unet_lab.datasets import generate_field
from unet_lab.losses import border_weights
from unet_lab.objects import area_bias, label_objects, object_scores
from unet_lab.training.touching import (
    BORDER,
    FieldProtocol,
    Lesson,
    class_probabilities,
    contact_target,
    contact_weights,
    learn,
    load_separations,
    save_separations,
    score_cells,
    separations,
    to_cells,
)

FIELD = generate_field(4, size=96, cells=9, touching=1.0)
TINY = FieldProtocol(training=4, size=64, cells=4, test=2, test_size=64, test_cells=4, seeds=(0, 1))


def one_hot(mask, classes):
    """Probabilities of a network that is sure: float32 (C, H, W)."""
    return np.stack([mask == k for k in range(classes)]).astype(np.float32)


def test_taken_out_contacts_leave_every_cell_a_component_of_its_own():
    assert label_objects(FIELD.mask).max() < FIELD.cells.max()
    gaps = contact_target(FIELD, "gap")
    labels = label_objects(gaps, min_area=5)
    assert labels.max() == FIELD.cells.max()
    assert object_scores(FIELD.cells.astype(int), labels).f1 == 1
    assert ((gaps == 0) >= (FIELD.mask == 0)).all(), "a gap is background, and nothing becomes cell"


def test_contacts_as_a_class_change_nothing_else():
    target = contact_target(FIELD, "border", 2)
    assert set(np.unique(target)) == {0, 1, 2, BORDER}
    contact = target == BORDER
    assert np.array_equal(target[~contact], FIELD.mask[~contact])
    assert (FIELD.cells[contact] > 0).all()
    assert np.array_equal(contact_target(FIELD, "mask"), FIELD.mask)
    with pytest.raises(ValueError, match="target is 'edge'; allowed are 'mask', 'gap'"):
        contact_target(FIELD, "edge")


def test_weights_are_the_papers_and_largest_in_the_gaps():
    weights = contact_weights(FIELD, 1)
    gap = (contact_target(FIELD, "gap") == 0) & (FIELD.mask > 0)
    assert weights[gap].mean() > 5 * weights[FIELD.mask > 0][~gap[FIELD.mask > 0]].mean()
    apart = np.where(gap, 0, FIELD.cells.astype(int))
    differ = weights != border_weights(apart, 10, 5)
    assert not differ[FIELD.mask > 0].any()


def test_a_network_that_is_sure_of_its_targets_is_read_without_a_mistake():
    """Each target, put in as probabilities, comes out as the true cells by the way that belongs to it."""
    truth = FIELD.cells.astype(int)
    for target, classes, way, width in (("gap", 3, "label", 1), ("border", 4, "border", 2), ("border", 4, "label", 2)):
        found = to_cells(one_hot(contact_target(FIELD, target, width), classes), way, min_area=5)
        assert object_scores(truth, found).f1 == 1, (target, way)
    merged = to_cells(one_hot(FIELD.mask, 3), "label", min_area=5)
    assert object_scores(truth, merged).merges >= 1
    with pytest.raises(ValueError, match="way is 'watershed'; allowed are 'label'"):
        to_cells(one_hot(FIELD.mask, 3), "watershed")


def test_gaps_make_areas_too_small_and_a_border_class_does_not():
    def scored(target, classes, way):
        return score_cells([one_hot(contact_target(FIELD, target), classes)], [FIELD], way, 5)

    assert scored("gap", 3, "label")["area_bias"] < -0.02
    assert abs(scored("border", 4, "border")["area_bias"]) < 0.01
    assert scored("border", 4, "border")["pixel_iou"] == 1


def test_area_bias_by_hand():
    truth, prediction = np.array([[1] * 4 + [2] * 10 + [3] * 2]), np.array([[7] * 5 + [8] * 9 + [0] * 2])
    assert area_bias(truth, prediction) == pytest.approx((1 / 4 - 1 / 10) / 2)
    assert area_bias([truth, truth], [prediction, truth]) == pytest.approx((1 / 4 - 1 / 10) / 5)
    assert math.isnan(area_bias(truth, np.zeros_like(truth)))
    assert area_bias(truth, np.where(truth == 3, 0, truth)) == 0, "a cell that was missed has no error of its area"


def test_learning_follows_its_seed_and_its_weights():
    fields = TINY.fields("training")

    def weights_after(lesson, seed):
        return torch.cat([p.detach().flatten() for p in learn(lesson, fields, seed, TINY).parameters()])

    first = weights_after(Lesson("gap", epochs=1), 0)
    assert torch.equal(first, weights_after(Lesson("gap", epochs=1), 0))
    assert not torch.equal(first, weights_after(Lesson("gap", epochs=1), 1))
    assert not torch.equal(first, weights_after(Lesson("gap", True, epochs=1), 0))


def test_a_row_for_every_way_and_a_number_for_every_seed(tmp_path):
    rows = [row for target in ("mask", "border") for row in separations(Lesson(target, epochs=1), TINY)]
    assert [(row.lesson.target, row.way) for row in rows] == [
        *(("mask", way) for way in ("label", "distance")),
        *(("border", way) for way in ("label", "distance", "border")),
    ]
    assert all(len(values) == 2 for row in rows for values in row[2:])
    save_separations(rows, TINY, tmp_path / "table.json")
    protocol, read = load_separations(tmp_path / "table.json")
    assert protocol == TINY
    assert [row.lesson for row in read] == [row.lesson for row in rows]
    assert np.allclose(read[0].pixel_iou, rows[0].pixel_iou, atol=1e-4)


def test_the_stored_table_is_of_this_protocol_and_complete():
    protocol, rows = load_separations()
    assert protocol == FieldProtocol()
    assert [lesson for lesson in LESSONS if lesson not in [row.lesson for row in rows]] == []
    assert all(len(values) == len(protocol.seeds) for row in rows for values in row[2:])


def test_the_stored_table_says_what_notebook_17_says_of_it():
    rows = {
        (row.lesson.target, row.way, row.lesson.weighted, row.lesson.width, row.lesson.epochs): row
        for row in load_separations()[1]
    }
    without, with_weights = rows["gap", "label", False, 1, 12], rows["gap", "label", True, 1, 12]
    assert min(with_weights.f1) > 2 * max(without.f1)
    assert np.mean(rows["gap", "label", False, 1, 36].f1) > 2 * np.mean(without.f1), "longer training does part of it"
    assert max(with_weights.area_bias) < -0.05
    assert max(rows["mask", "label", False, 1, 12].f1) < 0.4


@pytest.mark.slow
def test_a_stored_row_comes_out_again():
    """One network of the table, trained again: the objects' F1 of its seed, as near as another processor's sums allow."""
    protocol, rows = load_separations()
    lesson = Lesson("gap", weighted=True)
    stored = next(row for row in rows if row.lesson == lesson and row.way == "label")
    model = learn(lesson, protocol.fields("training"), protocol.seeds[0], protocol)
    test = protocol.fields("test")
    again = score_cells([class_probabilities(model, field.image) for field in test], test, "label", protocol.min_area)
    assert again["f1"] == pytest.approx(stored.f1[0], abs=0.1)
