"""The page of `lab.py page` in a real browser: numbers equal to Python's, files refused in words, nothing sent anywhere."""

import base64
import functools
import http.server
import io
import json
import re
import runpy
import struct
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from tests.conftest import ROOT
from unet_lab import predict
from unet_lab.inspection import activations
from unet_lab.inspection.ablation import without_skip
from unet_lab.inspection.activations import as_input
from unet_lab.inspection.fields import effective_receptive_field, receptive_field
from unet_lab.inspection.trace import trace
from unet_lab.inspection.worth import channel_worth
from unet_lab.metrics import confusion_matrix, scores
from unet_lab.weights import load_pretrained

MAKER = runpy.run_path(str(ROOT / "scripts" / "make_page.py"))
SIDE = 192


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page, built into a folder of its own and served. Skips where ONNX Runtime Web is not here: tests fetch nothing."""
    fetched = ROOT / "build" / "page_packages" / "done.json"
    if not fetched.is_file() or fetched.read_bytes() != (ROOT / "page" / "package-lock.json").read_bytes():
        pytest.skip("ONNX Runtime Web is not here; npm fetches it once: python3 lab.py page")
    folder = tmp_path_factory.mktemp("page") / "page"
    assert MAKER["build"](folder) <= 25_000_000
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def lab_page(chromium, address):
    """The page, ready; `asked` collects the addresses of its requests, `console_errors` what its console complains of."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    page.asked, page.console_errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda m: page.console_errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.console_errors.append(str(error)))
    page.goto(address)
    assert page.evaluate("unetLab.ready.then(() => unetLab.side)") == SIDE
    yield page
    page.close()


@pytest.fixture(scope="module")
def model():
    return load_pretrained()


IN_BASE64 = """async given => { const array = await given; let text = '';
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let k = 0; k < bytes.length; k += 32768) text += String.fromCharCode(...bytes.subarray(k, k + 32768));
    return btoa(text); }"""


def read(page, expression, kind=np.uint8):
    """An array of the page's."""
    return np.frombuffer(base64.b64decode(page.evaluate(f"({IN_BASE64})({expression})")), kind)


def image_and_mask(page):
    return read(page, "unetLab.image()").reshape(SIDE, SIDE), read(page, "unetLab.mask()").reshape(SIDE, SIDE)


def test_masks_and_activations_are_pythons(lab_page, model):
    drawn = MAKER["cells"]()
    assert len(drawn) == 10
    for name in list(drawn)[::3]:
        lab_page.evaluate(f"unetLab.choose({name!r})")
        image, mask = image_and_mask(lab_page)
        assert np.array_equal(image, drawn[name][0])
        assert (mask == predict(model, image)).mean() >= 0.995
    there = activations(model, image)
    assert set(lab_page.evaluate("unetLab.names()")) == {"image", *there}
    for step in ("encoder.1.block.0", "bottleneck.block.4", "decoder.1.up", "decoder.2.block.5", "head"):
        got = read(lab_page, f"unetLab.activation({step!r})", np.float32)
        assert np.abs(got - there[step].numpy().ravel()).max() < 1e-3, step


def test_cutting_and_painting_do_what_they_do_in_python(lab_page, model):
    lab_page.evaluate("unetLab.choose('cell 2')")
    image, before = image_and_mask(lab_page)
    lab_page.evaluate("unetLab.cut(3)")
    with without_skip(model, 3):
        assert (image_and_mask(lab_page)[1] == predict(model, image)).mean() >= 0.995
    lab_page.evaluate("unetLab.cut(3, 'on')")
    lab_page.evaluate("async () => { for (let k = 0; k < 40; k++) await unetLab.engine.paintPixel(90 + k, 80, 255); }")
    lab_page.evaluate("unetLab.paint(90, 81, 255)")
    painted, mask = image_and_mask(lab_page)
    assert np.argwhere(painted != image).min(axis=0).tolist() >= [80, 90]
    assert painted[80, 90:130].tolist() == [255] * 40
    assert painted[81, 90] == 255
    assert (mask == predict(model, painted)).mean() >= 0.995
    lab_page.evaluate("unetLab.engine.reset().then(() => unetLab.ready)")
    assert np.array_equal(image_and_mask(lab_page)[1], before)


def test_every_number_is_the_sum_that_is_shown(lab_page, model):
    """At corners, borders and inside, of every kind of layer; and with a skip cut."""
    apart = """async cuts => { const { engine } = unetLab; const worst = {};
        for (const level of cuts) await engine.cut(level, 'zeros');
        await engine.everything();
        for (const [step, { shape, kind }] of Object.entries(engine.info.steps)) {
          for (const share of [0, 0.37, 0.999]) {
            const [channel, row, column] = shape.map(n => Math.floor(share * n));
            const found = await engine.number(step, channel, row, column);
            if (kind === 'image') continue;
            const own = (await unetLab.activation(step))[(channel * shape[1] + row) * shape[2] + column];
            const off = Math.max(Math.abs(found.total - found.value), cuts.length ? 0 : Math.abs(found.value - own));
            worst[kind] = Math.max(worst[kind] ?? 0, off / (1 + Math.abs(found.value)));
          } }
        await engine.reset(); return worst; }"""
    lab_page.evaluate("unetLab.choose('cell 3')")
    worst = lab_page.evaluate(apart, [])
    assert set(worst) == {"convolution", "up-convolution", "norm", "activation", "pooling"}
    assert max(worst.values()) < 1e-4, worst
    assert max(lab_page.evaluate(apart, [0, 2]).values()) < 1e-4


def test_what_a_channel_is_worth_and_what_a_pixel_can_see(lab_page, model):
    lab_page.evaluate("unetLab.choose('cell 4')")
    image, mask = image_and_mask(lab_page)
    run = trace(model, as_input(model, image))
    for step in ("encoder.1.block.4", "decoder.0.up"):  # of the graph that shows all, and of the quick one
        ours = lab_page.evaluate("step => unetLab.engine.worth(step, [0, 5, 31]).then(w => [[...w.fall], [...w.changed]])", step)
        assert np.allclose(ours, channel_worth(run, step, [0, 5, 31]), atol=1e-4)
    falls = lab_page.evaluate("unetLab.engine.covering(100, 60, () => false).then(c => [...c.falls])")
    covered = as_input(model, image)
    covered[..., 96:120, 48:72] = 0  # the patch nearest to the pixel, of the image's mean grey
    label = mask[100, 60]
    with torch.no_grad():
        right = [model(x).softmax(dim=1)[0, label, 100, 60] for x in (as_input(model, image), covered)]
    assert np.isclose(falls[4 * 8 + 2], float(right[0] - right[1]), atol=1e-4)
    assert np.isnan(falls).sum() == 63  # stopped after the first
    fields = lab_page.evaluate("unetLab.engine.field(100, 60).then(f => f.fields.map(({stage, bytes}) => [stage, [...bytes]]))")
    shown = dict(map(tuple, fields))
    right = effective_receptive_field(model, image, (100, 60), ["encoder.2.block"], class_index=int(label))
    for stage, name in (("image", "input"), ("encoder.2", "encoder.2.block")):
        scaled = 255 * (right[name] / right[name].max()) ** 0.5
        off = np.abs(np.array(shown[stage]) - scaled.ravel())  # in 255ths of the largest
        assert (off <= 1.01).mean() > 0.998
        assert off.max() < 4  # where two numbers of a window are nearly equal, processors differ in which is the larger
    reach = lab_page.evaluate("import('./engine.js').then(e => e.fieldsOf(unetLab.engine.info.steps, 100, 60).image)")
    assert reach == [*model.receptive_field(100), *model.receptive_field(60)]


def test_all_four_views_are_reached_by_keyboard_and_show_the_networks_number(lab_page):
    lab_page.evaluate("unetLab.engine.reset().then(() => unetLab.choose('cell 5'))")
    lab_page.locator(".unl-stage").nth(2).press("Enter")
    lab_page.locator(".unl-tile").first.press("Enter")
    lab_page.get_by_role("button", name="Watch this number").press("Enter")
    status = lab_page.locator(".unl-status").filter(has_text="then activation")
    found = re.match(r"(\S+), channel (\d+) of (\d+), row (\d+), column (\d+)\. convolution: (−?[\d.]+),", status.inner_text())
    step, channel, channels, row, column, shown = found.groups()
    maps = read(lab_page, f"unetLab.activation({step!r})", np.float32).reshape(int(channels), SIDE // 4, SIDE // 4)
    assert np.isclose(float(shown.replace("−", "-")), maps[int(channel), int(row), int(column)], atol=6e-4)
    for place in ("encoder 2, channel", "encoder 2", None):  # where one comes back to; the U itself has no trail
        lab_page.locator(".unl-trail button").last.press("Escape")
        if place:
            lab_page.locator(".unl-trail [aria-current]").filter(has_text=re.compile(f"^{place}")).wait_for()
    lab_page.locator(".unl-stage").nth(2).wait_for()
    mask = lab_page.locator(".unl-mask")
    side = mask.bounding_box()["width"]
    mask.click(position={"x": side / 2, "y": side / 2})
    lab_page.locator(".unl-caption").filter(has_text="Bright is what this answer rests on").wait_for()
    lab_page.locator("#covering-words").filter(
        has_text=re.compile(r"^Row \d+, column \d+: \w.*; \d+ of 64 patches covered")
    ).wait_for()
    lab_page.evaluate("unetLab.engine.reset()")  # which stops it


def png(width, height, content=b""):
    """A PNG file's head that names this size, and whatever comes behind."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + content


def test_ones_own_picture_is_scaled_or_refused_in_words(lab_page):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)).save(stream, "png")
    file, error = lab_page.locator(".unl-file"), lab_page.locator(".unl-error")
    good = {"name": "mine.png", "mimeType": "image/png", "buffer": stream.getvalue()}
    lab_page.locator(".unl-file").set_input_files(good)
    lab_page.wait_for_function("document.querySelector('.unl-note')?.textContent.includes('192 x 192')")
    assert "cut to its middle square of 240 x 240" in lab_page.text_content(".unl-note")
    drop = """bytes => { const given = new DataTransfer(); given.items.add(new File([Uint8Array.from(bytes)], 'dropped.png'));
        const drop = new DragEvent('drop', {dataTransfer: given, bubbles: true, cancelable: true});
        document.querySelector('footer').dispatchEvent(drop); }"""
    lab_page.evaluate(drop, list(stream.getvalue()))
    lab_page.wait_for_function("unetLab.engine.shown.id === 'dropped.png'")
    before = lab_page.evaluate("unetLab.ready.then(() => [...unetLab.mask()])")
    for name, content, words in [
        ("drawing.png", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "is a drawing (SVG)"),
        ("broken.png", stream.getvalue()[:400], "the file is broken. Copy it again."),
        ("huge.png", png(10_000, 10_000), "100 million; up to 50 million"),
        ("words.txt", b"no picture", "is no picture that is known here"),
        ("cells.tif", b"II*\0" + bytes(40), "Save it as PNG"),
    ]:
        file.set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
        error.filter(has_text=words).wait_for()
        assert error.text_content().startswith(name)
    assert lab_page.evaluate("unetLab.ready.then(() => [...unetLab.mask()])") == before


def test_the_lessons_compute_what_the_course_computes(lab_page):
    image = np.random.default_rng(1).integers(-5, 5, (7, 7))
    kernels = lab_page.evaluate("unetLab.lessons.KERNELS")
    for kernel in kernels.values():
        ours = lab_page.evaluate("([i, k]) => unetLab.lessons.convolve(i, 7, k)", [image.ravel().tolist(), kernel])
        right = F.conv2d(torch.tensor(image)[None, None].double(), torch.tensor(kernel).double().view(1, 1, 3, 3), padding=1)
        assert np.allclose(ours, right.numpy().ravel())
    for poolings, convolutions in ((0, 1), (2, 2), (4, 2), (3, 4)):
        chain, field = lab_page.evaluate(
            "([p, c]) => { const { contractingPath, receptiveField } = unetLab.lessons; const chain = contractingPath(p, c);"
            " return [chain, receptiveField(chain)]; }",
            [poolings, convolutions],
        )
        assert tuple(field) == receptive_field([tuple(layer) for layer in chain])
        assert len(chain) == poolings * (convolutions + 1) + convolutions
    truth, prediction = (
        np.array(lab_page.evaluate("place => unetLab.lessons.disc(64, ...place)", place)) for place in ([32, 32, 12], [30, 38, 9])
    )
    ours = lab_page.evaluate("([t, p]) => unetLab.lessons.scores(t, p)", [truth.tolist(), prediction.tolist()])
    right = scores(confusion_matrix(truth.reshape(64, 64), prediction.reshape(64, 64), 2), average=None)
    for name, theirs in (("iou", right.iou), ("dice", right.f1), ("precision", right.precision), ("recall", right.recall)):
        assert np.isclose(ours[name], theirs[1]), name
    assert np.isclose(ours["accuracy"], (truth == prediction).mean())


def test_it_works_offline_and_asked_nobody_else(lab_page, address):
    lab_page.context.set_offline(True)
    lab_page.evaluate("unetLab.choose('oval')")
    before = lab_page.evaluate("[...unetLab.mask()]")
    lab_page.locator("select[aria-label='skip 3']").select_option("zeros")
    lab_page.wait_for_function("unetLab.engine.cuts[3] === 'zeros'")
    assert lab_page.evaluate("unetLab.ready.then(() => [...unetLab.mask()])") != before
    lab_page.context.set_offline(False)
    assert {url for url in lab_page.asked if not url.startswith((address, "data:", "blob:"))} == set()
    assert not lab_page.console_errors


def test_without_javascript_simd_or_width(chromium, address):
    bare = chromium.new_context(java_script_enabled=False).new_page()
    bare.goto(address)
    assert "needs JavaScript" in bare.locator("noscript").inner_text()
    assert not bare.locator("#loading").is_visible()
    assert bare.locator("img.still").bounding_box()["width"] > 300
    bare.context.close()
    old = chromium.new_page(viewport={"width": 390, "height": 800})
    old.add_init_script("WebAssembly.validate = () => false")
    old.goto(address)
    old.locator("#wrong", has_text="no WebAssembly with SIMD").wait_for()
    old.close()
    phone = chromium.new_page(viewport={"width": 390, "height": 800})
    phone.goto(address)
    phone.wait_for_selector(".unl[data-ready]")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    board = phone.locator(".unl-scroll")
    assert board.evaluate("e => e.scrollWidth > e.clientWidth")  # the U scrolls inside
    phone.close()


def test_the_lock_file_holds_no_address():
    text = (ROOT / "page" / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text
    assert json.loads(text)["packages"]["node_modules/onnxruntime-web"]["integrity"]
