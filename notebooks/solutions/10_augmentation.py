# %% [markdown]
# # Solutions of 10: augmentation
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
import numpy as np


# %%
def my_flip_rotate(image, mask, mirrored, turns):
    if mirrored:
        image, mask = image[:, ::-1], mask[:, ::-1]
    return np.rot90(image, turns).copy(), np.rot90(mask, turns).copy()


# %%
my_faults = {
    "A": "mask mixed",
    "B": "fine",
    "C": "two draws",
    "D": "no chance",
    "E": "mask left behind",
    "F": "not standardised",
}

# %%
ANSWERS = {"flip_rotate": my_flip_rotate, "augmentation_bugs": my_faults}
