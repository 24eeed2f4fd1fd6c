"""Answers to the exercises of notebook 15."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

codes = Exercise("colour_codes", "{(0, 0, 0): 0, (0, 158, 115): 1, (204, 121, 167): 2, (240, 228, 66): 1}")
B, G, P, Y = "(0, 0, 0)", "(0, 158, 115)", "(204, 121, 167)", "(240, 228, 66)"


def say(black="0", green="1", pink="2", yellow="1") -> str:
    return f"{{{B}: {black}, {G}: {green}, {P}: {pink}, {Y}: {yellow}}}"


codes.right("another order", f"{{{Y}: 1, {P}: 2, {G}: 1, {B}: 0}}")
codes.right(
    "built up",
    "codes = {}\ncodes[(0, 0, 0)] = 0\ncodes[(0, 158, 115)] = codes[(240, 228, 66)] = 1\ncodes[(204, 121, 167)] = 2\ncodes = dict(codes)",
)
codes.right("NumPy numbers", say("np.uint8(0)", "np.uint8(1)", "np.int64(2)", "np.int32(1)"))
codes.right("tensors", say("torch.tensor(0)", "torch.tensor(1)", "torch.tensor(2)", "torch.tensor(1)"))
codes.right(
    "from variables", "body = 1\ncodes = {(0, 0, 0): 0, (0, 158, 115): body, (204, 121, 167): body + 1, (240, 228, 66): body}"
)
codes.wrong("value: floats", "whole|number", say("0.0", "1.0", "2.0", "1.0"))
codes.wrong("yellow: background", "yellow|outline|belongs", say(yellow="0"))
codes.wrong("yellow: nucleus", "yellow|outline|belongs|pink", say(yellow="2"))
codes.wrong("yellow: its own", "yellow|outline|belongs|three classes", say(yellow="3"))
codes.wrong("yellow: ignored", "yellow|outline|belongs|255", say(yellow="255"))
codes.wrong("yellow: minus one", "yellow|outline|belongs|-1|class", say(yellow="-1"))
codes.wrong("order: green and pink", "green|pink|swapped", say(green="2", pink="1"))
codes.wrong("order: background and body", "black|green|swapped|background", say("1", "0", "2", "0"))
codes.wrong("order: reversed", "revers|black|swapped|background", say("2", "1", "0", "1"))
codes.wrong("order: from one", "from 1|0|background|black", say("1", "2", "3", "2"))
codes.wrong("order: rotated", "black|green|pink|background", say("1", "2", "0", "2"))
codes.wrong("value: all background", "green|cell|0|background", say("0", "0", "0", "0"))
codes.wrong("value: all body", "black|background|1", say("1", "1", "1", "1"))
codes.wrong("value: no nucleus", "pink|nucleus", say(pink="1"))
codes.wrong("value: green background", "green|cytoplasm|body", say(green="0"))
codes.wrong("value: half", "class|whole|number|yellow", say(yellow="1.5"))
codes.wrong("value: names", "number|class", say('"background"', '"body"', '"nucleus"', '"body"'))
codes.wrong("value: booleans", "True|bool|number|class", say("False", "True", "2", "True"))
codes.wrong("unfinished: yellow", "yellow|240", say(yellow="None"))
codes.wrong("unfinished: two", "204|pink|no value", say(pink="None", yellow="None"))
codes.wrong("form: a list", "dictionary", "[0, 1, 2, 1]")
codes.wrong("form: turned round", "dictionary|keys|colour", "{0: (0, 0, 0), 1: (0, 158, 115), 2: (204, 121, 167)}")
codes.wrong("form: a colour missing", "keys|colour|yellow|240", f"{{{B}: 0, {G}: 1, {P}: 2}}")

split = Exercise(
    "split_by_dish",
    """
def split(names, train_fraction, seed):
    dishes = sorted({name.split("_")[0] for name in names})
    np.random.default_rng(seed).shuffle(dishes)
    chosen = dishes[: round(train_fraction * len(dishes))]
    training = [name for name in names if name.split("_")[0] in chosen]
    return training, [name for name in names if name not in training]
""",
)
split.right(
    "first seen order",
    'sorted({name.split("_")[0] for name in names})',
    'list(dict.fromkeys(name.split("_")[0] for name in names))',
)
split.right("random.Random", "np.random.default_rng(seed).shuffle(dishes)", "random.Random(seed).shuffle(dishes)")
split.right(
    "permutation", "np.random.default_rng(seed).shuffle(dishes)", "dishes = np.random.default_rng(seed).permutation(dishes)"
)
split.right(
    "tuples",
    "return training, [name",
    "return tuple(training), tuple(name",
    "if name not in training]",
    "if name not in training)",
)
split.right(
    "arrays",
    "return training, [name for name in names if name not in training]",
    "return np.array(training), np.array([name for name in names if name not in training])",
)
split.right("regular expression", 'name.split("_")[0]', 'name.rpartition("_")[0]')
split.right("np.unique", 'sorted({name.split("_")[0] for name in names})', 'np.unique([name.split("_")[0] for name in names])')
split.right(
    "groups",
    "def f(names, train_fraction, seed):\n    groups = {}\n    for n in names:\n        groups.setdefault(n[:n.index('_')], []).append(n)\n    order = list(groups)\n    np.random.RandomState(seed).shuffle(order)\n    k = round(len(order) * train_fraction)\n    return sum((groups[d] for d in order[:k]), []), sum((groups[d] for d in order[k:]), [])",
)
split.right(
    "sorted results",
    "return training, [name for name in names if name not in training]",
    "return sorted(training), sorted(set(names) - set(training))",
)
split.right("cut down", "round(train_fraction * len(dishes))", "int(train_fraction * len(dishes))")
split.wrong(
    "leak: images are drawn",
    "dish",
    "def f(names, train_fraction, seed):\n    order = list(np.random.default_rng(seed).permutation(names))\n    k = round(train_fraction * len(names))\n    return order[:k], order[k:]",
)
split.wrong("leak: by the field", "dish|field", 'name.split("_")[0]', 'name.split("_")[1]')
split.wrong("leak: the first six letters", "dish|dish1|letters|number", 'name.split("_")[0]', "name[:5]")
split.wrong("leak: first letters only", "dish|letters|number", 'name.split("_")[0]', "name[:6]")
split.wrong(
    "leak: starts with", "dish|startswith|begin", 'if name.split("_")[0] in chosen]', "if name.startswith(tuple(chosen))]"
)
split.wrong("leak: text in text", "dish|begin|in", 'if name.split("_")[0] in chosen]', "if any(d in name for d in chosen)]")
split.wrong("leak: validation is all", "both|leak|dish", "[name for name in names if name not in training]", "list(names)")
split.wrong(
    "leak: dish1 to dish12",
    "dish|name|other|names",
    'sorted({name.split("_")[0] for name in names})',
    '[f"dish{k}" for k in range(1, 13)]',
)
split.wrong("random: not shuffled", "shuffle|drawn|seed", "    np.random.default_rng(seed).shuffle(dishes)\n", "")
split.wrong("random: seed ignored", "seed", "default_rng(seed)", "default_rng(0)")
split.wrong("random: no seed", "seed|two different|same", "default_rng(seed)", "default_rng()")
split.wrong(
    "random: order of a set",
    "set|order|hash|sorted|twice",
    'sorted({name.split("_")[0] for name in names})',
    'list({name.split("_")[0] for name in names})',
)
split.wrong(
    "random: by hash",
    "hash|seed|twice|order",
    "np.random.default_rng(seed).shuffle(dishes)",
    "dishes.sort(key=lambda d: hash((d, seed)))",
)
split.wrong(
    "random: a coin for each dish",
    "how many|expected|dishes|share",
    "chosen = dishes[: round(train_fraction * len(dishes))]",
    "chosen = [d for d in dishes if np.random.default_rng([seed, int(d.encode().hex(), 16) % 1000]).random() < train_fraction]",
)
split.wrong(
    "share: of images", "dishes|share|expected", "round(train_fraction * len(dishes))", "round(train_fraction * len(names))"
)
split.wrong(
    "share: swapped",
    "swapped|share|expected",
    "return training, [name for name in names if name not in training]",
    "return [name for name in names if name not in training], training",
)
split.wrong("share: half", "share|fraction|expected", "train_fraction * len", "0.5 * len")
split.wrong("share: always 0.8", "share|fraction|expected", "train_fraction * len", "0.8 * len")
split.wrong(
    "share: one dish less",
    "share|fraction|expected|dishes",
    "round(train_fraction * len(dishes))",
    "round(train_fraction * len(dishes)) - 1",
)
split.wrong("lost: one name", "neither|missing|lost", "if name not in training]", "if name not in training][1:]")
split.wrong(
    "lost: one field per dish",
    "same dish|neither|missing|lost|field",
    'if name.split("_")[0] in chosen]',
    "if name.split(\"_\")[0] in chosen and '_1' in name]",
)
split.wrong("lost: names doubled", "twice|both|doubl", "return training, [", "return training + training, [")
split.wrong(
    "lost: names shortened",
    "names|dish|\\.tif",
    "return training, [name for name in names if name not in training]",
    "return [n.split('.')[0] for n in training], [n.split('.')[0] for n in names if n not in training]",
)
split.wrong(
    "form: dishes",
    "neither|names|dishes",
    "return training, [name for name in names if name not in training]",
    "return chosen, [d for d in dishes if d not in chosen]",
)
split.wrong(
    "form: indices",
    "names|indices",
    "return training, [name for name in names if name not in training]",
    "return [names.index(n) for n in training], [k for k, n in enumerate(names) if n not in training]",
)
split.wrong("form: one list", "two", "return training, [name for name in names if name not in training]", "return training")
split.wrong(
    "in place: names emptied",
    "changed",
    "return training, [name for name in names if name not in training]",
    "for n in training:\n        names.remove(n)\n    return training, names",
)
split.wrong("in place: names shuffled", "changed", "    dishes =", "    np.random.default_rng(seed).shuffle(names)\n    dishes =")
split.wrong("unfinished: no return", "return|None", "    return training, [", "    training, [")

# Of two students who had not seen the checks, and what passed then.

split.wrong(
    "fresh: the share of images",
    "dishes",
    "import re\ndef f(names, fraction, seed):\n    d = list(dict.fromkeys(re.match(r'(dish\\d+)_', n)[1] for n in names))\n    random.Random(seed).shuffle(d)\n    a, b = [], []\n    for x in d:\n        own = [n for n in names if n.startswith(x + '_')]\n        (a if len(a) + len(own) / 2 <= fraction * len(names) else b).extend(own)\n    return a, b",
)
split.wrong("fresh: one figure of the field is cut off", "whole name", 'name.split("_")[0]', "name[:-6]")
split.wrong(
    "fresh: dishes are rotated",
    "rotated",
    "np.random.default_rng(seed).shuffle(dishes)",
    "dishes = dishes[seed % len(dishes) :] + dishes[: seed % len(dishes)]",
)
split.wrong(
    "fresh: the first dish always trains",
    "always in training",
    "np.random.default_rng(seed).shuffle(dishes)",
    "rest = dishes[1:]\n    np.random.default_rng(seed).shuffle(rest)\n    dishes = [dishes[0], *rest]",
)
split.wrong("fresh: numbers modulo 100", "same side", 'name.split("_")[0]', "int(name[4:].split('_')[0]) % 100")
HEAD = "def f(names, train_fraction, seed):\n    dishes = sorted({n.split('_')[0] for n in names})\n"
TAIL = "    return [n for n in names if n.split('_')[0] in chosen], [n for n in names if n.split('_')[0] not in chosen]"
COUNT = "round(train_fraction * len(dishes))"
for what, draw, words in (
    (
        "seed: 0 is none",
        f"    random.Random(seed or None).shuffle(dishes)\n    chosen = dishes[:{COUNT}]\n",
        "seed 0|0 is a seed",
    ),
    (
        "seed: if seed",
        f"    rng = random.Random()\n    if seed:\n        rng.seed(seed)\n    rng.shuffle(dishes)\n    chosen = dishes[:{COUNT}]\n",
        "seed 0|0 is a seed",
    ),
    ("seed: odd or even", f"    random.Random(seed % 2).shuffle(dishes)\n    chosen = dishes[:{COUNT}]\n", "same split"),
    ("seed: its last digit", f"    random.Random(seed % 10).shuffle(dishes)\n    chosen = dishes[:{COUNT}]\n", "same split"),
    (
        "share: two validate at least",
        f"    random.Random(seed).shuffle(dishes)\n    chosen = dishes[:min({COUNT}, len(dishes) - 2)]\n",
        "share|expected",
    ),
    (
        "share: three quarters always",
        "    random.Random(seed).shuffle(dishes)\n    chosen = dishes[:round(0.75 * len(dishes))]\n",
        "not used",
    ),
    (
        "share: a coin for each",
        "    rng = random.Random(seed)\n    chosen = {d for d in dishes if rng.random() < train_fraction}\n",
        "coin",
    ),
    ("share: with replacement", f"    chosen = set(np.random.default_rng(seed).choice(dishes, {COUNT}))\n", "replacement"),
):
    split.wrong(what, words, HEAD + draw + TAIL)
split.right(
    "a share cut off",
    HEAD + "    random.Random(seed).shuffle(dishes)\n    chosen = dishes[:int(train_fraction * len(dishes))]\n" + TAIL,
)
codes.wrong("form: greys", "a grey", "{(0, 0, 0): 0, (0, 158, 115): 128, (204, 121, 167): 255, (240, 228, 66): 128}")
