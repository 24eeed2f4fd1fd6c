"""Answers to the exercises of notebook 10."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

flip = Exercise(
    "flip_rotate",
    """
def change(image, mask, mirrored, turns):
    if mirrored:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.rot90(image, turns).copy(), np.rot90(mask, turns).copy()
""",
)
RETURN = "return np.rot90(image, turns).copy(), np.rot90(mask, turns).copy()"
flip.right("a list", RETURN, "return [np.rot90(image, turns).copy(), np.rot90(mask, turns).copy()]")
flip.right("fliplr", "image, mask = image[:, ::-1], mask[:, ::-1]", "image, mask = np.fliplr(image), np.fliplr(mask)")
flip.right("copies first", "    if mirrored", "    image, mask = image.copy(), mask.copy()\n    if mirrored")
flip.right("np.array", RETURN, "return np.array(np.rot90(image, turns)), np.array(np.rot90(mask, turns))")
flip.right(
    "a loop of turns",
    "def f(image, mask, mirrored, turns):\n    out = []\n    for a in (image, mask):\n        if mirrored:\n            a = np.flip(a, 1)\n        for _ in range(turns):\n            a = np.rot90(a)\n        out.append(np.ascontiguousarray(a.copy()))\n    return tuple(out)",
)
flip.right(
    "by transposing",
    "def f(image, mask, mirrored, turns):\n    def one(a):\n        a = a[:, ::-1] if mirrored else a\n        for _ in range(turns % 4):\n            a = a.T[::-1]\n        return a.copy()\n    return one(image), one(mask)",
)
flip.right("tensors", RETURN, "return torch.tensor(np.rot90(image, turns).copy()), torch.tensor(np.rot90(mask, turns).copy())")
flip.wrong("turn: clockwise", "clockwise", "(image, turns)", "(image, -turns)", "(mask, turns)", "(mask, -turns)")
flip.wrong("turn: none", "turned", RETURN, "return image.copy(), mask.copy()")
flip.wrong(
    "turn: once at most", "turn|once|number", "(image, turns)", "(image, min(turns, 1))", "(mask, turns)", "(mask, min(turns, 1))"
)
flip.wrong("turn: always once", "turn", "(image, turns)", "(image, 1)", "(mask, turns)", "(mask, 1)")
flip.wrong("turn: half turns", "turn|half|180", "(image, turns)", "(image, 2 * turns)", "(mask, turns)", "(mask, 2 * turns)")
flip.wrong(
    "turn: transposed instead",
    "transpos|elsewhere|turn",
    RETURN,
    "return (image.T.copy(), mask.T.copy()) if turns % 2 else (image.copy(), mask.copy())",
)
flip.wrong("turn: three not", "turn|three|3", "(image, turns)", "(image, turns % 3)", "(mask, turns)", "(mask, turns % 3)")
flip.wrong(
    "order: turn first",
    "turns first|before|order",
    "def f(image, mask, mirrored, turns):\n    image, mask = np.rot90(image, turns), np.rot90(mask, turns)\n    if mirrored:\n        image, mask = image[:, ::-1], mask[:, ::-1]\n    return image.copy(), mask.copy()",
)
flip.wrong(
    "order: swapped result", "swapped|order|first", RETURN, "return np.rot90(mask, turns).copy(), np.rot90(image, turns).copy()"
)
flip.wrong("mirror: upside down", "upside down", "image[:, ::-1], mask[:, ::-1]", "image[::-1], mask[::-1]")
flip.wrong("mirror: both ways", "upside|both|mirror", "image[:, ::-1], mask[:, ::-1]", "image[::-1, ::-1], mask[::-1, ::-1]")
flip.wrong("mirror: never", "not mirrored", "if mirrored", "if False")
flip.wrong("mirror: always", "mirrored|always", "if mirrored", "if True")
flip.wrong("mirror: turned round", "mirrored|not", "if mirrored", "if not mirrored")
flip.wrong("mask: forgotten", "mask is not|mask", RETURN, "return np.rot90(image, turns).copy(), mask.copy()")
flip.wrong("mask: not mirrored", "mask is not|mask", "image, mask = image[:, ::-1], mask[:, ::-1]", "image = image[:, ::-1]")
flip.wrong("mask: image forgotten", "image is not|image", RETURN, "return image.copy(), np.rot90(mask, turns).copy()")
flip.wrong("mask: turned the other way", "mask|clockwise", "np.rot90(mask, turns)", "np.rot90(mask, -turns)")
flip.wrong("mask: booleans", "type|dtype|bool|labels|class", "np.rot90(mask, turns).copy()", "np.rot90(mask, turns).astype(bool)")
flip.wrong("mask: floats", "type|dtype|float", "np.rot90(mask, turns).copy()", "np.rot90(mask, turns).astype(float)")
flip.wrong(
    "image: whole numbers", "type|dtype|whole|round|int", "np.rot90(image, turns).copy()", "np.rot90(image, turns).astype(int)"
)
flip.wrong(
    "image: standardised",
    "values|brightness|not recognised|grey|image is not",
    "np.rot90(image, turns).copy()",
    "np.rot90((image - image.mean()) / (image.std() + 1e-9), turns)",
)
flip.wrong("memory: views", "view|stride|memory|own", ".copy()", "")
flip.wrong("memory: the mask a view", "view|stride|memory|own|mask", "np.rot90(mask, turns).copy()", "np.rot90(mask, turns)")
flip.wrong(
    "memory: unchanged handed back",
    "view|memory|own|same array",
    "    if mirrored",
    "    if not mirrored and turns == 0:\n        return image, mask\n    if mirrored",
)
flip.wrong(
    "memory: ascontiguousarray of a view",
    "view|memory|own|same array",
    ".copy()",
    "",
    "np.rot90(image, turns)",
    "np.ascontiguousarray(np.rot90(image, turns))",
    "np.rot90(mask, turns)",
    "np.ascontiguousarray(np.rot90(mask, turns))",
)
flip.wrong(
    "in place: mirrored in a branch",
    "changed",
    "image, mask = image[:, ::-1], mask[:, ::-1]",
    "image[:], mask[:] = image[:, ::-1].copy(), mask[:, ::-1].copy()",
)
flip.wrong(
    "in place: mask only",
    "changed",
    "image, mask = image[:, ::-1], mask[:, ::-1]",
    "image = image[:, ::-1]\n        mask[:] = mask[:, ::-1].copy()",
)
flip.wrong(
    "narrow: square",
    "square|shape|size",
    RETURN,
    "s = image.shape\n    return np.rot90(image, turns).reshape(s).copy(), np.rot90(mask, turns).reshape(s).copy()",
)
flip.wrong("random: drawn", "random|twice|drawn|mirror", "if mirrored", "if mirrored and np.random.rand() < 0.5")
flip.wrong("form: one array", "both", RETURN, "return np.rot90(image, turns).copy()")
flip.wrong(
    "form: stacked", "two|both|stack|pair", RETURN, "return np.stack([np.rot90(image, turns), np.rot90(mask, turns)]), None, None"
)
flip.wrong("unfinished: no return", "return|None", RETURN, "pass")

# Of a third student, and neighbours of what passed then.

flip.right("the mask in int64", "np.rot90(mask, turns).copy()", "np.rot90(mask, turns).astype(np.int64)")
flip.wrong(
    "third: four turns and more are none",
    "Four turns",
    "    if mirrored",
    "    turns = turns if turns < 4 else 0\n    if mirrored",
)
flip.wrong("third: three turns at most", "Four turns|three", "    if mirrored", "    turns = min(turns, 3)\n    if mirrored")
flip.wrong("third: the turns are drawn", "random", "    if mirrored", "    turns = random.randrange(4)\n    if mirrored")
flip.wrong("third: a seed", "random generator", "    if mirrored", "    np.random.seed(0)\n    if mirrored")
flip.wrong("third: the image standardised", "values", "np.rot90(image, turns)", "np.rot90((image - 0.5) / 2, turns)")
flip.wrong(
    "third: rolled by a column",
    "rolled",
    "image[:, ::-1], mask[:, ::-1]",
    "np.roll(image[:, ::-1], 1, axis=1), np.roll(mask[:, ::-1], 1, axis=1)",
)
flip.wrong(
    "third: mirrored at each turn",
    "at each turn",
    "def f(image, mask, mirrored, turns):\n    for k in range(max(turns, 1)):\n        if mirrored:\n            image, mask = image[:, ::-1], mask[:, ::-1]\n        if turns:\n            image, mask = np.rot90(image), np.rot90(mask)\n    return image.copy(), mask.copy()",
)

BASE = '{"A": "mask mixed", "B": "fine", "C": "two draws", "D": "not random", "E": "mask left behind", "F": "not standardised"}'
bugs = Exercise("augmentation_bugs", BASE)
bugs.right("capitals", "mask mixed", "Mask mixed", "fine", "Fine", "two draws", "TWO DRAWS")
bugs.right("spaces", "mask mixed", " mask  mixed", "fine", "fine ")
bugs.right("small letters as keys", '"A"', '"a"', '"B"', '"b"', '"C"', '"c"', '"D"', '"d"', '"E"', '"e"', '"F"', '"f"')
bugs.right("American spelling", "not standardised", "not standardized")
bugs.right("underscores", "mask left behind", "mask_left_behind")
bugs.right("NumPy text", "{k: np.str_(v) for k, v in " + BASE + ".items()}")
PAIRS = [("A", "B"), ("A", "C"), ("B", "F"), ("C", "E"), ("D", "B"), ("E", "F"), ("D", "E"), ("A", "F")]
WORDS = {"A": "mask mixed", "B": "fine", "C": "two draws", "D": "not random", "E": "mask left behind", "F": "not standardised"}
for one, other in PAIRS:
    bugs.wrong(f"pair: {one} and {other}", f"{one} is not|{other} is not", repr(WORDS | {one: WORDS[other], other: WORDS[one]}))
for letter in "ACDEF":
    bugs.wrong(f"blind: {letter} fine", f"{letter} is not 'fine'", repr(WORDS | {letter: "fine"}))
bugs.wrong("all: fine", "A is not", repr(dict.fromkeys("ABCDEF", "fine")))
bugs.wrong("all: reversed", "is not", repr(dict(zip("ABCDEF", reversed(WORDS.values()), strict=True))))
bugs.wrong("unfinished: one", "F", '"not standardised"', "None")
bugs.wrong("unfinished: half", "D", '"not random"', "None", '"mask left behind"', "None", '"not standardised"', "None")
bugs.wrong("word: another", "no fault of the list|list", "fine", "good")
bugs.wrong("word: two at once", "no fault of the list|list|one", '"two draws"', '["two draws", "mask mixed"]')
bugs.wrong("form: a list", "dictionary", repr(list(WORDS.values())))
bugs.wrong("form: fault before the colon", "exchanged", repr({fault: letter for letter, fault in WORDS.items()}))
flip.wrong("fourth: labels in one byte", "above 255", "np.rot90(mask, turns).copy()", "np.rot90(mask, turns).astype(np.uint8)")
flip.wrong("fourth: Python's own True only", "is True", "if mirrored", "if mirrored is True")
