"""Generated fields of touching cells: what the numbers of cells and nuclei promise."""

import numpy as np
import pytest
from scipy.ndimage import label

from unet_lab.datasets import generate_field
from unet_lab.objects import find_neighbours, label_objects, match_nuclei


@pytest.fixture(scope="module")
def fields():
    return [generate_field(seed) for seed in range(6)]


def test_shapes_types_and_the_mask_follows_from_the_numbers(fields):
    for field in fields:
        assert [a.shape for a in field] == [(256, 256)] * 4
        assert [a.dtype for a in field] == [np.uint8, np.uint8, np.uint16, np.uint16]
        assert np.array_equal(field.mask > 0, field.cells > 0)
        assert np.array_equal(field.mask == 2, field.nuclei > 0)


def test_20_to_60_cells_numbered_without_gaps_each_in_one_piece(fields):
    for field in fields:
        count = int(field.cells.max())
        assert 20 <= count <= 60
        assert set(np.unique(field.cells)) == set(range(count + 1))
        assert all(label(field.cells == number)[1] == 1 for number in range(1, count + 1))


def test_a_nucleus_is_one_piece_inside_its_own_cell(fields):
    for field in fields:
        numbers = np.unique(field.nuclei[field.nuclei > 0])
        assert len(numbers) > 0.9 * field.cells.max()
        assert np.array_equal(field.cells[field.nuclei > 0], field.nuclei[field.nuclei > 0])
        assert all(label(field.nuclei == number)[1] == 1 for number in numbers)
        assert match_nuclei(field.cells, field.nuclei) == {int(n): int(n) for n in numbers}


def test_cells_touch_so_that_labelling_the_mask_finds_too_few(fields):
    found = sum(int(label_objects(field.mask).max()) for field in fields)
    drawn = sum(int(field.cells.max()) for field in fields)
    assert found < 0.6 * drawn
    assert all(find_neighbours(field.cells, 1) for field in fields)


def test_touching_is_turned_by_its_chance():
    apart, together = (generate_field(3, cells=30, touching=chance) for chance in (0.0, 1.0))
    assert len(find_neighbours(apart.cells, 1)) < 0.3 * len(find_neighbours(together.cells, 1))


def test_the_image_shows_cells_nuclei_and_the_contacts(fields):
    for field in fields:
        image = field.image.astype(float)
        assert image[field.mask == 0].mean() > image[field.mask == 1].mean() + 20
        assert image.std() > 10


def test_the_same_seed_draws_the_same_bytes_and_another_one_another_field():
    first, again, other = (generate_field(seed, size=128, cells=(20, 25)) for seed in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.cells, other.cells)


def test_as_many_cells_as_asked_at_any_size_and_crowding():
    for count, size in ((1, 64), (20, 128), (60, 256), (120, 512)):
        for touching in (0.0, 1.0):
            assert len(np.unique(generate_field(1, size, count, touching).cells)) == count + 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"seed": 1, "size": 32}, "size is 32"),
        ({"seed": 1, "cells": 0}, "cells is 0"),
        ({"seed": 1, "cells": (30, 20)}, r"cells is \(30, 20\)"),
        ({"seed": 1, "cells": "many"}, "cells is 'many'"),
        ({"seed": 1, "size": 64, "cells": 60}, "larger size or fewer cells"),
        ({"seed": 1, "touching": 1.5}, "touching is 1.5"),
        ({"seed": 1, "difficulty": -0.1}, "difficulty is -0.1"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        generate_field(**arguments)
