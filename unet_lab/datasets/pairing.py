"""Which mask belongs to which image, by their names: rules from strict to lenient, and words for what stays alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from unet_lab.datasets.file_lists import describe_others, entries, list_pictures, locate
from unet_lab.datasets.merging import Merge, by_words, check_merge
from unet_lab.datasets.names import (
    CHANNEL,
    NUMBERED,
    Name,
    cleaned,
    cleaned_name,
    common_affix,
    folders_of,
    name_of,
    says_mask,
    without,
)
from unet_lab.datasets.unpaired import Outcome, explain, listed

LAST_NUMBER = re.compile(r"[ _-]\d{1,4}$")


class Match(NamedTuple):
    """An image's file and its mask's; where several masks are merged, the others too."""

    image: Path
    mask: Path
    others: tuple[Path, ...] = ()

    @property
    def masks(self) -> tuple[Path, ...]:
        return (self.mask, *self.others)


class Rule(NamedTuple):
    """A way to compare names: what is said about it, and the key of an image and of a mask."""

    words: str
    image_key: Callable[[Name], Name]
    mask_key: Callable[[Name], Name]


def pair_files(images: str | Path, masks: str | Path, merge: Merge = None) -> tuple[list[Match], str]:
    """Find which mask belongs to which image, by name.

    Parameters
    ----------
    images, masks : two folders, patterns such as "set/*_image.tif" and "set/*_mask.png", or two files. Folders without pictures
        are searched below: a folder for each patient, with equal names inside. Where both name the same files, those that have a
        word like "mask" in their name or folder are the masks.
    merge : "union" where an image may have several masks, one for each object; {"nucleus": 2, "cell": 1} where each has a class,
        told by a word in the mask's name or its folder's; {0: 1, 1: 2} where pages of a mask's file are classes.

    Returns
    -------
    (pairs, rule) : in the order of the names, and by which rule they were found, in words. The first rule that pairs every file
    counts: the names are the same; the same without words like "mask" and "image", case and leading zeros; without the channel's
    number (`_0000`); without something that all files of one side add; or one image in each folder. Numbers never pair names
    whose other parts differ.

    Raises FileNotFoundError for a missing folder; ValueError for an empty one, for files that stay alone under each of the rules
    (all are counted, the first ten listed, with the likeliest reason), for two images of one name, and for several masks of one
    image without `merge`.
    """
    check_merge(merge)
    (image_root, image_files), (mask_root, mask_files) = list_pictures(images), list_pictures(masks)
    image_files, mask_files = apart(image_files, mask_files, image_root)
    image_names = {file: name_of(file, image_root) for file in image_files}
    mask_names = {file: name_of(file, mask_root) for file in mask_files}
    if all(locate(where)[0].is_file() for where in (images, masks)):
        return [Match(image_files[0], mask_files[0])], "being the two files given"
    outcomes = []
    for rule in rules(list(image_names.values()), list(mask_names.values()), merge):
        outcome = Outcome(rule.words, keyed(image_names, rule.image_key), keyed(mask_names, rule.mask_key))
        if outcome.fits and not contradict(outcome):
            check_several(outcome, merge)
            order = sorted(outcome.images)
            return [Match(outcome.images[k][0], *first_and_rest(outcome.masks[k])) for k in order], rule.words
        outcomes.append(outcome)
    raise ValueError(explain(outcomes))


def first_and_rest(files: list[Path]) -> tuple[Path, tuple[Path, ...]]:
    return files[0], tuple(files[1:])


def apart(images: list[Path], masks: list[Path], root: Path) -> tuple[list[Path], list[Path]]:
    """Images and masks that lie together, told apart. Raises ValueError where nothing tells which are the masks."""
    common = set(images) & set(masks)
    if common == set(images) == set(masks):
        masks = [file for file in masks if says_mask(name_of(file, root))]
    elif common == set(images):
        masks = [file for file in masks if file not in common]
    images = [file for file in images if file not in set(masks)]
    if not images or not masks:
        raise ValueError(
            f"{root}: images and masks are the same files, and their names do not tell which are the masks. Give two folders, or "
            f"two patterns: '{root / '*_image.png'}' and '{root / '*_mask.png'}'.{describe_others(entries(root))}"
        )
    return images, masks


def rules(images: list[Name], masks: list[Name], merge: Merge) -> Iterator[Rule]:
    """The rules, strict ones first. Folders count only where both sides have them."""
    nested = all(any(folders_of(name) for name in side) for side in (images, masks))
    whole, bare = (with_folders, cleaned_name) if nested else (stem_only, cleaned_stem)
    yield Rule("the same name", whole, whole)
    yield Rule("the same name without words like 'mask' and 'image'", bare, bare)
    if all(CHANNEL.search(name[-1]) for name in images):
        yield Rule("the same name without the channel's number ('_0000')", partial(shortened, CHANNEL, bare), bare)
    for side, long, short in (("masks", masks, images), ("images", images, masks)):
        found = common_affix([bare(name) for name in long], [bare(name) for name in short])
        if found is not None:
            words = f"the same name without {' and '.join(repr(a) for a in found if a)}, which the {side} add"
            key = partial(without_affix, found, bare)
            yield Rule(words, bare, key) if side == "masks" else Rule(words, key, bare)
    yield Rule("the same name, the masks numbered", bare, partial(shortened, NUMBERED, bare))
    if merge == "union":
        yield Rule("the same name, the masks numbered", bare, partial(shortened, LAST_NUMBER, bare))
    if by_words(merge):
        word = "|".join(re.escape(word) for word in by_words(merge))
        for pattern in (rf"[ _.-]+(?:{word})(?:[ _-]?\d{{1,4}})?$", rf"^(?:{word})[ _.-]+"):
            key = partial(shortened, re.compile(pattern), bare)
            yield Rule("the same name without the classes' words", bare, key)
    if nested:
        yield Rule("lying in the same folder", folders_of, folders_of)
    if len(images) == len(masks) == 1 and not (bare(images[0]) and bare(masks[0])):
        yield Rule("being the only image and the only mask", alike, alike)


def with_folders(name: Name) -> Name:
    return (*folders_of(name), name[-1])


def stem_only(name: Name) -> Name:
    return name[-1:]


def cleaned_stem(name: Name) -> Name:
    return cleaned_name(name[-1:])


def alike(name: Name) -> Name:
    return ()


def shortened(pattern: re.Pattern, bare: Callable[[Name], Name], name: Name) -> Name:
    """The cleaned name without what a pattern finds in its stem."""
    return bare((*name[:-1], pattern.sub("", name[-1].lower())))


def without_affix(affix: tuple[str, str], bare: Callable[[Name], Name], name: Name) -> Name:
    """The cleaned name without a common beginning and end, where it has them."""
    *folders, stem = bare(name) or ("",)
    return (*folders, without(stem, *affix) or stem)


def keyed(names: dict[Path, Name], key: Callable[[Name], Name]) -> dict[Name, list[Path]]:
    groups: dict[Name, list[Path]] = {}
    for file, name in names.items():
        groups.setdefault(key(name), []).append(file)
    return groups


def contradict(outcome: Outcome) -> bool:
    """Whether files that share nothing but a folder differ in nothing but their numbers; that is another image's mask."""
    if "folder" not in outcome.words or outcome.several:
        return False
    pairs = [(cleaned(files[0].stem), cleaned(outcome.masks[key][0].stem)) for key, files in outcome.images.items()]
    return any(image != mask and re.sub(r"\d+", "", image) == re.sub(r"\d+", "", mask) for image, mask in pairs)


def check_several(outcome: Outcome, merge: Merge) -> None:
    """Raise ValueError where an image has several masks and nobody said what to do with them."""
    if merge is None and outcome.several:
        key = outcome.several[0]
        files = outcome.masks[key]
        raise ValueError(
            f"{outcome.images[key][0]}: {len(files)} masks for one image ({listed(files)}); so it is with "
            f"{len(outcome.several)} of {len(outcome.images)} images. Are they parts of one mask? load_folder(…, merge='union') "
            f"unites them. Is each a class? merge={{'nucleus': 2, 'cell': 1}} tells it by a word of its name. If neither, keep "
            f"one, or give a pattern that only the right ones match."
        )
