"""A rare class: the nucleolus that the generator draws, and the table of losses that are trained on it."""

import numpy as np
import pytest
import torch
from scipy.ndimage import label

from scripts.loss_table import TINY, main
from unet_lab.datasets import CellParameters, generate_cell
from unet_lab.datasets.generator.nucleolus import NUCLEOLUS, generate_cell_with_nucleolus
from unet_lab.metrics import scores
from unet_lab.training import compare, load_outcomes, run_once
from unet_lab.training.outcomes import Outcome
from unet_lab.training.rare_class import (
    LOSSES,
    RARE_CLASS,
    loss_row,
    rare_class_candidates,
    rare_class_data,
    rare_class_scores,
)

MANY = [generate_cell_with_nucleolus(seed) for seed in range(60)]


def test_a_nucleolus_is_one_dark_piece_within_the_nucleus_and_rare():
    share = np.mean([(cell.mask == NUCLEOLUS).mean() for cell in MANY])
    assert 0.005 < share < 0.015
    there = [(cell.mask == NUCLEOLUS).any() for cell in MANY]
    assert 0.6 < np.mean(there) < 1
    for seed, cell in enumerate(MANY):
        image, mask = generate_cell(seed, 64, 0.5, CellParameters(nucleolus_chance=(0.0, 0.0)))
        spot = cell.mask == NUCLEOLUS
        assert np.array_equal(cell.mask[~spot], mask[~spot])  # the cell itself is as it was
        assert (mask[spot] == 2).all()
        assert label(spot)[1] <= 1
        if spot.sum() > 4:
            assert cell.image[spot].mean() < image[spot].mean() - 10
        far = ~np.isin(mask, 2)
        assert np.array_equal(cell.image[far], image[far])


def test_a_nucleolus_follows_from_its_seed_and_its_size_can_be_asked_for():
    again = generate_cell_with_nucleolus(3)
    assert np.array_equal(again.image, MANY[3].image)
    assert np.array_equal(again.mask, MANY[3].mask)
    assert not any((generate_cell_with_nucleolus(seed, present=0).mask == NUCLEOLUS).any() for seed in range(10))
    large = np.mean([(generate_cell_with_nucleolus(seed, share=0.04).mask == NUCLEOLUS).mean() for seed in range(20)])
    assert large > 0.02
    with pytest.raises(ValueError, match=r"share is 0\.5 and present is 0\.8; allowed are"):
        generate_cell_with_nucleolus(1, share=0.5)


def test_the_script_trains_every_way_and_prints_its_row(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("scripts.loss_table.LOSSES", tmp_path / "losses.json")
    main(["--tiny"])
    assert not (tmp_path / "losses.json").exists()
    printed = capsys.readouterr().out
    for candidate in rare_class_candidates(rare_class_data(TINY)):
        assert candidate.name in printed
    assert printed.count("recall") == 6


def test_scores_of_the_rare_class_by_hand():
    counts = np.zeros((4, 4), np.int64)
    counts[3, 3], counts[3, 2], counts[2, 3], counts[0, 0] = 30, 10, 20, 100
    silent = np.zeros((4, 4), np.int64)
    silent[3, 2], silent[0, 0] = 40, 100
    ious = [float(scores(m, average="macro").iou) for m in (counts, silent)]
    candidate = rare_class_candidates(rare_class_data(TINY))[0]
    outcome = Outcome(candidate, 1, 0.01, ious, [], [[counts.ravel().tolist()], [silent.ravel().tolist()]])
    found = rare_class_scores(outcome)
    assert found["recall"].tolist() == [0.75, 0.0]
    assert found["precision"][0] == pytest.approx(0.6)
    assert np.isnan(found["precision"][1])  # it called no pixel so
    assert found["iou"].tolist() == [0.5, 0.0]
    assert "precision 0.600 " in loss_row(outcome)


def test_half_way_weights_lie_between_none_and_balanced():
    candidates = {c.name: c for c in rare_class_candidates(rare_class_data(TINY))}
    balanced = candidates["cross entropy, balanced weights"].loss.keywords["weights"]
    half_way = candidates["cross entropy, half-way weights"].loss.keywords["weights"]
    assert half_way == pytest.approx(np.sqrt(balanced), abs=1e-3)
    assert balanced[NUCLEOLUS] > 10 * balanced[0]
    assert RARE_CLASS.steps % -(-RARE_CLASS.training // 3) == 0


def test_outcomes_have_the_matrices_that_the_scores_are_made_of():
    data = rare_class_data(TINY)
    (outcome,) = compare(rare_class_candidates(data)[:1], TINY, data)
    assert outcome.counts.shape == (2, 6, 4, 4)
    truth = np.bincount(np.concatenate([pair.mask.ravel() for pair in data.test.pairs]), minlength=4)
    assert outcome.counts[0].sum(axis=(0, 2)).tolist() == truth.tolist()


def test_the_stored_table_is_complete_and_says_what_notebook_06_says():
    protocol, outcomes = load_outcomes(LOSSES)
    assert protocol == RARE_CLASS
    candidates = rare_class_candidates(rare_class_data(RARE_CLASS))
    assert [outcome.candidate.described for outcome in outcomes] == [candidate.described for candidate in candidates]
    assert all(outcome.counts.shape == (5, 60, 4, 4) for outcome in outcomes)
    assert all(0 < iou < 1 for outcome in outcomes for iou in outcome.ious)
    found = {outcome.candidate.name: rare_class_scores(outcome) for outcome in outcomes}
    plain, weighted = found["cross entropy"], found["cross entropy, balanced weights"]
    assert weighted["recall"].min() > plain["recall"].max() + 0.2
    assert np.nanmean(weighted["precision"]) < 0.5


def test_a_row_of_the_stored_table_can_be_had_again():
    """One entry, trained anew, on one thread; other processors round otherwise."""
    _, outcomes = load_outcomes(LOSSES)
    data = rare_class_data(RARE_CLASS)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = run_once(rare_class_candidates(data)[0], RARE_CLASS, outcomes[0].rate, RARE_CLASS.seeds[0], data=data)
    finally:
        torch.set_num_threads(threads)
    assert run.iou == pytest.approx(outcomes[0].ious[0], abs=0.03)
