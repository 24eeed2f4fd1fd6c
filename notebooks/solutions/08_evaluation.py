# %% [markdown]
# # Solutions of 08: evaluation
#
# Look here when your own answer passes, to compare, or after the third hint. `ANSWERS` is what the tests check.

# %%
import numpy as np


# %%
def my_confusion(truth, prediction, num_classes):
    table = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(table, (truth.ravel(), prediction.ravel()), 1)
    return table


# %%
def my_iou(matrix):
    intersection = matrix.diagonal().astype(float)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()
    return np.divide(intersection, union, out=np.full(len(matrix), np.nan), where=union > 0)


# %%
reported = 0.8599
my_audit = {
    "f1_of_that_iou": 2 * reported / (1 + reported),
    "micro_iou_of_that_accuracy": reported / (2 - reported),
    "reported_pair_possible": False,
}

# %%
ANSWERS = {"confusion_matrix": my_confusion, "iou": my_iou, "audit": my_audit}
