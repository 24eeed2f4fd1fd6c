"""An answer judged from another process than its own: what it is given and what it gives back travel as plain values.

Two processes and a wire between them. In one runs what was handed in; in the other the checks, which nothing that was handed in
can reach: there the answer is a function that sends its arguments over the wire and waits for what comes back, gradients and
random numbers included. It is asked once an answer is right in its own process, and has the last word. Networks, and answers that
must be given networks, are judged in their own process only (`INSIDE`).
"""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable
from types import FunctionType, MethodType

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
from unet_lab.course.grading.lending import KEPT, Lent, put_back

# Answers that are networks or work on networks, and two that are watched at each draw, or run with others in a room.
INSIDE = {"conv_block", "encoder_stage", "decoder_stage", "unet", "training_step", "attention_gate", "hook_layer", "rank_skips"}
INSIDE |= {"interval", "data_parallel_step"}
MISSING = {"missing": True}  # a parameter without a default


class CannotBeCarried(BaseException):
    """Something on its way is no plain value. No Exception, so that a check does not take it for the answer's own error."""


class AnswerHasGone(BaseException):
    """The process at the other end of the wire has ended. No Exception, for the same reason."""


class Lending(Packer):
    """Packs arguments; random generators among them go along, functions stay and are called from there."""

    def __init__(self, lent: Lent):
        super().__init__()
        self.lent = lent

    def special(self, value) -> dict | str | None:
        if isinstance(value, str):  # also those that only look like text
            return str(value)
        if isinstance(value, FunctionType | MethodType):
            self.lent.functions.append(value)
            return {"callback": len(self.lent.functions) - 1, "name": value.__name__}
        if type(value) is not np.random.Generator:
            return None
        self.lent.generators.append(value)
        return {"generator": self.pack(value.bit_generator.state), "kind": type(value.bit_generator).__name__}


class Link:
    """The judge's end of a wire."""

    def __init__(self, wire: socket.socket, heard: Callable[[dict], None] = lambda what: None):
        """heard : what to do with what the other side says meanwhile, of itself."""
        self.wire, self.number, self.known, self.heard = wire, 0, None, heard

    def ask(self, tree: dict, buffers: list[bytes], lent: Lent) -> tuple[dict, list[bytes]]:
        """The other side's reply to this question."""
        self.number += 1
        try:
            send(self.wire, tree | {"question": self.number}, buffers)
            return self.reply(lent)
        except (EOFError, OSError):
            raise AnswerHasGone from None

    def reply(self, lent: Lent) -> tuple[dict, list[bytes]]:
        """What comes back for the question asked last; the reply to one that was given up may come first."""
        while True:
            reply, found = receive(self.wire)
            if "say" in reply:
                self.heard(reply["say"])
            elif "callback" in reply:
                self.called_back(reply, found, lent)
            elif reply.get("question") == self.number:
                return reply, found

    def called_back(self, asked: dict, buffers: list[bytes], lent: Lent) -> None:
        """Call a function that the answer was lent, and say what it returns, or raises."""
        packer = Packer()
        try:
            arguments, named = unpack(asked["given"], buffers)
            tree = {"result": packer.pack(lent.functions[asked["callback"]](*arguments, **named))}
        except Exception as error:
            lent.raised, tree = error, described(error)
        send(self.wire, tree | {"called back": True}, packer.buffers)

    def call(self, which: int, arguments: tuple, named: dict):
        """Let the answer's process call its function, and return what it returns, or raise what it raises."""
        lent, given = Lent(), [list(arguments), named]
        lent.remember(given)
        packer = Lending(lent)
        try:
            tree = packer.pack(given)
        except (NotPlain, RecursionError) as error:
            raise CannotBeCarried(f"it is given {error}") from None
        now = chances()
        states = None if same_chances(now, self.known) else packer.pack(now)
        question = {"call": which, "given": tree, "states": states, "settings": settings()}
        reply, buffers = self.ask(question, packer.buffers, lent)
        self.known = now if reply["states"] is None else unpack(reply["states"], buffers)
        if reply["states"] is not None:
            set_chances(self.known)
        apply_settings(reply["settings"])
        lent.advance([unpack(state, buffers) for state in reply["generators"]])
        if "changed" in reply:
            put_back(given, unpack(reply["changed"], buffers, lambda tree: KEPT if "kept" in tree else NotPlain))
        if "refused" in reply:
            raise CannotBeCarried(f"it gives back {reply['refused']}")
        if "too long" in reply:
            raise limits.TooLong
        if "error" in reply:
            raise lent.raised if lent.raised and type(lent.raised).__name__ == reply["error"][0] else error_of(reply)
        return unpack(reply["result"], buffers, lambda tree: self.special(tree, buffers, lent))

    def special(self, tree: dict, buffers: list[bytes], lent: Lent):
        """What is no plain value: a part of an argument, a tensor with a gradient, a function."""
        if "function" in tree:
            return self.function(tree)
        if "lent" in tree:
            return lent.part(tree)
        if "graph" in tree:
            made = unpack({key: part for key, part in tree.items() if key != "graph"}, buffers)
            return Through.apply(self, int(tree["graph"]), [made.detach()], *lent.with_gradient())
        return NotPlain

    def function(self, tree: dict) -> FunctionType:
        """A function that asks the other side."""
        which = int(tree["function"])

        def answer(*arguments, **named):
            return self.call(which, arguments, named)

        answer.__name__ = answer.__qualname__ = str(tree["name"])
        if tree["parameters"] is not None:
            answer.__signature__ = inspect.Signature([
                inspect.Parameter(name, inspect._ParameterKind(kind), default=inspect._empty if given == MISSING else given)
                for name, kind, given in tree["parameters"]
            ])  # fmt: skip
        return answer


class Through(torch.autograd.Function):
    """A tensor that was computed in the other process; its gradient is asked for there."""

    @staticmethod
    def forward(ctx, link: Link, graph: int, made: list[Tensor], *inputs: Tensor) -> Tensor:
        ctx.link, ctx.graph = link, graph
        return made[0]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        packer = Packer()
        reply, buffers = ctx.link.ask({"backward": ctx.graph, "gradient": packer.pack(gradient)}, packer.buffers, Lent())
        if "error" in reply:
            raise error_of(reply)
        return None, None, None, *unpack(reply["result"], buffers)
