# %% [markdown]
# # Solutions of 04: the expansive path
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
import numpy as np
import torch
from torch import nn

from unet_lab.blocks import ConvBlock


# %%
def my_transposed(image, kernel, stride):
    size = len(kernel)
    output = np.zeros(((image.shape[0] - 1) * stride + size, (image.shape[1] - 1) * stride + size))
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            output[r * stride : r * stride + size, c * stride : c * stride + size] += image[r, c] * kernel
    return output


# %%
class MyDecoderStage(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=2, stride=2)
        self.block = ConvBlock(2 * out_channels, out_channels)

    def forward(self, x, skip):
        x = self.up(x)
        height, width = x.shape[-2:]
        top, left = (skip.shape[-2] - height) // 2, (skip.shape[-1] - width) // 2
        skip = skip[..., top : top + height, left : left + width]
        return self.block(torch.cat([skip, x], dim=1))


# %%
ANSWERS = {"transposed_convolution": my_transposed, "decoder_stage": MyDecoderStage}
