// What the three lessons compute; equal to the course's Python in tests/browser/test_page.py.

export const KERNELS = {
  "mean (blur)": [1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9, 1 / 9],
  "edge from left to right": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  "edge from top to bottom": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  "shift by one pixel": [0, 0, 0, 1, 0, 0, 0, 0, 0],
};

// The nine products under one place of a square image, zeros beyond its border; their sum is the convolution's number.
export function products(image, side, kernel, row, column) {
  return kernel.map((weight, k) => {
    const [r, c] = [row + Math.floor(k / 3) - 1, column + (k % 3) - 1];
    return r >= 0 && r < side && c >= 0 && c < side ? weight * image[r * side + c] : 0;
  });
}

export function convolve(image, side, kernel) {
  return image.map((_, p) => products(image, side, kernel, Math.floor(p / side), p % side).reduce((a, b) => a + b, 0));
}

// Width of what one unit sees behind a chain of layers [kernel, stride], and the step between neighbouring units, in pixels.
export function receptiveField(layers) {
  let [width, step] = [1, 1];
  for (const [kernel, stride] of layers) {
    width += (kernel - 1) * step;
    step *= stride;
  }
  return [width, step];
}

// The layers of a contracting path: `convolutions` of 3 x 3 on each level, and a pooling between two levels.
export function contractingPath(poolings, convolutions) {
  const level = Array.from({ length: convolutions }, () => [3, 1]);
  return [...Array.from({ length: poolings }, () => [...level, [2, 2]]).flat(), ...level];
}

// A disc as a mask of 0 and 1.
export function disc(side, row, column, radius) {
  return Array.from({ length: side * side }, (_, p) => ((Math.floor(p / side) - row) ** 2 + ((p % side) - column) ** 2 <= radius ** 2 ? 1 : 0));
}

// Scores of a prediction of one class: {iou, dice, accuracy, precision, recall}; null where there is nothing to judge.
export function scores(truth, prediction) {
  let [both, missed, extra] = [0, 0, 0];
  truth.forEach((label, p) => {
    both += label && prediction[p];
    missed += label && !prediction[p];
    extra += !label && prediction[p];
  });
  const share = (part, whole) => (whole ? part / whole : null);
  return {
    iou: share(both, both + missed + extra),
    dice: share(2 * both, 2 * both + missed + extra),
    accuracy: 1 - (missed + extra) / truth.length,
    precision: share(both, both + extra),
    recall: share(both, both + missed),
  };
}
