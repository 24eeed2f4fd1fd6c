"""Of a wrong answer it is known how far it came: which facts of its check hold, in how many cases it is right."""

import inspect

import numpy as np
import pytest

from tests.exercises.test_exercises import ALSO_RIGHT, CLASSES, FUNCTIONS, WRONG
from unet_lab.course import CHECKS
from unet_lab.course import facts as module
from unet_lab.course.checking import Wrong, judge
from unet_lab.course.facts import Held, counted, facts

ONE_NUMBER = {"nucleus_pixels", "learning_rate"}  # right or not; there is nothing in between
RIGHT_AT_TIMES = {"parameter_count": lambda base, depth: ALSO_RIGHT["parameter_count"](base, depth) if depth < 4 else 0}
SEVERAL = [name for name, check in CHECKS.items() if "facts(" in inspect.getsource(check)]


def three_facts(answer):
    """Each character of the answer is a setting, and says which fact fails in it: "1", "2", or none. Then comes the third."""
    first, second, third = facts("one", "two", "three")
    for setting in answer:
        with first:
            if setting == "1":
                raise Wrong("one", "hint")
        with second, counted(3, of=4):
            if setting == "2":
                raise Wrong("two", "hint")
    with third:
        raise Wrong("three", "hint")


def test_a_fact_holds_where_all_settings_so_far_passed_it():
    shares = [judge(three_facts, answer).held for answer in ("1", "2", "-1", "-2", "--")]
    assert [(held.facts, held.of, held.next) for held in shares] == [
        (0, 3, "one"),
        (1, 3, "two"),
        (1, 3, "one"),
        (1, 3, "two"),
        (2, 3, "three"),
    ]
    assert [round(held.share, 3) for held in shares] == [0, 0.583, 0.333, 0.583, 0.667]
    assert str(shares[1]) == "1 of 3 facts holds; the next: two; right in 3 of its 4 cases"
    assert str(shares[4]) == "2 of 3 facts hold; the next: three"
    assert str(Held()) == ""


def test_no_wrong_answer_is_right_in_all_cases():
    def check(answer):
        with counted(5, of=5):
            raise Wrong("one array serves all calls", "hint")

    assert judge(check, "answer").held.share == 0.8


@pytest.mark.parametrize("misdeed", [ZeroDivisionError, SystemExit, RecursionError, MemoryError])
def test_an_answer_that_stops_has_no_facts(misdeed):
    def check(answer):
        first, second = facts("one", "two")
        with first:
            pass
        with second, counted(3, of=4):
            raise misdeed

    verdict = judge(check, "answer")
    assert verdict.state == "wrong"
    assert verdict.held == Held()


@pytest.mark.parametrize("name", list(CHECKS))
def test_of_the_known_wrong_answers_some_have_a_share(name):
    """All of them have less than 1, and none where there is one number to give."""
    known = [answer for answer, _ in WRONG[name].values()]
    for answer in [RIGHT_AT_TIMES[name]] if name in RIGHT_AT_TIMES else known[:2] if name in ONE_NUMBER else known:
        held = judge(CHECKS[name], answer).held
        assert 0 <= held.share < 1
        assert held.of == 1 or name in SEVERAL
        if held.share:
            assert name not in ONE_NUMBER
            return
    assert name in ONE_NUMBER


@pytest.mark.parametrize("name", list(CHECKS))
def test_an_answer_that_fails_at_once_has_no_share(name):
    hopeless = {"function": lambda *given: "no answer", "class": type("NoNetwork", (), {}), "value": "no answer"}
    kind = "class" if name in CLASSES else "function" if name in FUNCTIONS else "value"
    verdict = judge(CHECKS[name], hopeless[kind])
    assert verdict.state == "wrong"
    assert verdict.held.share == 0


@pytest.mark.parametrize("name", SEVERAL)
def test_each_fact_of_a_check_is_asked_for_in_order(name, monkeypatch):
    """By a right answer: every fact is entered, first in the order in which the facts are named, and each holds at the end."""
    entered, made, enter, init = [], [], module.Fact.__enter__, module.Fact.__init__
    monkeypatch.setattr(module.Fact, "__enter__", lambda fact: entered.append(fact.name) or enter(fact))
    monkeypatch.setattr(module.Fact, "__init__", lambda fact, *given: made.append(fact) or init(fact, *given))
    verdict = judge(CHECKS[name], ALSO_RIGHT[name])
    assert (verdict.state, verdict.held) == ("right", Held())
    names = [fact.name for fact in made]
    assert len(names) >= 2
    assert list(dict.fromkeys(entered)) == names
    assert all(fact.holds for fact in made)
    assert not [fact for fact in names if fact.endswith(".") or fact[0].isupper()]


@pytest.mark.parametrize("name", SEVERAL)
def test_the_share_grows_with_each_fact(name, monkeypatch):
    """A right answer, rejected at the first fact, at the second, and so on: the share never falls."""
    leave, place, of = module.Fact.__exit__, 0, 0

    def leave_wrongly(fact, kind, error, trace):
        nonlocal of
        of = len(fact.among)
        if fact.among.index(fact) != place or error is not None:
            return leave(fact, kind, error, trace)
        rejected = Wrong("rejected", "hint")
        leave(fact, Wrong, rejected, None)
        raise rejected

    monkeypatch.setattr(module.Fact, "__exit__", leave_wrongly)
    shares = []
    while place == 0 or place < of:
        held = judge(CHECKS[name], ALSO_RIGHT[name]).held
        shares.append((held.facts, held.of))
        place += 1
    assert shares == [(k, of) for k in range(of)]
    assert of >= 2


def test_cases_count_where_a_check_has_nothing_else():
    right = ALSO_RIGHT["receptive_field"]
    held = judge(CHECKS["receptive_field"], lambda layers: right(layers) if len(layers) < 3 else 0).held
    assert 0 < held.right < held.cases
    assert held.share == held.right / held.cases
    assert str(held) == f"right in {held.right} of {held.cases} cases"
    nothing_is_zero = judge(CHECKS["iou"], lambda matrix: np.nan_to_num(ALSO_RIGHT["iou"](matrix))).held
    changes_floats = judge(CHECKS["iou"], changes_what_it_is_given).held
    assert 0.5 < nothing_is_zero.share < changes_floats.share < 1


def changes_what_it_is_given(matrix):
    found = ALSO_RIGHT["iou"](matrix)
    if matrix.dtype.kind == "f":
        matrix += 1
    return found
