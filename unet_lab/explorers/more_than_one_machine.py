"""Explorer: how many workers are worth it? Effective batch, step time and images a second."""

from __future__ import annotations

from unet_lab.explorers.base import Explorer, dropdown, slider
from unet_lab.inspection.cost import count_parameters
from unet_lab.inspection.scaling import step_time
from unet_lab.plots.figure import CLASS_COLOURS, ERROR_COLOUR, TRAINING_COLOUR, DescribedFigure

LINKS = {  # bytes a second, seconds a message: orders of magnitude
    "memory of one machine": (5e9, 5e-5),
    "network, 10 Gbit/s": (1.25e9, 5e-5),
    "network, 1 Gbit/s": (1.25e8, 2e-4),
    "wireless, 100 Mbit/s": (1.25e7, 3e-3),
}
SHARE, WHOLE = "each worker's share stays", "the whole batch stays"
NUMBERS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]


def explore_workers(seconds_per_image: float = 0.02, cores: int = 64) -> Explorer:
    """Turn the number of workers, the batch, the network's width and the link between them.

    seconds_per_image : of a step of UNet.small(), measured by you. cores : in all machines together, at the start.
    """
    narrow = count_parameters(base_channels=16)

    def draw(workers, images, keep, base_channels, link, cores):
        parameters = count_parameters(base_channels=base_channels)
        bandwidth, latency = LINKS[link]
        seconds = seconds_per_image * parameters / narrow  # width squared, as the multiply-adds

        def at(number):
            share = images if keep == SHARE else max(1, round(images / number))
            return step_time(number, share, seconds, 4 * parameters, bandwidth, latency, cores)

        one, now, shown = at(1), at(workers), [at(n) for n in NUMBERS]
        alt = "Step time against workers, computing and exchanging on top of each other; images a second beside it."
        figure = DescribedFigure(9.8, 3.6, alt, layout="none")
        grid = figure.add_gridspec(1, 2, left=0.07, right=0.98, top=0.9, bottom=0.14, wspace=0.2)
        left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
        computing, exchanging = [s.compute for s in shown], [s.exchange for s in shown]
        left.stackplot(NUMBERS, computing, exchanging, colors=CLASS_COLOURS[1:], labels=("computing", "exchanging"))
        left.set(xlabel="workers", ylabel="seconds a step", xscale="log", xlim=(1, 64))
        right.plot(NUMBERS, [n * one.images_per_second for n in NUMBERS], color="#888888", ls="--", label="ideal")
        right.plot(NUMBERS, [s.images_per_second for s in shown], color=TRAINING_COLOUR, marker="o", ms=3, label="as turned")
        right.set(xlabel="workers", ylabel="images a second", xscale="log", yscale="log", xlim=(1, 64))
        for axes in (left, right):
            axes.axvline(workers, color=ERROR_COLOUR, lw=1.5)
            axes.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
            axes.minorticks_off()
            axes.legend(fontsize=9, frameon=False)
        left.set_title("one step", fontsize=10)
        right.set_title("the whole run", fontsize=10)
        speed = now.images_per_second / one.images_per_second
        words = (
            f"{workers} workers x {now.effective_batch // workers} images: effective batch {now.effective_batch}. A step takes "
            f"{1000 * now.total:.0f} ms: {1000 * now.compute:.0f} computing, {1000 * now.exchange:.0f} exchanging "
            f"{4 * parameters / 1e6:.1f} MB of gradients. {speed:.1f} times one worker ({speed / workers:.0%} of ideal)."
        )
        if workers > cores:
            words += f" {workers} workers take turns on {cores} cores."
        return figure, words

    controls = {
        "workers": slider("workers", 4, 1, 64),
        "images": slider("images", 8, 1, 64),
        "keep": dropdown("with more workers", [SHARE, WHOLE], SHARE),
        "base_channels": dropdown("first channels", [8, 16, 32, 64], 16),
        "link": dropdown("link between them", list(LINKS), "network, 1 Gbit/s"),
        "cores": slider("cores in all", cores, 1, 64),
    }
    help_line = "Where does one more worker stop helping? Keep the whole batch: the exchange takes over. Then widen the network."
    return Explorer(controls, draw, help_line)
