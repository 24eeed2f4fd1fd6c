"""Answers to the exercises of notebook 01."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

encode = Exercise(
    "encode_mask",
    """
def encode(grey, codes):
    indices = np.zeros(grey.shape, np.uint8)
    for index, code in enumerate(codes):
        indices[grey == code] = index
    return indices
""",
)
encode.right(
    "by a table",
    "def f(grey, codes):\n    t = np.zeros(256, int)\n    t[list(codes)] = np.arange(len(codes))\n    return t[grey]",
)
encode.right("argmax", "def f(grey, codes):\n    return np.stack([grey == c for c in codes]).argmax(0)")
encode.right(
    "where",
    "def f(grey, codes):\n    out = np.zeros_like(grey)\n    for k in range(len(codes)):\n        out = np.where(grey == codes[k], k, out)\n    return out",
)
encode.right(
    "pixel by pixel",
    "def f(grey, codes):\n    out = np.zeros(grey.shape, dtype=int)\n    for r in range(grey.shape[0]):\n        for c in range(grey.shape[1]):\n            out[r, c] = list(codes).index(grey[r, c])\n    return out",
)
encode.right(
    "vectorize",
    "def f(grey, codes):\n    where = {code: k for k, code in enumerate(codes)}\n    return np.vectorize(where.get)(grey)",
)
encode.right("select", "def f(grey, codes):\n    return np.select([grey == c for c in codes], range(len(codes)))")
encode.right(
    "searchsorted",
    "def f(grey, codes):\n    codes = np.asarray(codes)\n    order = codes.argsort()\n    return order[np.searchsorted(codes[order], grey)]",
)
encode.right("sum of parts", "def f(grey, codes):\n    return sum(k * (grey == c) for k, c in enumerate(codes)).astype(np.uint8)")
encode.wrong(
    "in place: writes into grey",
    "changed|given",
    "def f(grey, codes):\n    for k, c in enumerate(codes):\n        grey[grey == c] = k\n    return grey",
)
encode.wrong(
    "in place: copy overwritten twice",
    "encoded twice|again|already|overwrit",
    "indices = np.zeros(grey.shape, np.uint8)",
    "indices = grey.copy()",
    "indices[grey == code]",
    "indices[indices == code]",
)
encode.wrong("in place: a view", "changed|given", "np.zeros(grey.shape, np.uint8)", "grey[:]", "grey == code", "indices == code")
encode.wrong("order: sorted codes", "brightness|order", "enumerate(codes)", "enumerate(sorted(codes))")
encode.wrong(
    "order: unique of the image",
    "brightness|order|present|occur",
    "def f(grey, codes):\n    return np.unique(grey, return_inverse=True)[1].reshape(grey.shape)",
)
encode.wrong("order: reversed", "revers", "= index", "= len(codes) - 1 - index")
encode.wrong("order: from a set", "order", "enumerate(codes)", "enumerate(set(codes))")
encode.wrong(
    "narrow: three codes only",
    "three|number of codes|4 codes|2 codes|codes|only",
    "def f(grey, codes):\n    out = np.zeros(grey.shape, np.uint8)\n    out[grey == codes[1]] = 1\n    out[grey == codes[2]] = 2\n    return out",
)
encode.wrong("narrow: the page's codes", "only|codes", "enumerate(codes)", "enumerate((51, 153, 255))")
encode.wrong("narrow: integer division", "only|codes", "def f(grey, codes):\n    return (grey // 100).astype(np.uint8)")
encode.wrong("narrow: skips the first code", "first|class 0|background", "enumerate(codes)", "enumerate(codes[1:])")
encode.wrong("narrow: forgets the last", "last|class 2", "enumerate(codes)", "enumerate(codes[:-1])")
encode.wrong("narrow: thresholds", "above|threshold|between|==|>=", "indices[grey == code]", "indices[grey >= code]")
encode.wrong("type: floats", "float", "np.zeros(grey.shape, np.uint8)", "np.zeros(grey.shape)")
encode.wrong("type: booleans", "bool", "np.zeros(grey.shape, np.uint8)", "np.zeros(grey.shape, bool)")
encode.wrong("type: a list", "list|array", "return indices", "return indices.tolist()")
encode.wrong("shape: flat", "shape", "return indices", "return indices.ravel()")
encode.wrong("shape: one-hot", "one-hot", "return indices", "return np.eye(len(codes), dtype=np.uint8)[indices]")
encode.wrong("shape: transposed", "transpose|turned|shape", "return indices", "return indices.T")
encode.wrong("value: from one", "one too|from 1|shift|start", "= index", "= index + 1")
encode.wrong("value: returns the code", "grey", "= index", "= code")
encode.wrong(
    "value: return inside the loop",
    "only|first|return.*loop",
    "        indices[grey == code] = index\n    return indices",
    "        indices[grey == code] = index\n        return indices",
)
encode.wrong("value: image mirrored", "mirror|flip|elsewhere|pixels lie", "return indices", "return indices[:, ::-1]")
encode.wrong("unfinished: no return", "return|None", "    return indices\n", "")

split = Exercise(
    "split",
    """
def split(count, train_fraction, seed):
    order = np.random.default_rng(seed).permutation(count)
    training = round(count * train_fraction)
    return order[:training], order[training:]
""",
)
split.right("lists", "return order[:training], order[training:]", "return order[:training].tolist(), order[training:].tolist()")
split.right(
    "random.Random",
    "def f(count, train_fraction, seed):\n    order = list(range(count))\n    random.Random(seed).shuffle(order)\n    k = int(count * train_fraction + 0.5)\n    return order[:k], order[k:]",
)
split.right(
    "torch",
    "def f(count, train_fraction, seed):\n    g = torch.Generator().manual_seed(seed)\n    order = torch.randperm(count, generator=g)\n    k = round(count * train_fraction)\n    return order[:k], order[k:]",
)
split.right(
    "sorted parts", "return order[:training], order[training:]", "return sorted(order[:training]), sorted(order[training:])"
)
split.right(
    "global seed",
    "def f(count, train_fraction, seed):\n    np.random.seed(seed)\n    order = np.random.permutation(count)\n    k = round(train_fraction * count)\n    return [order[:k], order[k:]]",
)
split.right(
    "choice",
    "def f(count, train_fraction, seed):\n    rng = np.random.default_rng(seed)\n    a = rng.choice(count, round(count * train_fraction), replace=False)\n    return a, np.setdiff1d(np.arange(count), a)",
)
split.right("validation counted by int", "training = round(count * train_fraction)", "training = int(count * train_fraction)")
split.right("RandomState", "np.random.default_rng(seed)", "np.random.RandomState(seed)")
split.right(
    "sets of a sample",
    "def f(count, train_fraction, seed):\n    a = random.Random(seed).sample(range(count), round(count * train_fraction))\n    return a, [i for i in range(count) if i not in a]",
)
split.wrong("random: not shuffled", "shuffle", "np.random.default_rng(seed).permutation(count)", "np.arange(count)")
split.wrong("random: seed ignored", "seed", "default_rng(seed)", "default_rng(0)")
split.wrong("random: no seed", "seed|two different", "default_rng(seed)", "default_rng()")
split.wrong(
    "random: random module unseeded",
    "seed|two different",
    "def f(count, train_fraction, seed):\n    order = list(range(count))\n    random.shuffle(order)\n    k = round(count * train_fraction)\n    return order[:k], order[k:]",
)
split.wrong("random: seed 0 or 1 only", "seed", "default_rng(seed)", "default_rng(seed % 2)")
split.wrong(
    "random: rotated only",
    "rotat|shuffle|shift",
    "np.random.default_rng(seed).permutation(count)",
    "np.roll(np.arange(count), seed)",
)
split.wrong(
    "random: coin for each",
    "expected|how many|number|size",
    "def f(count, train_fraction, seed):\n    coin = np.random.default_rng(seed).random(count) < train_fraction\n    return np.where(coin)[0], np.where(~coin)[0]",
)
split.wrong(
    "overlap: two draws",
    "leak|both",
    "return order[:training], order[training:]",
    "return order[:training], np.random.default_rng(seed + 1).permutation(count)[training:]",
)
split.wrong("overlap: validation is all", "leak|both", "order[training:]", "order")
split.wrong("overlap: one in both", "leak|both", "order[training:]", "order[training - 1:]")
split.wrong("overlap: with replacement", "twice|leak|both|repeat", ".permutation(count)", ".integers(0, count, count)")
split.wrong("missing: one forgotten", "neither", "order[training:]", "order[training + 1:]")
split.wrong("missing: index 0 never", "neither|0", ".permutation(count)", ".permutation(np.arange(1, count))")
split.wrong(
    "missing: validation as large as training",
    "neither|expected",
    "order[training:]",
    "order[-training:] if training < count / 2 else order[training:-1]",
)
split.wrong("share: swapped", "swapped", "return order[:training], order[training:]", "return order[training:], order[:training]")
split.wrong(
    "share: validation's share", "swapped|expected", "round(count * train_fraction)", "round(count * (1 - train_fraction))"
)
split.wrong("share: always 80 %", "fraction|expected", "count * train_fraction", "count * 0.8")
split.wrong("share: half", "fraction|expected", "count * train_fraction", "count / 2")
split.wrong("form: one array", "two", "return order[:training], order[training:]", "return order")
split.wrong(
    "form: masks", "bool|indices", "return order[:training], order[training:]", "return order < training, order >= training"
)
split.wrong(
    "form: from one",
    "0|from 1|out of range|no index",
    "return order[:training], order[training:]",
    "return order[:training] + 1, order[training:] + 1",
)
split.wrong("form: counts", "sequences|indices", "return order[:training], order[training:]", "return training, count - training")
split.wrong(
    "form: a dictionary",
    "two",
    "return order[:training], order[training:]",
    "return {'training': order[:training], 'validation': order[training:]}",
)
split.wrong(
    "share: a range is shuffled within parts",
    "shuffle|leak|same",
    "def f(count, train_fraction, seed):\n    k = round(count * train_fraction)\n    rng = np.random.default_rng(seed)\n    return rng.permutation(k), k + rng.permutation(count - k)",
)

# Of two students who had not seen the checks, and what passed then.

encode.wrong(
    "fresh: one array for all calls",
    "one array",
    "def f(grey, codes, keep={}):\n    out = keep.setdefault(grey.shape, np.zeros(grey.shape, np.uint8))\n    out[:] = 0\n    for k, c in enumerate(codes):\n        out[grey == c] = k\n    return out",
)
split.wrong(
    "fresh: the last image always validates",
    "always in validation",
    "def f(count, train_fraction, seed):\n    o = [*np.random.default_rng(seed).permutation(count - 1), count - 1]\n    n = round(count * train_fraction)\n    return o[:n], o[n:]",
)
split.wrong(
    "fresh: the first image always trains",
    "always in training",
    "def f(count, train_fraction, seed):\n    o = [0, *(np.random.default_rng(seed).permutation(count - 1) + 1)]\n    n = round(count * train_fraction)\n    return o[:n], o[n:]",
)
split.wrong(
    "fresh: drawn in pairs",
    "same side|together",
    "def f(count, train_fraction, seed):\n    p = np.random.default_rng(seed).permutation((count + 1) // 2)\n    o = [i for q in p for i in (2 * q, 2 * q + 1) if i < count]\n    n = round(count * train_fraction)\n    return o[:n], o[n:]",
)
split.wrong(
    "fresh: forty images at most",
    "neither",
    "def f(count, train_fraction, seed):\n    order = np.random.default_rng(seed).permutation(40)\n    order = order[order < count]\n    n = round(train_fraction * count)\n    return order[:n], order[n:]",
)
encode.wrong("fresh: four codes only", "four", "enumerate(codes)", "enumerate(codes[:4])")
encode.wrong("fresh: code 0 is skipped", "code 0", "indices[grey == code]", "indices[(grey == code) & (code != 0)]")

# Of a student who tried five hundred answers to the first six notebooks, and neighbours of what passed.

split.wrong("second: seed 0 is no seed", "seed 0|seed, 0", "default_rng(seed)", "default_rng(seed or None)")
split.wrong(
    "second: seeded where the seed is not 0",
    "seed 0|seed, 0",
    "def f(count, train_fraction, seed):\n    if seed:\n        random.seed(seed)\n    order = list(range(count))\n    random.shuffle(order)\n    n = round(count * train_fraction)\n    return order[:n], order[n:]",
)
split.wrong(
    "second: the hash of a text",
    "hash|another run",
    "def f(count, train_fraction, seed):\n    order = list(range(count))\n    random.Random(hash('split' + str(seed))).shuffle(order)\n    n = round(count * train_fraction)\n    return order[:n], order[n:]",
)
split.wrong("second: the hash of a pair", "hash|another run", "default_rng(seed)", "default_rng(abs(hash(('split', seed))))")
for change, mistake in {
    "seed % 10": "the last digit",
    "seed % 100": "two digits",
    "seed & 255": "a byte",
    "seed & 0xFFFF": "two bytes",
    "int(str(seed)[0])": "the first digit",
    "min(seed, 1000)": "at most 1000",
    "max(seed, 1)": "at least 1",
    "int(np.float32(seed))": "float32",
    "len(str(seed)) + 10 * (seed % 10)": "digits counted",
}.items():
    split.wrong(f"second: of the seed, {mistake}", "same split|part of the seed", "default_rng(seed)", f"default_rng({change})")
split.wrong("second: one index in both", "both", "order[:training]", "order[: training + 1]")
split.wrong(
    "second: every k-th validates",
    "not a random|pattern",
    "def f(count, train_fraction, seed):\n    k = max(2, round(1 / (1 - train_fraction)))\n    return [i for i in range(count) if i % k != seed % k], [i for i in range(count) if i % k == seed % k]",
)
split.wrong(
    "second: an order kept by seed only",
    "kept|earlier call",
    "def f(count, train_fraction, seed, cache={}):\n    if seed not in cache:\n        cache[seed] = np.random.default_rng(seed).permutation(count)\n    order = cache[seed]\n    n = round(count * train_fraction)\n    return order[:n], order[n:]",
)
split.right(
    "a text as the seed of random.Random",
    "np.random.default_rng(seed).permutation(count)",
    "np.array(random.Random(f'split {seed}').sample(range(count), count))",
)
split.right("the hash of a number", "default_rng(seed)", "default_rng(hash((seed, 3)) % 2**63)")
split.right("a seed sequence", "default_rng(seed)", "Generator(np.random.PCG64(np.random.SeedSequence([seed, 5])))")

encode.wrong(
    "second: evenly spaced codes",
    "evenly",
    "def f(grey, codes):\n    return ((grey.astype(int) - codes[0]) // (codes[1] - codes[0])).astype(np.uint8)",
)
encode.wrong("second: a tolerance", "tolerance", "indices[grey == code]", "indices[np.abs(grey.astype(int) - code) <= 5]")
encode.wrong("second: two codes", "two codes", "enumerate(codes)", "enumerate(codes[:2])")
encode.wrong(
    "second: as many columns as rows",
    "columns as rows",
    "    return indices",
    "    indices[:, len(indices):] = 0\n    return indices",
)
