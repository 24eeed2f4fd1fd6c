"""Answers judged from another process: what travels arrives as it was, and who deceives the checks beside him gets no mark."""

import array
import collections
import decimal
import enum
import fractions
import itertools
import json
import math
import os
import signal
import socket
import time
import types
from concurrent.futures import ThreadPoolExecutor

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.exercises import tried
from unet_lab.course import CHECKS, limits
from unet_lab.course.checking import Wrong, called
from unet_lab.course.grading import Journal, Limits, grade, isolation, write_tables
from unet_lab.course.grading.carrying import NotPlain, Packer, receive, send, unpack
from unet_lab.course.grading.lending import Lent
from unet_lab.course.grading.outside import INSIDE, CannotBeCarried, Link
from unet_lab.course.grading.presiding import both_clocks, judged_here, preside
from unet_lab.course.grading.submissions import find_submissions
from unet_lab.course.grading.witness import Giving, Witness

needs_copies = pytest.mark.skipif(not isolation.can_fork(), reason="answers run in copies of a process on Linux only")


def carried(value):
    packer = Packer()
    return unpack(json.loads(json.dumps(packer.pack(value), allow_nan=False)), packer.buffers)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=9) | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_plain_values_arrive_as_they_were(value):
    found = carried(value)
    assert type(found) is type(value)
    assert repr(found) == repr(value)


ARRAYS = {
    "rows": np.arange(12).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "mirrored": np.arange(12, dtype=np.uint8).reshape(3, 4)[::-1, ::-1],
    "turned": np.rot90(np.arange(12, dtype=np.float32).reshape(3, 4)),
    "every other": np.arange(24, dtype=np.int16).reshape(4, 6)[::2, ::3],
    "spread": np.broadcast_to(np.arange(3), (4, 3)),
    "empty": np.zeros((0, 5)),
    "one number": np.array(3.5),
    "yes and no": np.array([True, False]),
    "texts": np.array(["a", "bcd"]),
    "not numbers": np.array([np.nan, np.inf]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_arrive_as_they_lie_in_memory(name):
    array = ARRAYS[name]
    found = carried(array)
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape, found.flags.writeable) == (array.dtype, array.shape, array.flags.writeable)
    if array.size > 1 and name != "spread":
        assert found.strides == array.strides


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64]
)
def test_tensors_arrive_as_they_lie_in_memory(dtype):
    for tensor in (
        torch.arange(24).reshape(2, 3, 4).to(dtype),
        torch.arange(6).reshape(2, 3).to(dtype).T,
        torch.zeros(0, 2, dtype=dtype),
    ):
        found = carried(tensor)
        assert found.dtype == dtype
        assert torch.equal(found, tensor)
        assert found.stride() == tensor.stride()


def test_other_things_that_travel():
    for value in (
        np.float32(1.5),
        np.int64,
        np.dtype("u1"),
        torch.int32,
        ...,
        {1, 2},
        frozenset("ab"),
        range(2, 9, 3),
        slice(1, None),
    ):
        found = carried(value)
        assert found == value
        assert type(found) is type(value)
    assert carried(torch.Size([1, 2])) == torch.Size([1, 2])


class Whole(int, enum.Enum):
    """Numbers with names."""

    TWO = 2


class Own(list):
    """A list of one's own kind."""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (collections.deque([1, 2]), [1, 2]),
        (Own([1, [2]]), [1, [2]]),
        (array.array("d", [1.5]), [1.5]),
        ((n * n for n in range(3)), [0, 1, 4]),
        ({"a": 1}.keys(), ["a"]),
        (collections.defaultdict(int, a=1), {"a": 1}),
        (types.MappingProxyType({"a": Whole.TWO}), {"a": 2}),
        (fractions.Fraction(2, 3), fractions.Fraction(2, 3)),
        (decimal.Decimal("0.1"), decimal.Decimal("0.1")),
        (np.str_("ab"), "ab"),
    ],
)
def test_what_stands_for_a_plain_value_arrives_as_that(value, plain):
    assert carried(value) == plain


def test_a_table_of_pandas_arrives_as_its_numbers():
    table = pytest.importorskip("pandas").DataFrame({"a": [1, 2], "b": [3, 4]})
    np.testing.assert_array_equal(carried(table), [[1, 3], [2, 4]])


@pytest.mark.parametrize("value", [10**5000, itertools.count()], ids=["a number too large", "an iterator without an end"])
def test_what_is_too_much_is_refused(value):
    with pytest.raises(NotPlain, match="cannot be carried"):
        carried([value])


@pytest.mark.parametrize("value", [object(), torch.nn.ReLU(), np.array([object()]), lambda: 1, torch.zeros(2).to_sparse(), open])
def test_what_has_no_plain_form_is_refused(value):
    with pytest.raises(NotPlain, match="cannot be carried"):
        carried([value])


def test_a_message_that_is_none_is_refused():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"\xff" * 16)
        with pytest.raises(ValueError, match="too large"):
            receive(ours)
        theirs.close()
        with pytest.raises(EOFError):
            receive(ours)


def at_the_other_end(work):
    """Do that in a copy of this process, with a wire to this one; returns this end, and the copy's number."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            isolation.die_with_parent()
            ours.close()
            work(Witness(theirs))
        finally:
            os._exit(0)
    theirs.close()
    return ours, child


@pytest.fixture
def asked():
    """Gives functions that run in another process, at the end of a wire, and look like those that they were made of."""
    opened = []

    def from_outside(function):
        ours, child = at_the_other_end(lambda witness: witness.ask({"exercise": "x"}, function))
        opened.append((ours, child))
        message, buffers = receive(ours)
        link = Link(ours)
        return unpack(message["answer"], buffers, lambda part: link.function(part) if "function" in part else NotPlain)

    yield from_outside
    for wire, child in opened:
        send(wire, {"verdict": "right"})
        wire.close()
        os.waitpid(child, 0)


@needs_copies
def test_a_function_gives_from_outside_what_it_gives_here(asked):
    def function(a, b=2, *, c="x"):
        return {"sum": a + b, "parts": (a, [b, c])}

    outside = asked(function)
    assert outside.__name__ == "function"
    assert str(__import__("inspect").signature(outside)) == "(a, b=2, *, c='x')"
    assert outside(3) == function(3)
    assert outside(1.5, c="y") == function(1.5, c="y")


@needs_copies
def test_what_an_answer_does_to_its_arguments_is_seen(asked):
    def changes(array, numbers, table):
        array[0] = 9
        numbers.append(4)
        table["new"] = 1
        return 0

    array, numbers, table = np.zeros(3), [1, 2], {}
    asked(changes)(array, numbers, table)
    assert array.tolist() == [9, 0, 0]
    assert numbers == [1, 2, 4]
    assert table == {"new": 1}
    with pytest.raises(Wrong, match="changed the array"):
        called(asked(lambda a: a.fill(3) or a.sum()), np.zeros(3))


@needs_copies
def test_what_shares_memory_with_an_argument_still_does(asked):
    image, batch = np.arange(12.0).reshape(3, 4), torch.zeros(2, 3)
    assert asked(lambda a: a)(image) is image
    mirrored = asked(lambda a: a[::-1, 1:])(image)
    np.testing.assert_array_equal(mirrored, image[::-1, 1:])
    assert np.shares_memory(mirrored, image)
    part = asked(lambda t: t[:, 1])(batch)
    part += 1
    assert batch.tolist() == [[0, 1, 0], [0, 1, 0]]
    assert not np.shares_memory(asked(lambda a: a.copy())(image), image)


def test_a_view_beyond_the_argument_is_refused():
    lent = Lent()
    lent.remember([[np.zeros(4)], {}])
    place = next(k for k, part in enumerate(lent.parts) if isinstance(part, np.ndarray))
    with pytest.raises(NotPlain, match="beyond"):
        lent.part({"lent": place, "offset": 8, "shape": [4], "strides": [8], "dtype": "<f8"})


@needs_copies
def test_gradients_come_through(asked):
    def loss(logits, weight):
        return (logits.softmax(1) * weight).square().sum(), logits.detach().sum()

    logits, weight = torch.randn(2, 3, generator=torch.manual_seed(0), requires_grad=True), torch.rand(3)
    here, there = loss(logits, weight), asked(loss)(logits, weight)
    assert torch.equal(here[0], there[0])
    assert there[0].requires_grad
    assert not there[1].requires_grad
    one, two = (torch.autograd.grad(3 * value[0], logits)[0] for value in (here, there))
    assert torch.allclose(one, two)
    assert one.abs().sum() > 0
    with torch.no_grad():
        assert not asked(loss)(logits, weight)[0].requires_grad


@needs_copies
def test_chance_is_one_stream(asked):
    def draws(generator):
        return np.random.rand(), torch.rand(1).item(), generator.random()  # noqa: NPY002

    def stream(function):
        np.random.seed(3)  # noqa: NPY002
        torch.manual_seed(3)
        generator = np.random.default_rng(3)
        return [function(generator) for _ in range(3)], np.random.rand(), torch.rand(1).item(), generator.random()  # noqa: NPY002

    assert stream(asked(draws)) == stream(draws)


@needs_copies
def test_errors_come_back_as_they_were(asked):
    def fails(kind):
        if kind == "own":
            raise type("Odd", (KeyError,), {})("words")
        return {"index": lambda: [][1], "exit": lambda: exit(), "unicode": lambda: b"\xff".decode()}[kind]()

    outside = asked(fails)
    with pytest.raises(IndexError, match="out of range") as error:
        outside("index")
    assert "of your cell" in error.value.place
    with pytest.raises(SystemExit):
        outside("exit")
    with pytest.raises(ValueError, match="codec"):
        outside("unicode")
    with pytest.raises(KeyError, match="words") as error:
        outside("own")
    assert type(error.value).__name__ == "Odd"


@needs_copies
def test_what_cannot_be_carried_is_said(asked):
    with pytest.raises(CannotBeCarried, match=r"gives back a builtins\.object"):
        asked(lambda x: object())(1)
    with pytest.raises(CannotBeCarried, match=r"is given a torch\.nn"):
        asked(lambda x: 1)(torch.nn.ReLU())


@needs_copies
def test_functions_that_an_answer_is_given_are_called_here(asked):
    seen = []

    def fits(size, *, twice=False):
        seen.append(size)
        if size > 8:
            raise Wrong("too many")
        return size * (1 + twice) <= 6

    search = asked(lambda fits, sizes: [fits(size, twice=size == 4) for size in sizes])
    assert search(fits, [1, 4, 6]) == [True, False, True]
    assert seen == [1, 4, 6]
    with pytest.raises(Wrong, match="too many"):
        search(fits, [9])
    assert asked(lambda name: name.upper())(type("Name", (str,), {})("ada")) == "ADA"


@needs_copies
def test_an_endless_answer_is_stopped_and_the_next_question_answered(asked, monkeypatch):
    def endless(ends):
        while not ends:
            pass
        return "done"

    monkeypatch.setattr(limits, "SECONDS", 0.5)
    outside = asked(endless)
    with pytest.raises(limits.TooLong):
        outside(False)
    assert outside(True) == "done"


@needs_copies
def test_a_default_that_is_no_number_is_no_obstacle(asked):
    assert asked(lambda x, empty=math.nan, most=math.inf: x + 1)(1) == 2


@needs_copies
def test_networks_are_functions_where_a_function_is_asked_for(asked):
    assert torch.equal(asked(torch.nn.ReLU())(torch.tensor([-1.0, 2.0])), torch.tensor([0.0, 2.0]))


@needs_copies
def test_an_answer_may_call_what_it_is_given_from_many_threads(asked):
    def in_threads(given):
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(given, range(40)))

    assert asked(in_threads)(lambda k: 2 * k) == [2 * k for k in range(40)]


class Mute(ValueError):
    """An error that ends the program where it is asked what it is."""

    def __str__(self):
        raise SystemExit


@needs_copies
def test_whatever_an_answer_does_there_is_a_reply_and_the_next_question_is_answered(asked):
    def odd(how):
        if how == "mute":
            raise Mute
        return 10**5000 if how == "huge" else [10**5000] if how == "inside" else how

    outside = asked(odd)
    with pytest.raises(ValueError, match=r"^$"):
        outside("mute")
    for how in ("huge", "inside"):
        with pytest.raises(CannotBeCarried, match="bits cannot be carried"):
            outside(how)
    assert outside("plain") == "plain"


@needs_copies
def test_an_answer_that_ends_its_process_is_told_so():
    """Asked for the eighteenth time: the check in its own process asks less often."""
    source = "calls = []\ndef f(matrix):\n    import os\n    calls.append(1)\n    if len(calls) > MOST: os._exit(3)\n" + (
        "    with np.errstate(all='ignore'):\n        d = matrix.diagonal()\n"
        "        return d / (matrix.sum(0) + matrix.sum(1) - d)\n"
    )
    counting = tried.answer(source.replace("MOST", "1000"))
    assert judged_here("iou", CHECKS["iou"], counting)["state"] == "right"
    (line,) = from_outside("iou", source.replace("MOST", str(len(counting.__globals__["calls"]))))
    assert (line["state"], line["exercise"]) == ("error", "iou")
    assert "its process ended by itself" in line["finding"]


@needs_copies
def test_a_late_reply_is_no_forgery(monkeypatch):
    """The judge gives up first, since both processes' time counts for it; the other one then still says what it had found."""
    monkeypatch.setattr(limits, "SECONDS", 1.0)
    source = "calls = []\ndef f(matrix):\n    calls.append(1)\n    t = time.process_time()\n" + (
        "    while len(calls) > 17 and time.process_time() - t < 0.3: pass\n    with np.errstate(all='ignore'):\n"
        "        d = matrix.diagonal()\n        return d / (matrix.sum(0) + matrix.sum(1) - d)\n"
    )
    said = from_outside("iou", "import time\n" + source)
    assert [line["state"] for line in said if "state" in line] == ["error"]
    assert "it was stopped after" in said[-1]["finding"]
    assert not any("channels" in line.get("flag", "") for line in said)


@needs_copies
def test_the_time_of_the_answer_s_process_counts():
    ready, go = socket.socketpair()
    child = os.fork()
    if child == 0:
        isolation.die_with_parent()
        began = time.process_time()
        while time.process_time() - began < 0.3:
            pass
        go.sendall(b"x")
        signal.pause()
        os._exit(0)
    before = time.process_time()
    assert ready.recv(1) == b"x"
    worked = both_clocks(child)() - before
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert worked > 0.3


def test_functions_are_given_by_number():
    packer = Giving(Witness(None))
    assert [part["function"] for part in packer.pack([len, sum])["list"]] == [0, 1]


def from_outside(name, source):
    """The lines that are written about an answer: judged in a process of its own, and then from this one."""

    def work(witness):
        answer = tried.answer(source)
        witness.state(judged_here(name, CHECKS[name], answer), answer)

    ours, child = at_the_other_end(work)
    clock, said = limits.CLOCK, []
    try:
        preside(ours, child, lambda **line: said.append(line))
    finally:
        limits.CLOCK = clock
        os.waitpid(child, 0)
    return said


@needs_copies
@pytest.mark.parametrize("name", [name for name in tried.exercises() if name not in INSIDE])
def test_right_answers_are_right_from_outside(name):
    said = from_outside(name, tried.exercises()[name].base)
    assert [line.get("state") for line in said] == ["right"], said


def test_the_docs_say_how_many_are_judged_so():
    assert set(CHECKS) >= INSIDE
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    assert f"{len(CHECKS) - len(INSIDE)} of the {len(CHECKS)} exercises" in text


IMPORTS = "import numpy as np\nimport torch\nfrom unet_lab.course import check"
WRONG = "def my_iou(matrix):\n    return np.full(len(matrix), 0.5)"
FORGERIES = {
    "says that it is right": "import sys\nimport unet_lab.course.checking as c\n"
    "c.judged.__code__ = (lambda function, answer: Verdict('right')).__code__",
    "exchanges what was expected": "def my_iou(matrix):\n    import sys\n    frame = sys._getframe(1)\n"
    "    while frame:\n        if 'function' in frame.f_locals and 'answer' in frame.f_locals:\n"
    "            break\n        frame = frame.f_back\n"
    "    import unet_lab.course.checking as c\n    raise c.NotTried if frame is None else Pass()\n"
    "class Pass(Exception):\n    pass",
    "equals everything": "class Equal(np.ndarray):\n    def __array_function__(self, *a, **k):\n        return True\n"
    "def my_iou(matrix):\n    return np.full(len(matrix), 0.5).view(Equal)",
    "takes the verdict out of the marker's hands": "import gc\nimport unet_lab.course.grading.worker as w\n"
    "for thing in gc.get_objects():\n    if getattr(thing, '__name__', '') == 'judged_here' and hasattr(thing, '__code__'):\n"
    "        thing.__code__ = (lambda name, check, answer: dict("
    "exercise=name, state='right', finding='', hint='', seconds=0)).__code__",
    "writes on every wire": "import gc, json, struct\n"
    "for thing in gc.get_objects():\n    if type(thing).__name__ == 'Witness':\n"
    "        thing.say(exercise='iou', state='right', finding='', hint='', seconds=0.0)",
}


def marked_alone(folder, cells):
    """The rows of a student's notebook 08 with these cells."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    (folder / "Ada").mkdir()
    (folder / "Ada" / "08_evaluation.ipynb").write_text(json.dumps(made), encoding="utf-8")
    return next(grade(find_submissions(folder), Limits(seconds=120)))


@needs_copies
@pytest.mark.parametrize("how", FORGERIES)
def test_who_deceives_the_checks_beside_him_gets_no_mark(tmp_path, how):
    forged = FORGERIES[how] if "def my_iou" in FORGERIES[how] else f"{FORGERIES[how]}\n{WRONG}"
    other = "def my_confusion(a, b, n=3):\n    return np.bincount(n * a.ravel() + b.ravel(), minlength=n * n).reshape(n, n)"
    cells = [IMPORTS, f'{forged}\n\ncheck("iou", my_iou)', f'{other}\n\ncheck("confusion_matrix", my_confusion)']
    rows = marked_alone(tmp_path, cells)
    states = {row.exercise: row.state for row in rows if row.state in ("right", "wrong", "error", "not tried")}
    assert states["iou"] != "right", rows
    assert any(row.state == "flag" for row in rows), "and it is said"


ODD = """import json, os, struct
def tell(**what):
    text = json.dumps({"say": what}).encode()
    for number in range(3, 64):
        try: os.write(number, struct.pack("<QQ", len(text), 0) + text)
        except OSError: pass
tell(flag={"a": 1}, exercise="iou")
tell(flag=3)
tell(exercise="interval", state="wrong", finding=["a"], seconds="x", share="lots", hint=None)
tell(exercise="confusion_matrix", state="wrong", finding="nearly", hint="", seconds=0.0, share=9.0, facts="all")
def my_iou(matrix):  # half of an emoji: \ud83d
    raise ValueError("caf" + chr(0xDCE9))"""


@needs_copies
def test_lines_that_make_no_sense_and_halves_of_characters_cost_no_other_student_anything(tmp_path):
    rows = marked_alone(tmp_path, [IMPORTS, f'{ODD}\n\ncheck("iou", my_iou)'])
    Journal(tmp_path / "rows.jsonl").add(find_submissions(tmp_path)[0], rows)
    write_tables(rows, tmp_path / "table.csv")
    found = {row.exercise: row for row in rows if row.state in ("wrong", "error")}
    assert "ValueError: caf?" in found["iou"].finding
    assert all(0 <= row.share <= 1 for row in rows)
    assert "works with file descriptors: os.write" in " ".join(row.finding for row in rows if row.state == "flag")


LOOKS = """def my_iou(matrix):
    import gc
    known = [d for d in gc.get_objects() if isinstance(d, dict) and isinstance(d.get("secret"), str)]
    raise ValueError(f"{len(known)} found")

check("iou", my_iou)"""


@needs_copies
def test_the_answer_s_process_does_not_know_what_lines_are_signed_with(tmp_path):
    rows = marked_alone(tmp_path, [IMPORTS, LOOKS])
    assert any("ValueError: 0 found" in row.finding for row in rows), rows
