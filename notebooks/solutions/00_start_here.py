# %% [markdown]
# # Solutions of 00: start here
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
from unet_lab.datasets import generate_cell
from unet_lab.inference import segment

image = generate_cell(seed=7, size=160).image
nucleus_pixels = (segment(image) == 2).sum()

# %%
my_shape = {"images": 2, "classes": 3, "height": 64, "width": 96}

# %%
ANSWERS = {"nucleus_pixels": nucleus_pixels, "read_shape": my_shape}
