"""Outlines drawn by hand become masks: each format as its documentation describes it, against Pillow's polygons and roifile."""

import json
import zipfile

import numpy as np
import pytest
import roifile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from unet_lab.datasets import load_folder, masks_from_outlines
from unet_lab.datasets.outlines import fill
from unet_lab.losses import IGNORE

CELL = [[4.0, 3.0], [36.0, 6.0], [40.0, 28.0], [20.0, 36.0], [6.0, 24.0]]
NUCLEUS = [[14.0, 12.0], [26.0, 12.0], [26.0, 22.0], [14.0, 22.0]]
CLASSES = {"nucleus": 2, "cell": 1}
SHAPE = (40, 48)


def labelme(shapes, name="a.png", shape=SHAPE) -> str:
    """As LabelMe 5 writes it."""
    shapes = [{"label": n, "points": p, "group_id": None, "shape_type": kind, "flags": {}} for n, p, kind in shapes]
    size = {"imageHeight": shape[0], "imageWidth": shape[1]}
    return json.dumps({"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": name, "imageData": None, **size})


def coco(annotations, images=((1, "set/a.jpg"),)) -> str:
    """As COCO's data format says: polygons as flat lists."""
    listed = [{"id": number, "file_name": name, "height": SHAPE[0], "width": SHAPE[1]} for number, name in images]
    objects = [
        {"id": k, "image_id": image, "category_id": category, "segmentation": polygons, "iscrowd": 0, "area": 1, "bbox": []}
        for k, (image, category, polygons) in enumerate(annotations)
    ]
    categories = [{"id": 7, "name": "cell"}, {"id": 9, "name": "nucleus"}]
    return json.dumps({"info": {}, "images": listed, "annotations": objects, "categories": categories})


def qupath(features) -> str:
    """As QuPath 0.4 exports it: rings are closed, a hole is a second ring."""
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "id": str(k),
                    "geometry": {"type": kind, "coordinates": coordinates},
                    "properties": {"objectType": "annotation", **({"classification": {"name": name}} if name else {})},
                }
                for k, (name, kind, coordinates) in enumerate(features)
            ],
        }
    )


def flat(points) -> list[float]:
    return [value for point in points for value in point]


def closed(points) -> list:
    return [*points, points[0]]


def roi(points, name, **settings) -> roifile.ImagejRoi:
    made = roifile.ImagejRoi.frompoints(np.array(points, np.float32), name=name)
    for key, value in settings.items():
        setattr(made, key, value)
    return made


def by_pillow(points, shape=SHAPE, finer=16) -> np.ndarray:
    """The share of each pixel that lies inside, by Pillow's polygon on a finer grid."""
    canvas = Image.new("L", (shape[1] * finer, shape[0] * finer))
    ImageDraw.Draw(canvas).polygon([(x * finer - 0.5, y * finer - 0.5) for x, y in points], fill=1)
    return np.asarray(canvas, float).reshape(shape[0], finer, shape[1], finer).mean(axis=(1, 3))


def agrees(mask, points, shape=SHAPE) -> bool:
    """All inside where Pillow has the whole pixel inside, none where it has nothing of it."""
    share = by_pillow(points, shape)
    return (
        bool(mask[share > 0.99].all()) and not mask[share < 0.01].any() and abs(mask.sum() - share.sum()) <= 3 + 0.1 * share.sum()
    )


def image_folder(path, names=("a",), shape=SHAPE):
    path.mkdir(exist_ok=True)
    for k, name in enumerate(names):
        Image.fromarray(np.random.default_rng(k).integers(0, 255, shape, np.uint8)).save(path / f"{name}.png")
    return path


def write_format(kind, folder) -> None:
    """The same cell with its nucleus, the nucleus first."""
    folder.mkdir()
    if kind == "labelme":
        (folder / "a.json").write_text(labelme([("nucleus", NUCLEUS, "polygon"), ("cell", CELL, "polygon")]))
    elif kind == "coco":
        (folder / "all.json").write_text(coco([(1, 9, [flat(NUCLEUS)]), (1, 7, [flat(CELL)])]))
    elif kind == "qupath":
        polygons = [("nucleus", "Polygon", [closed(NUCLEUS)]), ("cell", "MultiPolygon", [[closed(CELL)]])]
        (folder / "a.geojson").write_text(qupath(polygons))
    else:
        roifile.roiwrite(folder / "a_RoiSet.zip", [roi(NUCLEUS, "nucleus"), roi(CELL, "cell")])


@pytest.mark.parametrize("kind", ["labelme", "coco", "qupath", "imagej"])
def test_each_format_gives_the_same_mask_as_pillow_and_loads(kind, tmp_path):
    images = image_folder(tmp_path / "images")
    write_format(kind, tmp_path / "drawn")
    masks = masks_from_outlines(tmp_path / "drawn", CLASSES, images=images, save=tmp_path / "masks")
    assert list(masks) == ["a"]
    mask = masks["a"]
    assert (mask.shape, mask.dtype) == (SHAPE, np.uint8)
    assert agrees(mask > 0, CELL)
    assert np.argwhere(mask == 2).min(0).tolist() == [12, 14]  # 12 x 10 pixels, exactly: drawn first, and yet on top
    assert np.argwhere(mask == 2).max(0).tolist() == [21, 25]
    assert (mask == 2).sum() == 120
    data = load_folder(images, tmp_path / "masks", codes=(0, 1, 2))
    assert (data.pairs[0].mask == mask).all()


def test_numbers_of_objects(tmp_path):
    write_format("labelme", tmp_path / "drawn")
    numbers = masks_from_outlines(tmp_path / "drawn", CLASSES, instances=True)["a"]
    classes = masks_from_outlines(tmp_path / "drawn", CLASSES)["a"]
    assert numbers.dtype == np.uint16
    assert np.unique(numbers).tolist() == [0, 1, 2]
    assert ((numbers > 0) == (classes > 0)).all()
    assert ((numbers == 2) == (classes == 2)).all()


def test_holes_and_parts(tmp_path):
    (tmp_path / "a.geojson").write_text(
        qupath(
            [("cell", "Polygon", [closed(CELL), closed(NUCLEUS)]), ("cell", "MultiPolygon", [[closed([[0, 0], [2, 0], [2, 2]])]])]
        )
    )
    mask = masks_from_outlines(tmp_path, {"cell": 1}, images=image_folder(tmp_path))["a"]
    assert not mask[12:22, 14:26].any()
    assert mask[11, 14:26].all()
    assert mask[23, 14:26].all()
    (tmp_path / "coco").mkdir()
    far = [[42.0, 30.0], [46.0, 30.0], [46.0, 38.0], [42.0, 38.0]]
    (tmp_path / "coco" / "a.json").write_text(coco([(1, 7, [flat(NUCLEUS), flat(far)])]))
    assert masks_from_outlines(tmp_path / "coco", {"cell": 1})["a"].sum() == 120 + 32  # two parts of one object


def test_a_hole_in_an_imagej_roi_and_roifile_s_own_coordinates(tmp_path):
    # ImageJ's composite: a path of 0 = move to, 1 = line to, 4 = close
    path = []
    for ring in (CELL, NUCLEUS):
        path += [0.0, *ring[0], *(value for point in ring[1:] for value in (1.0, *point)), 4.0]
    made = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, name="cell", left=4, top=3, right=40, bottom=36)
    made.multi_coordinates = np.array(path, np.float32)
    made.shape_roi_size = len(path)
    made.tofile(tmp_path / "a.roi")
    rings = roifile.roiread(tmp_path / "a.roi").coordinates(multi=True)
    assert len(rings) == 2
    mask = masks_from_outlines(tmp_path, {"cell": 1}, images=image_folder(tmp_path / "i"))["a"]
    expected = by_pillow(rings[0].tolist()) - by_pillow(rings[1].tolist())
    assert mask[expected > 0.99].all()
    assert not mask[expected < 0.01].any()


def test_imagej_rectangles_ovals_names_and_groups(tmp_path):
    rectangle = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, name="cell-2", left=2, top=3, right=7, bottom=5)
    oval = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.OVAL, name="0012-0034", left=10, top=10, right=30, bottom=20)
    integer = roifile.ImagejRoi.frompoints(np.array([[40, 2], [44, 2], [44, 4], [40, 4]]), name="x")
    integer.group = 3
    roifile.roiwrite(tmp_path / "set.zip", [rectangle, oval, integer])
    mask = masks_from_outlines(tmp_path, {"cell": 1, "roi": 2, "group 3": 3}, images=image_folder(tmp_path / "i"))["a"]
    assert (mask[3:5, 2:7] == 1).all()
    assert (mask == 1).sum() == 10
    assert abs((mask == 2).sum() - np.pi * 10 * 5) < 4
    assert (mask[2:4, 40:44] == 3).all()
    assert (mask == 3).sum() == 8


def test_labelme_rectangles_circles_and_ignore(tmp_path):
    shapes = [("cell", [[30, 20], [10, 5]], "rectangle"), ("dirt", [[20, 12], [20, 16]], "circle"), ("hole", NUCLEUS, "polygon")]
    (tmp_path / "x.json").write_text(labelme(shapes, name="..\\bilder\\größe 1.tif"))
    (name, mask), *_ = masks_from_outlines(tmp_path, {"cell": 1, "dirt": IGNORE, "hole": 0}).items()
    assert name == "größe 1"
    assert (mask > 0).sum() == 20 * 15
    assert abs((mask == IGNORE).sum() - np.pi * 16) < 4


corners = st.tuples(st.integers(-40, 240), st.integers(-40, 200)).map(lambda c: (c[0] / 4, c[1] / 4))


@given(st.lists(corners, min_size=3, max_size=3, unique=True))
def test_triangles_agree_with_pillow_also_where_they_leave_the_image(points):
    mask = np.zeros(SHAPE, np.uint8)
    fill(mask, [np.array(points)], 1)
    share = by_pillow(points)
    assert mask[share > 0.99].all()
    assert not mask[share == 0].any()


def test_neighbours_share_no_pixel_and_leave_no_gap():
    first, second = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    fill(first, [np.array([[0, 0], [48, 0], [0, 40]])], 1)
    fill(second, [np.array([[48, 0], [48, 40], [0, 40]])], 1)
    assert (first + second == 1).all()


def test_unknown_names_are_listed_and_the_advice_works(tmp_path):
    write_format("labelme", tmp_path / "drawn")
    with pytest.raises(ValueError, match=r"no class for 'nucleus'\. .* names 'nucleus' \(1\), 'cell' \(1\)"):
        masks_from_outlines(tmp_path / "drawn", {"cell": 1})
    with pytest.raises(ValueError, match=r"which name means which class\?.*classes=\{'cell': 1, 'nucleus': 2\}"):
        masks_from_outlines(tmp_path / "drawn")
    assert set(np.unique(masks_from_outlines(tmp_path / "drawn", {"cell": 1, "nucleus": 2})["a"])) == {0, 1, 2}
    with pytest.raises(ValueError, match="the class of 'cell' is 300"):
        masks_from_outlines(tmp_path / "drawn", {"cell": 300, "nucleus": 2})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no JSON"),
        ("{}", "holds no outlines that are known"),
        (labelme([("cell", [[1, 1], [5, 5]], "line")]), "is a line, which has no outline"),
        (labelme([("cell", [[1, 1], [5, 5]], "polygon")]), "2 usable corners"),
        (labelme([("cell", [[1, 1], [5, float("nan")], [3, 3]], "polygon")]), "3 usable corners"),
        (labelme([("cell", CELL, "polygon")], shape=(10**6, 10**6)), "the image's size"),
        (labelme([("cell", CELL, "polygon")], shape=("x", 4)), "the image's size is 'x'"),
        ('{"shapes": [{"label": "cell"}]}', "something is missing.*points"),
        (coco([(1, 7, {"counts": "abc", "size": [4, 4]})]), "run-length"),
        (coco([(1, 7, [])]), "has a box only"),
        (coco([(5, 7, [flat(CELL)])]), "for image 5, which is not listed"),
        (coco([], images=((1, "x/a.png"), (2, "y/a.png"))), "a second set of outlines for the image a"),
        (qupath([("cell", "LineString", CELL)]), "is a LineString"),
        (qupath([("cell", "Polygon", [closed(CELL)])]), "does not say how large its image is.*images="),
    ],
)
def test_files_that_do_not_fit_are_refused_in_words(content, words, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match=words) as error:
        masks_from_outlines(tmp_path, {"cell": 1})
    assert "a.json" in str(error.value)


def test_imagej_files_that_do_not_fit(tmp_path):
    images = image_folder(tmp_path / "images")
    for name, content in (("broken.roi", b"Iout"), ("other.zip", b"xx")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}.*(cannot be read|is no set)"):
            masks_from_outlines(tmp_path / name, {"cell": 1}, images=images)
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("a.png", b"")
    with pytest.raises(ValueError, match="unpack it first"):
        masks_from_outlines(tmp_path / "pictures.zip", {"cell": 1}, images=images)
    roifile.roiwrite(tmp_path / "slices.zip", [roi(CELL, "cell", position=1), roi(CELL, "cell-1", position=2)])
    with pytest.raises(ValueError, match="lie on 2 slices"):
        masks_from_outlines(tmp_path / "slices.zip", {"cell": 1}, images=images)
    roi(CELL, "cell", roitype=roifile.ROI_TYPE.POLYLINE).tofile(tmp_path / "line.roi")
    with pytest.raises(ValueError, match="is a polyline"):
        masks_from_outlines(tmp_path / "line.roi", {"cell": 1}, images=images)


def test_folders_and_images_that_do_not_fit(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        masks_from_outlines(tmp_path / "nowhere", CLASSES)
    images = image_folder(tmp_path / "images", ("b", "c"), shape=(8, 8))
    with pytest.raises(ValueError, match="no outlines in it"):
        masks_from_outlines(images, CLASSES)
    write_format("labelme", tmp_path / "drawn")
    with pytest.raises(ValueError, match="no image of the name a"):
        masks_from_outlines(tmp_path / "drawn", CLASSES, images=images)
    image_folder(tmp_path / "small", shape=(8, 8))
    with pytest.raises(ValueError, match=r"40 x 48 pixels, and a\.png has 8 x 8"):
        masks_from_outlines(tmp_path / "drawn", CLASSES, images=tmp_path / "small")


def test_a_mask_never_replaces_an_image(tmp_path):
    write_format("labelme", tmp_path / "drawn")
    image_folder(tmp_path / "drawn")
    before = (tmp_path / "drawn" / "a.png").read_bytes()
    for images in (None, tmp_path / "drawn"):
        with pytest.raises(ValueError, match="a folder of their own"):
            masks_from_outlines(tmp_path / "drawn", CLASSES, images=images, save=tmp_path / "drawn")
    assert (tmp_path / "drawn" / "a.png").read_bytes() == before
    masks_from_outlines(tmp_path / "drawn", CLASSES, save=tmp_path / "drawn" / "masks")
    assert (tmp_path / "drawn" / "masks" / "a.png").exists()
