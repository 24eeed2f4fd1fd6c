"""Every explorer of the course in a real JupyterLab: keyboard, mouse and clicks move it, and its words are the library's.

All of them in one page, one after the other: nbval runs the course's own pages, which end by turning every control.
"""

import json

import pytest

from tests.conftest import ROOT
from tests.unit.explorers_to_try import EXPLORERS

from .driving import nameless, notebook_of, open_and_run, until

# What stands behind a picture of the page, asked of the kernel itself, from ipywidgets' own list (gc's leaves frozen ones out).
ASK = """
import hashlib as _hash, json as _json
from ipywidgets.widgets.widget import _instances
from unet_lab.explorers import Explorer as _Explorer
from unet_lab.explorers.base import DRAWING as _DRAWING
def _shows(e):
    return _hash.sha256(e.png).hexdigest() == "DIGEST"
def _say(e):
    kind = [type(e).__name__, *sorted({type(c).__name__ for c in e.controls.values()}), e._on_click is not None]
    said = {"words": e.words, "alt": e._image.alt, "kind": kind}
    if ANEW:
        picture, said["fresh"] = e._draw(**{n: c.value for n, c in e.controls.items()})
        said["fresh_png"] = _hash.sha256(picture.png()).hexdigest()
    return said
with _DRAWING:  # a slider's own drawing runs in another thread
    _said = [_say(e) for e in list(_instances.values()) if isinstance(e, _Explorer) and _shows(e)]
print("ANSWER" + _json.dumps(_said))
"""

BEGIN = f"""import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.unit.explorers_to_try import EXPLORERS"""

RUN_SECOND_CELL = """async (code) => {
    const { content } = window.jupyterapp.shell.currentWidget;
    content.activeCellIndex = 1;
    content.widgets[1].model.sharedModel.setSource(code);
    await window.jupyterapp.commands.execute('notebook:run-cell');
    return content.widgets[1].model.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.evalue); }"""

EXECUTE = """async (code) => {
    const kernel = window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
    const future = kernel.requestExecute({code, store_history: false, silent: false});
    let text = '';
    future.onIOPub = (m) => { if (m.header.msg_type === 'stream') text += m.content.text;
                              if (m.header.msg_type === 'error') text += m.content.evalue; };
    await future.done;
    return text; }"""

SHOWN = """async (box) => {
    const image = box.querySelector('img.unet-lab-image');
    const bytes = await (await fetch(image.src)).arrayBuffer();
    const digest = await crypto.subtle.digest('SHA-256', bytes);
    return {png: [...new Uint8Array(digest)].map(b => b.toString(16).padStart(2, '0')).join(''), alt: image.alt,
            words: box.querySelector('[role="status"]').innerText, wide: image.naturalWidth}; }"""


def ask(page, digest, anew=False):
    """What the kernel has of the explorers whose picture has this digest, and, where asked, what drawing them anew gives."""
    text = page.evaluate(EXECUTE, ASK.replace("DIGEST", digest).replace("ANEW", str(anew)))
    assert "ANSWER" in text, text
    return json.loads(text.split("ANSWER")[1])


def agrees(page, box):
    """The page shows what the kernel has, and that is what drawing anew from the library gives. Returns it, or None."""
    shown = box.evaluate(SHOWN)
    for said in ask(page, shown["png"], anew=True):
        drawn_anew = (said["words"], shown["png"]) == (said["fresh"], said["fresh_png"])  # not while a change is on its way
        if drawn_anew and said["words"].split() == shown["words"].split():
            assert shown["wide"] > 400
            return shown["png"]
    return None


def in_agreement(page, box):
    """Wait until what is shown agrees: a picture's words come a moment after it. Returns the picture.

    What the page was made to do before has then happened. ipywidgets keeps a change back until the kernel has done with the
    one before, so one message goes there and back first: the kernel hears of the change before it is asked.
    """
    page.evaluate(EXECUTE, "pass")
    found = []

    def agreed():
        found.append(agrees(page, box))
        return found[-1]

    try:
        until(page, agreed, 20)
    except AssertionError as late:
        shown = box.evaluate(SHOWN)
        raise AssertionError(f"{late}: shown {shown}, and the kernel has {ask(page, shown['png'], anew=True)}") from None
    return found[-1]


def settled(page, box, other_than):
    """Wait until the picture is another one, and at rest: the same at four looks in a row."""
    seen = []

    def moved():
        seen.append(box.evaluate(SHOWN)["png"])
        return len(seen) > 3 and len(set(seen[-4:])) == 1 and seen[-1] != other_than

    until(page, moved, 20)
    return seen[-1]


def use_keyboard(control):
    """One step with the keyboard on whatever kind of control it is."""
    handle = control.locator(".noUi-handle")
    if handle.count():
        now, last = (float(handle.first.get_attribute(f"aria-value{which}")) for which in ("now", "max"))
        handle.first.focus()
        handle.first.press("ArrowLeft" if now >= last else "ArrowRight")
        return True
    menu = control.locator("select")
    if menu.count():
        menu.first.focus()
        last = menu.first.evaluate("s => s.selectedIndex === s.options.length - 1")
        menu.first.press("ArrowUp" if last else "ArrowDown")
        return True
    return False


def takes_clicks(page, slider):
    """Wait until it does: for 0.3 seconds after a click, in which its handle slides, a slider takes no other."""
    until(page, lambda: "noUi-state-tap" not in slider.get_attribute("class"), 5)


def pull_a_slider(page, box, picture):
    """Click at two places of one slider after the other until the picture is another one; False where none does that."""
    sliders = box.locator(".noUi-target")
    for k in range(sliders.count()):
        place = sliders.nth(k).bounding_box()
        for share in (0.8, 0.1):  # of the way: no slider has one value at both
            takes_clicks(page, sliders.nth(k))
            # By the locator: it scrolls there first, and waits until the slider stands still and nothing lies over it.
            sliders.nth(k).click(position={"x": share * place["width"], "y": place["height"] / 2})
            if in_agreement(page, box) != picture:
                return True
    return False


def other_choices(page, box):
    """Choose the first entries of every menu; gives the picture each time."""
    menus = box.locator("select")
    for k in range(menus.count()):
        for index in range(min(3, menus.nth(k).locator("option").count())):
            menus.nth(k).select_option(index=index)
            yield in_agreement(page, box)


def paint_by_key(page, box, canvas):
    """Into the canvas, a line in the background's colour by arrows and space, out by Tab and by Escape."""
    focused = "() => document.activeElement.tagName"
    box.get_by_label("brush", exact=True).select_option(label="background")
    picture = settled(page, box, None)
    canvas.focus()
    assert canvas.evaluate("c => getComputedStyle(c).outlineStyle") == "solid"
    page.keyboard.press("ArrowUp")
    box.get_by_text("Brush at row").wait_for()
    page.keyboard.down(" ")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.up(" ")
    assert settled(page, box, picture) != picture
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "SELECT"
    canvas.focus()
    page.keyboard.press("Tab")
    assert page.evaluate(focused) != "CANVAS"
    until(page, lambda: box.get_by_text("Brush at row").count() == 0, 10)


@pytest.fixture(scope="module")
def show(page, lab, copy):
    """show(name) puts one explorer of the course on the page, in place of the one before; gives its box."""
    where = copy("explorers.ipynb", notebook_of(BEGIN, "1"))
    opened = []

    def in_its_place(name):
        if page.url not in opened:
            open_and_run(page, lab, where)
            opened.append(page.url)
        page.console_errors.clear()
        assert page.evaluate(RUN_SECOND_CELL, f"EXPLORERS[{name!r}]()") == []
        box = page.locator(".unet-lab-explorer")
        until(page, lambda: box.count() == 1 and box.locator("img.unet-lab-image").count() == 1, 30)
        box.scroll_into_view_if_needed()
        until(page, lambda: ask(page, box.evaluate(SHOWN)["png"]), 20)
        return box

    return in_its_place


def step_by_keyboard(box):
    """The first control that has somewhere to go, one step on."""
    controls = box.locator(".widget-slider, .widget-dropdown, .widget-hslider")
    for k in range(controls.count()):
        control = controls.nth(k)
        fixed = control.locator(".noUi-handle")
        if fixed.count() and fixed.first.get_attribute("aria-valuemax") == fixed.first.get_attribute("aria-valuemin"):
            continue
        assert use_keyboard(control)
        return


def move_by_mouse(page, box, picture):
    """A slider is pulled; where none does anything as the menus stand, after other choices."""
    if not box.locator(".noUi-target").count():  # menus only
        assert len(set(other_choices(page, box))) > 1
    elif not pull_a_slider(page, box, picture):
        assert any(pull_a_slider(page, box, picture) for picture in other_choices(page, box))


def click_in_the_picture(page, box, picture):
    """Where it takes clicks."""
    image = box.locator("img.unet-lab-image")
    image.scroll_into_view_if_needed()
    place = image.bounding_box()
    for x, y in ((0.13, 0.62), (0.17, 0.4), (0.09, 0.5)):
        page.mouse.move(place["x"] + x * place["width"], place["y"] + y * place["height"])
        if image.evaluate("i => i.style.cursor") == "crosshair":
            page.mouse.click(place["x"] + x * place["width"], place["y"] + y * place["height"])
            settled(page, box, picture)
            in_agreement(page, box)
            return


def paint_by_mouse(page, canvas):
    """A stroke."""
    canvas.scroll_into_view_if_needed()
    place = canvas.bounding_box()
    page.mouse.move(place["x"] + 0.2 * place["width"], place["y"] + 0.2 * place["height"])
    page.mouse.down()
    for step in range(1, 7):
        page.mouse.move(place["x"] + (0.2 + 0.1 * step) * place["width"], place["y"] + 0.25 * place["height"])
    page.mouse.up()


@pytest.fixture(scope="module")
def kinds():
    """The first explorer of each kind: its class, the classes of its controls, whether its picture takes clicks."""
    return {}


@pytest.mark.parametrize("name", list(EXPLORERS))
def test_explorers_follow_keyboard_mouse_and_clicks(page, show, name, kinds):
    """Each is shown and has names for all it has; the first of each kind is played with: the same code moves the others.

    That each control of each explorer does something, tests/unit/test_explorers.py shows, and the last cell of each page.
    """
    box = show(name)
    picture = box.evaluate(SHOWN)["png"]
    told, without_name = nameless(page, ".unet-lab-explorer")
    assert not without_name, told
    assert ("image", box.evaluate(SHOWN)["alt"]) in told
    said = ask(page, picture)[0]
    step_by_keyboard(box)
    if kinds.setdefault(tuple(said["kind"]), name) != name:
        settled(page, box, picture)
        in_agreement(page, box)
        return
    picture = settled(page, box, picture)
    in_agreement(page, box)
    move_by_mouse(page, box, picture)
    picture = settled(page, box, picture if box.locator(".noUi-target").count() else None)
    click_in_the_picture(page, box, picture)
    canvas = box.locator("canvas:visible")
    if canvas.count():
        paint_by_mouse(page, canvas.first)
        painted = settled(page, box, picture)
        in_agreement(page, box)
        assert painted != picture
        paint_by_key(page, box, canvas.first)
        until(page, lambda: agrees(page, box), 20)
    box.get_by_role("button", name="Reset").click()
    settled(page, box, None)
    in_agreement(page, box)
    assert page.get_by_text("Error displaying widget").count() == 0
    assert not [e for e in page.console_errors if "favicon" not in e]


def test_dragging_a_slider_draws_the_last_value_soon_and_queues_nothing(page, show):
    """60 places in under a second: the kernel draws some of them, then the last one, and is then at rest."""
    box = show("03 contracting path")
    box.evaluate("""b => { window.drawn = 0; new MutationObserver(l => { window.drawn += l.length; })
        .observe(b.querySelector('img.unet-lab-image'), {attributes: true, attributeFilter: ['src']}); }""")
    slider = box.locator(".noUi-target").first
    place = slider.bounding_box()
    middle = place["y"] + place["height"] / 2
    handle = slider.locator(".noUi-handle").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, middle)
    page.mouse.down()
    for step in range(60):
        page.mouse.move(place["x"] + place["width"] * (0.2 + 0.01 * step), middle)
    page.mouse.up()
    value = int(float(slider.locator(".noUi-handle").get_attribute("aria-valuenow")))
    until(page, lambda: str(value) in box.locator('[role="status"]').inner_text(), 3)
    in_agreement(page, box)
    drawn = page.evaluate("window.drawn")
    assert 1 <= drawn < 40, "stale places were drawn too"
    page.wait_for_timeout(1500)
    assert page.evaluate("window.drawn") == drawn, "still drawing what lies behind"
    assert agrees(page, box)


THEMES = {"JupyterLab Dark": (17, 17, 17), "JupyterLab Light": (255, 255, 255)}


def test_words_and_labels_can_be_read_in_both_themes(page, show):
    box = show("06 loss")
    for theme, background in THEMES.items():
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        until(page, lambda wanted=background: near(page.evaluate(BACKGROUND), wanted), 20)
        behind = page.evaluate(BACKGROUND)
        for what in ('[role="status"]', ".widget-label", ".widget-readout", "em"):
            text = box.locator(what).first.evaluate("e => getComputedStyle(e).color")
            assert contrast(text, behind) >= 4.5, f"{what} is {text} on {behind} in {theme}"
        picture = box.locator("img.unet-lab-image")
        assert picture.evaluate("i => getComputedStyle(i).backgroundColor") == "rgb(255, 255, 255)"


BACKGROUND = "getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor"


def near(colour, wanted):
    if not colour.startswith("rgb("):
        return False  # the theme is not loaded yet
    channels = [int(v) for v in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return all(abs(a - b) < 20 for a, b in zip(channels, wanted, strict=True))


def contrast(first, second):
    """The contrast of two CSS colours, 1 to 21, as the Web Content Accessibility Guidelines 2.1 define it; 4.5 is the least."""

    def luminance(colour):
        channels = [float(v) / 255 for v in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted(luminance(colour) + 0.05 for colour in (first, second))
    return high / low


def test_contrast_is_that_of_the_guidelines():
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)
