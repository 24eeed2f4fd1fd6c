# %% [markdown]
# # Solutions of 15: your own images
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
import numpy as np

# %%
my_codes = {(0, 0, 0): 0, (0, 158, 115): 1, (204, 121, 167): 2, (240, 228, 66): 1}


# %%
def my_split(names, train_fraction, seed):
    dishes = sorted({name.split("_")[0] for name in names})
    np.random.default_rng(seed).shuffle(dishes)
    chosen = dishes[: round(train_fraction * len(dishes))]
    training = [name for name in names if name.split("_")[0] in chosen]
    return training, [name for name in names if name not in training]


# %%
ANSWERS = {"colour_codes": my_codes, "split_by_dish": my_split}
