"""Whose each file of a class is: one student's through all downloads, and never two students' by mistake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from unet_lab.course.grading.layouts import Owner, common_prefix, is_assignment, owner_of
from unet_lab.course.grading.roster import Roster, spellings
from unet_lab.course.progress import read_export

Parts = tuple[str, ...]  # of a path below the class's folder


def owners_of(
    paths: Iterable[Parts], files: dict[Parts, Path], roster: Roster | None, layout: str
) -> tuple[dict[Parts, Owner], dict[Parts, str]]:
    """For each path its owner; and for each folder that may be a student's or an assignment's, the question instead."""
    as_files = {parts: parts if parts in files else (*parts, "") for parts in paths}
    assignments: frozenset[Parts] = frozenset()
    for _ in range(4):  # an assignment's folder in a course's folder in a year's
        owners = {parts: owner_of(named_parts, assignments) for parts, named_parts in as_files.items()}
        sure, doubtful = folders_of_folders(owners, roster, layout)
        if not sure or (layout == "assignment-first" and assignments):
            break
        assignments |= sure
    return {parts: owner for parts, owner in owners.items() if owner.folders not in doubtful}, doubtful


def folders_of_folders(owners: dict[Parts, Owner], roster: Roster | None, layout: str) -> tuple[set[Parts], dict[Parts, str]]:
    """Of folders taken for students': those that are surely assignments'; and those where it is doubtful, with the question."""
    below = defaultdict(lambda: defaultdict(set))  # folder, its subfolders, the notebooks in them
    for parts, owner in owners.items():
        if not owner.platform and len(owner.inside) > 1 and parts[-1].endswith(".ipynb") and not is_assignment(owner.inside[0]):
            below[owner.folders][owner.inside[0]].add(parts[-1])
    known = {place for place in below if roster is not None and len(roster.find(place[-1])) == 1}
    if layout == "assignment-first":
        return set(below), {}
    sure = {place for place, inner in below.items() if roster is not None and place not in known and all(map(roster.find, inner))}
    shared = {place for place, inner in below.items() if sum(map(len, inner.values())) > len(set().union(*inner.values()))}
    doubted = (
        {place[:-1] for place in shared - known - sure} if layout == "auto" else set()
    )  # then its neighbours are doubtful too
    question = (
        "the folders in it ({}): are they one student's, or several students'? Say --layout student-first or "
        "--layout assignment-first, or give a --roster."
    )
    open_places = (place for place in below if place[:-1] in doubted and place not in known | sure)
    return sure, {place: question.format(", ".join(sorted(below[place])[:4])) for place in open_places}


def named(owners: dict[Parts, Owner], roster: Roster | None, in_repositories: set[str]) -> dict[Owner, tuple[str, str, str]]:
    """For each owner (without its place): the name for the table, the roster's number, a remark. An empty name: refused.

    in_repositories : names of folders that are repositories of the course, or hold one.
    """
    people = {key_of(owner) for owner in owners.values()}
    prefix = common_prefix([owner.name for owner in people if not owner.platform and owner.name in in_repositories])
    numbers = defaultdict(set)
    for owner in people:
        if owner.platform == "Canvas":
            numbers[owner.name, ""].add(owner.number)
        elif owner.platform == "Moodle":  # its numbers change from one assignment to the next
            numbers[owner.name, "/".join(owner.folders)].add(owner.number)
    namesakes = {name for (name, _), found in numbers.items() if len(found) > 1}
    found = {}
    for owner in people:
        name = owner.name.removeprefix(prefix) if owner.name in in_repositories else owner.name
        if owner.name in namesakes and owner.platform:
            name = f"{name} ({owner.number})"
        found[owner] = (name, "", "") if roster is None else on_roster(owner, name, roster)
    if roster is None:
        found = with_doubles_named(found)
    return found


def with_exported_name(owner: Owner, path: Path | None) -> Owner:
    """An exported progress file that lies in nobody's folder belongs to whom it names."""
    if path is None or owner.platform != "file" or path.suffix.lower() != ".json" or path.is_symlink():
        return owner
    try:
        return owner._replace(name=read_export(path)["student"])
    except (ValueError, OSError):
        return owner


def key_of(owner: Owner) -> Owner:
    """The owner without where the file lies."""
    if owner.platform == "Moodle":
        above = owner.folders[:-1] if owner.folders and owner.name in owner.folders[-1] else owner.folders
        return owner._replace(inside=(), folders=above, late=False)
    if owner.platform:
        return owner._replace(inside=(), folders=(), late=False)
    return owner._replace(inside=(), folders=owner.folders[-1:])


def on_roster(owner: Owner, name: str, roster: Roster) -> tuple[str, str, str]:
    found = roster.find(owner.name, owner.number if owner.platform == "Canvas" else "")
    if len(found) == 1:
        return found[0].name, found[0].number, ""
    if not found:
        return name, "", "not on the roster"
    both = " or ".join(f"{student.name} ({student.number})" for student in found[:3])
    return "", "", f"{owner.name} may be {both}: rename it to the id or the e-mail address"


def with_doubles_named(found: dict[Owner, tuple[str, str, str]]) -> dict[Owner, tuple[str, str, str]]:
    """Names that are spelt alike stay apart, with a remark."""
    spelt = defaultdict(set)
    for name, _, _ in found.values():
        for spelling in spellings(name):
            spelt[spelling].add(name)
    alike = {name: names - {name} for names in spelt.values() if len(names) > 1 for name in names}
    return {
        owner: (name, number, f"perhaps the same student as {sorted(alike[name])[0]}: kept apart; a --roster decides")
        if name in alike
        else (name, number, remark)
        for owner, (name, number, remark) in found.items()
    }
