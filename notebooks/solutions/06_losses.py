# %% [markdown]
# # Solutions of 06: losses
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
import math

from torch.nn import functional as F


# %%
def my_loss(logits, mask, weights):
    log_p = logits.log_softmax(dim=1)  # (N, C, H, W)
    of_truth = log_p.gather(1, mask[:, None])[:, 0]  # (N, H, W)
    pixel_weights = weights[mask]  # (N, H, W)
    return -(pixel_weights * of_truth).sum() / pixel_weights.sum()


# %%
def my_dice_loss(logits, mask):
    p = logits.softmax(dim=1)
    t = F.one_hot(mask, logits.shape[1]).movedim(-1, 1).float()
    overlap = (p * t).sum(dim=(0, 2, 3))
    sizes = p.sum(dim=(0, 2, 3)) + t.sum(dim=(0, 2, 3))
    dice = (2 * overlap + 1e-5) / (sizes + 1e-5)
    return 1 - dice.mean()


# %%
logged = 1697953.4625
my_findings = {
    "per_pixel_at_1024": logged / (3 * 1024 * 1024),
    "per_pixel_at_512": logged / (3 * 512 * 512),
    "knowing_nothing": math.log(3),
    "image_size": 1024,  # at 512 a pixel would cost more than knowing nothing, over a whole epoch
    "training_images": 180,  # 60 batches of 3: the average is a multiple of 1/480 = 1/(8 · 60)
}

# %%
ANSWERS = {"weighted_cross_entropy": my_loss, "soft_dice": my_dice_loss, "detective": my_findings}
