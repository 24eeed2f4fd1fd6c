"""On real micrographs, which are not part of the project: skipped, and said so, where they are missing."""

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate
from skimage.filters import threshold_otsu

from unet_lab.datasets import encode_mask, load_folder, pair_files, propose_codes, read_image, split
from unet_lab.doctor import examine_data
from unet_lab.inference import segment, segment_with_confidence
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.objects import area_bias, label_objects, object_scores, separate
from unet_lab.training import evaluate, fit
from unet_lab.unet import UNet
from unet_lab.weights import load_pretrained, load_weights, save_weights


def test_shipped_model_segments_a_real_lymphocyte(real, record_property):
    folder = real / "tem_lymphocytes"
    truth = encode_mask(read_image(folder / "lymphocyte_a_mask.png"), codes=(0, 128, 255))
    for views in (1, 8):
        result = scores(confusion_matrix(truth, segment(read_image(folder / "lymphocyte_a.png"), views)), average=None)
        shown = f"accuracy {result.accuracy:.4f}, IoU {result.iou.round(4).tolist()}, mean {np.mean(result.iou):.4f}"
        print(f"\nlymphocyte_a, {views} views: {shown}")
    record_property("iou", float(np.mean(result.iou)))
    assert np.mean(result.iou) >= 0.85  # the mask was drawn by hand, good to about 10 pixels


def in_a_wider_frame(image, mask):
    """1.8 times as wide, with a ground like the micrograph's own."""
    wide = round(0.4 * image.shape[0])
    ground = np.random.default_rng(0).normal(np.median(image[:40]), image[:40].std(), np.add(image.shape, 2 * wide))
    ground = ground.clip(0, 255).astype(np.uint8)
    ground[wide:-wide, wide:-wide] = image
    return ground, np.pad(mask, wide)


def with_hot_pixels(image, mask):
    hot = image.astype(np.uint16) * 16
    hot.ravel()[np.random.default_rng(0).choice(hot.size, hot.size // 500, replace=False)] = 65535
    return hot, mask


def turned(degrees, reshape):
    return lambda *pair: [rotate(a, degrees, reshape=reshape, order=k) for a, k in zip(pair, (1, 0), strict=True)]


DISTURBED = {
    "a wider frame": in_a_wider_frame,
    "a black margin": lambda image, mask: (np.pad(image, 400), np.pad(mask, 400)),
    "the negative": lambda image, mask: (255 - image, mask),
    "hot pixels": with_hot_pixels,
    "turned by 10 degrees": turned(10, False),
    "turned by 30 degrees, all of it kept": turned(30, True),
    "turned by 45 degrees": turned(45, False),
    "turned by -60 degrees, all of it kept": turned(-60, True),
}


@pytest.mark.parametrize("how", DISTURBED)
def test_a_disturbed_micrograph_is_segmented_as_well_to_within_003(real, how):
    folder = real / "tem_lymphocytes"
    truth = encode_mask(read_image(folder / "lymphocyte_a_mask.png"), codes=(0, 128, 255))
    image, truth = DISTURBED[how](read_image(folder / "lymphocyte_a.png"), truth)
    found = segment_with_confidence(image)
    iou = scores(confusion_matrix(truth, found.mask), average="macro").iou
    print(f"\nlymphocyte_a, {how}: mean IoU {iou:.4f}; {found.doubts}")
    assert iou > 0.885  # 0.914 undisturbed
    assert any("inverted" in doubt for doubt in found.doubts) == (how == "the negative")


def test_images_of_other_kinds_get_their_doubts(real):
    for path in (real / "bbbc039" / "images").glob("*_s1.png"):
        assert any("fluorescence" in doubt for doubt in segment_with_confidence(read_image(path)).doubts)
    for path in (real / "isbi2012" / "images").glob("0[1-3].*"):
        assert segment_with_confidence(read_image(path)).doubts


def test_fragments_of_cells_are_not_taken_for_a_cell_without_a_word(real):
    """lymphocyte_b has debris and the edge of a cell, and no whole one: what is found there is not handed out as certain."""
    found = segment_with_confidence(read_image(real / "tem_lymphocytes" / "lymphocyte_b.png"))
    print(f"\nlymphocyte_b: {(found.mask > 0).mean():.1%} of the frame called cell; {' '.join(found.doubts)}")
    assert found.doubts


def test_isbi_2012_takes_the_road_of_the_notebook_on_your_own_images(real, tmp_path):
    """Pair, propose codes, examine, load, split, tune the shipped weights, store and load."""
    images, masks = real / "isbi2012" / "images", real / "isbi2012" / "masks"
    assert pair_files(images, masks)[1] == "the same name"
    codes = propose_codes(masks).codes
    assert codes == (0, 255)
    assert examine_data(images, masks, codes) == ()
    training, validation = split(load_folder(images, masks, codes))
    assert examine_data(training, validation=validation) == ()
    model = load_pretrained("small")
    torch.manual_seed(0)
    settings = model.settings | {"num_classes": 2}
    tuned = UNet(**settings)
    tuned.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("head")}, strict=False)
    fit(tuned, training.crops(128), epochs=3, batch_size=8, learning_rate=2e-3)
    save_weights(tuned.cpu(), tmp_path / "mine.safetensors")
    _, matrix = evaluate(load_weights(tmp_path / "mine.safetensors"), validation, batch_size=1)
    result = scores(matrix, average="macro")
    print(f"\nISBI 2012, tuned from cells: pixel accuracy {result.accuracy:.4f}, macro IoU {result.iou:.4f}")
    assert result.accuracy >= 0.85


def nuclei_of(folder):
    """The images of BBBC039 with their nuclei as numbers: the derived masks have 128 inside and 255 on the outlines."""
    for path in sorted((folder / "images").glob("*.png")):
        mask = read_image(folder / "masks" / path.name)
        yield read_image(path), separate(mask > 0, seeds=label_objects(mask == 128, min_area=20))


def test_objects_of_real_nuclei_are_counted_and_separated(real):
    """Notebook 17 on BBBC039: a perfect mask, labelled, counts too few; cut at waists, most of them are back."""
    images, truths = zip(*nuclei_of(real / "bbbc039"), strict=True)
    thresholds = [image > threshold_otsu(image) for image in images]
    found = {
        "true mask, labelled": [label_objects(truth > 0) for truth in truths],
        "true mask, cut at waists": [separate(truth > 0) for truth in truths],
        "Otsu, labelled": [label_objects(mask, min_area=30) for mask in thresholds],
        "Otsu, cut at waists": [separate(mask, depth=2.0, min_area=30) for mask in thresholds],
    }
    scored = {name: object_scores(truths, labels) for name, labels in found.items()}
    for name, s in scored.items():
        counts, bias = f"{s.predicted_objects} for {s.true_objects}", area_bias(truths, found[name])
        print(f"\n{name}: {counts}, F1 {s.f1:.3f}, panoptic quality {s.panoptic_quality:.3f}, area {bias:+.1%}")
    assert scored["true mask, labelled"].predicted_objects < 0.95 * scored["true mask, labelled"].true_objects
    assert scored["true mask, cut at waists"].f1 > scored["true mask, labelled"].f1 + 0.02
    assert scored["Otsu, cut at waists"].f1 > scored["Otsu, labelled"].f1 + 0.02
    assert scored["Otsu, cut at waists"].f1 > 0.9
