"""The colours of figures for those who see fewer of them, by the simulations that browsers use."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import rgb2lab

from unet_lab.plots.figure import CLASS_COLOURS, ERROR_COLOUR, TRAINING_COLOUR, VALIDATION_COLOUR
from unet_lab.plots.images import error_map

# Machado, Oliveira and Fernandes 2009, table 1, severity 1.0, for linear RGB; achromatopsia is the luminance of Rec. 709.
SIGHTS = {
    "all colours": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "achromatopsia": [[0.2126, 0.7152, 0.0722]] * 3,
}
CLEAR = 14  # a difference in CIELAB that is seen at a glance; 2.3 is just seen


def seen(colour, sight):
    """A colour (…, 3), sRGB 0 to 1, as somebody with this sight sees it: CIELAB."""
    colour = np.asarray(colour, float)
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    other = np.clip(linear @ np.array(SIGHTS[sight]).T, 0, 1)
    return rgb2lab(np.where(other <= 0.0031308, other * 12.92, 1.055 * other ** (1 / 2.4) - 0.055).reshape(-1, 1, 3))[:, 0]


def apart(first, second, sight):
    return float(np.linalg.norm(seen(first, sight) - seen(second, sight), axis=1).min())


def test_the_simulation_takes_from_red_and_green_what_protanopia_takes():
    assert apart(to_rgb("#D00000"), to_rgb("#00D000"), "all colours") > 100
    assert (
        apart(to_rgb("#8B4513"), to_rgb("#556B2F"), "protanopia") < apart(to_rgb("#8B4513"), to_rgb("#556B2F"), "all colours") / 2
    )
    assert np.allclose(seen((0.2, 0.9, 0.4), "achromatopsia")[0, 1:], 0, atol=0.5)


@pytest.mark.parametrize("sight", SIGHTS)
def test_classes_are_told_apart(sight):
    for first, second in itertools.combinations(CLASS_COLOURS, 2):
        assert apart(to_rgb(first), to_rgb(second), sight) > CLEAR, (first, second)


@pytest.mark.parametrize("sight", SIGHTS)
def test_an_error_is_seen_on_every_grey_of_the_map_of_errors(sight):
    image = np.linspace(0, 255, 256).astype(np.uint8)[None]
    truth = np.zeros(image.shape, np.uint8)
    greys = error_map(image, truth, truth).reshape(-1, 3)
    assert apart(np.tile(to_rgb(ERROR_COLOUR), (256, 1)), greys, sight) > 2 * CLEAR


@pytest.mark.parametrize("sight", SIGHTS)
def test_training_and_validation_are_told_apart(sight):
    assert apart(to_rgb(TRAINING_COLOUR), to_rgb(VALIDATION_COLOUR), sight) > CLEAR
