"""The panel of progress: what was passed, notebook by notebook."""

from __future__ import annotations

from unet_lab.course.progress import load_progress
from unet_lab.explorers.base import Explorer, dropdown
from unet_lab.plots.figure import TRAINING_COLOUR, VALIDATION_COLOUR, DescribedFigure


def progress_panel(lessons: dict[str, tuple[str, ...]]) -> Explorer:
    """A square for each exercise of each notebook: filled where passed, framed where tried. Reads the file anew at every turn."""

    def draw(notebook):
        found = load_progress()
        picture = squares(lessons, found, notebook)
        passed = sum(1 for names in lessons.values() for name in names if found.get(name, {}).get("passed"))
        lines = [f"{passed} of {sum(map(len, lessons.values()))} exercises passed. In {notebook}:"]
        for name in lessons[notebook]:
            entry = found.get(name)
            if entry is None:
                lines.append(f"{name}: not tried yet")
            elif entry["passed"]:
                lines.append(f"{name}: passed on {entry['passed'][:10]}, after {entry['tries']} wrong answers")
            else:
                lines.append(f"{name}: tried, wrong {entry['tries']} times so far")
        return picture, "\n".join(lines)

    controls = {"notebook": dropdown("notebook", list(lessons), next(iter(lessons)))}
    return Explorer(controls, draw, "Reset reads the file again. It is yours: it lies on this machine only.")


def squares(lessons: dict[str, tuple[str, ...]], found: dict[str, dict], marked: str) -> DescribedFigure:
    words = "A row for each notebook, a square for each of its exercises."
    picture = DescribedFigure(7.2, 0.55 + 0.235 * len(lessons), words, layout="none")
    axes = picture.add_axes((0.36, 0.01, 0.6, 0.9))
    for row, (lesson, names) in enumerate(lessons.items()):
        for column, name in enumerate(names):
            entry = found.get(name)
            filled = TRAINING_COLOUR if entry and entry["passed"] else "white"
            edge, width = (VALIDATION_COLOUR, 2.5) if entry and not entry["passed"] else ("#777777", 1)
            axes.scatter(column, row, s=120, marker="s", color=filled, edgecolors=edge, linewidths=width)
        weight = "bold" if lesson == marked else "normal"
        axes.text(-0.6, row, lesson, ha="right", va="center", fontsize=9, weight=weight)
    axes.set(xlim=(-0.5, 4.5), ylim=(len(lessons) - 0.5, -0.6))
    axes.axis("off")
    for column, (label, filled, edge) in enumerate(
        (("passed", TRAINING_COLOUR, "#777777"), ("tried", "white", VALIDATION_COLOUR), ("not yet", "white", "#777777"))
    ):
        axes.scatter(2.4 + 0.8 * column, -0.05, s=60, marker="s", color=filled, edgecolors=edge, clip_on=False)
        axes.text(2.52 + 0.8 * column, -0.05, label, va="center", fontsize=8)
    return picture
