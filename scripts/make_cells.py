"""Draw the stored cells again: 40 pairs under data/cells/, images and masks as PNG, always the same bytes of pixels."""

from unet_lab.datasets import decode_mask, generate_cell, write_image
from unet_lab.files import DATA

COUNT, SIZE, FIRST_SEED = 40, 192, 2_000_000  # seeds that no training or evaluation uses

if __name__ == "__main__":
    for kind in ("images", "masks"):
        (DATA / "cells" / kind).mkdir(parents=True, exist_ok=True)
    for number in range(COUNT):
        image, mask = generate_cell(FIRST_SEED + number, SIZE)
        write_image(DATA / "cells" / "images" / f"cell_{number:02d}.png", image)
        write_image(DATA / "cells" / "masks" / f"cell_{number:02d}.png", decode_mask(mask))
    print(f"{COUNT} pairs of {SIZE} x {SIZE} pixels in {DATA / 'cells'}")
