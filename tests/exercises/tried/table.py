"""The table of answers in docs/measurements.md."""

from tests.conftest import ROOT
from tests.exercises.tried import Row, exercises

PLACE = ROOT / "docs" / "measurements.md"
HEAD = "| exercise | wrong tried | accepted | right tried | rejected | mistake named |\n|---|---|---|---|---|---|"
BEGIN, END = "<!-- answers tried: begin -->", "<!-- answers tried: end -->"


def total(rows: list[Row]) -> Row:
    return Row("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))


def write(rows: list[Row]) -> None:
    """Put the rows between the two marks; rows of exercises that were not run again stay."""
    text = PLACE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    kept = stored() | {row.exercise: row for row in rows}
    ordered = [kept[name] for name in exercises() if name in kept]
    lines = [HEAD, *map(str, ordered), str(total(ordered))]
    PLACE.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}", encoding="utf-8")


def stored() -> dict[str, Row]:
    """The rows as they stand there, by exercise."""
    _, _, rest = PLACE.read_text(encoding="utf-8").partition(BEGIN)
    lines = rest.partition(END)[0].strip().splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: Row(name, *map(int, numbers)) for name, *numbers in cells}
