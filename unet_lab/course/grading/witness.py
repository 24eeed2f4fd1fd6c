"""The side of the answer: it gives a function away, and then calls it as the judge's process asks (`outside`)."""

from __future__ import annotations

import inspect
import math
import socket
import threading
import time
from types import FunctionType

import numpy as np
import torch
from torch import Tensor

from unet_lab.course import limits
from unet_lab.course.grading.carrying import NotPlain, Packer, receive, send, unpack
from unet_lab.course.grading.circumstances import (
    apply_settings,
    chances,
    described,
    error_of,
    same_chances,
    set_chances,
    settings,
)
from unet_lab.course.grading.lending import Keeping, Lent
from unet_lab.course.grading.outside import MISSING


class Giving(Packer):
    """Packs what an answer gives: functions by number, tensors with their gradients, parts of what it was lent by name."""

    def __init__(self, witness: Witness, lent: Lent | None = None):
        super().__init__()
        self.witness, self.lent = witness, lent

    def special(self, value) -> dict | None:
        if self.lent is not None and isinstance(value, Tensor | np.ndarray | list | dict | set):
            return self.lent.name_of(value)
        plain = isinstance(value, type | np.dtype | torch.dtype | Tensor | np.ndarray | np.generic)
        if not callable(value) or plain:
            return None
        self.witness.functions.append(value)
        name = str(getattr(value, "__name__", type(value).__name__))
        return {"function": len(self.witness.functions) - 1, "name": name, "parameters": parameters_of(value)}

    def tensor(self, value: Tensor) -> dict:
        inputs = self.lent.with_gradient() if self.lent is not None else []
        if not value.requires_grad or not inputs:
            return super().tensor(value)
        self.witness.graphs.append((value, inputs))
        return super().tensor(value) | {"graph": len(self.witness.graphs) - 1}


class Witness:
    """The answer's end of the wire: gives the answer away, and then does what it is asked to, until there is a verdict."""

    def __init__(self, wire: socket.socket):
        self.wire, self.functions, self.graphs = wire, [], []
        self.answering = False  # while it does what it is asked, checks that the answer itself calls have no say
        self.speaking = threading.Lock()  # an answer may call what it is lent from several threads

    def ask(self, found: dict, answer) -> dict:
        """What the other side says about an answer of which this side has found so much; {"inside": why} where it cannot tell."""
        self.functions, self.graphs = [], []
        packer = Giving(self)
        try:
            tree = packer.pack(answer)
        except (NotPlain, RecursionError) as error:
            tree, packer.buffers = {"unknown": str(error)}, []
        except Exception as error:
            tree, packer.buffers = {"unknown": f"an answer that stops where it is read: {described(error)['error'][0]}"}, []
        send(self.wire, {"judge": found, "answer": tree}, packer.buffers)
        left = limits.SECONDS
        while True:
            question, buffers = receive(self.wire)
            if "called back" in question:  # to an answer that was stopped meanwhile
                continue
            if "question" not in question:
                return question
            began = time.process_time()
            self.answering = True
            reply, found = self.reply(question, buffers, max(0.05, left))
            self.answering = False
            left -= time.process_time() - began
            send(self.wire, reply | {"question": question["question"]}, found)

    def say(self, **what) -> None:
        send(self.wire, {"say": what})

    def state(self, found: dict, answer) -> str:
        """What became of an answer that is right here, in a word: the other side's, where it can tell."""
        with limits.printing_kept(), limits.chance_restored():
            return str(self.ask(found, answer).get("verdict", found["state"]))

    def reply(self, question: dict, buffers: list[bytes], seconds: float) -> tuple[dict, list[bytes]]:
        if "backward" in question:
            return self.backward(question, buffers)
        lent = Lent()
        given = unpack(question["given"], buffers, lambda tree: self.borrowed(tree, buffers, lent))
        lent.remember(given)
        if question["states"] is not None:
            set_chances(unpack(question["states"], buffers))
        before, chance, found = packed(given), chances(), []
        apply_settings(question["settings"])
        packer = Giving(self, lent)

        def answer() -> None:
            found.append(self.functions[question["call"]](*given[0], **given[1]))
            found.append(packer.pack(found[0]))  # which may run the answer's code too: a generator's

        try:
            limits.within(seconds, answer)
            reply = {"result": found[1]}
        except limits.TooLong:
            reply = {"too long": True}
        except BaseException as error:  # the answer's own, whatever it is
            reply = {"refused": str(error)} if found and isinstance(error, NotPlain | RecursionError) else described(error)
        after, kept = settings(), Keeping()
        kept.buffers = packer.buffers
        if packed(given) != before:
            try:
                reply |= {"changed": kept.pack(given)}
            except (NotPlain, RecursionError) as error:
                reply = {"refused": f"in its arguments {error}"}
        states = None if same_chances(chances(), chance) else kept.pack(chances())
        generators = [kept.pack(state) for state in lent.states()]
        return reply | {"generators": generators, "states": states, "settings": after}, kept.buffers

    def backward(self, question: dict, buffers: list[bytes]) -> tuple[dict, list[bytes]]:
        output, inputs = self.graphs[question["backward"]]
        packer = Packer()
        try:
            gradient = unpack(question["gradient"], buffers)
            found = torch.autograd.grad(output, inputs, gradient, retain_graph=True, allow_unused=True)
            return {"result": packer.pack(list(found))}, packer.buffers
        except Exception as error:
            return described(error), []

    def borrowed(self, tree: dict, buffers: list[bytes], lent: Lent):
        """What is no plain value among the arguments: random generators, functions, tensors that need a gradient."""
        if "callback" in tree:
            return self.callback(int(tree["callback"]), tree["name"])
        if "generator" in tree:
            made = np.random.Generator(getattr(np.random, tree["kind"])())
            made.bit_generator.state = unpack(tree["generator"], buffers)
            lent.generators.append(made)
            return made
        if tree.get("needs"):
            return unpack(tree | {"needs": False}, buffers).requires_grad_()
        return NotPlain

    def callback(self, which: int, name: str) -> FunctionType:
        """A function that the other side calls."""

        def lent_function(*arguments, **named):
            packer = Packer()
            tree = {"callback": which, "given": packer.pack([list(arguments), named])}
            with self.speaking:
                send(self.wire, tree, packer.buffers)
                reply, buffers = receive(self.wire)
            if "error" in reply:
                raise error_of(reply)
            return unpack(reply["result"], buffers)

        lent_function.__name__ = lent_function.__qualname__ = name
        return lent_function


def packed(given) -> tuple:
    """What tells whether it was changed."""
    packer = Keeping()
    try:
        return packer.pack(given), packer.buffers
    except (NotPlain, RecursionError):
        return ()


def parameters_of(function) -> list | None:
    """Its parameters as plain values: name, kind, default."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[p.name, int(p.kind), MISSING if p.default is p.empty else plain_default(p.default)] for p in found]


def plain_default(value):
    """A default value as JSON can say it; "…" for others: NaN, a function."""
    if type(value) is float:
        return value if math.isfinite(value) else "…"
    if type(value) is int:
        return value if abs(value) < 1 << 64 else "…"
    return value if value is None or type(value) in (str, bool) else "…"
