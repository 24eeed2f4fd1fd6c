# %% [markdown]
# # Solutions of 09: looking inside
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
from unet_lab.inference import predict
from unet_lab.inspection import without_skip
from unet_lab.metrics import confusion_matrix, scores


# %%
def my_activation(model, name, x):
    kept = []
    module = dict(model.named_modules())[name]
    handle = module.register_forward_hook(lambda module, inputs, output: kept.append(output.detach().clone()))
    model(x)
    handle.remove()
    return kept[0]


# %%
def my_ranking(model, pairs):
    def iou():
        matrix = sum(confusion_matrix(truth, predict(model, image)) for image, truth in pairs)
        return scores(matrix, average="macro").iou

    lost = []
    whole = iou()
    for level in range(4):
        with without_skip(model, level):
            lost.append(whole - iou())
    return sorted(range(4), key=lambda level: lost[level], reverse=True)


# %%
ANSWERS = {"hook_layer": my_activation, "rank_skips": my_ranking}
