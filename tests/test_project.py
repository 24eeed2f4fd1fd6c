"""The project: one list of dependencies, notebooks as they should be and made from their sources."""

import json
import re
import runpy
import tomllib

import nbformat
import pytest

from tests.conftest import ROOT, needs_solutions, needs_sources
from tests.own_pages import OWN
from unet_lab.course import LESSON_NAMES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
our_text = pytest.mark.our_text  # not asked of pages that a lecturer has made her own (own_pages.py)
MAKER = runpy.run_path(str(ROOT / "scripts" / "make_notebooks.py"))


def _listed(lines):
    pattern = re.compile(r"^([A-Za-z0-9_.-]+?)([<>=!~].*)?$")
    found = {}
    for line in lines:
        name, version = pattern.match(line.split("#")[0].strip()).groups()
        found[name.lower().replace("_", "-")] = version or ""
    return found


LINES = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]


def declared():
    return _listed(line.split(";")[0] for line in LINES)


def pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return _listed([line for line in lines if line.strip() and not line.startswith("#")])


def test_environment_yml_agrees_with_pyproject():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    lines = re.findall(r"^ +- ([A-Za-z][^:\n]*)$", text, re.MULTILINE)
    conda = _listed(line for line in lines if line.strip() not in ("conda-forge", "pip"))
    assert conda.pop("python") == ">=3.11,<3.14"
    names = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
    assert {names.get(name, name): version for name, version in conda.items()} == declared()
    assert PROJECT["requires-python"] == ">=3.11"


def test_every_dependency_is_named_once_with_a_range_and_pinned_inside_it():
    names = [re.split(r"[<>=]", line)[0] for line in LINES]
    assert len(names) == len(set(names))
    pins = pinned()
    for name, spec in declared().items():
        low, high = re.fullmatch(r">=([\d.]+),<([\d.]+)", spec).groups()
        version = re.fullmatch(r"==([\d.]+)", pins[name])[1]
        parts = [tuple(int(n) for n in v.split(".")) for v in (low, version, high)]
        assert parts[0] <= parts[1] < parts[2], f"{name} {version} is outside {spec}"
    assert pins["torch"] == "==2.13.0"


def test_lab_py_installs_the_extras_that_the_pages_need_and_no_more():
    assert 'HERE + "[fast,share,test]"' in (ROOT / "lab.py").read_text(encoding="utf-8")
    assert set(PROJECT["optional-dependencies"]) == {"fast", "share", "test"}


def test_installed_versions_are_the_pinned_ones():
    import sys
    from importlib.metadata import version

    from packaging.requirements import Requirement

    if not (ROOT / ".venv").is_dir() or not (ROOT / ".venv").samefile(sys.prefix):
        pytest.skip("not the environment that lab.py made (conda's may hold other versions within the ranges)")
    extras = PROJECT["optional-dependencies"]
    installed = [*PROJECT["dependencies"], *extras["fast"], *extras["share"], *extras["test"]]  # what lab.py installs
    here = [line for line in installed if (marker := Requirement(line.split("#")[0]).marker) is None or marker.evaluate()]
    for name in _listed(line.split(";")[0] for line in here):
        assert version(name).split("+")[0] == pinned()[name].removeprefix("=="), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_page_opens_with_the_usual_kernel_and_stores_no_error(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert not [o for c in code for o in c["outputs"] if o["output_type"] == "error"]


@our_text
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_is_made_as_it_should_be(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_size < 1.5e6
    assert "widgets" not in notebook["metadata"]
    cells = notebook["cells"]
    code = [c for c in cells if c["cell_type"] == "code"]
    text = "".join("".join(c["source"]) for c in cells)
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1)), "not from one clean run in order"
    assert not [o for c in code for o in c["outputs"] if "widget-view" in json.dumps(list(o.get("data", {})))]
    assert max(len("".join(c["source"]).splitlines()) for c in code) <= 30
    facts = [c for c in code if "nbval-check-output" in c["metadata"].get("tags", [])]
    assert len(facts) >= 5
    assert all(c["outputs"] for c in facts)
    first = "".join(cells[0]["source"])
    assert "**The question:**" in first
    assert "minutes" in first
    assert "Predict" in text or "predict" in text
    assert text.count("check(") >= 2
    assert text.count("## Exercise") >= 2
    assert "## Explore" in text
    assert text.count("<details>") >= 3
    assert ".drive()" in "".join(cells[-1]["source"])
    for link in re.findall(r"\]\((\w+\.ipynb)\)", text):
        assert (ROOT / "notebooks" / link).exists(), link


def as_made(notebook):
    """What a source decides about a notebook: kinds, texts, tags."""
    return [(c.cell_type, c.source, c.metadata.get("tags", []), c.metadata.get("jupyter", {})) for c in notebook.cells]


@needs_sources
def test_each_notebook_has_one_source():
    assert {path.stem for path in MAKER["SOURCES"].glob("*.py")} == {path.stem for path in NOTEBOOKS} | {"glossary"}


@needs_sources
@our_text
def test_the_glossary_is_what_its_source_makes_and_every_word_of_it_is_used():
    source = MAKER["read_source"](MAKER["SOURCES"] / "glossary.py")
    stored = nbformat.read(ROOT / "notebooks" / "glossary.ipynb", 4)
    assert as_made(stored) == as_made(MAKER["student_notebook"](source, "glossary"))
    terms = MAKER["glossary_terms"]()
    assert len(terms) >= 60
    assert [t.heading.lower() for t in terms] == sorted(t.heading.lower() for t in terms)
    forms = [form.lower() for term in terms for form in term.forms]
    assert len(forms) == len(set(forms))
    for cell in stored.cells[1:]:
        assert re.search(r"Taught in \[\d\d\]\(\d\d_\w+\.ipynb\)\.$", cell.source), cell.source
    linked = "".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS)
    assert not [term.heading for term in terms if term.link not in linked]


@needs_sources
@our_text
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_first_use_of_each_word_leads_to_the_glossary(path):
    """In prose: not in headings, code or folded answers. Once a page, and nothing before it."""
    texts = [c.source for c in nbformat.read(path, 4).cells[1:] if c.cell_type == "markdown"]
    text = "\n\n".join(texts)
    headings = {term.link: term for term in MAKER["glossary_terms"]()}
    forms = {form.lower() for term in headings.values() for form in term.forms}
    links = re.findall(r"\[([^\]]+)\]\((glossary\.ipynb#[^)]+)\)", text)
    assert len(links) >= 4
    assert len({link for _, link in links}) == len(links), "a word is linked twice"
    for words, link in links:
        words = " ".join(words.split())
        assert words.lower() in {form.lower() for form in headings[link].forms}
        before = MAKER["PROTECTED"].sub(" ", text[: text.index(f"]({link})") - len(words) - 1])
        longer = [form for form in forms if words.lower() in form and form != words.lower()]  # batch norm is no batch
        for form in longer:
            before = re.sub(re.escape(form), " ", before, flags=re.IGNORECASE)
        assert not re.search(rf"(?<![\w-]){re.escape(words)}(?![\w-])", before, re.IGNORECASE), f"{words} is used before its link"


def test_links_spare_what_is_no_prose():
    term = MAKER["Term"]("Max pooling", 0, ("Max pooling", "pooling"))
    spared = "## Pooling\n`pooling` <b title='pooling'> [pooling](x.md) ```\npooling\n``` non-pooling poolings"
    texts = [spared, "A pooling, and a pooling."]
    assert MAKER["link_words"](texts, [term]) == [texts[0], "A [pooling](glossary.ipynb#Max-pooling), and a pooling."]
    assert MAKER["link_words"](["**Max pooling** keeps"], [term]) == ["**[Max pooling](glossary.ipynb#Max-pooling)** keeps"]


@needs_sources
@our_text
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_and_solution_are_what_their_source_makes(path):
    """Made anew from the source by lab.py make-notebooks; the stored notebook and the stored solution are the same."""
    source = MAKER["read_source"](MAKER["SOURCES"] / f"{path.stem}.py")
    assert as_made(nbformat.read(path, 4)) == as_made(MAKER["student_notebook"](source, path.stem))
    solution = MAKER["SOLUTIONS"] / path.name
    if not MAKER["SOLUTIONS"].exists():
        pytest.skip("notebooks/solutions/ was left out of this copy")
    assert as_made(nbformat.read(solution, 4)) == as_made(MAKER["solution_notebook"](source, path.stem))


@needs_solutions
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_stored_solution_passes_every_check_of_its_page(path):
    code = [c for c in nbformat.read(MAKER["SOLUTIONS"] / path.name, 4).cells if c.cell_type == "code"]
    asked = re.findall(r"""\bcheck\(["'](\w+)["'],""", "\n".join(c.source for c in code))
    said = "".join(o.get("text", "") for c in code for o in c.outputs)
    assert tuple(asked) == LESSON_NAMES[path.stem]
    assert [name for name in asked if f"✓ {name}: right." not in said] == []


@needs_sources
def test_a_solution_does_not_leak_into_the_student_s_notebook():
    for path in NOTEBOOKS:
        source = MAKER["read_source"](MAKER["SOURCES"] / f"{path.stem}.py")  # refuses an exercise without marks, by its name
        text = "".join(c.source for c in nbformat.read(path, 4).cells)
        assert "SOLUTION" not in text
        for cell in source.cells:
            for part in re.findall(r"### BEGIN SOLUTION\n(.*?)\n *### END SOLUTION", cell.source, re.DOTALL):
                assert part not in text


def test_marks_in_a_source_come_in_pairs(tmp_path):
    (tmp_path / "a.py").write_text("# %%\ndef f():\n    ### BEGIN SOLUTION\n    return 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.py: in cell 0 the marks of a solution do not come in pairs"):
        MAKER["read_source"](tmp_path / "a.py")


def test_what_a_student_gets_of_a_cell():
    begin, end, body = "### BEGIN SOLUTION", "### END SOLUTION", "    if x:\n        return 1\n    return 2"
    code = f"a = None\n{begin}\na = 1\n{end}\ndef f(x):\n    {begin}\n{body}\n    {end}"
    assert MAKER["without_solution"](code) == "a = None\ndef f(x):\n    return None"
    assert MAKER["with_solution"](code) == f"a = None\na = 1\ndef f(x):\n{body}"


def test_nothing_of_the_real_images_is_in_the_project(real):
    import hashlib

    def digests(folder, pattern):
        skip = {".venv", ".git", "build"}
        files = (p for p in folder.rglob(pattern) if not skip & set(p.relative_to(folder).parts))
        return {hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    assert not digests(real, "*.png") & digests(ROOT, "*.png")


def test_the_readme_names_the_minutes_that_the_pages_name():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in [path for path in NOTEBOOKS if path.stem not in OWN]:
        minutes = re.search(r"About (\d+) minutes", path.read_text(encoding="utf-8"))[1]
        assert re.search(rf"\| `{path.stem}` \|.*\| {minutes} \|", readme), path.stem


CASES = {  # the fault of each page's case, and words of its cure
    "01": ("masks 0 and 255", "Encode them first"),
    "02": ("mode forgotten", "`eval()` was forgotten"),
    "03": ("odd size", "a multiple of 2 to the power of the depth"),
    "04": ("interpolated masks", "by its nearest neighbour only"),
    "05": ("softmax twice", "Return the logits"),
    "06": ("all background", "weights that grow as a class gets rarer"),
    "07": ("rate too high", "Divide it by ten until the first steps go down"),
    "08": ("flattering accuracy", "IoU of each class"),
    "09": ("normalised otherwise", "One function that prepares images, called in both places"),
    "10": ("leak", "Split first, by source"),
    "11": ("mode forgotten", "`model.train()` at the top of each epoch"),
    "12": ("normalised otherwise", "Standardise the whole image once"),
}


@our_text
@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem[:2] in CASES], ids=lambda p: p.stem)
def test_pages_01_to_12_end_with_a_case_from_the_clinic(path):
    """A symptom, a question, a folded answer that leads to 14, before the recap; between them all ten faults."""
    from unet_lab.doctor.faults import FAULTS

    cells = nbformat.read(path, 4).cells
    places = [k for k, cell in enumerate(cells) if cell.source.startswith("## A case from the clinic")]
    assert len(places) == 1
    assert cells[places[0] + 1].source.startswith("## Recap")
    symptom, answer = cells[places[0]].source.split("<details><summary>Cause and cure</summary>")
    assert symptom.rstrip().endswith("**What is wrong?**")
    assert '<a href="14_when_it_fails.ipynb">' in answer
    assert CASES[path.stem[:2]][1] in answer
    assert {fault for fault, _ in CASES.values()} == FAULTS.keys()


@our_text
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_page_says_in_its_first_cell_what_one_needs(path):
    """In one line, with links to pages before it; 00 needs none."""
    first = nbformat.read(path, 4).cells[0].source
    needed = re.findall(r"You need:? ([^.]*(?:\.ipynb[^.]*)*)\.", first)
    assert len(needed) == 1, first
    pages = re.findall(r"\((\d\d)_\w+\.ipynb\)", needed[0])
    assert bool(pages) is (path.stem != "00_start_here")
    assert all(page < path.stem[:2] for page in pages)


@our_text
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_each_picture_has_a_text_and_headings_are_in_order(path):
    notebook = nbformat.read(path, as_version=4)
    level, lines = 0, "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").splitlines()
    for heading in (line for line in lines if re.match(r"#+ ", line)):
        depth = len(heading) - len(heading.lstrip("#"))
        assert depth <= level + 1, f"{heading} comes after a heading of level {level}"
        level = depth
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            alt = output.metadata.get("image/png", {}).get("alt") or output.data.get("text/plain", "")
            assert len(alt.split()) > 3, f"a picture says no more than {alt!r}"
            assert not re.match(r"<|\w+\(", alt), f"a picture's text is Python's name of it: {alt!r}"
