"""What each finding about a data set means for training, and what to do about it."""

from __future__ import annotations

from unet_lab.doctor.findings import Finding

ADVICE = {
    "JPEG masks": (
        "JPEG changes greys wherever two classes meet, so that pixels there have no class any more",
        "export the masks again as PNG or TIFF",
    ),
    "unreadable files": (
        "loading stops there",
        "do what the reason says; what cannot be mended goes together with its partner",
    ),
    "greys without a class": (
        "a pixel without a class cannot be learnt",
        "look at propose_codes(masks), then pass a code for every grey",
    ),
    "NaN in images": (
        "one NaN makes the loss NaN, and with it every weight of the network",
        "replace them: np.nan_to_num(image), once you know where they come from",
    ),
    "masks are floats": (
        "classes are whole numbers; floats come from an interpolation or a division",
        "mask.round().astype('uint8'), after a look at np.unique(mask)",
    ),
    "sizes of image and mask differ": (
        "each pixel of the image needs its class",
        "export the masks at the images' size{and_turn}",
    ),
    "images of several sizes": (
        "a batch is one array, so its images must be of one size; and a structure at two magnifications is two structures to "
        "the network",
        "cut equal crops, dataset.crops(256), or scale all to one magnification, masks by nearest neighbour",
    ),
    "mixed bit depth": (
        "images of one set are read on two scales: a sign that they come from different exports",
        "export all of them alike",
    ),
    "8 bit in 16": (
        "they were either saved in the wrong depth or scaled down; other programs show them black",
        "(image).astype('uint8'), or export again from the raw data",
    ),
    "few greys": (
        "so little is a mask, or an image whose bits were cut off",
        "are images and masks mixed up? If not, export the images again with all their bits",
    ),
    "constant images": (
        "there is nothing to see in them; standardised they are all zero",
        "take them out, or export them again",
    ),
    "saturated images": (
        "what is clipped is gone; no network brings it back",
        "export again with another range of greys (window and level)",
    ),
    "masks are the images": (
        "the network would learn to copy",
        "give the folder of the masks",
    ),
    "interpolation greys": (
        "the masks were resized with interpolation, or were JPEG once: between two classes appear greys of a third",
        "resize masks with nearest neighbour only; to save what is there: snap_mask(mask, codes={codes})",
    ),
    "one class only": (
        "there is nothing to tell apart: accuracy will be 100 % and worth nothing",
        "check the masks' files and the codes that they were read with",
    ),
    "absent classes": (
        "the network has an output that is never right; a macro mean over it is not defined",
        "check the codes, or leave the class out",
    ),
    "masks of one class": (
        "an empty field teaches where nothing is; a mask that was lost on the way teaches that cells are background",
        "look at them: is the image empty too?",
    ),
    "flipped masks": (
        "image and mask were flipped or turned apart, or read with rows and columns exchanged",
        "flip the mask back: mask[::-1], mask[:, ::-1] or mask.T",
    ),
    "masks of other images": (
        "the network learns from pairs that do not belong together",
        "look at them with show_samples; check the order in which images and masks were numbered",
    ),
    "one group on both sides": (
        "what was taken from one dish, slide or patient is alike: the score tells how well the network knows those, not new ones",
        "split(dataset) draws groups, not images; with folders of your own, load both as one set and split it",
    ),
    "tiles of one image on both sides": (
        "one continues the other: the network is judged on what it saw the rest of",
        "load all tiles as one set; load_folder puts tiles of one image into a group, and split(dataset) keeps it together",
    ),
    "the same image on both sides": (
        "the network is examined on what it has learnt by heart; the score means nothing",
        "split by source image: split(dataset) does it where the sources' names are right; or remove the copies",
    ),
    "pairs do not match": (
        "an image without its mask cannot be learnt from; one with another's mask teaches nonsense",
        "rename the files so that each image and its mask have one name, or give patterns",
    ),
    "pages differ": (
        "each page is a sample and needs a mask",
        "give the mask file one page for each page of the image",
    ),
    "codes read as classes": (
        "read as class indices, that is {most_1} classes, of which {len_values} occur",
        "turn them into indices first: encode_mask(mask, codes={tuple_values})",
    ),
    "inverted images": (
        "the network is told that dark is background and bright is background; few such images are simply lost",
        "invert them: 255 - image for 8 bit",
    ),
    "near-duplicates": (
        "a random split puts one of them into training and one into validation",
        "remove the copies, or give both the same source name",
    ),
    "unread files": (
        "they are left out without a word",
        "save them as PNG or TIFF; read are {join_EXTENSIONS}",
    ),
    "palettes differ": (
        "an index means one class in one mask and another in the next",
        "give the colours as codes, which mean the same in every palette: codes=((0, 0, 0), (255, 0, 0))",
    ),
    "min-is-white masks": (
        "0 is shown white in these and black in the others: a number means one class here and another there",
        "{fixes}",
    ),
    "images shown turned": (
        "a camera stores the pixels as they came and notes how to turn them (EXIF); masks drawn in a program that does not look "
        "at the note lie across",
        "load_folder(images, masks, codes, orientation='stored')",
    ),
    "numbers of channels differ": (
        "a network takes images of one number of channels",
        "load_folder(…, channels='grey') makes one of each; channels=(0,) takes the first of each",
    ),
    "no-data values": (
        "the number says that nothing was measured there; as a brightness it outweighs all others when images are standardised",
        "take it out of image and mask: empty = image == {value}; Pair(np.where(empty, np.median(image[~empty]), image), "
        "np.where(empty, IGNORE, mask), source)",
    ),
    "empty channels": (
        "there is nothing to see in them, and the network is larger for nothing",
        "leave them out: load_folder(…, channels={others})",
    ),
    "reordered classes": (
        "one code means two things: the network is told both and learns neither",
        "look at these masks beside another; write them with the same codes as the rest",
    ),
}


def note(found: list[Finding], name: str, what: str, where: tuple[str, ...], **words) -> None:
    why, fix = ADVICE[name]
    found.append(Finding(name, what, where, why.format(**words), fix.format(**words)))


def count_words(things, one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"
