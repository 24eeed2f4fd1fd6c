"""`lab.py benchmark`: the table of the docs is the stored one, and nothing is stored that was measured beside another program."""

import runpy
import subprocess
import sys

import pytest

from tests.conftest import ROOT

RUN = runpy.run_path(str(ROOT / "benchmarks" / "run.py"))


def test_the_table_of_the_docs_is_the_stored_one():
    text = RUN["DOCS"].read_text(encoding="utf-8")
    assert RUN["with_table"](text, RUN["stored"]()) == text, "python3 lab.py benchmark writes it"


def test_a_document_without_its_marks_is_refused():
    with pytest.raises(ValueError, match=r"measurements.md has lost its marks <!-- written"):
        RUN["with_table"]("no marks", {})


def test_rows_of_one_evening_stand_in_one_table():
    row = {"what": "a", "against": "b", "ratio": 2.0, "low": 1.5, "high": 2.5, "milliseconds": 1.0, "note": ""}
    entry = {"date": "2026-01-01", "machine": "m", "rows": [row]}
    one = RUN["table"]({"x": entry | {"commit": "abc"}, "y": entry | {"commit": "abc"}})
    assert one.count("| What |") == 1
    assert "2026-01-01, m, commit abc:" in one
    assert one.count("| a | b | 2.00 (1.50 to 2.50) |  |") == 2
    assert RUN["table"]({"x": entry | {"commit": "abc"}, "y": entry}).count("| What |") == 2


def test_a_program_that_takes_a_core_is_seen_and_named():
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        share, name = RUN["others"](1.5)
        assert share > RUN["QUIET"]
        assert name
        assert "of a core" in RUN["busy"]()
    finally:
        spinning.kill()
        spinning.wait()


def test_what_was_measured_beside_another_program_is_not_stored(monkeypatch, tmp_path, capsys):
    names = RUN["main"].__globals__
    monkeypatch.setitem(names, "RESULTS", tmp_path / "results.json")
    monkeypatch.setitem(names, "measured", lambda name: [])
    monkeypatch.setitem(names, "busy", lambda: "a game takes 80% of a core")
    monkeypatch.setattr(sys, "argv", ["lab.py benchmark", "tiling"])
    assert RUN["main"]() == 1
    assert "Not stored: a game takes 80% of a core" in capsys.readouterr().out
    assert not (tmp_path / "results.json").exists()


def test_the_speed_of_training_steps_can_be_measured():
    """At a small size: the loop that it calls had changed, and nobody saw that the benchmark no longer ran."""
    done = subprocess.run(
        [sys.executable, "-c", "from benchmarks.speed import steps\nfor row in steps(4, (2, 1, 32, 32), 3): print(row)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "x the plain network" in done.stdout
    assert "x MONAI's BasicUNet" in done.stdout
