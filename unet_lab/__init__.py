"""U-Net Lab: the parts of a U-Net, the U, what goes in, what comes out, a look inside.

Import from the rooms: `from unet_lab.unet import UNet`, `from unet_lab.inference.predict import segment`, …
"""

__version__ = "0.1.0"
