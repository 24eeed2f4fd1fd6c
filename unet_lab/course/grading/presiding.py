"""The process that judges what another one answers: it alone can write down a verdict (`outside`)."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import unet_lab.course as course
from unet_lab.course import limits
from unet_lab.course.checking import judge
from unet_lab.course.grading.carrying import NotPlain, receive, send, unpack
from unet_lab.course.grading.outside import INSIDE, AnswerHasGone, CannotBeCarried, Link

_REMARKS = ({"flag", "exercise"}, {"begun"}, {"end"})


def judged_here(name: str, check: Callable, answer) -> dict:
    """The line of one verdict."""
    began = limits.CLOCK()
    verdict = judge(check, answer)
    state = "error" if verdict.broke else verdict.state
    hint = verdict.hints[0] if verdict.hints else ""
    seconds = round(max(0.0, limits.CLOCK() - began), 2)
    holds = {"share": verdict.held.share, "facts": str(verdict.held)}
    return {"exercise": name, "state": state, "finding": verdict.finding, "hint": hint, "seconds": seconds} | holds


def preside(wire: socket.socket, child: int, say: Callable) -> None:
    """Judge what comes over the wire, until the process `child` at its other end has ended."""
    limits.CLOCK = both_clocks(child)
    try:
        while True:
            message, buffers = receive(wire)
            if "say" in message:
                pass_on(message["say"], say)
            elif "callback" in message:  # by an answer that was given up
                send(wire, {"error": ["TimeoutError"], "words": "the check is over", "place": "", "called back": True})
            elif "question" not in message:  # the reply to one that was given up
                send(wire, answered(wire, message["judge"], message["answer"], buffers, say))
    except (EOFError, OSError, AnswerHasGone):
        pass  # it has ended
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeError):
        say(flag="writes into the marker's own channels", exercise="")
    wire.close()


def answered(wire: socket.socket, found: dict, tree, buffers: list[bytes], say: Callable) -> dict:
    """Judge an answer that its own process found right, write down what it is, and return what to say to that process."""
    name = str(found["exercise"])
    try:
        verdict = judged_outside(Link(wire, lambda what: pass_on(what, say)), name, tree, buffers)
    except (CannotBeCarried, NotPlain) as why:
        say(flag=f"judged in its own process only: {why}", exercise=name)
        say(**found)
        return {"inside": str(why)}
    except AnswerHasGone:
        ended = "its process ended by itself while it was asked: does the answer call exit, or os._exit?"
        say(exercise=name, state="error", finding=ended, seconds=0.0)
        raise
    if verdict["state"] != "right":
        say(flag="in its own process the checks found it right, asked from another one they do not", exercise=name)
    say(**verdict)
    return {"verdict": verdict["state"]}


def judged_outside(link: Link, name: str, tree, buffers: list[bytes]) -> dict:
    """The line of one verdict, for an answer at the other end of a wire."""
    if isinstance(tree, dict) and "unknown" in tree:
        raise CannotBeCarried(str(tree["unknown"]))
    answer = unpack(tree, buffers, lambda part: link.function(part) if "function" in part else NotPlain)
    return judged_here(name, course.CHECKS[name], answer)


def pass_on(what: dict, say: Callable) -> None:
    """Write down what the other process says of itself: remarks, and verdicts; of these "right" only where it is the judge."""
    if "state" in what:
        if what["state"] != "right" or what["exercise"] in INSIDE:
            say(**what)
    elif set(what) in _REMARKS:
        say(**what)


def both_clocks(child: int) -> Callable[[], float]:
    """Seconds of the processor that this process and the other one have used.

    Asked of the kernel itself: /proc counts processes otherwise than this one does, where it has a numbering of its own.
    """
    other = (~child << 3) | 2  # what clock_getcpuclockid(3) gives for a process, on Linux

    def clock() -> float:
        with contextlib.suppress(OSError):
            return time.process_time() + time.clock_gettime(other)
        return time.process_time()

    return clock
