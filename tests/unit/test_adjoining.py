"""Tiles of one image are recognised by what continues across their edges; images that are none are not."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from unet_lab.datasets import SegmentationDataset, generate_field, load_cells, load_folder, split
from unet_lab.datasets.adjoining import adjoining, joined
from unet_lab.doctor import examine_data


def grainy(seed: int, size: int = 512, colour: bool = False) -> np.ndarray:
    """An image full of structures of a few pixels, as tissue is."""
    noise = np.random.default_rng(seed).normal(size=(size, size, 3) if colour else (size, size))
    smooth = gaussian_filter(noise, (2, 2, 0) if colour else 2)
    return (128 + 40 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


def cut(image: np.ndarray, side: int) -> dict[tuple[int, int], np.ndarray]:
    return {
        (r, c): image[r * side : (r + 1) * side, c * side : (c + 1) * side]
        for r in range(image.shape[0] // side)
        for c in range(image.shape[1] // side)
    }


def beside(places: list) -> set[tuple[int, int]]:
    """Which of (image, row, column) lie side by side."""
    pairs = [(i, j) for i in range(len(places)) for j in range(i + 1, len(places)) if places[i][0] == places[j][0]]
    return {(i, j) for i, j in pairs if sum(abs(np.subtract(places[i], places[j]))) == 1}


@pytest.mark.parametrize("colour", [False, True])
def test_all_neighbours_are_found_in_any_order_and_none_else(colour):
    tiles = [((k, *place), tile) for k in range(3) for place, tile in cut(grainy(k, colour=colour), 128).items()]
    order = np.random.default_rng(0).permutation(len(tiles))
    tiles = [tiles[k] for k in order]
    found = set(adjoining([tile for _, tile in tiles]))
    true = beside([place for place, _ in tiles])
    assert found <= true
    assert len(found) > 0.9 * len(true)
    groups = joined(len(tiles), sorted(found))
    assert len(set(groups)) == 3
    assert len({(group, place[0]) for group, (place, _) in zip(groups, tiles, strict=True)}) == 3


def test_no_false_alarm_where_images_are_no_tiles():
    assert not adjoining([pair.image for pair in load_cells().pairs])
    assert not adjoining([pair.image for pair in SegmentationDataset.generated(300, size=64).pairs])
    assert not adjoining([generate_field(seed).image for seed in range(12)])
    assert not adjoining([grainy(seed, 64) for seed in range(300)])


def test_no_false_alarm_for_what_many_images_share():
    """A dark round vignette, a frame, stripes, one image twice, mirrored, a constant ground: edges that are alike everywhere."""
    rows, columns = np.mgrid[:96, :96]
    round_field = (rows - 48) ** 2 + (columns - 48) ** 2 < 55**2
    images = [np.where(round_field, grainy(k, 96), 0).astype(np.uint8) for k in range(20)]
    assert not adjoining(images)
    framed = [np.pad(grainy(k, 80), 8, constant_values=255) for k in range(20)]
    assert not adjoining(framed)
    stripes = np.tile(np.sin(np.arange(96) / 3) * 90 + 128, (96, 1))
    assert not adjoining([stripes + grainy(k, 96) / 8 for k in range(20)])
    noise = np.random.default_rng(0).normal(size=(96, 96)) * 5
    assert not adjoining([grainy(2, 96), grainy(2, 96)[:, ::-1]])
    assert not adjoining([grainy(2, 96), grainy(2, 96)[::-1] * 0.8 + 20 + noise])
    assert not adjoining([grainy(1, 96), grainy(1, 96), np.full((96, 96), 7), np.full((96, 96), 7)])


def test_overlapping_or_turned_tiles_do_not_adjoin():
    image = grainy(0, 256)
    assert not adjoining([image[:64, :64], image[:64, 48:112], image[:64, 96:160]])
    assert not adjoining([image[:64, :64], np.rot90(image[:64, 64:128]), image[:64, 128:192][::-1]])


def write_tiles(folder, images) -> tuple[str, str]:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    order = iter(np.random.default_rng(1).permutation(100).tolist())
    for image in images:
        for tile in cut(image, 128).values():
            name = f"{next(order):03d}.png"
            Image.fromarray(tile).save(folder / "images" / name)
            Image.fromarray((tile > 128).astype(np.uint8)).save(folder / "masks" / name)
    return str(folder / "images"), str(folder / "masks")


@pytest.mark.parametrize("lazy", [False, True])
def test_split_keeps_tiles_together_though_no_name_says_so(tmp_path, capsys, lazy):
    where = write_tiles(tmp_path, [grainy(k, 384) for k in range(4)])
    data = load_folder(*where, (0, 1), lazy=lazy)
    assert "Tiles, since they continue across their edges: 36 of 4 image(s)" in capsys.readouterr().out
    training, validation = split(data, 0.5, seed=0)
    assert (len(training), len(validation)) == (18, 18)
    assert not {pair.group for pair in training.pairs} & {pair.group for pair in validation.pairs}
    assert "tiles of one image on both sides" not in examine_data(training, validation=validation).names
    alone = load_folder(*where, (0, 1), group=lambda path: path.name, lazy=lazy)  # what the sentence says
    assert len({pair.group for pair in alone.pairs}) == 36


def test_the_doctor_names_tiles_on_both_sides(tmp_path):
    data = load_folder(*write_tiles(tmp_path, [grainy(k, 384) for k in range(4)]), (0, 1), group=lambda path: path.name)
    training, validation = split(data, 0.5, seed=0)
    found = examine_data(training, validation=validation)
    (finding,) = [f for f in found if f.name == "tiles of one image on both sides"]
    assert "tiles that adjoin" in finding.what


def test_the_doctor_names_a_group_on_both_sides():
    data = SegmentationDataset.generated(8, size=32)
    data = data.with_pairs([pair._replace(group=f"dish {k // 2}") for k, pair in enumerate(data.pairs)])
    assert "one group on both sides" in examine_data(data.subset([0, 2, 4]), validation=data.subset([1, 6])).names
    assert "one group on both sides" not in examine_data(*[data.subset([0, 1])], validation=data.subset([2, 3])).names
