"""Answers to the exercises of notebook 07."""

# ruff: noqa: E501 - an answer is a line

from tests.exercises.tried import Exercise

step = Exercise(
    "training_step",
    """
def step(model, optimizer, image, mask):
    model.train()
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask)
    loss.backward()
    optimizer.step()
    return loss.item()
""",
)
step.right("PyTorch's loss", "cross_entropy(model(image), mask)", "F.cross_entropy(model(image), mask)")
step.right(
    "zero_grad after the forward",
    "    optimizer.zero_grad()\n    loss = cross_entropy(model(image), mask)\n",
    "    loss = cross_entropy(model(image), mask)\n    optimizer.zero_grad()\n",
)
step.right("zero_grad of the model", "optimizer.zero_grad()", "model.zero_grad()")
step.right("grad is None", "optimizer.zero_grad()", "for p in model.parameters():\n        p.grad = None")
step.right(
    "the mode restored",
    "    model.train()\n",
    "    was = model.training\n    model.train()\n",
    "    optimizer.step()\n",
    "    optimizer.step()\n    model.train(was)\n",
)
step.right("float", "return loss.item()", "return float(loss)")
step.right("NumPy number", "return loss.item()", "return loss.detach().numpy().item()")
step.right("a NumPy scalar", "return loss.item()", "return np.float64(loss.item())")
step.right("zero_grad at the end too", "    optimizer.step()\n", "    optimizer.step()\n    optimizer.zero_grad()\n")
step.right(
    "enable_grad",
    "    loss = cross_entropy(model(image), mask)\n",
    "    with torch.enable_grad():\n        loss = cross_entropy(model(image), mask)\n",
)
step.right(
    "a closure",
    "def step(model, optimizer, image, mask):\n    model.train()\n    def closure():\n        optimizer.zero_grad()\n        loss = nn.CrossEntropyLoss()(model(image), mask)\n        loss.backward()\n        return loss\n    return optimizer.step(closure).item()",
)
step.right("log-softmax and nll", "cross_entropy(model(image), mask)", "F.nll_loss(F.log_softmax(model(image), dim=1), mask)")
Z, B, S = "    optimizer.zero_grad()\n", "    loss.backward()\n", "    optimizer.step()\n"
step.wrong("order: no zero_grad", "zero_grad|gradients of", Z, "")
step.wrong("order: no step", "no weight|step", S, "")
step.wrong("order: no backward", "backward|no gradient", B, "")
step.wrong("order: zero_grad after backward", "zero_grad|no gradient", Z, "", B, B + Z)
step.wrong("order: step before backward", "step.*backward|before|backward", B + S, S + B)
step.wrong("order: step first", "step|before|backward", B + S, S + B, Z, "")
step.wrong("order: two steps", "twice|two", S, S + S)
step.wrong(
    "order: two whole steps",
    "twice|two",
    "    return",
    Z + "    loss = cross_entropy(model(image), mask)\n" + B + S + "    return",
)
step.wrong("order: backward twice", "twice|two|gradient|second", B, "    loss.backward(retain_graph=True)\n" + B)
step.wrong("mode: left in evaluation", "evaluation|train\\(\\)", "    model.train()\n", "")
step.wrong("mode: eval", "evaluation|train\\(\\)", "model.train()", "model.eval()")
step.wrong(
    "mode: train after the forward", "train\\(\\)|evaluation|after", "    model.train()\n", "", B, "    model.train()\n" + B
)
step.wrong(
    "mode: eval after it, forward repeated",
    "statistics|twice|forward|two",
    "    loss = cross",
    "    model(image)\n    loss = cross",
)
step.wrong("loss: softmax first", "softmax", "model(image), mask", "model(image).softmax(dim=1), mask")
step.wrong(
    "loss: log-softmax first is the same, sigmoid is not",
    "sigmoid|softmax|squash",
    "model(image), mask",
    "model(image).sigmoid(), mask",
)
step.wrong(
    "loss: sum", "sum|times as large", "cross_entropy(model(image), mask)", "F.cross_entropy(model(image), mask, reduction='sum')"
)
step.wrong(
    "loss: per image",
    "image",
    "def step(model, optimizer, image, mask):\n    model.train()\n    total = 0\n    for i in range(len(image)):\n        optimizer.zero_grad()\n        loss = cross_entropy(model(image[i:i + 1]), mask[i:i + 1])\n        loss.backward()\n        optimizer.step()\n        total += loss.item()\n    return total / len(image)",
)
step.wrong(
    "loss: accumulated over images",
    "image|batch|one at a time",
    "def step(model, optimizer, image, mask):\n    model.train()\n    optimizer.zero_grad()\n    total = 0\n    for i in range(len(image)):\n        loss = cross_entropy(model(image[i:i + 1]), mask[i:i + 1]) / len(image)\n        loss.backward()\n        total += loss.item()\n    optimizer.step()\n    return total",
)
step.wrong("loss: first image only", "first|image|batch", "model(image), mask)", "model(image[:1]), mask[:1])")
step.wrong("loss: halved", "half|0.5|times|scaled|divided", B, "    loss = loss / 2\n" + B)
step.wrong("loss: half of it goes back", "half|0.5|times|scaled|divided|gradient", B, "    (loss / 2).backward()\n")
step.wrong(
    "loss: Dice",
    "Dice|cross entropy|another loss|not recognised",
    "cross_entropy(model(image), mask)",
    "soft_dice_loss(model(image), mask)",
)
step.wrong(
    "loss: squared error",
    "cross entropy|another loss|not recognised|squared",
    "cross_entropy(model(image), mask)",
    "F.mse_loss(model(image), F.one_hot(mask, 3).permute(0, 3, 1, 2).float())",
)
step.wrong(
    "loss: focal",
    "cross entropy|another loss|not recognised",
    "cross_entropy(model(image), mask)",
    "(F.cross_entropy(model(image), mask, reduction='none') ** 2).mean()",
)
step.wrong(
    "loss: label smoothing",
    "cross entropy|another loss|not recognised|smooth",
    "cross_entropy(model(image), mask)",
    "F.cross_entropy(model(image), mask, label_smoothing=0.1)",
)
step.wrong(
    "loss: image mirrored, mask not", "mirror|flip|not recognised|another", "model(image), mask", "model(image.flip(-1)), mask"
)
step.wrong("gradient: clipped", "clip|gradient|changed", B, B + "    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)\n")
step.wrong(
    "gradient: only the head",
    "parameters|gradient|weights|frozen|every",
    "    optimizer.zero_grad()\n",
    "    optimizer.zero_grad()\n    for p in list(model.parameters())[:-2]:\n        p.requires_grad_(False)\n",
)
step.wrong("gradient: detached", "backward|grad|detach", "model(image), mask", "model(image).detach().requires_grad_(), mask")
step.wrong("gradient: sign turned", "sign|minus|rises|up|grew|negative", B, "    (-loss).backward()\n")
step.wrong(
    "gradient: own step of descent",
    "optimizer|step",
    S,
    "    with torch.no_grad():\n        for p in model.parameters():\n            p -= 0.01 * p.grad\n",
)
step.wrong("gradient: another optimizer", "optimizer", S, "    torch.optim.SGD(model.parameters(), lr=0.01).step()\n")
step.wrong("gradient: rate changed", "rate|lr|optimizer", S, "    for g in optimizer.param_groups:\n        g['lr'] *= 0.5\n" + S)
step.wrong(
    "state: hooks cleared", "hook", "    return", "    for m in model.modules():\n        m._forward_hooks.clear()\n    return"
)
step.wrong("state: image standardised in place", "changed", "    loss = cross", "    image -= image.mean()\n    loss = cross")
step.wrong(
    "state: dropout switched off",
    "dropout|eval|mode|p",
    "    model.train()\n",
    "    model.train()\n    for m in model.modules():\n        if isinstance(m, nn.BatchNorm2d):\n            m.eval()\n",
)
step.wrong("result: the tensor", "tensor", "return loss.item()", "return loss")
step.wrong(
    "result: the loss after the step", "after the step", "return loss.item()", "return cross_entropy(model(image), mask).item()"
)
step.wrong("result: text", "number", "return loss.item()", "return str(loss.item())")
step.wrong("result: rounded", "round", "return loss.item()", "return round(loss.item(), 1)")
step.wrong("result: the pair", "number|pair|tuple", "return loss.item()", "return loss.item(), model")
step.wrong("unfinished: no return", "return", "    return loss.item()\n", "")

BASE = "1e-2"
rate = Exercise("learning_rate", BASE)
rate.right("0.02", "0.02")
rate.right("0.03", "0.03")
rate.right("NumPy", "np.float64(0.02)")
rate.right("a tensor", "torch.tensor(0.02)")
rate.right("5e-2", "0.05")
rate.wrong("low: one millionth", "too low", "1e-6")
rate.wrong("low: 1e-5", "too low", "1e-5")
rate.wrong("low: 1e-4", "too low", "1e-4")
rate.wrong("low: 3e-4", "too low", "3e-4")
rate.wrong("low: 1e-3", "too low", "1e-3")
rate.wrong("low: zero", "above 0|not above", "0")
rate.wrong("high: 1", "too high", "1.0")
rate.wrong("high: 3", "too high", "3")
rate.wrong("high: 10", "too high", "10")
rate.wrong("high: 100", "too high", "100")
rate.wrong("high: 1e6", "too high", "1e6")
rate.wrong("sign: negative", "above 0|negative", "-0.01")
rate.wrong("sign: minus one", "above 0|negative", "-1")
rate.wrong("form: infinite", "finite|infinit|too high|number", 'float("inf")')
rate.wrong("form: not a number", "NaN|number", 'float("nan")')
rate.wrong("type: a word", "expected", '"fast"')
rate.wrong("form: a list", "expected|one number", "[0.01, 0.02]")
rate.wrong("type: True", "expected|True", "True")
rate.wrong("form: a dictionary", "expected", '{"rate": 0.01}')
rate.wrong("form: the losses", "losses|rate|expected", "[2.0, 1.5, 1.0]")

schedule = Exercise(
    "schedule",
    """
def rate(step, steps, warmup, highest):
    if step < warmup:
        return highest * (step + 1) / warmup
    return highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
""",
)
schedule.right("NumPy", "math.cos(math.pi *", "np.cos(np.pi *")
schedule.right(
    "the square of a cosine",
    "return highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2",
    "return highest * math.cos(math.pi / 2 * (step - warmup) / (steps - warmup)) ** 2",
)
schedule.right(
    "a list of all rates",
    "def f(step, steps, warmup, highest):\n    up = [highest * (k + 1) / warmup for k in range(warmup)]\n    down = [0.5 * highest * (1 + math.cos(math.pi * k / (steps - warmup))) for k in range(steps - warmup)]\n    return (up + down)[step]",
)
schedule.right(
    "linspace",
    "def f(step, steps, warmup, highest):\n    up = np.linspace(0, highest, warmup + 1)[1:]\n    down = highest * (1 + np.cos(np.linspace(0, np.pi, steps - warmup, endpoint=False))) / 2\n    return np.concatenate([up, down])[step]",
)
schedule.right(
    "PyTorch's scheduler",
    "def f(step, steps, warmup, highest):\n    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=highest)\n    share = lambda s: (s + 1) / warmup if s < warmup else (1 + math.cos(math.pi * (s - warmup) / (steps - warmup))) / 2\n    sched = torch.optim.lr_scheduler.LambdaLR(opt, share)\n    for _ in range(step):\n        opt.step(); sched.step()\n    return opt.param_groups[0]['lr']",
)
schedule.right("a tensor", "    return highest * (1 + math", "    return torch.tensor(highest, dtype=torch.float64) * (1 + math")
SHARE = "(step - warmup) / (steps - warmup)"
FALL = "highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2"
schedule.wrong("warm-up: from 0", "starts at 0", "(step + 1) / warmup", "step / warmup")
schedule.wrong(
    "warm-up: none",
    "warm-up is missing",
    "    if step < warmup:\n        return highest * (step + 1) / warmup\n",
    "",
    SHARE,
    "step / steps",
)
schedule.wrong("warm-up: highest at once", "warm-up is missing", "highest * (step + 1) / warmup", "highest")
schedule.wrong("warm-up: a step too long", "too long|first step after", "step < warmup", "warmup and step <= warmup")
schedule.wrong("warm-up: divided by one more", "warm-up", "(step + 1) / warmup", "(step + 1) / (warmup + 1)")
schedule.wrong(
    "warm-up: a cosine", "warm-up", "highest * (step + 1) / warmup", "highest * (1 - math.cos(math.pi * (step + 1) / warmup)) / 2"
)
schedule.wrong("warm-up: whole division", "warm-up", "highest * (step + 1) / warmup", "highest * ((step + 1) // warmup)")
schedule.wrong(
    "warm-up: of at least one step",
    "no warm-up",
    "def rate(step, steps, warmup, highest):\n",
    "def rate(step, steps, warmup, highest):\n    warmup = max(warmup, 1)\n",
)
schedule.wrong("fall: straight", "straight", FALL, "highest * (1 - (step - warmup) / (steps - warmup))")
schedule.wrong("fall: none", "does not fall|stays", FALL, "highest")
schedule.wrong(
    "fall: a quarter of a turn", "quarter", FALL, "highest * math.cos(math.pi / 2 * (step - warmup) / (steps - warmup))"
)
schedule.wrong("fall: a whole turn", "whole turn", "math.pi * ", "2 * math.pi * ")
schedule.wrong("fall: negative rates", "negative", FALL, "highest * math.cos(math.pi * (step - warmup) / (steps - warmup))")
schedule.wrong("fall: twice as high", "half", "(steps - warmup))) / 2", "(steps - warmup)))")
schedule.wrong("fall: a rise", "rise", "(1 + math.cos", "(1 - math.cos")
schedule.wrong("fall: exponential", "not recognised|exponential|after the warm-up", FALL, "highest * 0.95 ** (step - warmup)")
schedule.wrong("angle: degrees", "180|degrees", "math.pi * ", "180 * ")
schedule.wrong("angle: pi forgotten", "pi is missing", "math.pi * ", "")
schedule.wrong("counting: the cosine from step 0", "counts from step 0", SHARE, "step / steps")
schedule.wrong("counting: the length of the whole run", "steps - warmup", SHARE, "(step - warmup) / steps")
schedule.wrong("counting: 0 at the last step", "too early", SHARE, "(step - warmup) / max(1, steps - warmup - 1)")
schedule.wrong("counting: a step early", "too early", SHARE, "(step + 1 - warmup) / (steps - warmup)")
schedule.wrong(
    "counting: a counter of its own",
    "step|not recognised",
    "def rate(step, steps, warmup, highest):\n",
    "calls = [0]\ndef rate(step, steps, warmup, highest):\n    step = calls[0] % steps\n    calls[0] += 1\n",
)
schedule.wrong("scale: highest ignored", "highest is not used", "highest * (step", "1.0 * (step", "highest * (1 +", "1.0 * (1 +")
schedule.wrong(
    "scale: rounded",
    "round|highest rate is not 1",
    "return highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2",
    "return round(highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2, 3)",
)

# Of a third student, and neighbours of what passed then.

step.right("eval at the end", "    return", "    model.eval()\n    return")
step.right(
    "gradients forgotten before and after",
    "    return",
    "    optimizer.zero_grad()\n    return",
)
step.right(
    "all groups by hand",
    "optimizer.zero_grad()",
    "for group in optimizer.param_groups:\n        for p in group['params']:\n            p.grad = None",
)
step.wrong("third: gradients forgotten after the step", "after the step|too late", Z, "", "    return", Z + "    return")
step.wrong("third: forgotten between backward and step", "thrown away", Z, "", B, B + Z)
step.wrong(
    "third: only the first group of parameters",
    "gradients",
    "optimizer.zero_grad()",
    "for p in optimizer.param_groups[0]['params']:\n        p.grad = None",
)
step.wrong(
    "third: gradients of the head are kept",
    "gradients",
    "optimizer.zero_grad()",
    "for name, p in model.named_parameters():\n        p.grad = p.grad if name.startswith('head') else None",
)
for seed in (0, 42):
    step.wrong(f"third: a seed, {seed}", "seed", "    model.train()\n", f"    model.train()\n    torch.manual_seed({seed})\n")
step.wrong("third: a seed after the step", "seed", "    return", "    torch.manual_seed(1)\n    return")
step.wrong(
    "third: a little noise on the image",
    "random|seed|input",
    "model(image), mask",
    "model(image + 1e-6 * torch.randn_like(image)), mask",
)
for size in ("1e-6", "1e-5", "1e-4"):
    penalty = f"{size} * sum((p ** 2).sum() for p in model.parameters())"
    step.wrong(f"third: weight decay of {size} in the loss", "small|penalty", B, f"    loss = loss + {penalty}\n" + B)
    step.wrong(
        f"third: weight decay of {size} in backward only",
        "penalty|weights went|gradient",
        B,
        f"    (loss + {penalty}).backward()\n",
    )
step.wrong(
    "third: weight decay by absolute values",
    "small|penalty",
    B,
    "    loss = loss + 1e-6 * sum(p.abs().sum() for p in model.parameters())\n" + B,
)
step.wrong("third: clipped at 5", "clip", B, B + "    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)\n")
step.wrong("third: each gradient clipped at 1", "clip", B, B + "    torch.nn.utils.clip_grad_value_(model.parameters(), 1.0)\n")
step.wrong(
    "third: label smoothing of 1e-4",
    "smoothing",
    "cross_entropy(model(image), mask)",
    "F.cross_entropy(model(image), mask, label_smoothing=1e-4)",
)
step.wrong(
    "third: an optimizer of its own",
    "optimizer that you were given",
    "    model.train()\n",
    "    model.train()\n    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n",
)
step.wrong(
    "third: only the norms in train mode",
    "part of the model",
    "    model.train()\n",
    "    [m.train() for m in model.modules() if isinstance(m, nn.BatchNorm2d)]\n",
)
step.wrong("third: divided by the images", "divided by 3", "return loss.item()", "return loss.item() / len(image)")
step.wrong("third: gradients off for good", "switched off", "    return", "    torch.set_grad_enabled(False)\n    return")
rate.right("0.1", "0.1")
rate.right("0.015", "0.015")
for given, way in (("0.002", "low"), ("0.005", "low"), ("0.007", "low"), ("0.2", "high"), ("0.3", "high"), ("0.4", "high")):
    rate.wrong(f"{way}: {given}", f"too {way}", given)
for given in ("0.5", "0.6", "0.8"):
    rate.wrong(f"high: {given}", "too high", given)
for kept in ("steps, warmup", "step, steps, warmup", "highest, warmup", "highest, steps", "step, highest"):
    schedule.wrong(
        f"third: kept by {kept} only",
        "kept",
        f"seen = {{}}\ndef f(step, steps, warmup, highest):\n    if ({kept}) not in seen:\n        seen[{kept}] = [highest * (k + 1) / warmup if k < warmup else highest * (1 + math.cos(math.pi * (k - warmup) / (steps - warmup))) / 2 for k in range(steps)]\n    return seen[{kept}][min(step, len(seen[{kept}]) - 1)]",
    )
schedule.wrong("third: highest ignored on the way down", "highest is not used", "highest * (1 +", "1.0 * (1 +")
schedule.wrong("third: highest ignored on the way up", "highest is not used", "highest * (step", "1.0 * (step")
schedule.wrong(
    "third: counts its calls",
    "call to call",
    "calls = [-1]\ndef f(step, steps, warmup, highest):\n    calls[0] = (calls[0] + 1) % steps\n    k = calls[0]\n    return highest * (k + 1) / warmup if k < warmup else highest * (1 + math.cos(math.pi * (k - warmup) / (steps - warmup))) / 2",
)
schedule.wrong(
    "third: the whole table",
    "whole table",
    "def f(step, steps, warmup, highest):\n    return [highest * (k + 1) / warmup if k < warmup else highest * (1 + math.cos(math.pi * (k - warmup) / (steps - warmup))) / 2 for k in range(steps)]",
)
schedule.wrong("third: whole division", r"//", "highest * (step + 1) / warmup", "highest * ((step + 1) // warmup)")
schedule.wrong("third: divided by warmup + 1", r"warmup \+ 1", "(step + 1) / warmup", "(step + 1) / (warmup + 1)")
schedule.wrong("third: ten steps", "10 steps", "(steps - warmup)", "(10 - warmup)")
schedule.wrong(
    "third: a floor",
    "held at",
    "return highest * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2",
    "return max(0.01 * highest, " + FALL + ")",
)
schedule.wrong("third: half precision", "half precision", "return " + FALL, "return float(np.float16(" + FALL + "))")
schedule.wrong(
    "third: the smaller of two",
    "smaller of",
    "def f(step, steps, warmup, highest):\n    up = (step + 1) / warmup if warmup else 1.0\n    return highest * min(up, (1 + math.cos(math.pi * step / steps)) / 2)",
)
