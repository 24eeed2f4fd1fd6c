"""Sources whose marks were lost: refused by the exercise's name, before its solution is on a student's page."""

import pytest

from tests.conftest import needs_sources

make_notebooks = pytest.importorskip("scripts.make_notebooks", reason="left out of this copy")
pytestmark = needs_sources

FORGOTTEN = {
    "a function": ("# %%\ndef f():\n    return 1\n\n\ncheck('split', f);\n", "the exercise split has no marks"),
    "a number": ("# %%\nf = 3\n\ncheck('split', f);\n", "the exercise split has no marks"),
    "one of two": (
        "# %%\nclass F:\n    def __init__(self):\n        self.a = 3\n\n    def forward(self):\n        ### BEGIN SOLUTION\n"
        "        return 1\n        ### END SOLUTION\n\n\ncheck('split', F);\n",
        "in the exercise split the function __init__ has no marks",
    ),
}


@pytest.mark.parametrize("case", FORGOTTEN)
def test_an_exercise_without_marks_is_refused_by_its_name_and_nothing_is_made(case, tmp_path, monkeypatch):
    text, words = FORGOTTEN[case]
    (tmp_path / "01_a.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(make_notebooks, "SOURCES", tmp_path)
    monkeypatch.setattr(make_notebooks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr("sys.argv", ["make_notebooks.py", "01"])
    with pytest.raises(SystemExit) as stop:
        make_notebooks.main()
    assert f"01_a.py: {words}" in stop.value.code
    assert "Put `### BEGIN SOLUTION` back above the solution and `### END SOLUTION` below it" in stop.value.code
    assert [path.name for path in tmp_path.iterdir()] == ["01_a.py"]


def test_students_may_be_given_a_function_beside_what_they_write(tmp_path):
    text = FORGOTTEN["one of two"][0].replace("# %%", '# %% tags=["given"]')
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    page = make_notebooks.student_notebook(make_notebooks.read_source(tmp_path / "a.py"), "01_a")
    assert "self.a = 3" in page.cells[0].source
    assert "tags" not in page.cells[0].metadata
