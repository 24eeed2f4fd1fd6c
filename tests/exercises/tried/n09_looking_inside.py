"""Answers to the exercises of notebook 09."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

hook = Exercise(
    "hook_layer",
    """
def look(model, name, x):
    kept = []
    module = dict(model.named_modules())[name]
    def listen(module, inputs, output):
        if torch.is_tensor(output):
            kept.append(output.detach().clone())
        else:
            kept.append(tuple(part.detach().clone() for part in output))
    handle = module.register_forward_hook(listen)
    model(x)
    handle.remove()
    return kept[0]
""",
)
hook.right("get_submodule", "dict(model.named_modules())[name]", "model.get_submodule(name)")
hook.right("not detached", "output.detach().clone()", "output.clone()", "part.detach().clone()", "part.clone()")
hook.right(
    "try and finally",
    "    model(x)\n    handle.remove()\n",
    "    try:\n        model(x)\n    finally:\n        handle.remove()\n",
)
hook.right("no_grad", "    model(x)\n", "    with torch.no_grad():\n        model(x)\n")
hook.right(
    "a dictionary and a named function",
    "def f(model, name, x):\n    found = {}\n    def keep(m, args, out):\n        found['out'] = out.detach().clone() if torch.is_tensor(out) else [part.clone() for part in out]\n    with model.get_submodule(name).register_forward_hook(keep):\n        model(x)\n    return found['out']",
)
hook.right(
    "the forward of the layer wrapped, and put back",
    "def f(model, name, x):\n    layer = model.get_submodule(name)\n    kept = []\n    old = layer.forward\n    def forward(*given):\n        out = old(*given)\n        kept.append(out.clone() if torch.is_tensor(out) else tuple(part.clone() for part in out))\n        return out\n    layer.forward = forward\n    try:\n        model(x)\n    finally:\n        del layer.forward\n    return kept[0]",
)
hook.right(
    "walks the names",
    "dict(model.named_modules())[name]",
    "model\n    for part in name.split('.'):\n        module = getattr(module, part)",
)
hook.right(
    "a NumPy array",
    "return kept[0]",
    "return kept[0].numpy() if torch.is_tensor(kept[0]) else [part.numpy() for part in kept[0]]",
)
hook.wrong("left: hook stays", "hook", "    handle.remove()\n", "")
hook.wrong("left: all hooks cleared", "hook", "handle.remove()", "module._forward_hooks.clear()")
hook.wrong("left: hooks of all cleared", "hook", "handle.remove()", "for m in model.modules():\n        m._forward_hooks.clear()")
hook.wrong("left: eval", "eval|mode", "    model(x)\n", "    model.eval()\n    model(x)\n")
hook.wrong("left: train", "train|mode", "    model(x)\n", "    model.train()\n    model(x)\n")
hook.wrong("left: requires_grad off", "requires_grad", "    model(x)\n", "    model.requires_grad_(False)\n    model(x)\n")
hook.wrong(
    "left: inplace off",
    "inplace|in place|in-place",
    "    model(x)\n",
    "    for m in model.modules():\n        if hasattr(m, 'inplace'):\n            m.inplace = False\n    model(x)\n",
)
hook.wrong("left: gradients", "gradient", "    model(x)\n", "    model(x).sum().backward()\n")
hook.wrong(
    "left: a weight rounded",
    "weight|parameter",
    "    model(x)\n",
    "    model(x)\n    with torch.no_grad():\n        next(model.parameters()).mul_(1.001)\n",
)
hook.wrong(
    "left: the layer replaced",
    "layer|module|part|structure",
    "    model(x)\n",
    "    model(x)\n    for p in list(model.modules()):\n        for n, child in p.named_children():\n            if child is module:\n                setattr(p, n, nn.Sequential(child))\n",
)
hook.wrong(
    "left: forward replaced",
    "forward|wrapped|attribute|left",
    "def f(model, name, x):\n    layer = model.get_submodule(name)\n    kept = []\n    old = layer.forward\n    def forward(*given):\n        out = old(*given)\n        kept.append(out.clone())\n        return out\n    layer.forward = forward\n    model(x)\n    return kept[0]",
)
hook.wrong(
    "left: an attribute",
    "attribute|left|kept",
    "register_forward_hook(listen)",
    "register_forward_hook(listen)\n    module.kept = kept",
)
hook.wrong(
    "left: running statistics",
    "statistic|buffer|mode",
    "    model(x)\n",
    "    was = model.training\n    model.train()\n    model(x)\n    kept.clear()\n    model.train(was)\n    model(x)\n",
)
hook.wrong("left: the input", "changed|input", "    model(x)\n", "    model(x)\n    x.mul_(0)\n")
hook.wrong("layer: its input", "input", "output.detach().clone()", "inputs[0].detach().clone()")
hook.wrong("layer: the network's output", "network's output|whole|last", "return kept[0]", "return model(x)")
hook.wrong(
    "layer: always the first",
    "name|first|layer|asked",
    "dict(model.named_modules())[name]",
    "[m for m in model.modules() if not list(m.children())][0]",
)
hook.wrong(
    "layer: always the last",
    "name|last|layer|asked|head|network",
    "dict(model.named_modules())[name]",
    "[m for m in model.modules() if not list(m.children())][-1]",
)
hook.wrong("layer: weights", "weight|output|shape", "return kept[0]", "return next(module.parameters(), torch.zeros(1))")
hook.wrong("layer: not cloned", "clone|in place|in-place|overwrit|after", "output.detach().clone()", "output.detach()")
hook.wrong(
    "layer: called on the image",
    "input|image|on x|alone|Given|expected",
    "def f(model, name, x):\n    return model.get_submodule(name)(x)",
)
hook.wrong("value: ReLU added", "relu|negative", "return kept[0]", "return kept[0].relu()")
hook.wrong("layer: first image only", "image|batch|shape", "return kept[0]", "return kept[0][:1]")
hook.wrong("layer: one image at a time", "image|batch|shape", "model(x)\n", "model(x[:1])\n")
hook.wrong("layer: squeezed", "shape", "return kept[0]", "return kept[0][0]")
hook.wrong("value: mean over channels", "mean|channel|shape", "return kept[0]", "return kept[0].mean(1, keepdim=True)")
hook.wrong("value: absolute", "abs|sign|negative", "return kept[0]", "return kept[0].abs()")
hook.wrong("value: mirrored", "mirror|flip", "return kept[0]", "return kept[0].flip(-1)")
hook.wrong(
    "layer: in another mode",
    "mode|eval|train|statistic",
    "    model(x)\n",
    "    was = model.training\n    model.train(not was)\n    state = {k: v.clone() for k, v in model.state_dict().items()}\n    model(x)\n    model.train(was)\n    model.load_state_dict(state)\n",
)
hook.wrong("form: the list", "tensor|list", "return kept[0]", "return kept")
hook.wrong("form: the handle", "tensor|handle|RemovableHandle", "return kept[0]", "return handle")
hook.wrong("unfinished: no return", "return|None", "    return kept[0]\n", "")

# Of a third student, and neighbours of what passed then.

hook.right(
    "in evaluation mode, and every part back",
    "    model(x)\n",
    "    was = {m: m.training for m in model.modules()}\n    model.eval()\n    model(x)\n    for m, mode in was.items():\n        m.training = mode\n",
)
PART = "            kept.append(tuple(part.detach().clone() for part in output))\n"
hook.wrong("third: tensors only", "two tensors", "if torch.is_tensor(output)", "if True")
hook.wrong("third: the first of two only", "both", PART, "            kept.append(output[0].detach().clone())\n")
hook.wrong("third: the last of two only", "both", PART, "            kept.append(output[-1].detach().clone())\n")
hook.wrong(
    "third: the two swapped",
    "encoder.0",
    PART,
    "            kept.append(tuple(part.detach().clone() for part in output[::-1]))\n",
)
hook.wrong("third: gradients off for good", "switched off", "    model(x)\n", "    torch.set_grad_enabled(False)\n    model(x)\n")
hook.wrong(
    "third: one mode for all given back",
    "mode",
    "    model(x)\n",
    "    was = model.training\n    model.eval()\n    model(x)\n    model.train(was)\n",
)
hook.wrong("third: a seed", "random generator", "    model(x)\n", "    torch.manual_seed(0)\n    model(x)\n")
hook.wrong("third: two runs", "2 times", "    model(x)\n", "    model(x)\n    model.eval() if False else model(x)\n")
hook.wrong("third: half precision", "float16", "output.detach().clone()", "output.detach().half()")
hook.wrong(
    "third: a list outside",
    "outlives|before",
    "    kept = []\n",
    "",
    "def look(model, name, x):\n",
    "kept = []\ndef look(model, name, x):\n",
)
hook.wrong("third: standardised once more", "another input", "    model(x)\n", "    model((x - x.mean()) / x.std() * 2)\n")
hook.wrong(
    "third: mean over the channels, flat", "mean over the channels", "output.detach().clone()", "output.detach().mean(dim=1)"
)
hook.wrong("third: the first image of the batch", "another input", "    model(x)\n", "    model(x[0:1, 0:1])\n")
hook.wrong(
    "third: the layer alone",
    "did not run",
    "def f(model, name, x):\n    layer = model.get_submodule(name)\n    return layer(x.expand(-1, next(layer.parameters()).shape[1], -1, -1)).detach()",
)

rank = Exercise(
    "rank_skips",
    """
def rank(model, pairs):
    def iou():
        matrix = sum(confusion_matrix(truth, predict(model, image)) for image, truth in pairs)
        return scores(matrix, average="macro").iou

    lost = []
    whole = iou()
    for level in range(4):
        with without_skip(model, level):
            lost.append(whole - iou())
    return sorted(range(4), key=lambda level: lost[level], reverse=True)
""",
)
RETURN = "return sorted(range(4), key=lambda level: lost[level], reverse=True)"
rank.right("argsort", RETURN, "return list(np.argsort(lost)[::-1])")
rank.right("an array", RETURN, "return np.argsort(-np.array(lost))")
rank.right("a tuple", RETURN, "return tuple(sorted(range(4), key=lambda level: -lost[level]))")
rank.right(
    "the library's measure",
    "def f(model, pairs):\n    worth = skip_worth(model, pairs)\n    return sorted(range(4), key=worth.__getitem__, reverse=True)",
)
rank.right(
    "what is left, rising",
    "def f(model, pairs):\n    left = {}\n    for level in range(4):\n        table = np.zeros((3, 3), int)\n        with without_skip(model, level):\n            for image, truth in pairs:\n                table = table + confusion_matrix(truth, predict(model, image))\n        left[level] = scores(table).iou\n    return [level for level, _ in sorted(left.items(), key=lambda item: item[1])]",
)
rank.right("a tensor", RETURN, "return torch.tensor(lost).argsort(descending=True)")
rank.wrong("order: rising", "backwards|revers|least|other way", ", reverse=True", "")
rank.wrong("order: levels as they are", "order|sort", RETURN, "return [0, 1, 2, 3]")
rank.wrong("order: always the deepest first", "order|not|measure", RETURN, "return [3, 2, 1, 0]")
rank.wrong("order: of the page", "order|this network|measure|page", RETURN, "return [0, 1, 3, 2]")
rank.wrong(
    "order: ranks, not levels",
    "rank|place",
    RETURN,
    "order = sorted(range(4), key=lambda level: lost[level], reverse=True)\n    return [order.index(level) for level in range(4)]",
)
rank.wrong(
    "measure: accuracy",
    "accuracy|macro|IoU|measure",
    'return scores(matrix, average="macro").iou',
    "return np.trace(matrix) / matrix.sum()",
)
rank.wrong("measure: micro IoU", "micro|macro", 'average="macro"', 'average="micro"')
rank.wrong(
    "measure: nucleus only", "nucleus|class|macro", 'scores(matrix, average="macro").iou', "scores(matrix, average=None).iou[2]"
)
rank.wrong("measure: recall", "recall|macro|IoU", 'average="macro").iou', 'average="macro").recall')
rank.wrong("measure: precision", "precision|macro|IoU", 'average="macro").iou', 'average="macro").precision')
rank.wrong(
    "measure: worst class",
    "class|macro|mean",
    'scores(matrix, average="macro").iou',
    "np.nanmin(scores(matrix, average=None).iou)",
)
rank.wrong("measure: first pair only", "pairs|first", "for image, truth in pairs", "for image, truth in pairs[:1]")
rank.wrong("measure: last pair only", "pairs|last", "for image, truth in pairs", "for image, truth in pairs[-1:]")
rank.wrong(
    "measure: mean of each pair's IoU",
    "each pair|mean|all pairs|summed|together",
    '        matrix = sum(confusion_matrix(truth, predict(model, image)) for image, truth in pairs)\n        return scores(matrix, average="macro").iou',
    "        return np.mean([scores(confusion_matrix(t, predict(model, i)), average='macro').iou for i, t in pairs])",
)
rank.wrong(
    "measure: rows and columns swapped",
    "precision|swapped",
    "confusion_matrix(truth, predict(model, image))",
    "confusion_matrix(predict(model, image), truth)",
    'average="macro").iou',
    'average="macro").recall',
)
rank.wrong(
    "cut: weights of the skip's norm",
    "order|measure|cut|IoU",
    RETURN,
    "return sorted(range(4), key=lambda level: float(model.decoder[3 - level].up.weight.abs().mean()), reverse=True)",
)
rank.wrong(
    "cut: nothing is cut",
    "cut|same|order|nothing",
    "        with without_skip(model, level):\n            lost.append(whole - iou())",
    "        lost.append(whole - iou())",
)
rank.wrong(
    "cut: adds up",
    "one at a time|at once|together|cut",
    "        with without_skip(model, level):\n            lost.append(whole - iou())",
    "        from contextlib import ExitStack\n        with ExitStack() as stack:\n            for k in range(level + 1):\n                stack.enter_context(without_skip(model, k))\n            lost.append(whole - iou())",
)
rank.wrong(
    "cut: left on",
    "cut|left|as before|changed|hook",
    "        with without_skip(model, level):\n            lost.append(whole - iou())",
    "        cut = without_skip(model, level)\n        cut.__enter__()\n        lost.append(whole - iou())\n        if level < 3:\n            cut.__exit__(None, None, None)\n        globals().setdefault('cuts', []).append(cut)",
)
rank.wrong("cut: the deepest only", "level|four|each|range", "for level in range(4)", "for level in [3, 3, 3, 3]")
rank.wrong("state: eval left on", "eval|mode", "    lost = []", "    model.eval()\n    lost = []")
rank.wrong("state: train left on", "train|mode", "    lost = []", "    lost = []\n    model.train()")
rank.wrong("state: frozen", "requires_grad", "    lost = []", "    model.requires_grad_(False)\n    lost = []")
rank.wrong("state: pairs emptied", "changed", RETURN, "pairs.clear()\n    " + RETURN)
rank.wrong("form: losses", "levels|order", RETURN, "return sorted(lost, reverse=True)")
rank.wrong("form: pairs", "levels|pair|list of", RETURN, "return sorted(zip(lost, range(4)), reverse=True)")
rank.wrong("form: a dictionary", "list|order|levels", RETURN, "return dict(enumerate(lost))")
rank.wrong(
    "form: from one",
    "0 to 3|from 1|levels",
    RETURN,
    "return [1 + level for level in sorted(range(4), key=lambda level: lost[level], reverse=True)]",
)
rank.wrong("form: the best only", "levels|four|list", RETURN, "return int(np.argmax(lost))")
rank.wrong("form: three of them", "levels|four", RETURN, "return sorted(range(3), key=lambda level: lost[level], reverse=True)")
rank.wrong("unfinished: no return", "return|None", RETURN, "pass")

# Of a third student, and neighbours of what passed then.

IOU = 'return scores(matrix, average="macro").iou'
rank.wrong("third: absolute values", "abs", "lost.append(whole - iou())", "lost.append(abs(whole - iou()))")
rank.wrong("third: rounded to two digits", "rounded", "lost.append(whole - iou())", "lost.append(round(float(whole - iou()), 2))")
rank.wrong("third: rounded to one digit", "rounded", "lost.append(whole - iou())", "lost.append(round(float(whole - iou()), 1))")
rank.wrong("third: NaN where a class is missing", "order|not recognised", IOU, "return np.mean(scores(matrix, average=None).iou)")
rank.wrong("third: 0 where a class is missing", "counts as 0", IOU, 'return scores(matrix, average="macro", zero_division=0).iou')
rank.wrong("third: 1 where a class is missing", "counts as 1", IOU, 'return scores(matrix, average="macro", zero_division=1).iou')
rank.wrong("third: macro F1", "F1", 'average="macro").iou', 'average="macro").f1')
rank.wrong("third: weighted IoU", "weighted", 'average="macro"', 'average="weighted"')
rank.wrong(
    "third: background left out", "background was left out", IOU, "return np.nanmean(scores(matrix, average=None).iou[1:])"
)
rank.wrong("third: the last pair left out", "last of the pairs was left out", "in pairs)", "in pairs[:-1])")
rank.wrong(
    "third: votes of the pairs",
    "votes",
    "def f(model, pairs):\n    places = np.zeros(4)\n    for image, truth in pairs:\n        left = []\n        for level in range(4):\n            with without_skip(model, level):\n                left.append(macro_iou(confusion_matrix(truth, predict(model, image))))\n        places += np.argsort(np.argsort(left))\n    return np.argsort(places, kind='stable').tolist()",
)
rank.wrong("third: noise", "noise", "without_skip(model, level)", "without_skip(model, level, 'noise')")
rank.wrong("third: shuffled", "shuffled", "without_skip(model, level)", "without_skip(model, level, 'shuffled')")
rank.wrong(
    "third: how many pixels change",
    "pixels change",
    "def f(model, pairs):\n    before = [predict(model, image) for image, _ in pairs]\n    changed = []\n    for level in range(4):\n        with without_skip(model, level):\n            changed.append(sum((predict(model, image) != b).sum() for (image, _), b in zip(pairs, before)))\n    return sorted(range(4), key=lambda k: -changed[k])",
)
rank.wrong(
    "third: the uncut prediction as truth",
    "uncut prediction",
    "def f(model, pairs):\n    before = [predict(model, image) for image, _ in pairs]\n    lost = []\n    for level in range(4):\n        with without_skip(model, level):\n            lost.append(1 - macro_iou(sum(confusion_matrix(b, predict(model, image)) for (image, _), b in zip(pairs, before))))\n    return sorted(range(4), key=lambda k: -lost[k])",
)
rank.wrong(
    "third: the table not emptied",
    "not emptied",
    "def f(model, pairs):\n    table, left = np.zeros((3, 3), int), []\n    for level in range(4):\n        with without_skip(model, level):\n            for image, truth in pairs:\n                table = table + confusion_matrix(truth, predict(model, image))\n        left.append(macro_iou(table))\n    return sorted(range(4), key=lambda k: left[k])",
)
rank.wrong("third: a seed", "random generator", "    lost = []", "    lost = []\n    torch.manual_seed(0)")
hook.wrong(
    "fifth: a hook in the whole program",
    "whole program",
    "def look(model, name, x):\n    kept, layer = [], model.get_submodule(name)\n    def hear(module, inputs, output):\n        if module is layer:\n            kept.append(output.detach().clone() if torch.is_tensor(output) else tuple(part.detach().clone() for part in output))\n    torch.nn.modules.module.register_module_forward_hook(hear)\n    model(x)\n    return kept[0]",
)
