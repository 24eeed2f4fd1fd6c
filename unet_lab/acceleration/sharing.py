"""A network as a package of the BioImage Model Zoo: it then runs in Fiji, ilastik, BiaPy and others, without this library.

A package (https://bioimage.io) is a zip: weights, how an image is prepared, a test input with its output, a cover, who made it,
and who may use it. It is written by bioimageio.spec and tested by bioimageio.core: `pip install -e ".[share]"`.
"""

from __future__ import annotations

import difflib
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from unet_lab.acceleration.exporting import evaluation_copy
from unet_lab.acceleration.runtimes import missing
from unet_lab.acceleration.zoo_package import (
    Probabilities,
    document,
    packed,
    prepared,
    run_core_test,
    smallest_size,
    takes_any_size,
    write_parts,
)
from unet_lab.datasets.masks import CLASS_NAMES
from unet_lab.datasets.standardise import check_image, clip_limits
from unet_lab.files import write_whole
from unet_lab.foreign import geometry_of, logits_only
from unet_lab.inference.predict import check_channels

U_NET_PAPER = {
    "text": "Ronneberger, Fischer and Brox 2015, U-Net: Convolutional Networks for Biomedical Image Segmentation",
    "doi": "10.1007/978-3-319-24574-4_28",
}
NAME = re.compile(r"[A-Za-z0-9_+\- ()]{5,64}")
LARGEST_TEST = 256  # pixels: the test image is cropped to about that, so that a package stays small


@dataclass(frozen=True)
class About:
    """What a package says of its network; checked when it is made.

    name : 5 to 64 letters, digits, spaces and _+-(). description : what is segmented, in which images.
    authors : names, or dictionaries with "name" and, if wanted, "affiliation", "orcid", "github_user".
    licence : of the weights, an SPDX identifier: "CC-BY-4.0", "CC0-1.0", "MIT".
    pixel_size : micrometres of a pixel's side in the images of the training; None: not known.
    class_names : one for each class, background first. validation : how the network was judged and what came out, in words.
    cite : dictionaries with "text", and "doi" or "url".
    """

    name: str = ""
    description: str = ""
    authors: Sequence[str | Mapping[str, str]] = ()
    licence: str = ""
    pixel_size: float | None = None
    class_names: Sequence[str] = CLASS_NAMES
    validation: str = ""
    cite: Sequence[Mapping[str, str]] = (U_NET_PAPER,)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> About:
        """From keywords; ValueError for one that does not exist."""
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches("licence" if name == "license" else name, known, n=1, cutoff=0.5)
                meant = f" Did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"a package has no {name!r}; it has {', '.join(known)}.{meant}")
        return cls(**settings)

    def __post_init__(self) -> None:
        check_texts(self.name, self.description, self.authors)
        check_side(self.pixel_size)
        if not isinstance(self.licence, str) or not self.licence.strip():
            raise ValueError(f"licence is {self.licence!r}: without one nobody may use the network. {LICENCES}")

    @property
    def in_zoo_words(self) -> dict[str, Any]:
        """The part that is taken over as it is, by bioimageio.spec's names."""
        authors = [{"name": author} if isinstance(author, str) else dict(author) for author in self.authors]
        cite = [dict(entry) for entry in self.cite]
        return {"name": self.name, "description": self.description, "license": self.licence, "authors": authors, "cite": cite}


LICENCES = (
    "For weights take 'CC-BY-4.0' (name the authors) or 'CC0-1.0' (no conditions); for code 'MIT' (https://spdx.org/licenses)."
)


def bioimageio_package(model: nn.Module, path: str | Path, image: np.ndarray, **about) -> Path:
    """Write a network as a package of the BioImage Model Zoo, and have bioimageio.core test it; returns the path.

    Parameters
    ----------
    model : gives logits (N, num_classes, H, W) for standardised images. path : ends in .zip.
    image : the example, (H, W) or (H, W, C), as it comes from its file: test input and cover. Its middle is taken, at a size that
        the network takes. The network must find something in it.
    about : the fields of `About`, by name: name, description, authors and licence are needed.

    The package standardises images as `standardise` does, but does not cut outliers off (a warning says so where the example has
    some); it gives probabilities. Raises ValueError for what is missing or wrong, and where bioimageio.core's test fails;
    ImportError where bioimageio.spec and bioimageio.core are not installed.
    """
    path = Path(path)
    if path.suffix != ".zip":
        raise ValueError(f"{path.name} ends in {path.suffix!r}; a package ends in .zip: {path.with_suffix('.zip').name}.")
    told = About.of(about)
    need_share()
    check_licence(told.licence)
    example = test_image(model, image)
    x = prepared(example)  # (1, C, H, W)
    network = Probabilities(logits_only(evaluation_copy(model), x))
    with torch.no_grad():
        output = network(x).numpy()  # (1, num_classes, H', W')
    check_classes(told.class_names, output)
    warn_of_outliers(example)
    geometry = geometry_of(model)
    with tempfile.TemporaryDirectory() as folder:
        readme = document(geometry, told.name, told.description, told.class_names, told.pixel_size, told.validation)
        files = write_parts(Path(folder), network, example, output, readme)
        any_size = takes_any_size(files["torchscript"], network, x)
        content = packed(told.in_zoo_words, files, geometry, told.class_names, told.pixel_size, any_size)
        run_core_test(content, Path(folder))
    write_whole(path, content)
    return path


def need_share() -> None:
    """Raise ImportError, with what to install, where the extra is not there."""
    packages = ("bioimageio.spec", "bioimageio.core")
    absent = packages if missing("bioimageio") else [name for name in packages if missing(name)]
    if absent:
        raise ImportError(f'packages of the BioImage Model Zoo need {" and ".join(absent)}: pip install -e ".[share]".')


def check_texts(name: str, description: str, authors: Sequence) -> None:
    """Raise ValueError for a name, a description or authors that a package cannot have."""
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ValueError(f"name is {name!r}; allowed are 5 to 64 letters, digits, spaces and _+-(): 'Lymphocytes in TEM U-Net'.")
    if not (isinstance(description, str) and len(description.strip()) >= 10):
        raise ValueError(f"description is {description!r}; say in a sentence what is segmented in which images.")
    if isinstance(authors, str) or not authors:
        raise ValueError(f"authors is {authors!r}; give a list of at least one: authors=['Ada Lovelace'].")
    for author in authors:
        given = author if isinstance(author, str) else author.get("name", "") if isinstance(author, Mapping) else ""
        if not given.strip() or "/" in given:
            raise ValueError(f"an author is {author!r}; allowed is a name, or a dictionary {{'name': …, 'affiliation': …}}.")


def check_side(pixel_size: float | None) -> None:
    """Raise ValueError for a pixel size that is no length."""
    number = isinstance(pixel_size, int | float | np.number) and not isinstance(pixel_size, bool)
    if pixel_size is not None and not (number and 0 < float(pixel_size) < 1e4):
        raise ValueError(
            f"pixel_size is {pixel_size!r}; allowed is the side of a pixel in micrometres, above 0, e.g. 0.25. Not known? Leave "
            "it out."
        )


def check_licence(licence: str) -> None:
    """Raise ValueError where it is no SPDX identifier."""
    from bioimageio.spec.model.v0_5 import DeprecatedLicenseId, LicenseId

    known, given_up = (get_args(kind.root_model.model_fields["root"].annotation) for kind in (LicenseId, DeprecatedLicenseId))
    if licence in known:
        return
    if licence in given_up:
        raise ValueError(f"licence is {licence!r}, which SPDX has given up. {LICENCES}")
    near = difflib.get_close_matches(licence, known, n=2, cutoff=0.5)
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(f"licence is {licence!r}, which is no SPDX identifier.{meant} {LICENCES}")


def check_classes(class_names: Sequence[str], output: np.ndarray) -> None:
    """Raise ValueError where names and classes do not match, or the network finds one class only in the example."""
    if isinstance(class_names, str) or len(class_names) != output.shape[1]:
        raise ValueError(f"class_names is {class_names!r}; the network has {output.shape[1]} classes, so give as many names.")
    found = np.unique(output[0].argmax(axis=0))
    if len(found) < 2:
        raise ValueError(
            f"in this image the network finds {class_names[int(found[0])]!r} only; a test output that is all alike tests "
            "nothing. Give an example in which there is something to find."
        )


def warn_of_outliers(image: np.ndarray) -> None:
    """Warn where an image has pixels that `standardise` would cut off: other programs will not."""
    low, high = clip_limits(image)
    count = int(((image < low) | (image > high)).sum())
    if count:
        warnings.warn(
            f"{count} pixels of the example are outliers, which U-Net Lab cuts off and other programs do not. Say so to whoever "
            "uses the package, or take an example without hot pixels.",
            stacklevel=4,
        )


def test_image(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """The middle of an image (H, W) or (H, W, C), at a size that the network takes: `LARGEST_TEST` pixels a side at most."""
    image = check_image(image)
    check_channels(model, image.shape)
    geometry = geometry_of(model)
    smallest = smallest_size(geometry)
    if min(image.shape[:2]) < smallest:
        raise ValueError(f"the image is {image.shape[0]} x {image.shape[1]}; the network needs {smallest} pixels a side.")
    window = []
    for length in image.shape[:2]:
        side = min(geometry.nearest_sizes(min(length, max(LARGEST_TEST, smallest))))
        window.append(slice((length - side) // 2, (length - side) // 2 + side))
    return image[tuple(window)]
