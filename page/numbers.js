// One number of a feature map, and how it came about; the same sums as unet_lab/inspection/numbers.py makes, in float64.

// map : {values, shape: [C, H, W]}. What lies at rows and columns of channel c; 0 where a row or column is -1.
function windowOf(map, c, rows, columns) {
  const [, height, width] = map.shape;
  return rows.flatMap((r) => columns.map((q) => (r < 0 || q < 0 ? 0 : map.values[(c * height + r) * width + q])));
}

function inside(first, count, size) {
  return Array.from({ length: count }, (_, k) => (first + k >= 0 && first + k < size ? first + k : -1));
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

// Windows, kernels and their sums, the largest |sum| first, and all together with the bias.
function termsOf(windows, kernels, bias, rows, columns, [height, width]) {
  const sums = windows.map((window, c) => sum(window.map((value, k) => value * kernels[c][k])));
  const order = sums.map((_, c) => c).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]) || a - b);
  const flat = (arrays) => Float32Array.from(order.flatMap((c) => arrays[c]));
  return {
    kernel: [height, width],
    terms: sums.length,
    order,
    channels: Int32Array.from(order),
    windows: flat(windows),
    kernels: flat(kernels),
    sums: Float32Array.from(order, (c) => sums[c]),
    inside: Uint8Array.from(rows.flatMap((r) => columns.map((q) => (r >= 0 && q >= 0 ? 1 : 0)))),
    rows: Int32Array.from(rows),
    columns: Int32Array.from(columns),
    bias,
    total: sum(sums) + bias,
  };
}

// weight : {values, shape: [out, in, h, w]} of a convolution with stride 1 that keeps the size.
export function convolution(input, weight, bias, channel, row, column) {
  const [, reads, height, width] = weight.shape;
  const rows = inside(row - (height >> 1), height, input.shape[1]);
  const columns = inside(column - (width >> 1), width, input.shape[2]);
  const area = height * width;
  const channels = Array.from({ length: reads }, (_, c) => c);
  const windows = channels.map((c) => windowOf(input, c, rows, columns));
  const kernels = channels.map((c) => Array.from(weight.values.subarray((channel * reads + c) * area, (channel * reads + c + 1) * area)));
  return termsOf(windows, kernels, bias.values[channel], rows, columns, [height, width]);
}

// weight : {values, shape: [in, out, 2, 2]} of an up-convolution of stride 2: each number has one input pixel.
export function upConvolution(input, weight, bias, channel, row, column) {
  const [reads, gives, height, width] = weight.shape;
  const [rows, columns] = [[Math.floor(row / height)], [Math.floor(column / width)]];
  const at = [row % height, column % width];
  const channels = Array.from({ length: reads }, (_, c) => c);
  const stamp = (c) => Array.from(weight.values.subarray((c * gives + channel) * height * width, (c * gives + channel + 1) * height * width));
  const windows = channels.map((c) => windowOf(input, c, rows, columns));
  const kernels = channels.map((c) => [stamp(c)[at[0] * width + at[1]]]);
  const found = termsOf(windows, kernels, bias.values[channel], rows, columns, [1, 1]);
  const values = stamp(0).map((_, k) => sum(channels.map((c) => windows[c][0] * stamp(c)[k])) + bias.values[channel]);
  const copies = Float32Array.from(found.order.flatMap(stamp));
  return { ...found, copies: { kernel: [height, width], kernels: copies, values: Float32Array.from(values), at } };
}

export function pooling(input, channel, row, column) {
  const [rows, columns] = [[2 * row, 2 * row + 1], [2 * column, 2 * column + 1]];
  const window = windowOf(input, channel, rows, columns);
  const winner = window.indexOf(Math.max(...window));
  return {
    how: "maximum",
    size: [2, 2],
    window: Float32Array.from(window),
    rows: Int32Array.from(rows),
    columns: Int32Array.from(columns),
    winner,
    total: window[winner],
  };
}

export function norm(input, { mean, variance, weight, bias, epsilon }) {
  const total = ((input - mean) / Math.sqrt(variance + epsilon)) * weight + bias;
  return { input, mean, variance, epsilon, weight, bias, total };
}

export function activation(input) {
  return { name: "ReLU", input, total: Math.max(0, input) };
}
