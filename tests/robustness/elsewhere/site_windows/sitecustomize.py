"""Read by every Python whose PYTHONPATH holds this folder: the grading's worker does without what Windows lacks."""

import sys


class TakeAwayLater:
    """A finder that finds nothing. When the worker is looked for, it has all taken away after its imports."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "unet_lab.course.grading.worker":
            sys.meta_path.remove(TakeAwayLater)
            from unet_lab.course.grading import isolation

            isolation.adopt_orphans = take_away  # what the worker calls first


def take_away() -> None:
    from tests.robustness.elsewhere import windows

    windows.pretend(setattr, delattr, renamed=False)  # the notebook has imports of its own


sys.meta_path.insert(0, TakeAwayLater)
