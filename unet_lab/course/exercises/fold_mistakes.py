"""Folded batch norms with a known mistake each."""

from __future__ import annotations

import torch

from unet_lab.course.agreement import Suspect


def scaled(gamma, variance, eps):
    return gamma / torch.sqrt(variance + eps)


def weight_suspects() -> list[Suspect]:
    order = "A weight has the shape (C_out, C_in, 3, 3), and batch norm scales the channels that come out: the first axis."
    along = " scale[:, None, None, None] lies along it."
    divides = "Batch norm divides by the standard deviation."

    def times(scale, finding, clue):
        return Suspect(lambda w, b, g, be, m, v, e: w * scale(g, v, e)[:, None, None, None], finding, clue)

    def along_axis(view, finding, clue):
        return Suspect(lambda w, b, g, be, m, v, e: w * view(scaled(g, v, e)), finding, clue)

    def where_it_fits(axis, finding):
        def scaled_weight(w, b, g, be, m, v, e):
            shape = [1] * 4
            shape[axis if w.shape[axis] == len(g) else 0] = len(g)
            return w * scaled(g, v, e).reshape(shape)

        return Suspect(scaled_weight, finding, order + along)

    return [
        where_it_fits(1, "You scaled the input channels, where there are as many as output channels."),
        where_it_fits(2, "You scaled the rows of the kernels, where there are as many as output channels."),
        where_it_fits(3, "You scaled the columns of the kernels, where there are as many as output channels."),
        times(lambda g, v, e: torch.ones_like(g), "They are what they were.",
              "Batch norm multiplies each output channel: so may the weights that make it."),
        times(lambda g, v, e: g, "gamma is in them, the standard deviation is not.", divides),
        times(lambda g, v, e: 1 / torch.sqrt(v + e), "The standard deviation is in them, gamma is not.",
              "After dividing, batch norm multiplies by gamma."),
        times(lambda g, v, e: g / (v + e), "You divided by the variance: the root (sqrt) is missing.",
              "Divide by its root, the standard deviation."),
        times(lambda g, v, e: g / torch.sqrt(v), "eps is missing.",
              "sqrt(variance + eps): with so large an eps as here it shows; folded without it, all is off by a little."),
        times(lambda g, v, e: g / (torch.sqrt(v) + e), "eps stands outside the root.",
              "nn.BatchNorm2d adds eps to the variance, then takes the root."),
        times(lambda g, v, e: g / torch.sqrt(v + 1e-5), "eps is 1e-5 whatever is given.", divides),
        *(times(lambda g, v, e, c=c: g / torch.sqrt(v.clamp(min=c) + e), "Small variances are raised (clamp).",
                "sqrt(variance + eps), with nothing else: eps keeps it away from 0.") for c in (1e-5, 1e-4, 1e-3, 1e-2)),
        times(lambda g, v, e: torch.where(v == 0, 1.0, scaled(g, v, e)), "A channel of variance 0 is left as it is.",
              "sqrt(variance + eps) is no 0 there: the same formula for all channels."),
        times(lambda g, v, e: torch.where(v == 0, 0.0, scaled(g, v, e)), "A channel of variance 0 is emptied.",
              "sqrt(variance + eps) is no 0 there: the same formula for all channels."),
        times(lambda g, v, e: g / torch.sqrt(v.clamp(min=e)), "The variance is raised to eps (clamp, max); eps is to be added.",
              "sqrt(variance + eps)"),
        times(lambda g, v, e: g.abs() / torch.sqrt(v + e), "The sign of gamma is lost (abs): it may be negative.", order),
        times(lambda g, v, e: g * torch.sqrt(v + e), "You multiplied by the standard deviation; divide.", divides),
        times(lambda g, v, e: scaled(g, v, e)[:1].expand_as(g), "The first channel's scale is used for all.", order),
        times(lambda g, v, e: scaled(g, v, e).mean().expand_as(g), "The mean of the scales is used for all channels.", order),
        Suspect(lambda w, b, g, be, m, v, e: w * scaled(g, w.var((1, 2, 3)), e)[:, None, None, None],
                "That is the variance of the weights; the variance of batch norm is given.", divides),
        Suspect(lambda w, b, g, be, m, v, e: (w - m[:, None, None, None]) * scaled(g, v, e)[:, None, None, None],
                "The mean was subtracted from the weights; it belongs in the bias alone.", divides),
        along_axis(lambda s: s[None, :, None, None], "You scaled the input channels.", order),
        along_axis(lambda s: s, "You scaled the columns of the kernels.", order + along),
        along_axis(lambda s: s[:, None], "You scaled the rows of the kernels.", order + along),
        Suspect(lambda w, b, g, be, m, v, e: (w * scaled(g, v, e)[:, None, None, None]).flip(0),
                "The channels are in reverse order.", order),
    ]  # fmt: skip


def bias_suspects() -> list[Suspect]:
    shift = "Put the convolution's bias through batch norm as if it were a pixel."

    def of(value, finding, clue=shift):
        return Suspect(lambda w, b, g, be, m, v, e: value(b, m, be, scaled(g, v, e)), finding, clue)

    return [
        of(lambda b, m, be, s: b, "It is what it was."),
        of(
            lambda b, m, be, s: ((b - m) * s + be)[:, None, None],
            "The bias has the shape (C_out, 1, 1); it is to be (C_out,).",
            "One number for each output channel: no [:, None, None] at the bias.",
        ),
        of(lambda b, m, be, s: be, "That is beta alone; bias and mean are lost."),
        of(lambda b, m, be, s: b * s + be, "The mean was not subtracted.", shift + " It subtracts the mean first."),
        of(lambda b, m, be, s: (b - m) * s, "beta is missing.", shift + " It adds beta at the end."),
        of(
            lambda b, m, be, s: b - m * s + be,
            "The old bias was not scaled.",
            shift + " It is beside the mean.",
        ),
        of(lambda b, m, be, s: b * s - m + be, "The mean was not scaled.", shift + " It is beside the bias."),
        of(lambda b, m, be, s: b - m + be, "The scale is missing, at bias and mean."),
        of(lambda b, m, be, s: be - m * s, "The old bias is lost.", shift + " There is one already: where is it?"),
        of(lambda b, m, be, s: (b + m) * s + be, "The mean was added.", shift + " It subtracts the mean."),
        of(lambda b, m, be, s: (b - m + be) * s, "beta was scaled too.", shift + " beta is added at the end, as it is."),
        of(lambda b, m, be, s: (b - m) * s - be, "beta was subtracted.", shift + " It adds beta at the end."),
        of(lambda b, m, be, s: b + be, "Neither mean nor scale are in it."),
    ]
