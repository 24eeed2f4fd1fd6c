# %% [markdown]
# # Solutions of 11: variations
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
import torch
from torch import nn
from torch.nn import functional as F


# %%
class MyAttentionGate(nn.Module):
    def __init__(self, skip_channels, gating_channels, inner):
        super().__init__()
        self.theta = nn.Conv2d(skip_channels, inner, kernel_size=2, stride=2, bias=False)
        self.phi = nn.Conv2d(gating_channels, inner, kernel_size=1)
        self.psi = nn.Conv2d(inner, 1, kernel_size=1)

    def forward(self, skip, gating):
        together = torch.relu(self.theta(skip) + self.phi(gating))  # (N, inner, H, W)
        attention = torch.sigmoid(self.psi(together))  # (N, 1, H, W)
        return skip * F.interpolate(attention, scale_factor=2, mode="bilinear")  # (N, C, 2H, 2W)


# %%
both = {
    "training": range(0, 96),
    "choosing": range(500, 540),
    "judging": range(1000, 1060),
    "steps": 192,
    "rates": [0.001, 0.003, 0.01],
    "seeds": [0, 1, 2, 3],
}
my_plan = {"baseline": both, "new": dict(both)}

# %%
ANSWERS = {"attention_gate": MyAttentionGate, "fair_plan": my_plan}
