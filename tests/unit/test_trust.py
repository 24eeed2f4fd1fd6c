"""What speaks against a mark: reaching for the checks, exchanging the library, handing in what is the library's own."""

import functools
import inspect

import nbformat
import numpy as np
import pytest
import sklearn.metrics
from torch import nn

import unet_lab.metrics
from tests.conftest import ROOT
from unet_lab.blocks import ConvBlock, EncoderStage
from unet_lab.course.grading.marking import flags_of, handed_out_cells
from unet_lab.course.grading.notebooks import code_cells
from unet_lab.course.grading.similarity import library_s_own, used_from_library
from unet_lab.course.grading.trust import Seal, Watcher, suspicious
from unet_lab.metrics import confusion_matrix, scores

CHEATS = {
    "sys._getframe(1).f_locals['right']": "looks into frames",
    "import inspect\ninspect.stack()": "looks into frames",
    "try: 1/0\nexcept Exception as e: e.__traceback__.tb_frame.f_back": "looks into frames",
    "sys.modules['x'].CHECKS": "looks into frames",
    "import gc\ngc.get_objects()": "looks into frames",
    "from gc import get_referrers": "looks into frames",
    "from unet_lab.course.exercises import evaluation": "imports the checks",
    "import importlib\nimportlib.import_module('unet_lab.course.checking')": "imports the checks",
    "import numpy\nnumpy.allclose = lambda *a: True": "changes a library",
    "setattr(np, 'array_equal', lambda *a: True)": "changes a library",
    "exec('x = 1')": "runs text as code",
    "getattr(frame, 'f_' + 'back')": "hides a name",
    "getattr(frame, f'f_{word}')": "hides a name",
    "getattr(frame, 'tb_%s' % 'frame')": "hides a name",
    "class Right:\n    def __eq__(self, other): return True": "an answer that compares itself",
    "import ctypes": "works below Python",
    "import os\nos.fdopen(5)": "works with file descriptors",
    "open('../notebooks/solutions/08.ipynb')": "names the solutions",
    "open('/proc/self/fd/4')": "names the solutions",
}
HONEST = [
    "model.eval()\nx = np.array([1]); x[0] = 2\nself.weight = 3",
    "def my_iou(m):\n    'The solution of the task.'\n    return getattr(m, 'T')",
    "re.compile('a'); torch.compile(model); df.eval('a + b')",
    "class A:\n    def forward(self, x): return getattr(self, f'conv{k}')(getattr(self, 'norm' + str(k))(x))",
    "import gc\ngc.collect()",
    "import sys\nIN_COLAB = 'google.colab' in sys.modules",
    "class A:\n    def __init__(self): self.modules = list(m.modules())",
]


@pytest.mark.parametrize("code", CHEATS)
def test_what_reaches_too_far_is_named(code):
    assert any(words.startswith(CHEATS[code]) for words in suspicious(code)), suspicious(code)


def test_what_the_page_itself_imports_is_no_reason():
    cells = ["import numpy as np\nfrom unet_lab.course.exercises.training import learning_rate_curve"]
    handed_out = list(handed_out_cells("07_training"))
    assert any("learning_rate_curve" in code for code in handed_out)
    assert flags_of(cells, handed_out) == []
    assert flags_of(["from unet_lab.course.exercises import evaluation"], handed_out) != []


@pytest.mark.parametrize("code", HONEST)
def test_what_students_write_is_not(code):
    assert suspicious(code) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_the_course_s_own_pages_give_no_reason(path):
    """But for the cells that end each page, which are hidden and drive the explorers."""
    found = [words for code in code_cells(nbformat.read(path, 4)) for words in suspicious(code)]
    assert [words for words in found if "imports the checks" not in words] == []


def test_what_was_exchanged_is_put_back_and_named():
    seal = Seal()
    assert seal.restore() == []
    before = confusion_matrix.__code__, np.array_equal, EncoderStage.forward
    try:
        np.array_equal = lambda *a: True
        EncoderStage.forward = lambda self, x: x
        confusion_matrix.__code__ = (lambda *a, **k: 0).__code__
        unet_lab.metrics.scores = None
        changed = seal.restore()
    finally:
        confusion_matrix.__code__, np.array_equal, EncoderStage.forward = before
        unet_lab.metrics.scores = scores
    assert {"numpy.array_equal", "EncoderStage.forward", "unet_lab.metrics.confusion_matrix", "unet_lab.metrics.scores"} <= set(
        changed
    )
    assert seal.restore() == []
    assert np.array_equal([1], [1])
    assert not np.array_equal([1], [2])


class Inherited(EncoderStage):
    pass


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = ConvBlock(1, 2)

    def forward(self, x):
        return self.block(x)


def test_the_library_s_own_is_known_however_it_is_handed_in():
    assert library_s_own(confusion_matrix) == "unet_lab.metrics.confusion_matrix"
    assert library_s_own(EncoderStage) == library_s_own(Inherited) == "unet_lab.blocks.EncoderStage"
    assert library_s_own(Own) == library_s_own(3) == library_s_own(lambda m: m) == ""


def test_a_copy_of_the_library_s_code_is_known_whatever_its_names(tmp_path):
    code = inspect.getsource(confusion_matrix).replace("confusion_matrix", "my_own").replace("truth", "wahr")
    (tmp_path / "copied.py").write_text(code, encoding="utf-8")
    namespace = dict(vars(unet_lab.metrics)) | {"__name__": "__main__"}
    exec(compile(code, str(tmp_path / "copied.py"), "exec"), namespace)
    assert library_s_own(namespace["my_own"]) == "unet_lab.metrics.confusion_matrix"


def test_what_an_answer_calls_of_the_library_is_known():
    assert used_from_library(lambda *given: confusion_matrix(*given)) == [confusion_matrix]
    assert used_from_library(lambda *given: unet_lab.metrics.scores(*given)) == [scores]
    assert used_from_library(Own) == [ConvBlock]
    assert used_from_library(lambda m: np.diag(m)) == []


def test_a_watcher_says_once_what_comes_from_a_student_s_cell(tmp_path):
    said = []
    watcher = Watcher(said.append, str(tmp_path), [str(tmp_path / "others")])
    cell = compile("def touch(see):\n    see('gc.get_objects', ())", "<cell 3>", "exec")
    exec(cell, namespace := {})
    hook = lambda event, arguments: watcher.see(event, arguments)  # noqa: E731  (in the marker the hook stands between)
    namespace["touch"](hook)
    namespace["touch"](hook)
    hook("gc.get_objects", ())  # from here: no student's code
    hook("open", (str(tmp_path / "others" / "ada.ipynb"), "r", 0))
    hook("open", (str(tmp_path / "data.txt"), "r", 0))
    assert said == ["looks at all objects", f"opens {str(tmp_path / 'others' / 'ada.ipynb')[-80:]}"]


def test_a_part_of_the_library_one_step_removed_is_found():
    """By way of a helper, a partial, a default, a closure, a list, an object, an import inside; another library's is not ours."""

    def helper(*given):
        return confusion_matrix(*given)

    def again(function):
        return lambda *given: function(*given)

    class Asks:
        def __call__(self, *given):
            return helper(*given)

    def imports(*given):
        from unet_lab.metrics import confusion_matrix as theirs

        return theirs(*given)

    parts = [confusion_matrix]
    for answer in (
        lambda *given: helper(*given),
        functools.partial(confusion_matrix),
        lambda *given, by=confusion_matrix: by(*given),
        again(confusion_matrix),
        lambda *given: parts[0](*given),
        Asks(),
        Asks().__call__,
        imports,
        lambda *given: unet_lab.metrics.confusion_matrix(*given),
    ):
        assert used_from_library(answer) == [confusion_matrix]
    assert used_from_library(lambda truth, found: sklearn.metrics.confusion_matrix(truth, found)) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("from unet_lab.course import CHECKS", "imports the checks: unet_lab.course.CHECKS"),
        ("import unet_lab.course as c\nc.CHECKS", "reaches for the checks: CHECKS"),
        ("import inspect\ninspect.getmodule(check)", "looks into frames: inspect.getmodule"),
        ("from inspect import getclosurevars", "looks into frames: inspect.getclosurevars"),
        ("import os\nos.write(5, b'x')", "works with file descriptors: os.write"),
        ("from socket import socket", "works with file descriptors: socket.socket"),
    ],
)
def test_ways_around_the_checks_are_flagged(code, words):
    assert suspicious(code) == [words]
