"""What stays alone when images and masks are paired, and why."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import NamedTuple

from unet_lab.datasets.file_lists import conversion, entries
from unet_lab.datasets.names import CHANNEL, Name, numbers

MOST_LISTED = 10


class Outcome(NamedTuple):
    """What a rule made of the files: the images and masks of each key."""

    words: str
    images: dict[Name, list[Path]]
    masks: dict[Name, list[Path]]

    @property
    def alone(self) -> tuple[list[Path], list[Path]]:
        """The images without a mask, and the masks without an image."""
        images = [file for key, files in self.images.items() if key not in self.masks for file in files]
        return images, [file for key, files in self.masks.items() if key not in self.images for file in files]

    @property
    def doubled(self) -> list[list[Path]]:
        """The images that share a key."""
        return [files for files in self.images.values() if len(files) > 1]

    @property
    def several(self) -> list[Name]:
        """The keys with more masks than one."""
        return [key for key, files in self.masks.items() if len(files) > 1 and key in self.images]

    @property
    def fits(self) -> bool:
        """Whether each image has a mask and each mask one image, and the names say enough to tell them apart."""
        if any(self.alone) or self.doubled:
            return False
        return len(self.images) == 1 or () not in self.images


def listed(files: list[Path]) -> str:
    """The first ten names, and how many more there are."""
    more = f" and {len(files) - MOST_LISTED} more" if len(files) > MOST_LISTED else ""
    return ", ".join(file.name for file in files[:MOST_LISTED]) + more


def explain(outcomes: list[Outcome]) -> str:
    """Why no rule pairs all files, by the rule that comes nearest: which stay alone, and the likeliest reason."""
    for outcome in outcomes:
        if outcome.doubled and (outcome is outcomes[0] or not any(outcome.alone)):
            first, second, *_ = outcome.doubled[0]
            channels = " Are they channels of one image? Give one: '*_0000.png'." if CHANNEL.search(first.stem) else ""
            return f"{second}: a second file named {first.stem} ({first.name}), by {outcome.words}. Keep one of them.{channels}"
    nearest = min((o for o in outcomes if any(o.alone)), key=lambda outcome: sum(map(len, outcome.alone)))
    images, masks = nearest.alone
    file, missing = (images[0], "mask") if images else (masks[0], "image")
    parts = [f"{file}: no {missing} of the same name (by {nearest.words})."]
    if images:
        parts.append(f"{len(images)} without a mask: {listed(images)}.")
    if masks:
        parts.append(f"{len(masks)} without an image: {listed(masks)}.")
    return " ".join([*parts, reason(images, masks, nearest)])


def reason(images: list[Path], masks: list[Path], outcome: Outcome) -> str:
    """The likeliest reason why files stay alone, and what to do about it."""
    where = next(iter(outcome.masks.values()))[0].parent
    beside = [f for f in entries(where) if conversion(f) and f.stem in {image.stem for image in images}]
    if beside:
        return f"{beside[0].name} lies among the masks and is {conversion(beside[0])}."
    paired = [file for files in outcome.images.values() for file in files]
    owner = next((image for image in paired if masks and not images and masks[0].stem.startswith(image.stem)), None)
    if owner is not None:
        word = masks[0].stem.removeprefix(owner.stem).strip(" _.-")
        return f"Is it a second mask of {owner.name}? A class for each: load_folder(…, merge={{'{word}': 1, …}}), a word each."
    if not images or not masks:
        kind = "masks" if images else "images"
        return f"Were their {kind} never made, or do they lie elsewhere? Add them, or move these files aside."
    if numbers(images[0]) and sorted(map(numbers, images)) == sorted(map(numbers, masks)):
        pair = f"{images[0].stem} and {next(m for m in masks if numbers(m) == numbers(images[0])).stem}"
        return f"The numbers agree, but the rest of the names does not: {pair}. If they belong together, rename one side."
    if shifted(images, masks):
        return "The numbers of images and masks seem shifted by one: does one side count from 0 and the other from 1?"
    for image in images[:MOST_LISTED]:
        close = difflib.get_close_matches(image.stem, [mask.stem for mask in masks], 1, 0.8)
        if close and numbers(image) == numbers(Path(f"{close[0]}.png")):
            return f"{image.stem} and {close[0]} are nearly the same: a typing error?"
    return f"Name image and mask alike, e.g. 07.png in both folders, or give patterns: '{where / '*_mask.png'}'."


def shifted(images: list[Path], masks: list[Path]) -> bool:
    """Whether one side alone has the first number and the other the last."""
    if len(images) != 1 or len(masks) != 1:
        return False
    return {len(numbers(images[0])), len(numbers(masks[0]))} == {1} and 0 in (*numbers(images[0]), *numbers(masks[0]))
