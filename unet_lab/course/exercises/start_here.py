"""Checks of notebook 00: use `segment`; read a shape."""

from __future__ import annotations

from functools import cache

import numpy as np

from unet_lab.course.checking import Wrong, close
from unet_lab.course.facts import counted
from unet_lab.course.leniency import fields, number, whole
from unet_lab.datasets.generator.cells import generate_cell
from unet_lab.inference import predict
from unet_lab.inference.segment import segment
from unet_lab.weights import load_pretrained

SEED, SIZE = 7, 160
SHAPE = {"images": 2, "classes": 3, "height": 64, "width": 96}


@cache
def segmented(seed: int, size: int) -> np.ndarray:
    return segment(generate_cell(seed, size).image)


@cache
def in_one_view() -> int:
    """Nucleus pixels that `predict` finds."""
    return int((predict(load_pretrained("small"), generate_cell(SEED, SIZE).image) == 2).sum())


@cache
def in_the_mask() -> int:
    """Nucleus pixels that `segment` finds where it is given the mask."""
    return int((segment(generate_cell(SEED, SIZE).mask) == 2).sum())


def nucleus_pixels(answer) -> None:
    """How many pixels of the cell of seed 7 (160 pixels) does `segment` call nucleus?"""
    if isinstance(answer, bool | np.bool_):
        raise Wrong(f"yours is {answer}, True or False; expected a count.", "Count the True ones: .sum(), not .any().")
    if isinstance(answer, tuple | list) or (hasattr(answer, "shape") and np.prod(answer.shape) > 1):
        raise Wrong(
            f"expected a count of pixels, one number, got {type(answer).__name__} of many.",
            "(mask == 2) is an array of True and False, np.nonzero gives places; .sum() without an axis adds up to one count.",
            "A neighbour: (mask == 0).sum() counts the background.",
        )
    given = number(answer, "a count of pixels")
    truth = generate_cell(SEED, SIZE).mask
    prediction = segmented(SEED, SIZE)
    right = int((prediction == 2).sum())
    if given == right:
        return
    count = "A neighbour: (mask == 0).sum() counts the background; (mask == 0) alone is an array of True and False."
    known = {
        int((truth == 2).sum()): "that is the nucleus of the true mask; the question is what segment(image) finds.",
        int((prediction == 1).sum()): "that is the cell body, class 1. The nucleus is class 2.",
        int((prediction == 0).sum()): "that is the background, class 0. The nucleus is class 2.",
        int((prediction > 0).sum()): "that is the whole cell, body and nucleus. Only class 2 is nucleus.",
        int(prediction.sum()): "that is the sum of the class indices: a nucleus pixel counts 2 there, a body pixel 1.",
        prediction.size: "that is every pixel of the image.",
    }
    known |= {
        int(((prediction == 2) & (truth == 2)).sum()): "those are the nucleus pixels on which segment and the true mask agree; "
        "asked is what segment calls nucleus, right or wrong.",
        right % 256: "that is what is left of the count in uint8, which wraps round at 256: the type overflows.",
        right + 1: "that is off by one: the count itself is asked.",
        right - 1: "that is off by one: the count itself is asked.",
    }
    known |= {
        int((prediction == 3).sum()): "there is no class 3: the classes are 0, 1 and 2, the nucleus is class 2. "
        "(And the image holds greys: compare the mask, segment(image), with 2.)",
        int((prediction != 2).sum()): "those are all the others, which are not nucleus: != where it should be ==.",
        2 * right: "that is twice the count: the indices were added up, and each is a 2.",
        SIZE: "that is the number of rows, which is what len counts.",
    }
    if given in known and given != right:
        raise Wrong(f"yours {given:,.0f}: {known[given]}", "Compare the mask with one class index, then count.", count)
    if close(given, 100 * right / prediction.size, 0.1):
        raise Wrong(f"yours {given:.4g} is a share in per cent.", "The question is how many pixels: .sum() counts.", count)
    for seed, size in ((0, SIZE), (1, SIZE), (SEED, 96), (SEED, 128), (SEED, 64), (SEED, 256)):
        if given == int((segmented(seed, size) == 2).sum()):
            wrong = f"the cell of seed {seed}" if seed != SEED else f"a cell of size {size}"
            finding = f"yours {given:,.0f}: that is the nucleus of {wrong}; asked is seed {SEED}, size {SIZE}."
            raise Wrong(finding, f"generate_cell(seed={SEED}, size={SIZE}) draws the cell that is meant.", count)
    if given == in_one_view():
        finding = f"yours {given:,.0f}: that is what predict finds, with one view; segment takes the mean of several."
        raise Wrong(finding, "segment(image), as on the page above.", count)
    if given == in_the_mask():
        finding = f"yours {given:,.0f}: the mask was segmented; segment takes the image, cell.image."
        raise Wrong(finding, "segment(cell.image), and then compare what comes out with 2.", count)
    if 0 < given < 1:
        finding = f"yours {given:.4g} is a share; the question is how many pixels."
        raise Wrong(finding, "A share times the number of pixels is a count; .sum() counts, .mean() gives a share.", count)
    raise Wrong(
        f"yours {given:,.0f} is not the number of pixels that are 2 in segment(image).",
        f"Is it the cell of seed {SEED} with size {SIZE}, generate_cell({SEED}, {SIZE})?",
        "segment(image) gives an array of the image's size that holds 0, 1 and 2. Compare it with 2.",
        count,
    )


def read_shape(answer) -> None:
    """Logits have the shape (2, 3, 64, 96): how many images, classes, pixels of height and of width?"""
    answer = {key: number(value, f"a number for {key}") for key, value in fields(answer, SHAPE).items()}
    if answer == SHAPE:
        return
    answer = {key: whole(value) if whole(value) is not None else value for key, value in answer.items()}
    with counted(sum(answer[key] == SHAPE[key] for key in SHAPE), of=len(SHAPE)):
        say_what_is_misread(answer)


def say_what_is_misread(answer: dict) -> None:
    neighbour = "A neighbour: (8, 1, 572, 388) is 8 grey images (1 channel) that are 572 high and 388 wide."
    if list(answer.values()) == [96, 64, 3, 2]:
        raise Wrong("the four are in reverse order.", "The shape is read from the left: (N, C, H, W).", neighbour)
    if sorted(answer.values()) == sorted(SHAPE.values()) and sum(answer[k] != SHAPE[k] for k in SHAPE) == 4:
        clue = "From left to right: images, classes, height, width. Batch first, rows before columns."
        raise Wrong("all four are swapped.", clue, neighbour)
    if answer["height"] == SHAPE["width"] and answer["width"] == SHAPE["height"]:
        raise Wrong(
            f"height {answer['height']} and width {answer['width']} are swapped.",
            "An array's rows come first: a shape ends in height, width. (Screens say width x height: the other way.)",
            neighbour,
        )
    if answer["images"] == SHAPE["classes"] and answer["classes"] == SHAPE["images"]:
        raise Wrong(
            f"{answer['images']} images of {answer['classes']} classes: those two are swapped.",
            "PyTorch puts the batch first, then the channels: (N, C, H, W).",
            neighbour,
        )
    if answer["classes"] == SHAPE["width"]:
        raise Wrong(
            f"classes {answer['classes']}: you read the channels last, as pictures in files have them.",
            "In PyTorch the channels come second: (N, C, H, W).",
            neighbour,
        )
    if sorted(answer.values()) == sorted(SHAPE.values()):
        raise Wrong(
            f"the four numbers are there, in another order: {answer} is swapped.",
            "N images, C classes, H height, W width: in this order.",
            neighbour,
        )
    known = {
        (0, 1, 2, 3): "those are the positions in the shape; asked are the numbers that stand there.",
        (1, 2, 63, 95): "those are the last indices, one less than there are; asked is how many.",
        (5, 3, 48, 80): "that is the shape of the cell above; asked is the one in the text, (2, 3, 64, 96).",
    }
    values = tuple(answer.values())
    if values in known:
        raise Wrong(
            known[values], "Four numbers, four letters, in this order: N images, C classes, H height, W width.", neighbour
        )
    causes = {
        ("classes", 2): "2 is the largest class index; counted from 0 there are one more classes",
        ("classes", 1): "1 channel would be that of a grey image; logits have a channel for each class",
        ("images", 6): "6 is the number of maps, images times classes",
        ("height", 64 * 96): "that is the number of pixels; the height is the number of rows",
        ("width", 64 * 96): "that is the number of pixels; the width is the number of columns",
    }
    for (key, value), cause in causes.items():
        if answer[key] == value != SHAPE[key]:
            raise Wrong(f"{key} is not {value}: {cause}.", "In this order: N images, C classes, H height, W width.", neighbour)
    wrong = next(key for key in SHAPE if answer[key] != SHAPE[key])
    raise Wrong(
        f"{wrong} is not {answer[wrong]}.",
        "Four numbers, four letters, in this order: N images, C classes, H height, W width.",
        neighbour,
    )
