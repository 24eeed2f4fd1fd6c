"""The network view in a real JupyterLab: four views by mouse and by keyboard, and its numbers are the kernel's."""

import json

import pytest

from .driving import notebook_of, open_and_run, until
from .test_explorers import EXECUTE

CELLS = [
    "import json\nfrom unet_lab.datasets import generate_cell\nfrom unet_lab.explorers import explore_network\n"
    "from unet_lab.weights import load_pretrained",
    "walk = explore_network(load_pretrained('small'), generate_cell(4, 192))\nwalk",
    "walk",  # a second view of the same widget: each takes its own answers only
]


@pytest.fixture
def walk(page, lab, copy):
    """The view of the shipped network in a page of its own; `walk(code)` asks the kernel for the value of an expression."""
    where = copy("walk.ipynb", notebook_of(*CELLS))
    open_and_run(page, lab, where)
    page.wait_for_selector(".unl[data-ready]")

    def ask(code):
        return json.loads(page.evaluate(EXECUTE, f"print(json.dumps({code}))"))

    return ask


def drag(page, canvas, start, end):
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()


def test_after_hasty_hands_the_view_shows_what_the_kernel_has(page, walk):
    """Cuts, strokes, other cells and resets, none of them waited for: what comes to rest is the last state, whole."""
    view = page.locator(".unl").first
    view.scroll_into_view_if_needed()
    images = walk("list(walk.session.images)")
    view.get_by_label("on the input").select_option("bright")
    for turn in range(12):
        view.get_by_label(f"skip {turn % 4}", exact=True).select_option(("zeros", "noise", "on")[turn % 3])
        drag(page, view.locator("canvas.unl-input"), (0.2, 0.06 * turn), (0.8, 0.06 * turn))
        if turn % 4 == 3:
            view.get_by_label("image", exact=True).select_option(images[turn // 4 + 1])
        if turn == 6:
            view.get_by_role("button", name="Reset").click()
    cuts = "{skip.level: walk.session.cuts.get(skip.level, 'on') for skip in walk.session.skips}"

    def whole():
        found = walk("walk.ask('prediction')['iou']")  # as the view asks: what it still does is done first, in another thread
        scores = view.locator(".unl-scores").inner_text()
        shown = {level: view.get_by_label(f"skip {level}", exact=True).input_value() for level in map(int, walk(cuts))}
        chosen = view.get_by_label("image", exact=True).input_value()
        same = shown == {int(level): how for level, how in walk(cuts).items()} and chosen == walk("walk.session.chosen")
        return same and all(f"{value:.3f}" in scores for value in found if value is not None)

    def comes_to_rest():
        until(page, whole, 20)
        page.wait_for_timeout(1000)
        assert whole()

    comes_to_rest()
    view.get_by_label("image", exact=True).select_option(images[0])  # nothing else makes the view look again
    until(page, lambda: walk("walk.session.chosen") == images[0], 10)
    comes_to_rest()
    assert view.locator(".unl-error").inner_text() == ""
    assert not [e for e in page.console_errors if "favicon" not in e]


def as_shown(value):
    """A number as the view writes it."""
    if value == 0:
        return "0"
    text = f"{value:.3f}" if abs(value) >= 0.0005 else f"{value:.1e}".replace("e-0", "e-")
    return text.replace("-", "−")


def test_four_views_by_mouse_and_keyboard_with_the_kernel_s_numbers(page, walk):
    view = page.locator(".unl").first
    view.scroll_into_view_if_needed()
    scores = view.locator(".unl-scores").inner_text()

    # 1, the U, by mouse: what a pixel rests on; a skip cut by its arrow and brought back by its menu; paint
    mask = view.locator("canvas.unl-mask").bounding_box()
    page.mouse.move(mask["x"] + 0.5 * mask["width"], mask["y"] + 0.5 * mask["height"])
    until(page, lambda: "Row 96, column 96: nucleus" in view.locator(".unl-caption").inner_text(), 10)
    arrow = view.locator(".unl-hit").last.bounding_box()
    page.mouse.click(arrow["x"] + 0.25 * arrow["width"], arrow["y"] + arrow["height"] / 2)
    menu = view.get_by_label("skip 0", exact=True)
    until(page, lambda: menu.input_value() == "zeros", 10)
    assert walk("walk.session.cuts") == {"0": "zeros"}
    until(page, lambda: view.locator(".unl-scores").inner_text() != scores, 10)
    menu.select_option("on")
    until(page, lambda: view.locator(".unl-scores").inner_text() == scores, 10)
    view.get_by_label("on the input").select_option("dark")
    drag(page, view.locator("canvas.unl-input"), (0.1, 0.9), (0.4, 0.9))
    until(page, lambda: walk("bool((walk.session.image[172, 24:72] == walk.session.image.min()).all())"), 10)
    view.get_by_role("button", name="Reset").click()
    until(page, lambda: view.locator(".unl-scores").inner_text() == scores, 10)

    # 2, a stage, by keyboard: open, sort, switch a channel off and on
    view.get_by_role("button", name="encoder 1: 32 channels of 96 by 96").press("Enter")
    first = view.locator(".unl-tile").first
    until(page, lambda: first.count() == 1 and "encoder 1" in view.locator(".unl-status").inner_text(), 10)
    strongest = walk("int(walk.session.values('encoder.1.block.5').mean(axis=(1, 2)).argmax())")
    assert f"First: channels {strongest}," in view.locator(".unl-status").inner_text()
    view.get_by_label("sorted by").press("ArrowDown")
    varied = walk("int(walk.session.values('encoder.1.block.5').var(axis=(1, 2)).argmax())")
    until(page, lambda: f"sorted by variance. First: channels {varied}," in view.locator(".unl-status").inner_text(), 10)
    view.get_by_role("button", name=f"switch channel {varied} off").press("Enter")
    until(page, lambda: f"Switched off: channels {varied}" in view.locator(".unl-status").inner_text(), 10)
    assert walk("walk.session.muted") == {"encoder.1.block.5": [varied]}
    view.get_by_role("button", name="all on").press("Enter")
    until(page, lambda: walk("walk.session.muted") == {}, 10)

    # 3, a channel: input channels in the order of what they add at the cross
    view.locator(f'.unl-tile[data-channel="{varied}"]').press("Enter")
    until(page, lambda: view.locator(".unl-input-row").count() == 12, 10)
    number = f"walk.ask('number', 'encoder.1.block.3', {varied}, 48, 48)"
    rows = view.locator(".unl-input-row b").all_inner_texts()
    assert rows == [as_shown(value) for value in walk(f"{number}['sums'][:12].tolist()")]
    view.locator(".unl-large canvas").press("ArrowLeft")
    until(page, lambda: "row 48, column 47" in view.locator(".unl-caption").first.inner_text(), 10)

    # 4, a number, and its neighbours: sum, norm and activation are the network's
    view.locator(".unl-large canvas").press("Enter")
    until(page, lambda: view.locator(".unl-result").count() == 3, 10)
    view.get_by_role("button", name="one pixel up").press("Enter")
    until(page, lambda: "row 47, column 47" in view.locator(".unl-sheet h4").inner_text(), 10)
    steps = [f"encoder.1.block.{k}" for k in (3, 4, 5)]
    values = walk(f"[float(walk.session.values(s)[{varied}, 47, 47]) for s in {steps}]")
    assert view.locator(".unl-result").all_inner_texts() == [as_shown(value) for value in values]
    names = view.aria_snapshot()
    for name in ("where you are in the network", "input, 192 x 192 pixels", "one number; arrows move to its neighbours"):
        assert name in names

    # back by the trail and by Escape; the tour; a calm system gets a button for each step instead of an animation
    page.keyboard.press("Escape")
    until(page, lambda: view.locator(".unl-channel-view").count() == 1, 10)
    view.get_by_role("button", name="the network").click()
    page.emulate_media(reduced_motion="reduce")
    view.get_by_role("button", name="Tour").click()
    for stop in range(1, 9):
        until(page, lambda stop=stop: view.locator(".unl-tour b").inner_text().startswith(f"{stop} of 8"), 10)
        view.locator(".unl-next").press("Enter")
    until(page, lambda: view.locator(".unl-tour").count() == 0, 10)
    view.get_by_role("button", name="Next layer").press("Enter")
    assert "1 of 10: encoder 0" in view.locator(".unl-caption").inner_text()
    page.emulate_media(reduced_motion="no-preference")
    assert view.locator(".unl-error").inner_text() == ""
    assert not [e for e in page.console_errors if "favicon" not in e]
