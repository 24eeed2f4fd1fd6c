"""What a class handed in: each file, whose it is, and what kind of thing."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from unet_lab.course.grading.archives import Refused, unpack
from unet_lab.course.grading.layouts import Owner, is_course_file, is_hidden, repositories
from unet_lab.course.grading.ownership import Parts, key_of, named, owners_of, with_exported_name
from unet_lab.course.grading.roster import Roster

LAYOUTS = ("auto", "student-first", "assignment-first")
DEEPEST_ZIP = 2  # a class's zip that holds the students' zips
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz")


class Submission(NamedTuple):
    """One file: whose, where, and what it is.

    kind : "notebook" or "export", which are marked; "script", "page", "nothing" or "refused", which get a row that says why not.
    remark : what to know about it, e.g. that its owner is not on the roster.  place : its path below the student's folder.
    beside : the other files of the student's folder, as (path below it, file): a notebook may read them.
    others : folders with what was handed in, which it may not read: it runs on copies.
    canvas : Canvas's number of the student, where the file's name holds it.
    """

    student: str
    path: Path
    kind: str
    remark: str = ""
    place: str = ""
    number: str = ""
    late: bool = False
    beside: tuple[tuple[str, Path], ...] = ()
    others: tuple[str, ...] = ()
    canvas: str = ""


class Collected(NamedTuple):
    """Everything below a folder, zips opened, as paths below it."""

    files: dict[Parts, Path]
    empty: list[Parts]
    refused: dict[Parts, str]


def find_submissions(
    folder: str | Path, roster: Roster | None = None, layout: str = "auto", unpack_to: str | Path | None = None
) -> list[Submission]:
    """Everything that was handed in below a folder (or in a zip file), in the order of the students' names.

    Known are the downloads of Moodle, Canvas and nbgrader, repositories of GitHub Classroom, a folder for each student, or for
    each assignment with the students' in it, and files named after students: `ada_07_training.ipynb` is ada's. Files of the
    course itself are no submissions. With a roster names are those of the roster, and who handed in nothing is in the list.
    What is doubtful is refused, in words, never merged; `layout` says which folders are the students' where that is the doubt.

    unpack_to : where zips are unpacked; a temporary folder otherwise. Raises FileNotFoundError, NotADirectoryError.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: there is no such folder. Give the one that holds what the class handed in.")
    if not folder.is_dir() and folder.suffix.lower() != ".zip":
        raise NotADirectoryError(f"{folder} is a file. Give the folder that holds what the class handed in, or a zip of it.")
    if unpack_to is None:
        unpack_to = tempfile.mkdtemp(prefix="unet-lab-")
        atexit.register(shutil.rmtree, unpack_to, ignore_errors=True)
    collected = collect(folder, Path(unpack_to))
    roots = repositories(collected.files)
    files = without_the_course(collected.files, roots)
    owners, doubts = owners_of([*files, *collected.empty, *collected.refused], files, roster, layout)
    owners = {parts: with_exported_name(owner, files.get(parts)) for parts, owner in owners.items()}
    names = named(owners, roster, {part for root in roots for part in root})
    found = [Submission(f"? {'/'.join(at)}", Path(*at), "refused", why, "/".join(at)) for at, why in doubts.items()]
    for student, parts in by_student(owners, names).items():
        found += of_one_student(student, parts, owners, collected, files)
    if roster is not None:
        there = {submission.student for submission in found}
        missing = [student for student in roster.students if student.name not in there]
        found += [Submission(s.name, folder, "nothing", "handed in nothing", "", s.number) for s in missing]
    others = (str(folder.resolve()), str(Path(unpack_to).resolve()))
    return sorted((s._replace(others=others) for s in found), key=lambda s: (s.student.lower(), s.place, s.path))


def collect(folder: Path, unpack_to: Path) -> Collected:
    """All files below a folder by their parts, in zips too; folders without any; archives that are refused, with the reason."""
    files, empty, refused, zips = {}, [], {}, 0
    waiting: list[tuple[Parts, Path, int]] = [((), folder, 0)]
    while waiting:
        above, place, depth = waiting.pop()
        if place.is_file():  # a zip
            zips += 1
            target = unpack_to / str(zips)
            try:
                unpack(place, target)
            except Refused as error:
                refused[above or (place.name,)] = str(error)
                continue
            place = target
        for root, folders, names in os.walk(place):
            inside = above + Path(root).relative_to(place).parts
            folders[:] = sorted(name for name in folders if not is_hidden([name]))
            names = sorted(name for name in names if not is_hidden([name]))
            for name in folders:
                if name.endswith(".ipynb") or Path(root, name).is_symlink():
                    files[(*inside, name)] = Path(root, name)
            if inside and not names and not folders:
                empty.append(inside)
            for name in names:
                parts = (*inside, name)
                if name.lower().endswith(".zip") and depth < DEEPEST_ZIP and not Path(root, name).is_symlink():
                    waiting.append(((*inside, name[:-4]), Path(root, name), depth + 1))
                else:
                    files[parts] = Path(root, name)
    return Collected(files, empty, refused)


def without_the_course(files: dict[Parts, Path], roots: set[Parts]) -> dict[Parts, Path]:
    """The files that are students' work: of a repository not the course's own, and nowhere its solutions and their sources."""
    kept = {}
    for parts, path in files.items():
        inside = next((parts[len(root) :] for root in roots if parts[: len(root)] == root), None)
        of_course = inside is not None and is_course_file(inside)
        pairs = set(itertools.pairwise(parts))
        if not of_course and not pairs & {("notebooks", "solutions"), ("notebooks", "source")}:
            kept[parts] = path
    return kept


def by_student(owners: dict[Parts, Owner], names: dict[Owner, tuple[str, str, str]]) -> dict[tuple[str, str, str], list[Parts]]:
    """The paths of each student, whose key is what `named` gives; a path of nobody is a student of its own."""
    students = defaultdict(list)
    for parts, owner in owners.items():
        name, number, remark = names[key_of(owner)]
        if not name:
            shown = "/".join(parts)
            remark = remark or "whose is it? Put it in a folder, or begin its name, with the student's name"
            students[f"? {shown}", "", remark].append(parts)
        else:
            students[name, number, remark].append(parts)
    return students


def of_one_student(
    student: tuple[str, str, str], paths: list[Parts], owners: dict[Parts, Owner], collected: Collected, files: dict[Parts, Path]
) -> list[Submission]:
    """What one student handed in; at least one entry, but for files in the class's own folder that are nobody's."""
    name, number, remark = student
    mine = {parts: files[parts] for parts in paths if parts in files}
    found = []
    for parts, path in mine.items():
        owner, kind = owners[parts], kind_of(path)
        if kind in ("notebook", "export", "script", "page"):
            beside = files_beside(owner, mine, owners) if kind == "notebook" else ()
            kind = "refused" if name.startswith("? ") else kind
            canvas = owner.number if owner.platform == "Canvas" else ""
            place = "/".join(owner.inside)
            found.append(Submission(name, path, kind, remark, place, number, owner.late, beside, canvas=canvas))
    for parts in paths:
        if parts in collected.refused:
            place = "/".join(parts) + ".zip"
            found.append(Submission(name, Path(place), "refused", collected.refused[parts], place, number))
    notebooks = any(s.kind in ("notebook", "export") for s in found)
    if notebooks:  # a module beside a notebook is no submission of its own
        found = [s for s in found if s.kind != "script" or looks_like_a_notebook(s.path)]
    if found or (owners[paths[0]].platform == "file" and mine):
        return found
    there = ", ".join(sorted(path.name for path in mine.values())[:5])
    what = f"nothing that can be marked: {there}" if there else "an empty folder"
    return [Submission(name, Path(*paths[0]), "nothing", "; ".join(filter(None, (what, remark))), "", number)]


def files_beside(owner: Owner, mine: dict[Parts, Path], owners: dict[Parts, Owner]) -> tuple[tuple[str, Path], ...]:
    """The other files of the same folder of a student, where they lie in it: data, modules, pictures."""
    others = ((owners[parts], path) for parts, path in mine.items() if path.suffix.lower() not in (".ipynb", *_ARCHIVES))
    return tuple(
        ("/".join(other.inside), path)
        for other, path in others
        if other.folders[: len(owner.folders)] == owner.folders
        and other.platform != "file"
        and path.is_file()
        and not path.is_symlink()
    )


def kind_of(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return "export" if looks_like_an_export(path) else "other"
    return {".ipynb": "notebook", ".py": "script", ".html": "page", ".htm": "page"}.get(suffix, "other")


def looks_like_an_export(path: Path) -> bool:
    start = beginning(path)
    return '"format"' in start and '"package' not in start


def looks_like_a_notebook(path: Path) -> bool:
    """Whether a .py file is a notebook that was saved as one, by Colab, VS Code, Jupyter or jupytext."""
    start = beginning(path)
    return "check(" in start or any(sign in start for sign in ("Automatically generated by Colab", "# %%", "# In["))


def beginning(path: Path) -> str:
    """The first 100,000 characters of a file that is one; "" of any other."""
    if path.is_symlink() or not path.is_file():
        return ""
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read(100_000)
