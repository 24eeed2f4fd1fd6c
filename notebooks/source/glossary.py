# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
# ---

# %% [markdown]
# # Glossary
#
# The words of the course, each in a sentence or two, and where it is taught. In every notebook the first use of a word leads here, and the tab leads
# back. (JupyterLab opens this page at its top; while it is open, a link leads to its word.)
#
# *Back: [00 · Start here](00_start_here.ipynb)*

# %% [markdown] since=1
# ### Accuracy
#
# The share of pixels whose class is right. High wherever one class fills the image, whatever happens to the others. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=6
# ### Adam
#
# An optimiser: gradient descent that fits the length of the step to each weight by itself, from running means of its gradient and of its square (Kingma and Ba 2014). Taught in [07](07_training.ipynb).

# %% [markdown] since=0 also=["arrays"]
# ### Array
#
# A table of numbers with a shape: (H, W) for a grey image, height first. Taught in [00](00_start_here.ipynb).

# %% [markdown] since=11 also=["attention gates"]
# ### Attention gate
#
# A part that multiplies each pixel of a skip by a number from 0 to 1, computed from the coarser features below (Oktay et al. 2018). Taught in [11](11_variations.ipynb).

# %% [markdown] since=6 also=["augment", "augmenting"]
# ### Augmentation
#
# Change images and masks at random, in ways that leave the truth true: turn, mirror, bend, darken. A network learns from the changes what does not matter. Taught in [10](10_augmentation.ipynb).

# %% [markdown] since=3
# ### Average pooling
#
# Keep the mean of each 2x2 pixels. The mean of the image stays; a single bright pixel fades. Taught in [03](03_contracting_path.ipynb).

# %% [markdown] since=1 also=["baselines"]
# ### Baseline
#
# The simple answer that a new one is compared with: all background, a threshold, yesterday's network. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=0 also=["batches"]
# ### Batch
#
# Several images that go through the network together, and of whose losses one step takes the mean: the N in (N, C, H, W). Taught in [07](07_training.ipynb).

# %% [markdown] since=2 also=["batch normalisation"]
# ### Batch norm
#
# A layer that subtracts a mean and divides by a standard deviation for each channel, then multiplies and adds numbers that are learnt. In training it measures the batch; in evaluation it uses what it has stored. Taught in [02](02_convolution.ipynb).

# %% [markdown] since=7
# ### bfloat16
#
# A number of 16 bits with the range of a float32 and two to three digits. Faster on a GPU and on processors that multiply at full speed in it; not on all that can multiply in it. Taught in [13](13_fast_and_small.ipynb).

# %% [markdown] since=2 not_in=[17] also=["biases"]
# ### Bias of a convolution
#
# One learnt number per output channel, added at every pixel after the weighted sum. Before a batch norm it does nothing. Taught in [02](02_convolution.ipynb).

# %% [markdown] since=17 also=["bias"]
# ### Bias of a measurement
#
# What is left of the errors when they are averaged: all areas 10 % too large, say. More cells do not make it smaller. Taught in [17](17_from_masks_to_measurements.ipynb).

# %% [markdown] since=8 also=["bootstrap", "bootstrap intervals"]
# ### Bootstrap interval
#
# Between which values a score may lie: draw as many images as there are, with replacement, score them, many times over; the middle 95 % (Efron and Tibshirani 1993). Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=3 also=["floor of the U"]
# ### Bottleneck
#
# The block at the lowest level of the U: smallest maps, most channels. Taught in [04](04_expansive_path.ipynb).

# %% [markdown] since=8
# ### Boundary F1
#
# F1 of the outlines: a border pixel counts as found if one of the other mask lies within a few pixels of it. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=13 also=["calibrated", "calibrate"]
# ### Calibration
#
# For int8: finding from some images which range of numbers each layer needs. (Of probabilities: whether 90 % sure is right nine times in ten.) Taught in [13](13_fast_and_small.ipynb).

# %% [markdown] since=0 also=["channels"]
# ### Channel
#
# One of several maps that belong to the same image: red, green and blue of a photograph, or the features of a layer. The C in (N, C, H, W). Taught in [02](02_convolution.ipynb).

# %% [markdown] since=4 also=["checkerboards"]
# ### Checkerboard
#
# A pattern of light and dark pixels that up-sampling leaves where stamps overlap unevenly. Taught in [04](04_expansive_path.ipynb).

# %% [markdown] since=7 also=["checkpoints"]
# ### Checkpoint
#
# A file with everything that a run needs to go on: weights, the optimiser's state, the position, the states of the random number generators. Taught in [07](07_training.ipynb).

# %% [markdown] since=0 also=["classes"]
# ### Class
#
# What a pixel can be: here background, cell body or nucleus. Its index, 0, 1 or 2, is what a mask holds. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=6 also=["weights of classes"]
# ### Class weights
#
# Factors that let pixels of rare classes count more in the loss. Taught in [06](06_losses.ipynb).

# %% [markdown] since=1 also=["clipped"] not_in=[7, 13]
# ### Clipping
#
# What lies beyond the largest or smallest grey that can be stored becomes that grey; how far beyond it was is lost. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=4 also=["concatenate", "concatenated"]
# ### Concatenation
#
# Laying feature maps side by side along the channels: 64 and 64 become 128. The decoder does so with the skip. Taught in [04](04_expansive_path.ipynb).

# %% [markdown] since=7 also=["confusion matrices"]
# ### Confusion matrix
#
# A table of counts: rows are the true class, columns the predicted one. Every score can be computed from it. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=17 also=["connected components"]
# ### Connected component
#
# All pixels of a mask that can be reached from one another without leaving it. Cells that touch are one. Taught in [17](17_from_masks_to_measurements.ipynb).

# %% [markdown] since=3 also=["encoder"]
# ### Contracting path
#
# The left side of the U: blocks of convolutions, each followed by a pooling. It finds out what is there. Taught in [03](03_contracting_path.ipynb).

# %% [markdown] since=2 also=["convolutions", "convolutional"]
# ### Convolution
#
# Slide a small kernel over the image; each output number is the sum of the products of the kernel and the window under it, plus a bias. Taught in [02](02_convolution.ipynb).

# %% [markdown] since=4 also=["crops", "cropped"]
# ### Crop
#
# Cut a part out. The middle of a skip, where the map that it meets is smaller; squares out of images that are too large or too many-sized. Taught in [04](04_expansive_path.ipynb).

# %% [markdown] since=5
# ### Cross entropy
#
# A loss: minus the logarithm of the probability that the true class was given. Knowing nothing of three classes costs ln 3 = 1.0986 nats a pixel. Taught in [06](06_losses.ipynb).

# %% [markdown] since=1
# ### Cross-validation
#
# Deal the images into parts; each part validates once, while the others train. Every image is judged, and none by a network that has seen it. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=16 also=["data-parallel", "data parallelism"]
# ### Data parallel
#
# Several workers, each with the same network and a part of the batch; their gradients are averaged before each step. Taught in [16](16_more_than_one_machine.ipynb).

# %% [markdown] since=6 also=["Dice score"]
# ### Dice
#
# 2 · overlap / (sum of both sizes); the same number as F1. Soft Dice takes probabilities, and can be a loss. Taught in [06](06_losses.ipynb).

# %% [markdown] since=3 also=["dilated"]
# ### Dilation
#
# A kernel whose weights stand apart: with dilation 2, a 3x3 kernel reaches over 5x5 pixels and looks at nine of them. Taught in [03](03_contracting_path.ipynb).

# %% [markdown] since=16 also=["DDP"]
# ### DistributedDataParallel
#
# PyTorch's wrapper for data-parallel training: it averages the workers' gradients during backward. A DistributedSampler gives each worker its share of the images. Taught in [16](16_more_than_one_machine.ipynb).

# %% [markdown] since=9 also=["effective field", "effective receptive fields"]
# ### Effective receptive field
#
# The pixels on which an output does depend, measured by its gradient: a bell, much smaller than the receptive field (Luo et al. 2016). Taught in [09](09_looking_inside.ipynb).

# %% [markdown] since=10 also=["elastic deformations", "elastically", "displacements"]
# ### Elastic deformation
#
# Bend image and mask together by a smooth field of random displacements, as the 2015 paper does. Taught in [10](10_augmentation.ipynb).

# %% [markdown] since=6 also=["epochs"]
# ### Epoch
#
# One pass over all training images. Taught in [07](07_training.ipynb).

# %% [markdown] since=9 also=["equivariant"]
# ### Equivariance
#
# Move the input, and the output moves with it. Convolutions have it for whole pixels; poolings only for multiples of their stride. Taught in [09](09_looking_inside.ipynb).

# %% [markdown] since=2 also=["training mode"]
# ### Evaluation mode
#
# A network's two modes differ where layers look at the batch (batch norm) or draw random numbers (dropout). model.eval() and model.train() set them. Taught in [02](02_convolution.ipynb).

# %% [markdown] since=4 also=["decoder"]
# ### Expansive path
#
# The right side of the U: up-sampling, the skip, two convolutions, level by level. It says where. Taught in [04](04_expansive_path.ipynb).

# %% [markdown] since=7
# ### F1
#
# The harmonic mean of precision and recall; for masks the same as Dice. F1 = 2·IoU/(1 + IoU). Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=2 also=["feature maps"]
# ### Feature map
#
# The output of one channel of a layer: a picture of where the layer found what it looks for. Taught in [09](09_looking_inside.ipynb).

# %% [markdown] since=6
# ### Focal loss
#
# Cross entropy in which pixels that are right already count less (Lin et al. 2017). Taught in [06](06_losses.ipynb).

# %% [markdown] since=6 also=["gradients"]
# ### Gradient
#
# How much the loss changes with each weight. PyTorch computes it backwards through the network. Taught in [07](07_training.ipynb).

# %% [markdown] since=8 also=["Hausdorff"]
# ### Hausdorff distance
#
# The largest distance from a border pixel of one mask to the nearest of the other: one stray pixel decides it. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=8
# ### HD95
#
# The Hausdorff distance without its worst 5 %: the 95th percentile of the distances. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=9 also=["hooks"]
# ### Hook
#
# A function that PyTorch calls whenever a layer has run, with its input and output: how one listens to a network. Taught in [09](09_looking_inside.ipynb).

# %% [markdown] since=17 also=["instances"]
# ### Instance
#
# One single object, with a number of its own: cell 17, where a mask knows only "cell". Taught in [17](17_from_masks_to_measurements.ipynb).

# %% [markdown] since=13
# ### int8
#
# Whole numbers of 8 bits: 256 steps laid over the range that a tensor has. Fast and small; the steps must fit. Taught in [13](13_fast_and_small.ipynb).

# %% [markdown] since=0 also=["Jaccard"]
# ### IoU
#
# Intersection over union: the pixels that both masks call a class, divided by those that at least one does. 1 is perfect. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=2 not_in=[13] also=["kernels"]
# ### Kernel
#
# The small square of weights that a convolution slides over the image, 3x3 as a rule. (Jupyter calls the Python behind a page a kernel too.) Taught in [02](02_convolution.ipynb).

# %% [markdown] since=1 also=["leak", "leaks", "leaked"]
# ### Leakage
#
# Something of the examination is in what was learnt: the same image, the same dish, on both sides of the split. Scores then mean nothing. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=6 also=["learning rates"]
# ### Learning rate
#
# How far one step goes along the gradient. The setting that ruins most runs. Taught in [07](07_training.ipynb).

# %% [markdown] since=0 also=["logit"]
# ### Logits
#
# What a network puts out: one number for each pixel and class, of any size. The largest wins; a softmax turns them into probabilities. Taught in [06](06_losses.ipynb).

# %% [markdown] since=5 also=["losses"]
# ### Loss
#
# One number that says how wrong an answer is, and that falls as it gets better. Training makes it small. Taught in [06](06_losses.ipynb).

# %% [markdown] since=7 also=["macro"]
# ### Macro average
#
# The mean of a score over the classes, each counting alike, however rare. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=0 also=["masks"]
# ### Mask
#
# An array as large as the image that holds the class of each pixel. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=3 also=["pooling", "poolings"]
# ### Max pooling
#
# Keep the largest of each 2x2 pixels: half the size, twice the view. Taught in [03](03_contracting_path.ipynb).

# %% [markdown] since=17 also=["merges"]
# ### Merge
#
# A predicted object that holds two true ones or more. A split is the opposite: a true object in several pieces. Taught in [17](17_from_masks_to_measurements.ipynb).

# %% [markdown] since=8 also=["micro"]
# ### Micro average
#
# A score of all pixels of all classes counted together. Micro F1 is the accuracy. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=5 also=["multiply-adds"]
# ### Multiply-add
#
# One multiplication and one addition: the unit in which a network's work is counted. Taught in [05](05_the_whole_u.ipynb).

# %% [markdown] since=6 also=["nat"]
# ### nats
#
# The unit of a loss that is computed with the natural logarithm. Taught in [06](06_losses.ipynb).

# %% [markdown] since=9
# ### Occlusion
#
# Cover a patch of the input and see how much an answer's probability falls: a step, where saliency is a slope (Zeiler and Fergus 2014). Taught in [09](09_looking_inside.ipynb).

# %% [markdown] since=13
# ### ONNX
#
# A file format for networks that many programs can run. Taught in [18](18_other_programs.ipynb).

# %% [markdown] since=6 also=["optimisers", "optimizer"]
# ### Optimiser
#
# The rule by which gradients become changes of the weights: gradient descent, Adam. Taught in [07](07_training.ipynb).

# %% [markdown] since=6 also=["overfit", "overfits"]
# ### Overfitting
#
# Learning the training images by heart: the training loss falls on, the validation loss rises. On one batch, on purpose, it is a test. Taught in [07](07_training.ipynb).

# %% [markdown] since=2
# ### Padding
#
# What is laid around an image before a convolution. "same": zeros, and the size stays. "valid": nothing, and each 3x3 convolution takes two pixels. Taught in [02](02_convolution.ipynb).

# %% [markdown] since=2 not_in=[15] also=["parameter"]
# ### Parameters
#
# The numbers that training changes: weights and biases. Taught in [05](05_the_whole_u.ipynb).

# %% [markdown] since=17
# ### Pixel size
#
# How long the side of a pixel is in the specimen, in micrometres or nanometres. The microscope's file says it. Taught in [17](17_from_masks_to_measurements.ipynb).

# %% [markdown] since=7
# ### Precision
#
# Of the pixels that were called a class, the share that are. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=17
# ### Pseudoreplication
#
# Counting what is not independent as if it were: 200 cells of one dish as 200 experiments (Lazic 2010). Taught in [17](17_from_masks_to_measurements.ipynb).

# %% [markdown] since=7
# ### Recall
#
# Of the pixels that are of a class, the share that were found. Taught in [08](08_evaluation.ipynb).

# %% [markdown] since=2 also=["receptive fields"]
# ### Receptive field
#
# The pixels of the input on which one number can depend at all. The effective field is the smaller part on which it does depend. Taught in [03](03_contracting_path.ipynb).

# %% [markdown] since=2
# ### ReLU
#
# max(0, x): what is below zero becomes zero. Without it two convolutions would be one. Taught in [02](02_convolution.ipynb).

# %% [markdown] since=11 also=["residual blocks", "residual"]
# ### Residual block
#
# A block that adds its result to its input, so that it learns a change. Taught in [11](11_variations.ipynb).

# %% [markdown] since=9
# ### Saliency
#
# How much the output changes with each pixel of the input: the gradient, shown as an image. Taught in [09](09_looking_inside.ipynb).

# %% [markdown] since=7 also=["one cycle"]
# ### Schedule
#
# How the learning rate changes over a run. One cycle: up in the first third, then down to nearly 0. Taught in [07](07_training.ipynb).

# %% [markdown] since=0 not_in=[17] also=["seeds"]
# ### Seed
#
# The number that a random number generator starts from. The same seed gives the same draws. Taught in [00](00_start_here.ipynb).

# %% [markdown] since=0 also=["segment", "segments"]
# ### Segmentation
#
# Saying for every pixel of an image what it shows. Taught in [00](00_start_here.ipynb).

# %% [markdown] since=5 not_in=[11] also=["sigmoids"]
# ### Sigmoid
#
# 1 / (1 + exp(-x)): makes a probability of one logit, for a question with yes or no. Taught in [05](05_the_whole_u.ipynb).

# %% [markdown] since=3 not_in=[15] also=["skip", "skips", "skip connections"]
# ### Skip connection
#
# The wire from a stage of the encoder to the decoder's stage of the same level: it carries detail past the bottleneck. Taught in [04](04_expansive_path.ipynb).

# %% [markdown] since=1
# ### Softmax
#
# Turns logits into probabilities: exp of each, divided by their sum. Cross entropy has it inside. Taught in [06](06_losses.ipynb).

# %% [markdown] since=1 also=["standardised", "standardises", "standardising"]
# ### Standardise
#
# Subtract an image's mean and divide by its standard deviation, so that all images come with mean 0 and standard deviation 1. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=2 also=["strides"]
# ### Stride
#
# How far a kernel moves from one output number to the next. Taught in [02](02_convolution.ipynb).

# %% [markdown] since=0 also=["tensors"]
# ### Tensor
#
# An array in PyTorch, with a memory of how it was computed, so that gradients can be had. Taught in [00](00_start_here.ipynb).

# %% [markdown] since=7 not_in=[15]
# ### Test set
#
# Images that neither trained nor chose anything: judged once, at the end. Taught in [15](15_your_own_images.ipynb).

# %% [markdown] since=8 not_in=[13] also=["tiles", "tiled", "tiling"]
# ### Tile
#
# A part of a large image that is segmented by itself. Tiles overlap by twice what the network cannot know at their border. Taught in [12](12_large_images.ipynb).

# %% [markdown] since=3 also=["transposed convolutions", "up-convolution"]
# ### Transposed convolution
#
# Up-sampling that is learnt: each number stamps a kernel, and stamps add up. Taught in [04](04_expansive_path.ipynb).

# %% [markdown] since=0 also=["U-Nets"]
# ### U-Net
#
# The network of this course: a contracting path, an expansive path, and skips between them (Ronneberger, Fischer and Brox 2015). Taught in [05](05_the_whole_u.ipynb).

# %% [markdown] since=1 also=["validate"]
# ### Validation
#
# Judging a network on images that it was not trained on, while choices are still made. The last word needs a third set, the test. Taught in [01](01_the_images.ipynb).

# %% [markdown] since=7
# ### Warm-up
#
# The first steps of a schedule, in which the learning rate grows from nearly nothing to its full height. Taught in [07](07_training.ipynb).

# %% [markdown] since=17
# ### Watershed
#
# A way to cut what touches: water rises from seeds in a landscape, of distances or of probabilities; where two waters meet is the border (Meyer 1994). Taught in [17](17_from_masks_to_measurements.ipynb).

# %% [markdown] since=16 also=["workers"]
# ### Worker
#
# One of several processes that train together, each with the whole network. Taught in [16](16_more_than_one_machine.ipynb).
