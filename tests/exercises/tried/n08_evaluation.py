"""Answers to the exercises of notebook 08."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

confusion = Exercise(
    "confusion_matrix",
    """
def confusion(truth, prediction, num_classes):
    table = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(table, (truth.ravel(), prediction.ravel()), 1)
    return table
""",
)
confusion.right(
    "bincount",
    "def f(truth, prediction, num_classes):\n    return np.bincount(num_classes * truth.ravel().astype(int) + prediction.ravel(), minlength=num_classes ** 2).reshape(num_classes, num_classes)",
)
confusion.right(
    "two loops",
    "def f(truth, prediction, num_classes):\n    return np.array([[((truth == i) & (prediction == j)).sum() for j in range(num_classes)] for i in range(num_classes)])",
)
confusion.right(
    "pixel by pixel, floats",
    "def f(truth, prediction, num_classes):\n    m = np.zeros((num_classes, num_classes))\n    for t, p in zip(truth.flatten(), prediction.flatten()):\n        m[t, p] += 1\n    return m",
)
confusion.right("lists", "return table", "return table.tolist()")
confusion.right(
    "one-hot product",
    "def f(truth, prediction, num_classes):\n    eye = np.eye(num_classes, dtype=int)\n    return eye[truth.ravel()].T @ eye[prediction.ravel()]",
)
confusion.right(
    "histogram2d",
    "def f(truth, prediction, num_classes):\n    edges = np.arange(num_classes + 1) - 0.5\n    return np.histogram2d(truth.ravel(), prediction.ravel(), bins=(edges, edges))[0]",
)
confusion.right("a tensor", "return table", "return torch.tensor(table)")
confusion.wrong(
    "axes: transposed", "swapped|rows|transpos", "(truth.ravel(), prediction.ravel())", "(prediction.ravel(), truth.ravel())"
)
confusion.wrong("axes: reversed classes", "revers|order", "return table", "return table[::-1, ::-1]")
confusion.wrong("axes: mirrored", "revers|mirror|order", "return table", "return table[:, ::-1]")
confusion.wrong(
    "count: once",
    "once",
    "np.add.at(table, (truth.ravel(), prediction.ravel()), 1)",
    "table[truth.ravel(), prediction.ravel()] += 1",
)
confusion.wrong(
    "count: only right ones", "right are counted|diagonal|mistakes|wrong", "return table", "return np.diag(table.diagonal())"
)
confusion.wrong("count: only wrong ones", "right|diagonal", "return table", "return table - np.diag(table.diagonal())")
confusion.wrong("count: shares", "share", "return table", "return table / table.sum()")
confusion.wrong("count: shares of rows", "share|row", "return table", "return table / np.maximum(table.sum(1, keepdims=True), 1)")
confusion.wrong("count: doubled", "twice|doubl", ", 1)", ", 2)")
confusion.wrong("count: symmetrised", "symmetr|transpos|both|swapped|twice", "return table", "return table + table.T")
confusion.wrong("count: background left out", "background|class 0", "return table", "table[0, 0] = 0\n    return table")
confusion.wrong(
    "count: last row of pixels forgotten",
    "last|forgot|missing|sum|fewer|pixels",
    "truth.ravel(), prediction.ravel()",
    "truth[:-1].ravel(), prediction[:-1].ravel()",
)
confusion.wrong("count: uint8 overflows", "overflow|uint8|255|256", "np.int64", "np.uint8")
confusion.wrong("classes: always three", "num_classes|classes|shape", "(num_classes, num_classes)", "(3, 3)")
confusion.wrong(
    "classes: those that occur",
    "shape|classes|occur|present",
    "(num_classes, num_classes)",
    "(max(truth.max(), prediction.max()) + 1,) * 2",
)
confusion.wrong(
    "classes: of the truth", "shape|classes|occur|present|error", "(num_classes, num_classes)", "(truth.max() + 1, num_classes)"
)
confusion.wrong("classes: one too many", "shape", "(num_classes, num_classes)", "(num_classes + 1, num_classes + 1)")
confusion.wrong(
    "classes: codes with ten",
    "num_classes|classes|10",
    "def f(truth, prediction, num_classes):\n    code = 10 * truth.astype(int) + prediction\n    return np.array([[(code == 10 * i + j).sum() for j in range(num_classes)] for i in range(num_classes)])",
)
confusion.wrong(
    "classes: codes with three",
    "num_classes|classes|3|9",
    "def f(truth, prediction, num_classes):\n    code = 3 * truth.astype(int) + prediction\n    return np.array([[(code == 3 * i + j).sum() for j in range(num_classes)] for i in range(num_classes)])",
)
confusion.wrong(
    "shape: images only",
    "shape|dimension|any shape|int",
    "def f(truth, prediction, num_classes):\n    m = np.zeros((num_classes, num_classes), int)\n    for r in range(truth.shape[0]):\n        for c in range(truth.shape[1]):\n            m[truth[r, c], prediction[r, c]] += 1\n    return m",
)
confusion.wrong("shape: flat result", "shape", "return table", "return table.ravel()")
confusion.wrong(
    "shape: first image of a stack",
    "shape|stack|first|fewer|pixels|dimension",
    "np.add.at(table, (truth.ravel(), prediction.ravel()), 1)",
    "n = truth.shape[-1] * (truth.shape[-2] if truth.ndim > 1 else 1)\n    np.add.at(table, (truth.ravel()[:n], prediction.ravel()[:n]), 1)",
)
confusion.wrong("shape: square images", "shape|square|order|transpos", "prediction.ravel()", "prediction.T.ravel()")
confusion.wrong(
    "in place: truth flattened", "changed", "    table =", "    truth[truth > 99] = 0\n    truth.sort(axis=-1)\n    table ="
)
confusion.wrong("unfinished: no return", "return|None", "    return table\n", "")

iou = Exercise(
    "iou",
    """
def iou(matrix):
    intersection = matrix.diagonal().astype(float)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()
    return np.divide(intersection, union, out=np.full(len(matrix), np.nan), where=union > 0)
""",
)
DIVIDE = "np.divide(intersection, union, out=np.full(len(matrix), np.nan), where=union > 0)"
iou.right("errstate", "return " + DIVIDE, "with np.errstate(all='ignore'):\n        return intersection / union")
iou.right(
    "a loop",
    "def f(matrix):\n    out = []\n    for k in range(matrix.shape[0]):\n        tp = matrix[k, k]\n        fn = matrix[k].sum() - tp\n        fp = matrix[:, k].sum() - tp\n        out.append(tp / (tp + fp + fn) if tp + fp + fn > 0 else float('nan'))\n    return np.array(out)",
)
iou.right("a list", "return " + DIVIDE, "return list(" + DIVIDE + ")")
iou.right("where", "return " + DIVIDE, "return np.where(union > 0, intersection / np.maximum(union, 1), np.nan)")
iou.right("a warning is only printed", "return " + DIVIDE, "return intersection / union")
iou.right("torch", "return " + DIVIDE, "return torch.tensor(intersection) / torch.tensor(union)")
iou.right("from F1", "def f(matrix):\n    f1 = scores(matrix, average=None).f1\n    return f1 / (2 - f1)")
iou.wrong("formula: Dice", "Dice|F1", "intersection = matrix", "intersection = 2 * matrix", " - matrix.diagonal()", "")
iou.wrong("formula: precision", "precision", "matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()", "matrix.sum(axis=0)")
iou.wrong("formula: recall", "recall", "matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()", "matrix.sum(axis=1)")
iou.wrong(
    "formula: precision, empty where never predicted",
    "precision",
    "return " + DIVIDE,
    "with np.errstate(all='ignore'):\n        return intersection / matrix.sum(axis=0)",
)
iou.wrong("formula: union too large", "twice", " - matrix.diagonal()", "")
iou.wrong(
    "formula: accuracy",
    "accuracy|every class|per class",
    "return " + DIVIDE,
    "return np.full(len(matrix), np.trace(matrix) / matrix.sum())",
)
iou.wrong(
    "formula: share of all pixels",
    "all pixels|union",
    "matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()",
    "np.full(len(matrix), matrix.sum())",
)
iou.wrong("formula: one minus", "1 -|distance|minus|loss", "return " + DIVIDE, "return 1 - " + DIVIDE)
iou.wrong("formula: percent", "percent|per cent|100", "return " + DIVIDE, "return 100 * " + DIVIDE)
iou.wrong(
    "formula: specificity",
    "not recognised|specific|negative",
    "def f(matrix):\n    n = matrix.sum()\n    tn = n - matrix.sum(0) - matrix.sum(1) + matrix.diagonal()\n    return tn / np.maximum(n - matrix.sum(1), 1)",
)
iou.wrong(
    "formula: the larger of both",
    "not recognised|union|larger|max",
    "matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()",
    "np.maximum(matrix.sum(axis=0), matrix.sum(axis=1))",
)
iou.wrong("mean: over classes", "per class", "return " + DIVIDE, "return np.nanmean(" + DIVIDE + ")")
iou.wrong("mean: micro", "per class|micro|one", "return " + DIVIDE, "return intersection.sum() / union.sum()")
iou.wrong(
    "mean: weighted", "per class|weight", "return " + DIVIDE, "return np.nansum(" + DIVIDE + " * matrix.sum(1)) / matrix.sum()"
)
iou.wrong("empty: zero", "empty|NaN|neither", "np.full(len(matrix), np.nan)", "np.zeros(len(matrix))")
iou.wrong("empty: one", "empty|NaN|neither", "np.full(len(matrix), np.nan)", "np.ones(len(matrix))")
iou.wrong(
    "empty: left out", "shape|left out|each class|per class", "return " + DIVIDE, "v = " + DIVIDE + "\n    return v[~np.isnan(v)]"
)
iou.wrong("empty: NaN where never predicted", "predicted|0|NaN|truth", "union > 0)", "matrix.sum(axis=0) > 0)")
iou.wrong("empty: NaN where not in the truth", "truth|0|NaN|predict", "union > 0)", "matrix.sum(axis=1) > 0)")
iou.wrong("empty: NaN where nothing is right", "right|0|NaN|hit", "union > 0)", "intersection > 0)")
iou.wrong(
    "empty: small number added", "small|added|NaN|neither|empty", "return " + DIVIDE, "return intersection / (union + 1e-9)"
)
iou.wrong(
    "empty: None", "None|NaN|number", "return " + DIVIDE, "return [i / u if u else None for i, u in zip(intersection, union)]"
)
iou.wrong("narrow: three classes", "classes|shape", "return " + DIVIDE, "return (" + DIVIDE + ")[:3]")
iou.wrong("narrow: background left out", "background|class|shape", "return " + DIVIDE, "return (" + DIVIDE + ")[1:]")
iou.wrong(
    "narrow: whole division",
    "whole|//|0 and 1|int",
    "return " + DIVIDE,
    "return np.where(union > 0, intersection // np.maximum(union, 1), np.nan)",
)
iou.wrong("order: reversed", "revers|order", "return " + DIVIDE, "return (" + DIVIDE + ")[::-1]")
iou.wrong(
    "in place: matrix",
    "changed",
    "    union",
    "    np.fill_diagonal(matrix, 0) if matrix.flags.writeable else None\n    union",
    " - matrix.diagonal()",
    " + intersection",
)
iou.wrong("unfinished: no return", "return|None", "    return " + DIVIDE, "    " + DIVIDE)

BASE = '{"f1_of_that_iou": 2 * 0.8599 / 1.8599, "micro_iou_of_that_accuracy": 0.8599 / (2 - 0.8599), "reported_pair_possible": False}'
audit = Exercise("audit", BASE)
audit.right("rounded", '{"f1_of_that_iou": 0.9247, "micro_iou_of_that_accuracy": 0.7542, "reported_pair_possible": False}')
audit.right("NumPy's False", "False", "np.False_")
audit.right("0 for False", "False", "0")
audit.right("three digits", '{"f1_of_that_iou": 0.925, "micro_iou_of_that_accuracy": 0.754, "reported_pair_possible": False}')
audit.right("compared", "False", "0.7599 >= 0.8599")
audit.right("a tensor", "0.8599 / (2 - 0.8599)", "torch.tensor(0.8599) / (2 - 0.8599)")
audit.wrong("f1: turned round", "other way round|turned", "2 * 0.8599 / 1.8599", "0.8599 / (2 - 0.8599)")
audit.wrong("f1: the printed one", "report prints|printed", "2 * 0.8599 / 1.8599", "0.7599")
audit.wrong("f1: the IoU", "IoU itself|report prints|printed", "2 * 0.8599 / 1.8599", "0.8599")
audit.wrong("f1: no 2", "2|twice|half", "2 * 0.8599 / 1.8599", "0.8599 / 1.8599")
audit.wrong("f1: per cent", "per cent|percent|100|share", "2 * 0.8599 / 1.8599", "100 * 2 * 0.8599 / 1.8599")
audit.wrong("f1: root", "obey|formula", "2 * 0.8599 / 1.8599", "0.8599 ** 0.5")
audit.wrong("f1: twice", "obey|formula|above 1|larger than 1|1", "2 * 0.8599 / 1.8599", "2 * 0.8599")
audit.wrong("f1: of the other number", "0.7599|other number|F1", "2 * 0.8599 / 1.8599", "2 * 0.7599 / 1.7599")
audit.wrong("micro: turned round", "turn|other way", "0.8599 / (2 - 0.8599)", "2 * 0.8599 / 1.8599")
audit.wrong("micro: the accuracy", "accuracy itself", "0.8599 / (2 - 0.8599)", "0.8599")
audit.wrong("micro: the printed F1", "printed|prints|F1", "0.8599 / (2 - 0.8599)", "0.7599")
audit.wrong("micro: 1 - a", "wrong|share|obey|formula|1 -", "0.8599 / (2 - 0.8599)", "1 - 0.8599")
audit.wrong("micro: squared", "obey|formula|not", "0.8599 / (2 - 0.8599)", "0.8599 ** 2")
audit.wrong("micro: per cent", "per cent|percent|100|share", "0.8599 / (2 - 0.8599)", "75.42")
audit.wrong("micro: half", "obey|formula|not|twice|counted", "0.8599 / (2 - 0.8599)", "0.8599 / 2")
audit.wrong(
    "both: swapped",
    "swapped|turn|other way",
    '{"f1_of_that_iou": 0.7542, "micro_iou_of_that_accuracy": 0.9247, "reported_pair_possible": False}',
)
audit.wrong("pair: possible", "0.7599", "False", "True")
audit.wrong("pair: one", "0.7599", "False", "1")
audit.wrong("pair: a number", "True or False", "False", "0.5")
audit.wrong("unfinished: pair", "reported_pair_possible", "False", "None")
audit.wrong("form: a list", "dictionary", "[0.92, 0.75, False]")
audit.wrong("form: text", "number", "2 * 0.8599 / 1.8599", '"high"')

interval = Exercise(
    "interval",
    """
def interval(tables, rng):
    values = []
    for _ in range(1000):
        drawn = rng.integers(len(tables), size=len(tables))
        values.append(macro_iou(tables[drawn].sum(axis=0)))
    low, high = np.quantile(values, [0.025, 0.975])
    return low, high
""",
)
DRAW = "rng.integers(len(tables), size=len(tables))"
SCORE = "macro_iou(tables[drawn].sum(axis=0))"
ENDS = "    low, high = np.quantile(values, [0.025, 0.975])\n    return low, high"
interval.right("choice of numbers", DRAW, "rng.choice(len(tables), size=len(tables), replace=True)")
interval.right("choice of tables", SCORE, "macro_iou(drawn.sum(axis=0))", DRAW, "rng.choice(tables, len(tables))")
interval.right("percentiles, a list", ENDS, "    return list(np.percentile(values, (2.5, 97.5)))")
interval.right("sorted", ENDS, "    values.sort()\n    return values[25], values[974]")
interval.right("an array", ENDS, "    return np.quantile(values, [0.025, 0.975])")
interval.right(
    "counts of images",
    "def f(tables, rng):\n    n = len(tables)\n    times = rng.multinomial(n, [1 / n] * n, size=1000)\n    sums = np.tensordot(times, tables, axes=1)\n    both = np.diagonal(sums, axis1=1, axis2=2)\n    union = sums.sum(1) + sums.sum(2) - both\n    iou = np.where(union > 0, both / np.maximum(union, 1), np.nan)\n    return tuple(np.quantile(np.nanmean(iou, axis=1), [0.025, 0.975]))",
)
interval.right("scores", SCORE, "scores(tables[drawn].sum(axis=0), average='macro').iou")
interval.right(
    "all at once",
    DRAW,
    "draws[_]",
    "    values = []\n",
    "    values = []\n    draws = rng.integers(0, len(tables), (1000, len(tables)))\n",
)
interval.wrong("drawing: without replacement", "without replacement", DRAW, "rng.permutation(len(tables))")
interval.wrong(
    "drawing: choice without replacement", "without replacement", DRAW, "rng.choice(len(tables), len(tables), replace=False)"
)
interval.wrong("drawing: always twelve", "12|however", "size=len(tables)", "size=12")
interval.wrong("drawing: half of them", "half", "size=len(tables)", "size=len(tables) // 2")
interval.wrong("drawing: one at a time", "single image|one image", "size=len(tables)", "size=1")
interval.wrong(
    "drawing: the last image never",
    "last image",
    "rng.integers(len(tables), size",
    "rng.integers(len(tables) - 1, size",
)
interval.wrong(
    "drawing: pixels",
    "pixel",
    "values.append(" + SCORE + ")",
    "t = tables.sum(axis=0)\n        values.append(macro_iou(rng.multinomial(t.sum(), t.ravel() / t.sum()).reshape(t.shape)))",
)
interval.wrong("drawing: nothing", "without replacement|nothing is drawn|score itself", SCORE, "macro_iou(tables.sum(axis=0))")
interval.wrong(
    "drawing: once, all the same",
    "score itself|drawn once",
    DRAW,
    "first",
    "    values = []\n",
    "    values = []\n    first = rng.integers(len(tables), size=len(tables))\n",
)
interval.wrong(
    "generator: its own, seeded", "rng is not used", DRAW, "np.random.default_rng(_).integers(len(tables), size=len(tables))"
)
interval.wrong(
    "generator: its own, unseeded", "another generator", "    values = []\n", "    values, rng = [], np.random.default_rng()\n"
)
interval.wrong("generator: NumPy's global one", "another generator", DRAW, "np.random.choice(len(tables), len(tables))")
interval.wrong("score: mean of the images' IoUs", "images' own", SCORE, "np.mean([macro_iou(t) for t in tables[drawn]])")
interval.wrong("score: accuracy", "accuracy", SCORE, "np.trace(tables[drawn].sum(axis=0)) / tables[drawn].sum()")
interval.wrong("score: micro", "micro", SCORE, "scores(tables[drawn].sum(axis=0), average='micro').iou")
interval.wrong("score: Dice", "F1|Dice", SCORE, "scores(tables[drawn].sum(axis=0), average='macro').f1")
interval.wrong("score: of one class", "class", SCORE, "scores(tables[drawn].sum(axis=0), average=None).iou[1]")
interval.wrong("ends: 90 %", "90 %", "[0.025, 0.975]", "[0.05, 0.95]")
interval.wrong("ends: quantiles given in per cent", "error|quantile", "[0.025, 0.975]", "[2.5, 97.5]")
interval.wrong("ends: percentiles given in shares", "per cent|share", "np.quantile", "np.percentile")
interval.wrong("ends: lowest and highest", "lowest and the highest", ENDS, "    return min(values), max(values)")
interval.wrong(
    "ends: one standard deviation",
    "standard deviation",
    ENDS,
    "    return np.mean(values) - np.std(values), np.mean(values) + np.std(values)",
)
interval.wrong(
    "ends: the standard error",
    "narrow|error",
    ENDS,
    "    half = 1.96 * np.std(values) / len(values) ** 0.5\n    return np.mean(values) - half, np.mean(values) + half",
)
interval.wrong("ends: swapped", "swapped", "return low, high", "return high, low")
interval.wrong("ends: the width", "two numbers", "return low, high", "return high - low")
interval.wrong("ends: middle and half width", "half the width", "return low, high", "return (low + high) / 2, (high - low) / 2")
interval.wrong("ends: per cent", "per cent", "return low, high", "return 100 * low, 100 * high")

# Of two students who had not seen the checks, and what passed then.

confusion.wrong(
    "fresh: the code in the masks' own type",
    "uint8",
    "def f(truth, prediction, num_classes):\n    return np.bincount((num_classes * truth + prediction).ravel(), minlength=num_classes**2)[: num_classes**2].reshape(num_classes, num_classes)",
)
confusion.wrong("fresh: uint16 wraps", "65,535", "np.int64", "np.uint16")
confusion.wrong(
    "fresh: bincount without minlength",
    "minlength",
    "def f(truth, prediction, num_classes):\n    return np.bincount(num_classes * truth.astype(int).ravel() + prediction.ravel()).reshape(num_classes, num_classes)",
)
iou.wrong(
    "fresh: a matrix of floats changed in place",
    "changed",
    "def f(matrix):\n    matrix = np.asarray(matrix, dtype=float)\n    matrix /= matrix.sum()\n    tp = np.diag(matrix)\n    return tp / (matrix.sum(0) + matrix.sum(1) - tp)",
)
audit.wrong("fresh: False as a text", "text", "False", "'False'")

# Of a third student, and neighbours of what passed then.

confusion.right(
    "column by column, both", "truth.ravel(), prediction.ravel()", "truth.ravel(order='F'), prediction.ravel(order='F')"
)
confusion.right("bytes", "truth.ravel()", "np.frombuffer(truth.tobytes(), truth.dtype)")
for order in "KA":
    confusion.wrong(
        f"third: ravel in the order {order}",
        "column by column",
        "truth.ravel(), prediction.ravel()",
        f"truth.ravel(order='{order}'), prediction.ravel(order='{order}')",
    )
confusion.wrong("third: ravel in the order K, of the truth only", "column by column", "truth.ravel()", "truth.ravel('K')")
confusion.wrong(
    "third: column by column, of the truth only", "order|transpos|not recognised", "truth.ravel()", "truth.ravel('F')"
)
confusion.wrong("third: int16 wraps", "int16", "np.int64", "np.int16")
confusion.wrong("third: int8 wraps", "int8", "np.int64", "np.int8")
confusion.wrong(
    "third: one-hot product in float16",
    "float16",
    "def f(truth, prediction, num_classes):\n    eye = np.eye(num_classes, dtype=np.float16)\n    return (eye[truth.ravel()].T @ eye[prediction.ravel()]).astype(int)",
)
confusion.wrong(
    "third: zip without ravel",
    "zip goes through rows",
    "def f(truth, prediction, num_classes):\n    table = np.zeros((num_classes, num_classes), int)\n    for t, p in zip(truth, prediction):\n        table[t, p] += 1\n    return table",
)
confusion.wrong(
    "third: equal instead of and",
    "neither of the two",
    "def f(truth, prediction, num_classes):\n    return np.array([[((truth == i) == (prediction == j)).sum() for j in range(num_classes)] for i in range(num_classes)])",
)
confusion.wrong("third: row of the background left out", "row of class 0", "return table", "table[0] = 0\n    return table")
confusion.wrong(
    "third: column of the background left out", "column of class 0", "return table", "table[:, 0] = 0\n    return table"
)
confusion.wrong(
    "third: bins of the labels that occur",
    "bins",
    "def f(truth, prediction, num_classes):\n    return np.histogram2d(truth.ravel(), prediction.ravel(), bins=num_classes)[0].astype(int)",
)
confusion.wrong("third: symmetrised, halved", "symmetrised", "return table", "return (table + table.T) // 2")
for kind in ("int16", "uint16", "int32", "uint32"):
    iou.wrong(
        f"third: counts in {kind}",
        kind,
        f"def f(matrix):\n    m = matrix.astype(np.{kind})\n    tp = np.diag(m).astype(float)\n    union = m.sum(0, dtype=np.{kind}) + m.sum(1, dtype=np.{kind}) - tp\n    return np.where(union != 0, tp / np.where(union == 0, 1, union), np.nan)",
    )
iou.wrong("third: row sum twice", "row sum stands twice", "matrix.sum(axis=0)", "matrix.sum(axis=1)")
iou.wrong("third: column sum twice", "column sum stands twice", "matrix.sum(axis=1)", "matrix.sum(axis=0)")
iou.wrong(
    "third: into an array of whole numbers",
    "whole numbers",
    "def f(matrix):\n    result = np.zeros_like(matrix[0])\n    for k in range(len(matrix)):\n        union = matrix[k].sum() + matrix[:, k].sum() - matrix[k, k]\n        if union:\n            result[k] = matrix[k, k] / union\n    return result",
)
iou.wrong(
    "third: one added below", "1 is added", "return " + DIVIDE, "return np.where(union > 0, intersection / (union + 1), np.nan)"
)
iou.wrong("third: rounded", "rounded", "return " + DIVIDE, "return np.round(" + DIVIDE + ", 3)")
iou.wrong(
    "third: micro for every class",
    "micro",
    "def f(matrix):\n    tp = np.trace(matrix)\n    return np.full(len(matrix), tp / (2 * matrix.sum() - tp))",
)
audit.wrong("third: one digit", "three digits", "2 * 0.8599 / 1.8599", "0.9")
audit.wrong("third: two digits", "three digits", "0.8599 / (2 - 0.8599)", "0.75")
audit.wrong("third: of the printed F1", "0.7599", "0.8599 / (2 - 0.8599)", "0.7599 / (2 - 0.7599)")

INTERVAL_LOOP = "    values = []\n"
interval.right("one image after the other", DRAW, "[rng.integers(len(tables)) for _ in tables]")
interval.right(
    "columns of draws",
    DRAW,
    "draws[:, _]",
    INTERVAL_LOOP,
    "    values = []\n    draws = rng.integers(0, len(tables), (len(tables), 1000))\n",
)
interval.right(
    "a generator out of the generator", INTERVAL_LOOP, "    values, rng = [], np.random.default_rng(rng.integers(2**32))\n"
)
interval.right("shares of 0 to 1", DRAW, "(rng.random(len(tables)) * len(tables)).astype(int)")
interval.right("999 times", "range(1000)", "range(999)")
interval.right("ten thousand times", "range(1000)", "range(3000)")
for times in (10, 50, 100, 200, 500, 900):
    interval.wrong(f"third: {times} times", f"{times} times", "range(1000)", f"range({times})")
for factor in (1.96, 2, 1.645):
    interval.wrong(
        f"third: {factor} standard deviations",
        "standard deviations",
        ENDS,
        f"    return np.mean(values) - {factor} * np.std(values), np.mean(values) + {factor} * np.std(values)",
    )
interval.wrong(
    "third: normal, around the score of all",
    "standard deviations",
    ENDS,
    "    whole = macro_iou(tables.sum(axis=0))\n    return whole - 1.96 * np.std(values), whole + 1.96 * np.std(values)",
)
for cut in (0.01, 0.015, 0.02, 0.03, 0.035, 0.04):
    interval.wrong(f"third: {cut} cut off", f"{100 - 200 * cut:.0f} %", "[0.025, 0.975]", f"[{cut}, {1 - cut}]")
interval.wrong("third: one end only", "quantiles 0 and", "[0.025, 0.975]", "[0, 0.95]")
interval.wrong(
    "third: turned round the score",
    "turned round",
    ENDS,
    "    low, high = np.quantile(values, [0.025, 0.975])\n    whole = macro_iou(tables.sum(axis=0))\n    return 2 * whole - high, 2 * whole - low",
)
interval.wrong(
    "third: the first image never", "first image", "rng.integers(len(tables), size", "rng.integers(1, len(tables), size"
)
interval.wrong("third: one image fewer", "11 images at a time", "size=len(tables)", "size=len(tables) - 1")
interval.wrong("third: classes are drawn", "classes", "rng.integers(len(tables), size", "rng.integers(tables.shape[1], size")
interval.wrong("third: doubles lost", "drawn twice", SCORE, "macro_iou(tables[np.unique(drawn)].sum(axis=0))")
interval.wrong(
    "third: Poisson",
    "poisson",
    SCORE,
    "macro_iou(np.tensordot(drawn, tables, 1))",
    DRAW,
    "np.maximum(rng.poisson(1, len(tables)), [1] + [0] * (len(tables) - 1))",
)
interval.wrong("third: drawn from the draw before", "draw before", SCORE, "macro_iou((tables := tables[drawn]).sum(axis=0))")
interval.wrong(
    "third: shares", "shares", INTERVAL_LOOP, "    values, tables = [], tables / tables.sum(axis=(1, 2), keepdims=True)\n"
)
OWN = "def one(t):\n    both = np.diag(t)\n    union = t.sum(0) + t.sum(1) - both\n    return §\n" + interval.base.replace(
    "macro_iou(", "one("
)
interval.wrong("third: NaN where a class is missing", "NaN|not finite", OWN.replace("§", "np.mean(both / union)"))
interval.wrong("third: 0 where a class is missing", "counts as 0", OWN.replace("§", "np.mean(both / np.maximum(union, 1))"))
interval.wrong(
    "third: 1 where a class is missing",
    "counts as 1",
    OWN.replace("§", "np.mean(np.where(union > 0, both / np.maximum(union, 1), 1))"),
)
interval.wrong("third: class 0 left out", "class|not recognised", OWN.replace("§", "np.nanmean((both / union)[1:])"))
for kind in ("int16", "uint16", "int32"):
    interval.wrong(f"third: sums in {kind}", "overflow", ".sum(axis=0)", f".astype(np.{kind}).sum(axis=0, dtype=np.{kind})")
confusion.wrong(
    "fifth: kept by shape",
    "not square|call",
    "kept = {}\ndef f(truth, prediction, num_classes):\n    key = (truth.shape, num_classes)\n    if key not in kept:\n        t = np.zeros((num_classes, num_classes), int)\n        np.add.at(t, (truth.ravel(), prediction.ravel()), 1)\n        kept[key] = t\n    return kept[key].copy()",
)
confusion.wrong(
    "fifth: codes in 16 bits",
    "classes",
    "def f(truth, prediction, num_classes):\n    code = truth.astype(np.int16).ravel() * np.int16(num_classes) + prediction.astype(np.int16).ravel()\n    return np.bincount(code, minlength=num_classes**2).reshape(num_classes, num_classes)",
)
interval.wrong(
    "fifth: larger images more often",
    "more often",
    "rng.integers(len(tables), size=len(tables))",
    "rng.choice(len(tables), len(tables), p=tables.sum((1, 2)) / tables.sum())",
)
interval.right("a child of the generator", "    values = []\n", "    values, rng = [], rng.spawn(1)[0]\n")
