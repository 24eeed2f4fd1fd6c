"""On real micrographs, which are not part of the project: skipped, and said so, where they are missing."""

import numpy as np
import torch

from unet_lab.datasets import SegmentationDataset, encode_mask, load_folder, read_image
from unet_lab.inference import segment
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.training import evaluate, fit
from unet_lab.unet import UNet


def test_shipped_model_segments_a_real_lymphocyte(real, record_property):
    folder = real / "tem_lymphocytes"
    truth = encode_mask(read_image(folder / "lymphocyte_a_mask.png"), codes=(0, 128, 255))
    result = scores(confusion_matrix(truth, segment(read_image(folder / "lymphocyte_a.png"))), average=None)
    print(f"\nlymphocyte_a: accuracy {result.accuracy:.4f}, IoU {result.iou.round(4).tolist()}, mean {np.mean(result.iou):.4f}")
    record_property("iou", float(np.mean(result.iou)))
    assert np.mean(result.iou) >= 0.70


def test_membranes_of_isbi_2012_through_the_folder_path(real):
    pairs = load_folder(real / "isbi2012" / "images", real / "isbi2012" / "masks", codes=(0, 255))
    assert len(pairs) == 12
    training, test = pairs.subset(range(9)), pairs.subset(range(9, 12))
    crops = training.crops(128)
    turned = [(np.rot90(p.image, k).copy(), np.rot90(p.mask, k).copy()) for p in crops.pairs for k in (0, 1)]
    torch.manual_seed(0)
    model = UNet(base_channels=16, depth=3, num_classes=2)
    fit(model, SegmentationDataset(turned, num_classes=2), epochs=5, batch_size=8, learning_rate=3e-3)
    _, matrix = evaluate(model, test, batch_size=1)
    result = scores(matrix, average="macro")
    print(f"\nISBI 2012: pixel accuracy {result.accuracy:.4f}, macro IoU {result.iou:.4f}")
    assert result.accuracy >= 0.85
