# %% [markdown]
# # Solutions of 16: more than one machine
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
import torch

from unet_lab.losses import cross_entropy


# %%
def my_share(indices, rank, workers):
    return indices[rank::workers]


# %%
def my_step(model, optimizer, image, mask, all_reduce):
    pixels = torch.tensor(float(mask.numel()))
    all_reduce(pixels)  # of the whole batch
    optimizer.zero_grad()
    loss = cross_entropy(model(image), mask, reduction="sum") / pixels
    loss.backward()
    for parameter in model.parameters():
        all_reduce(parameter.grad)
    optimizer.step()
    return all_reduce(loss.detach().clone()).item()


# %%
ANSWERS = {"share_of_batch": my_share, "data_parallel_step": my_step}
