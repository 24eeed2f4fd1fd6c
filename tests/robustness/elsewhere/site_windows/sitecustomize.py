"""Read by every Python whose PYTHONPATH holds this folder: what Windows lacks is gone before the grading's worker begins."""

import sys


class TakeAwayFirst:
    """A finder that finds nothing, and changes this process when the worker is looked for."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "unet_lab.course.grading.worker":
            sys.meta_path.remove(TakeAwayFirst)
            from tests.robustness.elsewhere import windows

            windows.pretend(setattr, delattr)


sys.meta_path.insert(0, TakeAwayFirst)
