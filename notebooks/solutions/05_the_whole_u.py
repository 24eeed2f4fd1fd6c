# %% [markdown]
# # Solutions of 05: the whole U
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
from torch import nn

from unet_lab.blocks import Bottleneck, DecoderStage, EncoderStage


# %%
class MyUNet(nn.Module):
    def __init__(self, in_channels, num_classes, base_channels, depth):
        super().__init__()
        channels = [base_channels * 2**k for k in range(depth + 1)]
        self.encoder = nn.ModuleList()
        for k in range(depth):
            self.encoder.append(EncoderStage(in_channels if k == 0 else channels[k - 1], channels[k]))
        self.bottleneck = Bottleneck(channels[depth - 1], channels[depth])
        self.decoder = nn.ModuleList()
        for k in reversed(range(depth)):
            self.decoder.append(DecoderStage(channels[k + 1], channels[k]))
        self.head = nn.Conv2d(channels[0], num_classes, kernel_size=1)

    def forward(self, x):
        skips = []
        for stage in self.encoder:
            x, skip = stage(x)
            skips.append(skip)
        x = self.bottleneck(x)
        for stage in self.decoder:
            x = stage(x, skips.pop())
        return self.head(x)


# %%
def my_count(base_channels, depth):
    def block(a, b):  # two 3x3 convolutions with bias, each with a batch norm
        return (9 * a * b + b + 2 * b) + (9 * b * b + b + 2 * b)

    channels = [base_channels * 2**k for k in range(depth + 1)]
    total = block(1, channels[0])
    for k in range(depth):
        total += block(channels[k], channels[k + 1])  # the way down, the bottleneck last
        total += 4 * channels[k + 1] * channels[k] + channels[k]  # the 2x2 up-convolution
        total += block(2 * channels[k], channels[k])  # the decoder block, after concatenation
    return total + channels[0] * 3 + 3  # the 1x1 head


# %%
my_verdict = {
    "A": "a skip of noise",  # answers differently to the same image
    "B": "skips carry nothing",  # no skip matters, yet it sees far
    "C": "U-Net",
    "D": "cut off below the top",  # the lower skip does not matter, and it sees 9 pixels: four convolutions
    "E": "no pooling",  # sees 13 pixels: six convolutions, no skips
}

# %%
ANSWERS = {"unet": MyUNet, "parameter_count": my_count, "mysteries": my_verdict}
