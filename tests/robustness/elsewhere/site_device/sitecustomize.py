"""Read by every Python whose PYTHONPATH holds this folder: with UNET_LAB_DEVICE=elsewhere it makes that device known in time.

The course asks for a device in unet_lab.training.device; just before that is imported, the device is registered. A Python that
does not import the course loads nothing.
"""

import os
import sys


class RegisterFirst:
    """A finder that finds nothing, and registers the device when the course's module is looked for."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "unet_lab.training.device":
            sys.meta_path.remove(RegisterFirst)
            from tests.robustness.elsewhere import device

            device.register()


if os.environ.get("UNET_LAB_DEVICE") == "elsewhere":
    sys.meta_path.insert(0, RegisterFirst)
