"""A corpus of broken files, made by mutation from good ones, and what reading each of them gives.

    .venv/bin/python -m tests.robustness.fuzz FOLDER     makes it in FOLDER, reads it all, prints a table

tests/robustness/test_fuzz.py runs it in a process of its own and holds README's table against it.
"""

import hashlib
import io
import json
import os
import pickle
import random
import struct
import sys
import time
import zipfile
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
import torch
from PIL import Image
from safetensors.torch import save_file

from unet_lab.datasets import (
    generate_cell,
    load_folder,
    open_image,
    propose_codes,
    read_image,
    read_mask,
    read_mask_pages,
    read_pages,
)
from unet_lab.doctor import examine_data
from unet_lab.training import History
from unet_lab.training.checkpoint import load_checkpoint, newest_checkpoint, save_checkpoint
from unet_lab.unet import UNet
from unet_lab.weights import load_weights, save_weights

SLOWEST, MOST_MEMORY = 2.0, 1e9
KINDS = ("images and masks", "checkpoints", "weights", "folders")


def read_window(path):
    """A part of an image that stays in its file."""
    return open_image(path)[5:20, 10:40]


READERS = (read_image, read_pages, read_mask, read_mask_pages, read_window)


def many_pages(count):
    """A TIFF of single pixels. (Pillow writes it too, and reads all of it again for each page.)"""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for _ in range(count):
            writer.write(np.zeros((1, 1), np.uint8), photometric="minisblack", metadata=None, contiguous=False)
    return stream.getvalue()


@cache
def good_pictures():
    """Name to (bytes, what reading gives, or None where it must be refused); those of `tiff_kinds` too."""
    image, mask = generate_cell(4, 48)
    chance = np.random.default_rng(0)
    rgb = chance.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    deep = chance.integers(0, 65536, (40, 48), dtype=np.uint16)
    deep_rgb = chance.integers(0, 65536, (40, 48, 3), dtype=np.uint16)
    opaque = np.dstack([rgb, np.full((40, 48), 255, np.uint8)])
    clear = np.dstack([rgb, chance.integers(0, 256, (40, 48), dtype=np.uint8)])
    paletted = Image.fromarray(mask)
    paletted.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    turned = Image.Exif()
    turned[0x0112] = 6

    def encoded(picture, form, **options):
        stream = io.BytesIO()
        (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(stream, form, **options)
        return stream.getvalue()

    nan = np.where(image > 100, np.nan, image).astype(np.float32)
    other = [Image.fromarray(image), Image.fromarray(mask * 100)]
    files = {
        "grey.png": (encoded(image, "PNG"), image),
        "deep.png": (encoded(deep, "PNG"), deep),
        "rgb.png": (encoded(rgb, "PNG"), rgb),
        "opaque.png": (encoded(opaque, "PNG"), rgb),
        "transparent.png": (encoded(clear, "PNG"), None),
        "palette.png": (encoded(paletted, "PNG"), np.array(paletted.convert("RGB"))),
        "deep_rgb.png": (imagecodecs.png_encode(deep_rgb), deep_rgb),
        "deep_rgba.png": (imagecodecs.png_encode(np.dstack([deep_rgb, deep])), None),
        "one_bit.png": (encoded(Image.fromarray(image > 120), "PNG"), np.where(image > 120, 255, 0).astype(np.uint8)),
        "turned.png": (encoded(image, "PNG", exif=turned), np.rot90(image, -1)),
        "animated.png": (encoded(other[0], "PNG", save_all=True, append_images=other[1:]), None),
        "grey.tif": (encoded(image, "TIFF"), image),
        "lzw.tif": (encoded(image, "TIFF", compression="tiff_lzw"), image),
        "deflate.tif": (encoded(deep, "TIFF", compression="tiff_adobe_deflate"), deep),
        "pages.tif": (encoded(other[0], "TIFF", save_all=True, append_images=other[1:]), None),
        "float.tif": (encoded(image.astype(np.float32), "TIFF"), image.astype(np.float32)),
        "nan.tif": (encoded(nan, "TIFF"), "any"),
        "long.tif": (encoded((image.astype(np.int32) - 50) * 100_000, "TIFF"), (image.astype(np.int32) - 50) * 100_000),
        "cmyk.tif": (encoded(Image.fromarray(rgb).convert("CMYK"), "TIFF"), "any"),
        "grey.bmp": (encoded(image, "BMP"), image),
        "rgb.bmp": (encoded(rgb, "BMP"), rgb),
        "photo.jpg": (encoded(image, "JPEG", quality=95), "any"),
        "cmyk.jpg": (encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG"), "any"),
        "turned.jpg": (encoded(image, "JPEG", exif=turned), "any"),
        "is_a_gif.png": (encoded(paletted, "GIF"), "any"),
        "is_a_webp.png": (encoded(image, "WEBP"), None),
        "is_postscript.png": (encoded(image, "EPS"), None),
        "is_a_jpeg.png": (encoded(image, "JPEG", quality=95), "any"),
        "is_a_png.tif": (encoded(image, "PNG"), image),
        "text.png": (b"<html>404 Not Found</html>", None),
        "empty.png": (b"", None),
        "huge.png": (png_that_claims(2**31 - 1, 2**31 - 1), None),
        "large.png": (png_that_claims(40_000, 40_000), None),
        "nothing.png": (png_that_claims(0, 0), None),
        "bomb.png": (png_that_claims(9_000, 9_000, zlib.compress(bytes(9_001) * 9_000, 9)), "any"),
        "ring.tif": (tiff_in_a_ring(encoded(image, "TIFF")), "any"),
        "many_pages.tif": (many_pages(5201), None),
    }
    return files | tiff_kinds(image, chance)


def tiff_kinds(image, chance):
    """TIFF as microscopes and programs write it."""
    rgb = chance.integers(0, 65536, (40, 48, 3), dtype=np.uint16)
    stack = chance.integers(0, 65536, (3, 2, 40, 48), dtype=np.uint16)
    many = chance.integers(-9999, 9999, (40, 48, 5)).astype(np.int64)
    table = chance.integers(0, 65536, (3, 256), dtype=np.uint16)
    grey = {"photometric": "minisblack"}

    def written(array, **how):
        stream = io.BytesIO()
        tifffile.imwrite(stream, array, **how)
        return stream.getvalue()

    return {
        "deep_rgb.tif": (written(rgb, photometric="rgb"), rgb),
        "planar.tif": (written(np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate", compression="zlib"), rgb),
        "many_channels.tif": (written(many, **grey, planarconfig="contig"), many),
        "half.tif": (written(image.astype(np.float16), **grey), image.astype(np.float16)),
        "double.tif": (written(image / 3, **grey, compression="zlib", predictor=True), image / 3),
        "big_endian.tif": (written(image.astype(">u2"), **grey, byteorder=">"), image.astype(np.uint16)),
        "bigtiff.tif": (written(image, **grey, bigtiff=True, tile=(16, 16), compression="zlib"), image),
        "inverting.tif": (written(image, photometric="miniswhite", compression="lzw"), 255 - image),
        "lut.tif": (written(image, photometric="palette", colormap=table), image),
        "bits.tif": (written(image > 120, photometric="miniswhite"), np.where(image > 120, 0, 255).astype(np.uint8)),
        "transparent.tif": (written(np.dstack([image] * 3 + [image]), photometric="rgb"), None),
        "jpeg.tif": (written(image, **grey, compression="jpeg"), "any"),
        "zstd.tif": (written(image, **grey, compression="zstd", tile=(16, 16)), image),
        "imagej.tif": (written(stack, imagej=True, metadata={"axes": "ZCYX"}), None),
        "behind_one_page.tif": (written(stack[:, 0], imagej=True, truncate=True, metadata={"axes": "ZYX"}), None),
        "two_channels.ome.tif": (written(stack[0], ome=True, metadata={"axes": "CYX"}, **grey), np.moveaxis(stack[0], 0, -1)),
        "of_other_files.ome.tif": (written(image, **grey, description=OF_OTHER_FILES, metadata=None), image),
        "pyramid.tif": (pyramid(image), image),
    }


def pyramid(image):
    """A large page and a smaller copy of it, as slide scanners write them."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        file.write(image, tile=(16, 16), photometric="minisblack", metadata=None)
        file.write(image[::2, ::2], subfiletype=1, photometric="minisblack", metadata=None)
    return stream.getvalue()


OF_OTHER_FILES = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="48" SizeY="48" SizeZ="2" SizeC="1" SizeT="1">
<Channel ID="Channel:0:0" SamplesPerPixel="1"/>
<TiffData FirstZ="0" IFD="0"><UUID FileName="here.ome.tif">urn:uuid:1</UUID></TiffData>
<TiffData FirstZ="1" IFD="0"><UUID FileName="../../secret.tif">urn:uuid:2</UUID></TiffData></Pixels></Image></OME>"""


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width, height, content=None):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content or zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    )


def tiff_in_a_ring(content):
    """A TIFF whose first page says that the next one is the first."""
    order = "<" if content[:2] == b"II" else ">"
    start = struct.unpack(order + "I", content[4:8])[0]
    count = struct.unpack(order + "H", content[start : start + 2])[0]
    end = start + 2 + 12 * count
    return content[:end] + struct.pack(order + "I", start) + content[end + 4 :]


def mutations(content, chance):
    """Name and bytes of what may become of a file on its way: cut, flipped, overwritten, grown."""
    if len(content) < 20:
        return
    for share in (0.1, 0.5, 0.97):
        yield f"cut_{share}", content[: int(share * len(content))]
    for times in (1, 1, 1, 20):
        flipped = bytearray(content)
        for _ in range(times):
            flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        yield f"flipped_{times}", bytes(flipped)
    head = bytearray(content)
    for k in range(min(40, len(head))):
        if chance.random() < 0.3:
            head[k] = chance.randrange(256)
    yield "wrong_header", bytes(head)
    place = chance.randrange(len(content))
    yield "zeroed", content[:place] + bytes(min(200, len(content) - place)) + content[place + 200 :]
    yield "grown", content + chance.randbytes(500)
    yield "huge_numbers", content[:20] + b"\xff" * 12 + content[32:]


def write_corpus(folder):
    """Everything, below `folder`: [(kind, path, how to read it, what must come of it)].

    What must come: an array, or a file that gives the same, "any" (read or refused), None (refused).
    """
    chance, cases = random.Random(0), []

    def put(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    for name, (content, expected) in good_pictures().items():
        path = put(f"pictures/good/{name}", content)
        cases += [(KINDS[0], path, read_image, expected), (KINDS[0], path, read_pages, "any"), (KINDS[0], path, read_mask, "any")]
        cases.append((KINDS[0], path, read_window, "any"))
        if name in ("huge.png", "large.png", "nothing.png", "bomb.png", "many_pages.tif"):
            continue
        for number, (how, changed) in enumerate(mutations(content, chance)):
            path = put(f"pictures/{number}_{how}/{name}", changed)
            # PNG, and TIFF with deflate, hold check sums: what reads in spite of a change must be what was written
            summed = content.startswith(b"\x89PNG") or name == "deflate.tif"
            expected = folder / "pictures" / "good" / name if summed else "any"
            cases.append((KINDS[0], path, READERS[len(cases) % len(READERS)], expected))
    image = good_pictures()["grey.png"][0]
    for name in ("zelle_ß_細胞_🔬.png", "with space and 'quotes'.png", "a" * 240 + ".png", "-rf.png", "%s{0}\\n.png"):
        cases.append((KINDS[0], put(f"pictures/names/{name}", image), read_image, generate_cell(4, 48).image))
    cases.append((KINDS[0], folder / ("b" * 5000 + ".png"), read_image, None))
    cases.append((KINDS[0], folder / "pictures", read_image, None))
    cases.append((KINDS[0], folder / "missing.png", read_image, None))
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")
        os.symlink("ring_b.png", folder / "ring_a.png")
        os.symlink("ring_a.png", folder / "ring_b.png")
        cases += [(KINDS[0], folder / name, read_image, None) for name in ("pipe.png", "ring_a.png")]

    model = UNet(base_channels=1, depth=1)
    state = {
        "settings": {"epochs": 2},
        "model": model.state_dict(),
        "best": None,
        "reports": [],
        "optimizer": {},
        "scheduler": None,
    }
    save_checkpoint(folder / "run.pt", state)
    good = (folder / "run.pt").read_bytes()
    save_weights(model, folder / "m.safetensors")
    weights = (folder / "m.safetensors").read_bytes()
    cases += [(KINDS[1], folder / "run.pt", load_checkpoint, "any"), (KINDS[2], folder / "m.safetensors", load_weights, "any")]
    for turn in range(4):
        for number, (how, changed) in enumerate(mutations(good, chance)):
            path = put(f"checkpoints/{turn}_{number}_{how}.pt", changed)
            cases.append((KINDS[1], path, (load_checkpoint, newest_checkpoint, History.load)[len(cases) % 3], "any"))
        for number, (how, changed) in enumerate(mutations(weights, chance)):
            cases.append((KINDS[2], put(f"weights/{turn}_{number}_{how}.safetensors", changed), load_weights, "any"))
    cases += [(KINDS[1], path, load_checkpoint, None) for path in odd_checkpoints(folder, state)]
    cases += [(KINDS[2], path, load_weights, None) for path in odd_weights(folder, model)]
    cases += [(KINDS[3], path, read_set, expected) for path, expected in odd_folders(folder, chance)]
    return cases


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def odd_checkpoints(folder, state):
    for number, content in enumerate(
        ([1, 2], {"a": 1}, {"settings": Harm()}, state | {"format": 99}, torch.zeros(3), state["model"])
    ):
        path = folder / f"odd_{number}.pt"
        torch.save(content, path)
        yield path
    (folder / "bare.pt").write_bytes(pickle.dumps(Harm()))
    torch.save(state, folder / "old.pt", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(folder / "other.pt", "w") as archive:
        archive.writestr("../../escaped.txt", "out of the folder")
    with zipfile.ZipFile(folder / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    yield from (folder / f"{name}.pt" for name in ("bare", "old", "other", "bomb", "missing"))
    yield folder


def odd_weights(folder, model):
    settings, tensors = model.settings, model.state_dict()
    for number, (given, values) in enumerate(
        [
            (None, tensors),
            ("no json", tensors),
            ("[1, 2]", tensors),
            (json.dumps(settings | {"base_channels": 10**9}), tensors),
            (json.dumps(settings | {"depth": 60}), tensors),
            (json.dumps(settings | {"color": 3}), tensors),
            (json.dumps(settings), {"x": torch.zeros(1)}),
            (json.dumps(settings), tensors | {"extra": torch.zeros(1)}),
            (json.dumps(settings), {k: v * torch.nan if v.is_floating_point() else v for k, v in tensors.items()}),
            ("[" * 100_000, tensors),
        ]
    ):
        path = folder / f"odd_{number}.safetensors"
        save_file(values, path, metadata=None if given is None else {"settings": given})
        yield path
    (folder / "claims.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    yield from (folder / "claims.safetensors", folder / "missing.safetensors", folder)


def read_set(folder):
    """All that a student would do with a folder."""
    images, masks = folder / "images", folder / "masks"
    findings = examine_data(images, masks, codes=(0, 100, 200))
    propose_codes(masks)
    return load_folder(images, masks, codes=(0, 100, 200)), findings


def two_pages(folder):
    page = Image.new("L", (48, 48))
    page.save(folder / "masks" / "1.tif", save_all=True, append_images=[page])
    (folder / "masks" / "1.png").unlink()


def odd_folders(top, chance):
    def pairs(name, number=3):
        folder = top / "folders" / name
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True)
        for k in range(number):
            image, mask = generate_cell(k, 48)
            Image.fromarray(image).save(folder / "images" / f"{k}.png")
            Image.fromarray(mask * 100).save(folder / "masks" / f"{k}.png")
        return folder

    yield pairs("good"), "any"
    yield top / "folders" / "missing", None
    yield pairs("empty", 0), None
    for name, damage in {
        "image_missing": lambda f: (f / "images" / "1.png").unlink(),
        "mask_missing": lambda f: (f / "masks" / "1.png").unlink(),
        "two_of_a_name": lambda f: Image.new("L", (48, 48)).save(f / "images" / "1.tif"),
        "other_size": lambda f: Image.new("L", (40, 48)).save(f / "masks" / "1.png"),
        "other_code": lambda f: Image.new("L", (48, 48), 7).save(f / "masks" / "1.png"),
        "jpeg_masks": lambda f: [Image.open(p).save(p.with_suffix(".jpg")) or p.unlink() for p in list((f / "masks").iterdir())],
        "jpeg_in_disguise": lambda f: Image.open(f / "masks" / "1.png").save(f / "masks" / "1.png", "JPEG"),
        "cut_image": lambda f: (f / "images" / "1.png").write_bytes((f / "images" / "1.png").read_bytes()[:300]),
        "cut_mask": lambda f: (f / "masks" / "1.png").write_bytes((f / "masks" / "1.png").read_bytes()[:60]),
        "pages_differ": two_pages,
        "float_mask": lambda f: (f / "masks" / "1.png").unlink() or Image.new("F", (48, 48), 0.5).save(f / "masks" / "1.tif"),
        "masks_is_a_file": lambda f: (f / "masks").rename(f / "away") and (f / "masks").write_bytes(b"x"),
    }.items():
        folder = pairs(name)
        damage(folder)
        yield folder, None
    for name, addition in {
        "hidden_file": lambda f: (f / "images" / ".DS_Store").write_bytes(b"x"),
        "other_files": lambda f: (f / "images" / "notes.txt").write_bytes(b"x"),
        "folder_named_as_picture": lambda f: (f / "images" / "9.png").mkdir(),
        "capital_letters": lambda f: (f / "images" / "1.png").rename(f / "images" / "1.PNG"),
        "unicode": lambda f: [(f / k / "1.png").rename(f / k / "ü細🔬.png") for k in ("images", "masks")],
        "long_names": lambda f: [(f / k / "1.png").rename(f / k / ("x" * 240 + ".png")) for k in ("images", "masks")],
    }.items():
        folder = pairs(name)
        addition(folder)
        yield folder, "any"
    if hasattr(os, "symlink") and os.name == "posix":
        folder = pairs("links_in_a_ring")
        os.symlink("b.png", folder / "images" / "a.png")
        os.symlink("a.png", folder / "images" / "b.png")
        yield folder, "any"
        folder = pairs("link_out_of_the_folder")
        (folder / "images" / "1.png").unlink()
        os.symlink(top / "folders" / "good" / "images" / "1.png", folder / "images" / "1.png")
        yield folder, None
    for k in range(20):  # one file of a good set, mutated
        folder = pairs(f"mutated_{k}")
        path = chance.choice(sorted(folder.rglob("*.png")))
        path.write_bytes(chance.choice(list(mutations(path.read_bytes(), chance)))[1])
        yield folder, "any"


def attempt(path, read, expected):
    """'read', 'refused', or what is wrong: 'lost' where an error is not ours or what was read is not what is in the file."""
    began = time.process_time()  # not the clock: the machine may be busy
    try:
        found = read(path)
    except (ValueError, OSError) as error:
        ours = type(error) in (ValueError, FileNotFoundError, OSError) and str(path)[:200] in str(error).replace("\\\\", "\\")
        outcome = "refused" if ours and not isinstance(expected, np.ndarray) else f"lost: {error!r}"
    except BaseException as error:  # MemoryError, RecursionError, pickle's errors, …
        outcome = f"lost: {error!r}"
    else:
        outcome = "read"
        if expected is None:
            outcome = "lost: read, though it should be refused"
        elif isinstance(expected, Path) and not np.array_equal(found, read(expected)):
            outcome = "lost: read wrongly, in silence"
        elif isinstance(expected, np.ndarray) and not np.array_equal(found, expected):
            outcome = "lost: read wrongly"
        elif read in (read_image, read_mask) and found.dtype.kind not in "uif":
            outcome = f"lost: read as {found.dtype}"
    seconds = time.process_time() - began
    return outcome if seconds <= SLOWEST or outcome.startswith("lost") else f"hung: {seconds:.1f} s", seconds


def state_of(folder):
    """All files and what is in them."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return [(str(p), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def main(folder):
    cases = write_corpus(folder)
    before = state_of(folder)
    import resource  # not on Windows, where the test that runs this is skipped

    here = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows, bad, slowest = {kind: Counter() for kind in KINDS}, [], 0.0
    for kind, path, read, expected in cases:
        outcome, seconds = attempt(path, read, expected)
        slowest = max(slowest, seconds)
        rows[kind]["tried"] += 1
        rows[kind][outcome.partition(":")[0]] += 1
        if outcome not in ("read", "refused"):
            bad.append(f"{path.relative_to(folder)} ({read.__name__}): {outcome}"[:400])
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "rows": {kind: [rows[kind][name] for name in ("tried", "read", "refused", "hung", "lost")] for kind in KINDS},
        "bad": bad,
        "slowest": slowest,
        "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - here) * unit,
        "changed": before != state_of(folder) or Path("harmed").exists(),
    }


if __name__ == "__main__":
    result = main(Path(sys.argv[1]))
    print("| Broken files | tried | read | refused | hung | lost |\n|---|---|---|---|---|---|")
    for kind, numbers in result["rows"].items():
        print(f"| {kind} | {' | '.join(map(str, numbers))} |")
    print(f"slowest {result['slowest']:.2f} s, memory {result['memory'] / 1e6:.0f} MB, changed: {result['changed']}")
    print("\n".join(result["bad"]))
    (Path(sys.argv[1]) / "result.json").write_text(json.dumps(result))
