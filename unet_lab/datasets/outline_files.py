"""Files of outlines: LabelMe, COCO, QuPath's GeoJSON and ImageJ's ROIs, each read into the same plain form."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from unet_lab.datasets.file_lists import plain
from unet_lab.datasets.image_files import MOST_PIXELS

FARTHEST = 1e9  # pixels from the corner
UNNAMED = "(unclassified)"
Rings = list[np.ndarray]  # each (n, 2): x, y in pixels from the top left corner; even-odd, so that an inner ring is a hole


class Outline(NamedTuple):
    """An object: its name, and its parts, each an outer ring with its holes."""

    label: str
    parts: list[Rings]


class Sheet(NamedTuple):
    """The outlines of one image, in the order of the file."""

    file: Path
    name: str  # the image's, without ending
    shape: tuple[int, int] | None  # height, width; None where the file does not say
    outlines: list[Outline]


def read_json(file: Path) -> list[Sheet]:
    """The sheets of a JSON file, whichever of the three formats it has. Raises ValueError where it is none of them."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{file}: is no JSON ({error}). Export it again.") from None
    try:
        if isinstance(content, dict) and "shapes" in content:
            return [labelme_sheet(file, content)]
        if isinstance(content, dict) and "annotations" in content and "images" in content:
            return coco_sheets(file, content)
        if isinstance(content, list) or (isinstance(content, dict) and content.get("type") in ("Feature", "FeatureCollection")):
            return [geojson_sheet(file, content)]
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(f"{file}: something is missing in it ({type(error).__name__}: {error}). Export it again.") from None
    raise ValueError(f"{file}: holds no outlines that are known: LabelMe has 'shapes', COCO 'annotations', GeoJSON 'features'.")


def ring(points: Any, file: Path) -> np.ndarray:
    """Corners (n, 2). Raises ValueError where they enclose nothing or are no numbers."""
    try:
        corners = np.array([point[:2] for point in points], float)
    except (ValueError, TypeError):
        corners = np.empty((0, 2))
    if corners.ndim != 2 or len(corners) < 3 or not (np.abs(corners) < FARTHEST).all():
        raise ValueError(f"{file}: an outline has {len(corners)} usable corners; it takes at least 3, plain numbers of pixels.")
    return corners


def size(file: Path, height: Any, width: Any) -> tuple[int, int]:
    """Height and width of an image as a file says them. Raises ValueError for no numbers, and for more pixels than are read."""
    try:
        shape = (int(height), int(width))
    except (ValueError, TypeError, OverflowError):
        shape = (0, 0)
    if min(shape) < 1 or shape[0] * shape[1] > MOST_PIXELS:
        raise ValueError(f"{file}: the image's size is {height!r} x {width!r}; allowed are 1 to {MOST_PIXELS:,} pixels in all.")
    return shape


def name_of_image(path: str) -> str:
    """The name of an image without folders and ending; a path of Windows too."""
    return plain(PureWindowsPath(path).stem)


def labelme_sheet(file: Path, content: dict) -> Sheet:
    """LabelMe: polygons, rectangles (two corners) and circles (centre and a point on the line)."""
    outlines = []
    for shape in content["shapes"]:
        kind, points = shape.get("shape_type") or "polygon", shape["points"]
        if kind == "rectangle" and len(points) == 2:
            (x0, y0), (x1, y1) = points
            points = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        elif kind == "circle" and len(points) == 2:
            points = circle(points[0], points[1])
        elif kind not in ("polygon", "rectangle"):
            allowed = "allowed are polygon, rectangle and circle"
            raise ValueError(f"{file}: {shape['label']!r} is a {kind}, which has no outline; {allowed}. Draw it as a polygon.")
        outlines.append(Outline(plain(str(shape["label"])), [[ring(points, file)]]))
    height, width = content.get("imageHeight"), content.get("imageWidth")
    shape = size(file, height, width) if height and width else None
    name = name_of_image(content["imagePath"]) if content.get("imagePath") else plain(file.stem)
    return Sheet(file, name, shape, outlines)


def circle(centre: tuple[float, float], point: tuple[float, float], corners: int = 720) -> np.ndarray:
    """A circle as a polygon (n, 2)."""
    radius = np.hypot(point[0] - centre[0], point[1] - centre[1])
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles)], axis=1)


def coco_sheets(file: Path, content: dict) -> list[Sheet]:
    """COCO: a file for all images; an object is one or several polygons, flat lists x, y, x, y, …"""
    names = {category["id"]: plain(str(category["name"])) for category in content.get("categories", [])}
    images = {image["id"]: image for image in content["images"]}
    outlines: dict[Any, list[Outline]] = {number: [] for number in images}
    for annotation in content["annotations"]:
        polygons = annotation.get("segmentation")
        if isinstance(polygons, dict):
            raise ValueError(f"{file}: annotation {annotation.get('id')} is run-length encoded (RLE). Export polygons.")
        if not polygons:
            raise ValueError(f"{file}: annotation {annotation.get('id')} has a box only, no outline; boxes make no mask.")
        if annotation["image_id"] not in images:
            raise ValueError(
                f"{file}: annotation {annotation.get('id')} is for image {annotation['image_id']!r}, which is not listed."
            )
        label = names.get(annotation["category_id"], f"category {annotation['category_id']}")
        parts = [[ring(list(zip(flat[::2], flat[1::2], strict=False)), file)] for flat in polygons]
        outlines[annotation["image_id"]].append(Outline(label, parts))
    return [
        Sheet(file, name_of_image(image["file_name"]), size(file, image["height"], image["width"]), outlines[number])
        for number, image in images.items()
    ]


def geojson_sheet(file: Path, content: dict | list) -> Sheet:
    """QuPath's GeoJSON: polygons and multi-polygons, the first ring outside, the others holes; the class in `classification`."""
    features = content if isinstance(content, list) else content.get("features", [content])
    outlines = []
    for feature in features:
        geometry, properties = feature["geometry"], feature.get("properties") or {}
        classification = properties.get("classification") or {}
        label = classification.get("name") or " ".join(classification.get("names", [])) or UNNAMED
        if geometry["type"] not in ("Polygon", "MultiPolygon"):
            allowed = "allowed are Polygon and MultiPolygon"
            raise ValueError(
                f"{file}: {label!r} is a {geometry['type']}, which encloses nothing; {allowed}. Leave it out of the export."
            )
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        outlines.append(Outline(plain(label), [[ring(points, file) for points in polygon] for polygon in polygons]))
    return Sheet(file, plain(file.stem), None, outlines)


def read_rois(file: Path) -> list[Sheet]:
    """ImageJ's ROIs: one (`.roi`) or a set (`.zip`), read by roifile. Raises ValueError for other files and several slices."""
    import roifile

    if file.suffix.lower() == ".zip" and not (zipfile.is_zipfile(file) and roi_names(file)):
        raise ValueError(f"{file}: is no set of ImageJ's ROIs. If it is an archive of something else, unpack it first.")
    try:
        read = roifile.roiread(file)
    except Exception as error:
        raise ValueError(f"{file}: cannot be read as ImageJ's ROI ({error}). Save it again in the ROI Manager.") from None
    rois = read if isinstance(read, list) else [read]
    slices = sorted({roi.position for roi in rois if roi.position > 0})
    if len(slices) > 1:
        raise ValueError(f"{file}: its ROIs lie on {len(slices)} slices ({slices[:5]} …). Save a set for each slice.")
    return [Sheet(file, plain(file.stem), None, [roi_outline(roi, file) for roi in rois])]


def roi_names(file: Path) -> list[str]:
    """The ROIs in a zip file."""
    with zipfile.ZipFile(file) as archive:
        return [name for name in archive.namelist() if name.lower().endswith(".roi")]


def roi_outline(roi: Any, file: Path) -> Outline:
    """One ROI, named as its user did, without the number in "cell-1"; names that ImageJ made itself count as "roi"."""
    import roifile

    kinds = roifile.ROI_TYPE
    if roi.roitype not in (kinds.POLYGON, kinds.RECT, kinds.OVAL, kinds.FREEHAND, kinds.TRACED):
        raise ValueError(
            f"{file}: the ROI {roi.name!r} is a {roi.roitype.name.lower()}, which encloses nothing. Delete it from the set."
        )
    own = not roi.name or re.fullmatch(r"(F\d+-[0-9a-z]+|\d+(-\d+)+)", roi.name)
    label = "roi" if own else re.sub(r"-\d+$", "", roi.name)
    if roi.group:
        label = f"group {roi.group}"
    rings = [ring(points, file) for points in roi.coordinates(multi=True)]
    return Outline(plain(label), [rings])


READERS = {".json": read_json, ".geojson": read_json, ".roi": read_rois, ".zip": read_rois}
