"""A report as one file: figures, words and numbers in a page that opens anywhere, offline."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from unet_lab.files import write_whole
from unet_lab.plots.figure import DescribedFigure


def write_report(
    path: str | Path, title: str, parts: Sequence[tuple[str, str | Mapping | DescribedFigure]], overwrite: bool = False
) -> Path:
    """Write an HTML page that holds everything it shows: complete, or not at all.

    Parameters
    ----------
    path : ends in .html. parts : (heading, content) in order; content is text, a DescribedFigure, or a mapping of names to
        values, which becomes a table. overwrite : replace a report of that name.

    Returns the path. Raises ValueError for another ending or another kind of content, FileExistsError where the file is there.

    >>> import tempfile
    >>> path = write_report(tempfile.mkdtemp() + "/my.html", "Two numbers", [("Scores", {"IoU": 0.8})])
    >>> "<td>0.8000</td>" in path.read_text(encoding="utf-8")
    True
    """
    path = Path(path)
    if path.suffix.lower() != ".html":
        raise ValueError(f"{path}: a report is a page; name it {path.stem}.html.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: there is a report of that name. Choose another, or say overwrite=True.")
    body = "\n".join(f"<h2>{escape(heading)}</h2>\n{content_html(heading, content)}" for heading, content in parts)
    style = "body{font:16px/1.5 sans-serif;max-width:1000px;margin:2em auto} img{max-width:100%} td{padding-right:1em}"
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n'
    write_whole(path, page.encode("utf-8"))
    return path


def content_html(heading: str, content: str | Mapping | DescribedFigure) -> str:
    if isinstance(content, DescribedFigure):
        data = base64.b64encode(content.png()).decode("ascii")
        return f'<img src="data:image/png;base64,{data}" alt="{escape(content.alt, quote=True)}">'
    if isinstance(content, Mapping):
        cells = ((name, f"{value:.4f}" if isinstance(value, float) else str(value)) for name, value in content.items())
        return "<table>" + "".join(f"<tr><td>{escape(str(n))}</td><td>{escape(v)}</td></tr>" for n, v in cells) + "</table>"
    if isinstance(content, str):
        return "".join(f"<p>{escape(line)}</p>" for line in content.splitlines() if line)
    raise ValueError(f"{heading}: the content is a {type(content).__name__}; allowed are text, a mapping and a DescribedFigure.")
