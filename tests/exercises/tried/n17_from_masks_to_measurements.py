"""Answers to the exercises of notebook 17."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

found = Exercise(
    "object_f1",
    """
def my_object_f1(truth, prediction, threshold):
    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]
    used, tp = set(), 0
    for t in ts:
        for p in ps:
            if p in used: continue
            a, b = truth == t, prediction == p
            if (a & b).sum() / (a | b).sum() >= threshold:
                used.add(p)
                tp += 1
                break
    if not ts and not ps:
        return float('nan')
    return 2 * tp / (len(ts) + len(ps))
""".lstrip("\n"),
)
found.right(
    "loops, greedy",
    "ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k",
    "ts = [k for k in np.unique(truth) if k != 0]\n    ps = [k for k in np.unique(prediction) if k != 0",
    "in used: continue",
    "in used:\n                continue",
    "                used.add(p)\n                tp += 1\n",
    "                used.add(p); tp += 1\n",
    "'nan'",
    '"nan"',
)
found.right(
    "assignment",
    "from scipy.optimize import linear_sum_assignment\ndef my_object_f1(truth, prediction, threshold):\n    ts, ps = np.setdiff1d(truth, 0), np.setdiff1d(prediction, 0)\n    if len(ts) + len(ps) == 0:\n        return np.nan\n    iou = np.array([[((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum() for p in ps] for t in ts]).reshape(len(ts), len(ps))\n    rows, columns = linear_sum_assignment(iou >= threshold, maximize=True)\n    tp = int((iou[rows, columns] >= threshold).sum())\n    fn, fp = len(ts) - tp, len(ps) - tp\n    return 2 * tp / (2 * tp + fp + fn)\n",
)
found.right(
    "dicts of pixels",
    "from collections import Counter\ndef my_object_f1(truth, prediction, threshold):\n    t, p = np.asarray(truth).ravel().tolist(), np.asarray(prediction).ravel().tolist()\n    area_t, area_p, both = Counter(x for x in t if x), Counter(x for x in p if x), Counter((a, b) for a, b in zip(t, p) if a and b)\n    taken_t, taken_p = set(), set()\n    for (a, b), common in both.most_common():\n        if a not in taken_t and b not in taken_p and common / (area_t[a] + area_p[b] - common) >= threshold:\n            taken_t.add(a); taken_p.add(b)\n    n = len(area_t) + len(area_p)\n    return 2 * len(taken_t) / n if n else math.nan\n",
)
found.right(
    "torch one-hot products",
    'def my_object_f1(truth, prediction, threshold):\n    tv, ti = np.unique(truth, return_inverse=True)\n    pv, pi = np.unique(prediction, return_inverse=True)\n    T = F.one_hot(torch.as_tensor(ti.ravel()), len(tv)).double()[:, torch.as_tensor(tv != 0)]\n    P = F.one_hot(torch.as_tensor(pi.ravel()), len(pv)).double()[:, torch.as_tensor(pv != 0)]\n    if T.shape[1] + P.shape[1] == 0:\n        return torch.tensor(float("nan")).item()\n    inter = T.T @ P\n    iou = inter / (T.sum(0)[:, None] + P.sum(0)[None] - inter)\n    ok = iou >= threshold\n    tp = 0\n    while ok.any():\n        a, b = ok.nonzero()[0].tolist()\n        ok[a], ok[:, b] = False, False\n        tp += 1\n    return 2 * tp / (T.shape[1] + P.shape[1])\n',
)
found.wrong("threshold: more than", "exactly", ".sum() >= threshold", ".sum() > threshold")
found.wrong("partners: every pair", "twice", "            if p in used: continue\n", "", "                break\n", "")
found.wrong("partners: a prediction has two", "twice", "            if p in used: continue\n", "")
found.wrong("partners: a true cell has two", "twice", "                break\n", "")
found.wrong("empty: 1 for none in either", "nan", "float('nan')", "1.0")
found.wrong("empty: NaN where one is empty", "no cell", "if not ts and not ps:", "if not ts or not ps:")
found.wrong("numbers: the same numbers", "same number", "     if (a & b).sum", "     if t == p and (a & b).sum")
found.wrong(
    "numbers: background",
    "background",
    "[k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]",
    "list(np.unique(truth)), list(np.unique(prediction))",
)
found.wrong(
    "numbers: up to the largest",
    "gaps|largest",
    "[k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]",
    "list(range(1, int(truth.max()) + 1)), list(range(1, int(prediction.max()) + 1))",
    "  if (a & b).sum",
    "  if (a | b).any() and (a & b).sum",
)
found.wrong(
    "numbers: without the first",
    "first",
    "[k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]",
    "list(np.unique(truth)[1:]), list(np.unique(prediction)[1:])",
)
found.wrong("overlap: Dice", "dice", "(a & b).sum() / (a | b).sum(", "2 * (a & b).sum() / (a.sum() + b.sum()")
found.wrong("overlap: of the truth", "true cell's size", "(a | b).sum", "a.sum")
found.wrong("threshold: fixed", "0\\.5", ".sum() >= threshold:\n", ".sum() >= 0.5:\n")
found.wrong(
    "numbers: labelled anew",
    "merged|labelled",
    "threshold):\n",
    "threshold):\n    from unet_lab.objects import label_objects; truth, prediction = label_objects(np.atleast_2d(np.asarray(truth) > 0).astype(np.uint8)), label_objects(np.atleast_2d(np.asarray(prediction) > 0).astype(np.uint8))\n",
)
found.wrong("in place: prediction erased", "changed", "used.add", "prediction[b] = 0; used.add")
found.wrong("in place: truth erased", "changed", "used.add", "truth[a] = 0; used.add")
found.wrong("ratio: average precision", "average precision|TP/", "2 * tp / (len(ts) + len(ps)", "tp / (len(ts) + len(ps) - tp")
found.wrong(
    "ratio: mean of both",
    "mean of precision",
    "2 * tp / (len(ts) + len(ps))",
    "(tp / max(len(ts), 1) + tp / max(len(ps), 1)) / 2",
)
found.wrong("ratio: precision", "precision", "2 * tp / (len(ts) + len(ps)", "tp / max(len(ps), 1")
found.wrong(
    "numbers: codes overflow",
    "overflow",
    'def my_object_f1(truth, prediction, threshold):\n    code = truth * (prediction.max() + 1) + prediction\n    ts, nt = np.unique(truth[truth > 0], return_counts=True)\n    ps, np_ = np.unique(prediction[prediction > 0], return_counts=True)\n    if not len(ts) and not len(ps): return float("nan")\n    codes, n = np.unique(code, return_counts=True)\n    m = int(prediction.max()) + 1\n    at, ap = dict(zip(ts.tolist(), nt.tolist())), dict(zip(ps.tolist(), np_.tolist()))\n    used_t, used_p = set(), set()\n    for c, k in zip(codes.tolist(), n.tolist()):\n        t, p = divmod(c, m)\n        if t in at and p in ap and t not in used_t and p not in used_p and k / (at[t] + ap[p] - k) >= threshold:\n            used_t.add(t); used_p.add(p)\n    return 2 * len(used_t) / (len(ts) + len(ps))\n',
)
found.wrong(
    "overlap: boxes",
    "box",
    "a & b).sum() / (a | b).sum(",
    "box := lambda m: (lambda i: [slice(x.min(), x.max() + 1) for x in i])(np.nonzero(m))) and (lambda A, B: (A & B).sum() / (A | B).sum())(*[(lambda z, s: (z.__setitem__(tuple(s), True), z)[1])(np.zeros(truth.shape, bool), box(m)) for m in (a, b)]",
)
found.wrong(
    "numbers: small cells left out",
    "small",
    "k], [k for k in np.unique(prediction) if k",
    "k and (truth == k).sum() > 2], [k for k in np.unique(prediction) if k and (prediction == k).sum() > 2",
)
found.wrong(
    "partners: most pixels",
    "most",
    'def my_object_f1(truth, prediction, threshold):\n    ts, ps = np.unique(truth[truth > 0]), np.unique(prediction[prediction > 0])\n    if len(ts) + len(ps) == 0: return float("nan")\n    tp = 0\n    for t in ts:\n        p = np.bincount(np.asarray(prediction)[truth == t]).argmax()\n        if p and ((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum() >= threshold:\n            tp += 1\n    return 2 * tp / (len(ts) + len(ps))\n',
)
found.wrong("ratio: rounded", "rounded", "2 * tp / (len(ts) + len(ps)", "round(2 * tp / (len(ts) + len(ps)), 2")
found.wrong(
    "partners: any by rows",
    "twice",
    "def my_object_f1(truth, prediction, threshold):\n    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]\n    if not ts and not ps: return float('nan')\n    if not ts or not ps: return 0.0\n    iou = np.array([[((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum() for p in ps] for t in ts])\n    tp = (iou >= threshold).any(axis=1).sum()\n    return float(2 * tp / (len(ts) + len(ps)))\n",
)
found.wrong(
    "partners: any by columns",
    "twice",
    "def my_object_f1(truth, prediction, threshold):\n    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]\n    if not ts and not ps: return float('nan')\n    if not ts or not ps: return 0.0\n    iou = np.array([[((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum() for p in ps] for t in ts])\n    tp = (iou >= threshold).any(axis=0).sum()\n    return float(2 * tp / (len(ts) + len(ps)))\n",
)
found.wrong(
    "partners: rows and columns",
    "twice",
    "def my_object_f1(truth, prediction, threshold):\n    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]\n    if not ts and not ps: return float('nan')\n    if not ts or not ps: return 0.0\n    iou = np.array([[((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum() for p in ps] for t in ts])\n    ok = iou >= threshold\n    tp, fn, fp = ok.any(1).sum(), (~ok.any(1)).sum(), (~ok.any(0)).sum()\n    return float(2 * tp / (2 * tp + fp + fn))\n",
)
found.wrong(
    "partners: argmax",
    "twice",
    "def my_object_f1(truth, prediction, threshold):\n    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]\n    if not ts and not ps: return float('nan')\n    if not ts or not ps: return 0.0\n    iou = np.array([[((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum() for p in ps] for t in ts])\n    tp = sum(row[row.argmax()] >= threshold for row in iou)\n    return float(2 * tp / (len(ts) + len(ps)))\n",
)
found.wrong(
    "threshold: none",
    "overlap",
    "def my_object_f1(truth, prediction, threshold):\n    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]\n    if not ts and not ps: return float('nan')\n    if not ts or not ps: return 0.0\n    iou = np.array([[((truth == t) & (prediction == p)).sum() / ((truth == t) | (prediction == p)).sum() for p in ps] for t in ts])\n    from scipy.optimize import linear_sum_assignment\n    r, c = linear_sum_assignment(-iou)\n    tp = (iou[r, c] > 0).sum()\n    return float(2 * tp / (len(ts) + len(ps)))\n",
)
found.wrong(
    "partners: most pixels of a cell, the first of equals",
    "halves|going on outside|most",
    """
def my_object_f1(truth, prediction, threshold):
    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]
    if not ts and not ps:
        return float('nan')
    used, tp = set(), 0
    for t in ts:
        inside, counts = np.unique(prediction[(truth == t) & (prediction > 0)], return_counts=True)
        if not len(inside): continue
        p = inside[counts.argmax()]
        a, b = truth == t, prediction == p
        if p not in used and (a & b).sum() / (a | b).sum() >= threshold:
            used.add(p)
            tp += 1
    return 2 * tp / (len(ts) + len(ps))
""",
)
found.wrong(
    "partners: most pixels of a prediction, the first of equals",
    "going on outside|most",
    """
def my_object_f1(truth, prediction, threshold):
    ts, ps = [k for k in np.unique(truth) if k], [k for k in np.unique(prediction) if k]
    if not ts and not ps:
        return float('nan')
    used, tp = set(), 0
    for p in ps:
        inside, counts = np.unique(truth[(prediction == p) & (truth > 0)], return_counts=True)
        if not len(inside): continue
        t = inside[counts.argmax()]
        a, b = truth == t, prediction == p
        if t not in used and (a & b).sum() / (a | b).sum() >= threshold:
            used.add(t)
            tp += 1
    return 2 * tp / (len(ts) + len(ps))
""",
)
found.wrong(
    "numbers: a union by their sum", "overflow", "(a | b).sum()", "(np.where(a, truth, 0) + np.where(b, prediction, 0) > 0).sum()"
)
found.wrong("threshold: a margin", "just below", ".sum() >= threshold:\n", ".sum() >= threshold - 0.01:\n")

size = Exercise(
    "bias",
    """
from unet_lab.objects import match_objects
def my_bias(truth, prediction):
    e = []
    for t, p, iou in match_objects(truth, prediction):
        true, seen = int((truth == t).sum()), int((prediction == p).sum())
        e.append((seen - true) / true)
    return sum(e) / len(e) if e else float('nan')
""".lstrip("\n"),
)
size.right(
    "loop",
    'from unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    errors = []\n    for t, p, _ in match_objects(truth, prediction):\n        true, seen = int((truth == t).sum()), int((prediction == p).sum())\n        errors.append((seen - true) / true)\n    return sum(errors) / len(errors) if errors else float("nan")\n',
)
size.right(
    "bincount",
    "from unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    pairs = match_objects(truth, prediction)\n    if not len(pairs):\n        return np.nan\n    t, p = np.array([(a, b) for a, b, _ in pairs]).T\n    at, ap = np.bincount(np.ravel(truth))[t], np.bincount(np.ravel(prediction))[p]\n    return np.mean(ap / at) - 1\n",
)
size.right(
    "Counter, fractions",
    "from collections import Counter\nfrom fractions import Fraction\nfrom unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    a, b = Counter(np.asarray(truth).ravel().tolist()), Counter(np.asarray(prediction).ravel().tolist())\n    r = [Fraction(b[int(p)], a[int(t)]) - 1 for t, p, iou in match_objects(truth, prediction)]\n    return float(sum(r) / len(r)) if r else math.nan\n",
)
size.right(
    "torch",
    "from unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    T, P = torch.as_tensor(np.asarray(truth, dtype=np.int64)), torch.as_tensor(np.asarray(prediction, dtype=np.int64))\n    x = torch.tensor([((P == p).sum() / (T == t).sum()).item() - 1 for t, p, _ in match_objects(truth, prediction)], dtype=torch.float64)\n    return x.mean().item()\n",
)
size.right(
    "np.mean of an empty list",
    "from unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    return np.mean([np.count_nonzero(prediction == p) / np.count_nonzero(truth == t) - 1 for t, p, _ in match_objects(truth, prediction)])\n",
)
size.wrong("divided: by the prediction", "predicted area", "true) / true)\n", "true) / seen)\n")
size.wrong("sign: lost", "sign", "e.append((seen - true", "e.append(abs(seen - true")
size.wrong("sign: turned", "sign", "seen - true", "true - seen")
size.wrong(
    "mean: sums first",
    "sum",
    "        e.append((seen - true) / true)\n    return sum(e) / len(e) if e else float('nan')\n",
    "        e.append((seen, true))\n    return sum(s for s, _ in e) / sum(t for _, t in e) - 1 if e else float('nan')\n",
)
size.wrong("mean: median", "median", "sum(e) / len(e", "float(np.median(e)")
size.wrong("empty: 0", "nan", "float('nan')", "0.0")
size.wrong("empty: fails", "divides by 0", " if e else float('nan')", "")
size.wrong("pairs: one number for both", "confused", "prediction == p).sum())", "prediction == t).sum())")
size.wrong(
    "pairs: all cells",
    "all cells",
    'from unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    t, p = np.unique(truth[truth > 0], return_counts=True)[1], np.unique(prediction[prediction > 0], return_counts=True)[1]\n    return float(p.mean() / t.mean() - 1) if match_objects(truth, prediction) else float("nan")\n',
)
size.wrong("mean: percent", "percent", "e.append((seen - true", "e.append(100 * (seen - true")
size.wrong("area: only the overlap", "overlap", "prediction == p", "(prediction == p) & (truth == t)")
size.wrong(
    "pairs: missed ones count",
    "missed",
    "sum(e) / len(e",
    "(sum(e) - (len(np.setdiff1d(truth, 0)) - len(e))) / max(1, len(np.setdiff1d(truth, 0))",
)
size.wrong("divided: by all true cells", "all true cells", "e) / len(e) if e else", "e) / len(np.setdiff1d(truth, 0)) if e else")
size.wrong("mean: ratio", "ratio", "(seen - true)", "seen")
size.wrong(
    "mean: by area",
    "sum|area",
    "        e.append((seen - true) / true)\n    return sum(e) / len(e) if e else float('nan')\n",
    "        e.append(((seen - true), true))\n    return sum(d for d, _ in e) / sum(t for _, t in e) if e else float('nan')\n",
)
size.wrong(
    "mean: by IoU",
    "IoU",
    "        e.append((seen - true) / true)\n    return sum(e) / len(e) if e else float('nan')\n",
    "        e.append(((seen - true) / true, iou))\n    return sum(v * i for v, i in e) / sum(i for _, i in e) if e else float('nan')\n",
)
size.wrong(
    "area: uint8",
    "overflow",
    "int((truth == t).sum()), int((prediction == p).sum()",
    "np.sum(truth == t, dtype=np.uint8), np.sum(prediction == p, dtype=np.uint8",
)
size.wrong("mean: logarithm", "logarithm", "(seen - true) / true", "math.log(seen / true)")
size.wrong(
    "mean: geometric",
    "geometric",
    "        e.append((seen - true) / true)\n    return sum(e) / len(e) if e else float('nan')\n",
    "        e.append(math.log(seen / true))\n    return math.exp(sum(e) / len(e)) - 1 if e else float('nan')\n",
)
size.wrong("pairs: stricter", "threshold", "match_objects(truth, prediction):\n", "match_objects(truth, prediction, 0.75):\n")
size.wrong(
    "sign: arguments swapped",
    "swapped",
    "my_bias(truth, prediction):\n",
    "my_bias(truth, prediction):\n    truth, prediction = prediction, truth\n",
)
size.wrong(
    "in place: erased", "changed", ".sum())\n", ".sum())\n        truth[truth == t] = 0; prediction[prediction == p] = 0\n"
)
size.wrong(
    "pairs: whole foreground",
    "foreground",
    "from unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    return float((prediction > 0).sum() / (truth > 0).sum() - 1) if match_objects(truth, prediction) else float('nan')\n",
)
size.wrong(
    "pairs: equal ones left out",
    "equal areas",
    "e.append((seen - true) / true)",
    "e += [(seen - true) / true] if seen != true else []",
)
size.wrong(
    "area: by place",
    "number|pairs",
    "from unet_lab.objects import match_objects\ndef my_bias(truth, prediction):\n    a, b = (np.unique(x[x > 0], return_counts=True)[1] for x in (truth, prediction))\n    e = [(b[min(p, len(b)) - 1] - a[min(t, len(a)) - 1]) / a[min(t, len(a)) - 1] for t, p, _ in match_objects(truth, prediction)]\n    return float(np.mean(e)) if e else float('nan')\n",
)
size.wrong("area: unsigned", "overflow", "(seen - true", "float(np.uint64(seen) - np.uint64(true)")
size.wrong("pairs: first only", "first pair", "sum(e) / len(e)", "e[0]")
size.wrong(
    "pairs: border cells left out",
    "pairs",
    "match_objects(truth, prediction)",
    "[q for q in match_objects(truth, prediction) if np.ndim(truth) < 2 or not ((truth[0] == q[0]).any() or (truth[-1] == q[0]).any())]",
)
size.wrong("mean: rounded", "rounded", "sum(e) / len(e", "round(sum(e) / len(e), 2")

MATCH = "(a & b).sum() / (a | b).sum() >= threshold"
found.right("the union from the areas", MATCH, "(a & b).sum() / (a.sum() + b.sum() - (a & b).sum()) >= threshold")
found.right("multiplied instead of divided", MATCH, "(a & b).sum() >= threshold * (a | b).sum()")
found.wrong("threshold: a thousandth less", "just below", MATCH, "(a & b).sum() / (a | b).sum() >= threshold - 0.001")
found.wrong("threshold: rounded IoU", "just below", MATCH, "round((a & b).sum() / (a | b).sum(), 2) >= threshold")
found.wrong("overlap: of the prediction", "predicted cell's size", MATCH, "(a & b).sum() / b.sum() >= threshold")
found.wrong("overlap: of the larger", "union|IoU", MATCH, "(a & b).sum() / max(a.sum(), b.sum()) >= threshold")
found.wrong("ratio: recall", "recall", "2 * tp / (len(ts) + len(ps))", "tp / len(ts) if ts else 0.0")
size.wrong("pairs: looser", "threshold", "match_objects(truth, prediction)", "match_objects(truth, prediction, 0.25)")
size.wrong("pairs: last only", "last pair", "sum(e) / len(e) if", "e[-1] if")
size.wrong("mean: squared", "square", "sum(e) / len(e) if", "sum(v * v for v in e) / len(e) if")
size.wrong(
    "divided: by all predicted cells", "all predicted", "sum(e) / len(e) if", "sum(e) / len(np.setdiff1d(prediction, 0)) if"
)
found.wrong(
    "seventh: numbers in 16 bits",
    "small|type|overflow|int64|wide",
    "def f(truth, prediction, threshold):\n    t, p = truth.astype(np.int16), prediction.astype(np.int16)\n    ts, ps = [i for i in np.unique(t) if i], [j for j in np.unique(p) if j]\n    if not ts and not ps:\n        return float('nan')\n    tp, free = 0, list(ps)\n    for i in ts:\n        for j in list(free):\n            a, b = t == i, p == j\n            if (a & b).sum() / (a | b).sum() >= threshold:\n                tp += 1\n                free.remove(j)\n                break\n    return 2 * tp / (len(ts) + len(ps))",
)
