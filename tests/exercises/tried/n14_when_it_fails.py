"""Answers to the exercises of notebook 14."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

WORDS = {"A": "mode forgotten", "B": "interpolated masks", "C": "leak", "D": "softmax twice", "E": "normalised otherwise"}
diagnoses = Exercise("diagnoses", repr(WORDS))
diagnoses.right("capitals", repr({k: v.capitalize() for k, v in WORDS.items()}))
diagnoses.right(
    "titles",
    '{"A": "eval() forgotten, or train()", "B": "classes reordered by resizing with interpolation", "C": "validation images leaked from training", "D": "softmax before cross entropy", "E": "no normalisation, or another one at prediction time"}',
)
diagnoses.right("spaces", repr({k: f" {v} " for k, v in WORDS.items()}))
diagnoses.right("small letters as keys", repr({k.lower(): v for k, v in WORDS.items()}))
diagnoses.right("NumPy text", f"{{k: np.str_(v) for k, v in {WORDS!r}.items()}}")
diagnoses.right("American spelling", repr(WORDS | {"E": "normalized otherwise"}))
for one, other in [("A", "B"), ("C", "D"), ("A", "E"), ("B", "C"), ("D", "E"), ("B", "E")]:
    diagnoses.wrong(
        f"pair: {one} and {other}",
        f"{one} is not|{other} is not|{one}:|{other}:",
        repr(WORDS | {one: WORDS[other], other: WORDS[one]}),
    )
for letter, word in [
    ("A", "rate too high"),
    ("B", "masks 0 and 255"),
    ("C", "flattering accuracy"),
    ("D", "all background"),
    ("E", "odd size"),
    ("C", "rate too high"),
]:
    diagnoses.wrong(f"another: {letter} {word}", f"{letter} is not|{letter}:", repr(WORDS | {letter: word}))
diagnoses.wrong("all: leak", "is not|A:", repr(dict.fromkeys("ABCDE", "leak")))
diagnoses.wrong("all: one letter on", "is not|A:", repr(dict(zip("BCDEA", WORDS.values(), strict=True))))
diagnoses.wrong("word: healthy", "short name|list|no fault|none of", repr(WORDS | {"C": "healthy"}))
diagnoses.wrong("word: of my own", "short name|list|no fault|none of", repr(WORDS | {"A": "eval"}))
diagnoses.wrong("word: a number", "short name|list|no fault|none of", repr(WORDS | {"A": 5}))
diagnoses.wrong("unfinished: one", "E", repr(WORDS | {"E": None}))
diagnoses.wrong("unfinished: two", "D", repr(WORDS | {"D": None, "E": None}))
diagnoses.wrong("form: a list", "dictionary", repr(list(WORDS.values())))

doctor = Exercise(
    "own_doctor",
    """
def doctor(losses, outputs, training_images, validation_images):
    if not np.isfinite(losses).all() or losses[-1] > 3 * losses[0]:
        return "rate too high"
    if outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1):
        return "softmax twice"
    if set(training_images) & set(validation_images):
        return "leak"
    return "healthy"
""",
)
FIRST = "not np.isfinite(losses).all() or losses[-1] > 3 * losses[0]"
SECOND = "outputs.min() >= 0 and np.allclose(outputs.sum(axis=1), 1)"
THIRD = "set(training_images) & set(validation_images)"
doctor.right("twice the first", "3 * losses[0]", "2 * losses[0]")
doctor.wrong("rate: a little above the start", "a little", "losses[-1] > 3 * losses[0]", "losses[-1] > losses[0]")
doctor.wrong("rate: against the smallest", "lowest|smallest", "losses[-1] > 3 * losses[0]", "losses[-1] > 3 * min(losses)")
doctor.wrong("rate: the highest peak", "peak", "losses[-1] > 3 * losses[0]", "max(losses) > 3 * losses[0]")
doctor.wrong("rate: a difference of 3", "relative", "losses[-1] > 3 * losses[0]", "losses[-1] > losses[0] + 3")
doctor.wrong(
    "rate: one half against the other",
    "peak|flat|a little",
    "losses[-1] > 3 * losses[0]",
    "np.mean(losses[len(losses) // 2 :]) > np.mean(losses[: max(1, len(losses) // 2)])",
)
doctor.right("the mean of the last", "losses[-1] > 3", "np.mean(losses[-3:]) > 1.5")
doctor.right("math.isnan", FIRST, "any(math.isnan(v) or math.isinf(v) for v in losses) or losses[-1] > 2 * losses[0]")
doctor.right(
    "another order of the questions",
    "def f(losses, outputs, training_images, validation_images):\n    if any(i in training_images for i in validation_images):\n        return 'leak'\n    if (outputs >= 0).all() and (outputs <= 1).all() and abs(outputs.sum(1) - 1).max() < 1e-3:\n        return 'softmax twice'\n    if not np.all(np.isfinite(losses)) or losses[-1] > 1.5 * losses[0]:\n        return 'rate too high'\n    return 'healthy'",
)
doctor.right(
    "capitals",
    '"rate too high"',
    '"Rate too high"',
    '"softmax twice"',
    '"Softmax twice"',
    '"leak"',
    '"Leak"',
    '"healthy"',
    '"Healthy"',
)
doctor.right("isdisjoint", THIRD, "not set(training_images).isdisjoint(validation_images)")
doctor.right("spaces", '"leak"', '"leak "')
doctor.wrong("rate: NaN only", "infin|grow|large|rate|losses", FIRST, "np.isnan(losses).any()")
doctor.wrong("rate: infinite only", "NaN|rate|losses", FIRST, "np.isinf(losses).any() or losses[-1] > 3 * losses[0]")
doctor.wrong("rate: above five", "start|first|scale|5|losses|high", FIRST, "not np.isfinite(losses).all() or max(losses) > 5")
doctor.wrong(
    "rate: NaN at the end only", "NaN|rate|losses|last|between", FIRST, "math.isnan(losses[-1]) or losses[-1] > 3 * losses[0]"
)
doctor.wrong(
    "rate: any rise",
    "healthy|noise|rise|sometimes",
    FIRST,
    "not np.isfinite(losses).all() or any(b > a for a, b in zip(losses, losses[1:]))",
)
doctor.wrong(
    "rate: last above the one before",
    "healthy|noise|rise|last|rate|first",
    FIRST,
    "not np.isfinite(losses).all() or losses[-1] > losses[-2]",
)
doctor.wrong("rate: grows only", "NaN|finite|rate", FIRST, "losses[-1] > 3 * losses[0]")
doctor.wrong(
    "rate: a high peak",
    "healthy|peak|first|start|max|recover",
    FIRST,
    "not np.isfinite(losses).all() or max(losses) > 1.2 * losses[0]",
)
doctor.wrong("rate: compares with NaN", "NaN", FIRST, "float('nan') in losses or losses[-1] > 3 * losses[0]")
doctor.wrong("rate: never", "rate", FIRST, "False")
doctor.wrong("softmax: from 0 to 1 only", "sum|healthy|1|add", SECOND, "outputs.min() >= 0 and outputs.max() <= 1")
doctor.wrong("softmax: not negative only", "sum|healthy|1|add", SECOND, "outputs.min() >= 0")
doctor.wrong("softmax: sums only", "negative|sign|below 0|healthy|0 to 1", SECOND, "np.allclose(outputs.sum(axis=1), 1)")
doctor.wrong(
    "softmax: exact sums", "round|exact|allclose|softmax|==", SECOND, "outputs.min() >= 0 and (outputs.sum(axis=1) == 1).all()"
)
doctor.wrong("softmax: wrong axis", "axis|class|softmax", SECOND, "outputs.min() >= 0 and np.allclose(outputs.sum(axis=0), 1)")
doctor.wrong(
    "softmax: sum of the mean",
    "every pixel|all|each|healthy|mean",
    SECOND,
    "outputs.min() >= 0 and abs(outputs.sum(axis=1).mean() - 1) < 0.01",
)
doctor.wrong(
    "softmax: first pixel",
    "every pixel|all|each|healthy|first|one pixel",
    SECOND,
    "outputs[0, :, 0, 0].min() >= 0 and np.isclose(outputs[0, :, 0, 0].sum(), 1)",
)
doctor.wrong(
    "softmax: first image",
    "every|all|each|healthy|first|image",
    SECOND,
    "outputs[0].min() >= 0 and np.allclose(outputs[0].sum(axis=0), 1)",
)
doctor.wrong(
    "softmax: three classes",
    "class|number|3|softmax|third",
    SECOND,
    "outputs.min() >= 0 and np.allclose(outputs.mean(axis=1), 1 / 3)",
)
doctor.wrong("softmax: never", "softmax", SECOND, "False")
doctor.wrong(
    "leak: same place only",
    "place|elsewhere|anywhere|order|leak",
    THIRD,
    "any(a == b for a, b in zip(training_images, validation_images))",
)
doctor.wrong(
    "leak: first validation image only", "place|first|elsewhere|anywhere|leak", THIRD, "validation_images[0] in training_images"
)
doctor.wrong("leak: all of them", "one|single|all|leak", THIRD, "set(validation_images) <= set(training_images)")
doctor.wrong("leak: equal lists", "one|single|all|leak", THIRD, "training_images == validation_images")
doctor.wrong(
    "leak: repeats in training",
    "training|twice|repeat|healthy|leak",
    THIRD,
    "len(set(training_images)) < len(training_images) or set(training_images) & set(validation_images)",
)
doctor.wrong("leak: as many images", "number|length|healthy|leak", THIRD, "len(training_images) == len(validation_images)")
doctor.wrong("leak: last only", "last|place|elsewhere|anywhere|leak", THIRD, "validation_images[-1] == training_images[-1]")
doctor.wrong("leak: never", "leak", THIRD, "False")
doctor.wrong("healthy: never", "healthy", '    return "healthy"', '    return "leak"')
doctor.wrong(
    "healthy: always", "rate|healthy", "def f(losses, outputs, training_images, validation_images):\n    return 'healthy'"
)
doctor.wrong("form: a list", "word|text|one of|list", 'return "leak"', 'return ["leak"]')
doctor.wrong("form: another word", "one of|word|not one|none of", '"healthy"', '"fine"')
doctor.wrong("form: True", "one of|word|text", 'return "leak"', "return True")
doctor.wrong("in place: sorts", "changed", "    if not", "    losses.sort()\n    if not")
doctor.wrong("unfinished: healthy is None", "healthy|return|None", '    return "healthy"\n', "")
DOCTOR = """def f(losses, outputs, training_images, validation_images):
    if not np.isfinite(losses).all() or losses[-1] > 3 * losses[0]:
        return "rate too high"
    if SOFT:
        return "softmax twice"
    if set(training_images) & set(validation_images):
        return "leak"
    return "healthy"
"""
IN_RANGE = "outputs.min() >= 0 and outputs.max() <= 1 and "
for what, soft, words in (
    ("the mean of the sums", "abs(outputs.sum(axis=1).mean() - 1) < 1e-3", "average|each pixel"),
    ("the mean of all", "abs(outputs.mean() - 1 / outputs.shape[1]) < 1e-3", "average|each pixel"),
    ("a wide tolerance", "np.allclose(outputs.sum(axis=1), 1, atol=0.5)", "add up to|tolerance"),
    ("a tolerance of 0.1", "np.allclose(outputs.sum(axis=1), 1, atol=0.1)", "add up to|tolerance"),
    ("at most 1", "(outputs.sum(axis=1) < 1.001).all()", "add up to|tolerance"),
    ("the last image only", "np.allclose(outputs[-1].sum(axis=0), 1)", "last image|all images"),
):
    doctor.wrong(f"softmax: {what}", words, DOCTOR.replace("SOFT", IN_RANGE + soft))
doctor.wrong(
    "softmax: the last image only, its numbers too",
    "last image|all images",
    DOCTOR.replace("SOFT", "outputs[-1].min() >= 0 and np.allclose(outputs[-1].sum(axis=0), 1)"),
)
