// Images in the browser: what a file holds, brought to the network's size and to grey; standardised; painted on.

export const SIDE = 192; // pixels: the size that the shipped network was trained at
const LARGEST_FILE = 64e6; // bytes
const LARGEST_IMAGE = 50e6; // pixels
const KINDS = { png: "PNG", jpeg: "JPEG", gif: "GIF", bmp: "BMP", webp: "WebP" };

const text = (bytes, start, end) => String.fromCharCode(...bytes.subarray(start, end));

// What a file is, by its first bytes, not by its name.
export function kindOf(bytes) {
  if (text(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "jpeg";
  if (text(bytes, 0, 4) === "GIF8") return "gif";
  if (text(bytes, 0, 2) === "BM") return "bmp";
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP") return "webp";
  if (["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(text(bytes, 0, 4))) return "tiff";
  const start = new TextDecoder().decode(bytes.subarray(0, 4000)).toLowerCase();
  if (start.includes("<svg")) return "svg";
  return "unknown";
}

// Width and height as a file's head says, before anything is decoded; null where it does not say.
export function sizeOf(bytes, kind) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (kind === "png") return [view.getUint32(16), view.getUint32(20)];
    if (kind === "gif") return [view.getUint16(6, true), view.getUint16(8, true)];
    if (kind === "bmp") return [Math.abs(view.getInt32(18, true)), Math.abs(view.getInt32(22, true))];
    if (kind === "webp") return sizeOfWebp(bytes, view);
    if (kind === "jpeg") return sizeOfJpeg(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the file ends before its head does
  }
  return null;
}

function sizeOfWebp(bytes, view) {
  const form = text(bytes, 12, 16);
  if (form === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  if (form === "VP8L") {
    const bits = view.getUint32(21, true);
    return [1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)];
  }
  const three = (at) => 1 + view.getUint16(at, true) + (view.getUint8(at + 2) << 16);
  return form === "VP8X" ? [three(24), three(27)] : null;
}

function sizeOfJpeg(view) {
  let at = 2;
  for (;;) {
    const marker = view.getUint16(at);
    const frame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (frame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    if (marker < 0xff01) return null;
    at += 2 + view.getUint16(at + 2);
  }
}

// Raises an Error, in words, for a file that is no picture that a browser shows, or one that is too large.
export function checkFile(name, bytes) {
  if (bytes.length > LARGEST_FILE) {
    throw new Error(`${name} has ${Math.round(bytes.length / 1e6)} MB; up to ${LARGEST_FILE / 1e6} MB are taken. Crop or scale it.`);
  }
  const kind = kindOf(bytes);
  if (kind === "svg") {
    throw new Error(`${name} is a drawing (SVG), which has no pixels and may hold programs. Save it as PNG and open that.`);
  }
  if (kind === "tiff") {
    throw new Error(`${name} is a TIFF, which browsers do not read. Save it as PNG (in Fiji: File, Save As, PNG) and open that.`);
  }
  if (kind === "unknown") {
    throw new Error(`${name} is no picture that is known here. ${Object.values(KINDS).join(", ")} can be opened.`);
  }
  const size = sizeOf(bytes, kind);
  if (size === null) {
    throw new Error(`${name} begins like a ${KINDS[kind]} and goes on like none: the file is broken. Copy it again.`);
  }
  if (size[0] * size[1] > LARGEST_IMAGE) {
    const million = (size[0] * size[1]) / 1e6;
    throw new Error(
      `${name} has ${size[0]} x ${size[1]} pixels, ${Math.round(million)} million; up to ${LARGEST_IMAGE / 1e6} million are taken. ` +
        "Crop or scale it, or use predict_tiled in Python.",
    );
  }
  return { kind, size };
}

// A picture out of a file's bytes: {grey: Uint8Array(SIDE * SIDE), note}. It is decoded here and goes nowhere.
export async function readFile(name, bytes) {
  const { kind } = checkFile(name, bytes);
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type: `image/${kind}` }));
  } catch {
    throw new Error(`${name} is a ${KINDS[kind]} that cannot be decoded: the file is broken. Copy it again.`);
  }
  const { width, height } = bitmap;
  const side = Math.min(width, height);
  const drawn = Math.min(side, 4 * SIDE); // the rest of the way down is by means of blocks, the same in every browser
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = drawn;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // behind what is see-through
  context.fillRect(0, 0, drawn, drawn);
  context.drawImage(bitmap, (width - side) >> 1, (height - side) >> 1, side, side, 0, 0, drawn, drawn);
  bitmap.close();
  const { data } = context.getImageData(0, 0, drawn, drawn);
  const grey = new Float32Array(drawn * drawn);
  let colour = false;
  for (let p = 0; p < grey.length; p++) {
    const [r, g, b] = [data[4 * p], data[4 * p + 1], data[4 * p + 2]];
    colour ||= r !== g || g !== b;
    grey[p] = (r + g + b) / 3;
  }
  const done = [];
  if (colour) done.push("made grey, the mean of its channels");
  if (width !== height) done.push(`cut to its middle square of ${side} x ${side}`);
  if (side !== SIDE) done.push(`scaled from ${height} x ${width} to ${SIDE} x ${SIDE} pixels`);
  const scaled = drawn >= SIDE ? shrunk(grey, drawn, SIDE) : enlarged(grey, drawn, SIDE);
  return { grey: Uint8Array.from(scaled, Math.round), note: done.join("; ") };
}

// A square image made smaller: each new pixel is the mean of the area that it covers.
export function shrunk(image, from, to) {
  const along = (source, rows, at) => {
    const out = new Float32Array(rows * to);
    for (let k = 0; k < to; k++) {
      const [start, end] = [(k * from) / to, ((k + 1) * from) / to];
      for (let j = Math.floor(start); j < Math.min(from, Math.ceil(end)); j++) {
        const share = (Math.min(end, j + 1) - Math.max(start, j)) / (end - start);
        for (let row = 0; row < rows; row++) out[row * to + k] += share * source[at(row, j)];
      }
    }
    return out;
  };
  const narrow = along(image, from, (row, j) => row * from + j); // (from, to)
  const turned = along(narrow, to, (column, j) => j * to + column); // (to, to), columns first
  return Float32Array.from({ length: to * to }, (_, p) => turned[(p % to) * to + Math.floor(p / to)]);
}

// A square image made larger, bilinear.
export function enlarged(image, from, to) {
  return Float32Array.from({ length: to * to }, (_, p) => {
    const place = (k) => Math.min(from - 1, Math.max(0, ((k + 0.5) * from) / to - 0.5));
    const [y, x] = [place(Math.floor(p / to)), place(p % to)];
    const [top, left] = [Math.min(Math.floor(y), Math.max(0, from - 2)), Math.min(Math.floor(x), Math.max(0, from - 2))];
    const [below, right] = [Math.min(top + 1, from - 1), Math.min(left + 1, from - 1)];
    const [v, u] = [y - top, x - left];
    const upper = (1 - u) * image[top * from + left] + u * image[top * from + right];
    const lower = (1 - u) * image[below * from + left] + u * image[below * from + right];
    return (1 - v) * upper + v * lower;
  });
}

// As unet_lab.datasets.standardise: outliers clipped, mean 0, standard deviation 1; all zeros where the image is of one grey.
export function standardised(image) {
  const counts = new Uint32Array(256);
  for (let p = 0; p < image.length; p++) counts[image[p]] += 1;
  const ranked = (rank) => {
    let [grey, seen] = [0, counts[0]];
    while (seen <= rank) seen += counts[++grey];
    return grey;
  };
  const percentile = (share) => {
    const place = share * (image.length - 1);
    const left = Math.floor(place);
    return ranked(left) + (place - left) * (ranked(Math.min(left + 1, image.length - 1)) - ranked(left));
  };
  const [low, high] = [percentile(0.005), percentile(0.995)];
  const beyond = high > low ? (high - low) / 4 : Infinity;
  const values = new Float32Array(image.length);
  let mean = 0;
  for (let p = 0; p < values.length; p++) {
    values[p] = Math.min(high + beyond, Math.max(low - beyond, image[p]));
    mean += values[p] / values.length;
  }
  let variance = 0;
  for (let p = 0; p < values.length; p++) variance += (values[p] - mean) ** 2 / values.length;
  const std = Math.sqrt(variance) || 1;
  for (let p = 0; p < values.length; p++) values[p] = (values[p] - mean) / std;
  return values;
}

// Random numbers from a seed (mulberry32), 0 to 1.
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Normal noise (Box and Muller), mean 0 and standard deviation 1.
export function normalNoise(length, seed) {
  const random = randomNumbers(seed);
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}

// The image with a line painted through points [x, y], `width` pixels thick.
export function stroke(image, original, points, brush, width, side = SIDE) {
  let [low, high, mean, squares] = [255, 0, 0, 0];
  for (const value of original) {
    [low, high] = [Math.min(low, value), Math.max(high, value)];
    mean += value / original.length;
    squares += value ** 2 / original.length;
  }
  const noise = brush === "noise" ? normalNoise(original.length, 1) : null;
  const std = Math.sqrt(Math.max(0, squares - mean ** 2));
  const paint = { dark: () => low, bright: () => high, erase: (p) => original[p], noise: (p) => mean + std * noise[p] }[brush];
  if (!paint) throw new Error(`brush is ${brush}; allowed are dark, bright, erase and noise.`);
  const painted = image.slice();
  const pairs = points.length > 1 ? points.slice(1).map((point, k) => [points[k], point]) : [[points[0], points[0]]];
  for (const [[ax, ay], [bx, by]] of pairs) {
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const reach = Math.ceil(width / 2);
    for (let y = Math.max(0, Math.min(ay, by) - reach); y <= Math.min(side - 1, Math.max(ay, by) + reach); y++) {
      for (let x = Math.max(0, Math.min(ax, bx) - reach); x <= Math.min(side - 1, Math.max(ax, bx) + reach); x++) {
        const t = length ? Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length)) : 0;
        if (Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) > width / 2) continue;
        const p = y * side + x;
        painted[p] = Math.min(255, Math.max(0, Math.round(paint(p))));
      }
    }
  }
  return painted;
}
