// Drawing for the network view: colours, maps on canvases, elements in one line, and calls that do not pile up.

const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const SIGNED = ["#053061", "#2166ac", "#4393c3", "#92c5de", "#f7f7f7", "#fdb863", "#e08214", "#b35806", "#7f3b08"];
const HEAT = ["#0d0887", "#6a00a8", "#b12a90", "#e16462", "#fca636", "#f0f921"];

export function rgb(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

// 256 colours, interpolated between those given.
function table(colours) {
  const stops = colours.map(rgb);
  const found = new Uint8Array(256 * 3);
  for (let k = 0; k < 256; k++) {
    const place = (k / 255) * (stops.length - 1);
    const left = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) found[3 * k + c] = stops[left][c] + (place - left) * (stops[left + 1][c] - stops[left][c]);
  }
  return found;
}

export const COLOURS = { plain: table(VIRIDIS), signed: table(SIGNED), heat: table(HEAT) };

// An element with attributes, listeners (onclick, …) and children, which are elements or strings.
export function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "text", "title", "rect", "circle", "defs", "marker"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// A number as it is shown everywhere: three decimals, or two digits and a power of ten where those would be zeros.
export function shown(value) {
  if (value === 0) return "0";
  const text = Math.abs(value) < 0.0005 ? value.toExponential(1) : value.toFixed(Math.abs(value) < 100 ? 3 : 1);
  return text.replace("-", "−");
}

export function percent(share) {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

// Pixel p of an image's data in colour number `level` of a table; written out, since a hand waits for thousands of them.
function paint(data, p, colours, level, alpha) {
  data[4 * p] = colours[3 * level];
  data[4 * p + 1] = colours[3 * level + 1];
  data[4 * p + 2] = colours[3 * level + 2];
  data[4 * p + 3] = alpha;
}

// Map k of what maps() answered, as an image of its own size. Where values of both signs occur, white is 0.
export function mapImage(maps, k) {
  const size = maps.height * maps.width;
  const image = new ImageData(maps.width, maps.height);
  const low = maps.low[k];
  const high = maps.high[k];
  const signed = low < 0;
  const most = Math.max(-low, high) || 1;
  const colours = signed ? COLOURS.signed : COLOURS.plain;
  for (let p = 0; p < size; p++) {
    const byte = maps.bytes[k * size + p];
    const level = signed ? Math.round(127.5 + (127.5 * (low + ((high - low) * byte) / 255)) / most) : high > low ? byte : 0;
    paint(image.data, p, colours, level, 255);
  }
  return image;
}

// An ImageData as something that drawImage takes.
export function toCanvas(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// What `image` makes of `shown`, as a canvas, painted once for as long as `shown` is shown: while the pointer moves, only what lies
// over it changes. `name` tells several images of one thing apart.
const PAINTED = new WeakMap();
export function painted(shown, name, image) {
  if (!PAINTED.has(shown)) PAINTED.set(shown, {});
  const known = PAINTED.get(shown);
  known[name] ??= toCanvas(image());
  return known[name];
}

export function mapPicture(maps, k) {
  return painted(maps, k, () => mapImage(maps, k));
}

// Draw an image (an ImageData or a canvas) into a box of a context, its pixels kept apart where they are enlarged.
export function place(context, image, x, y, width, height) {
  context.imageSmoothingEnabled = image.width > width;
  context.drawImage(image instanceof ImageData ? toCanvas(image) : image, x, y, width, height);
}

export function mapCanvas(maps, k, width, height = width, title = "") {
  const canvas = sharpCanvas(width, height);
  place(canvas.getContext("2d"), mapImage(maps, k), 0, 0, width, height);
  if (title) canvas.title = title;
  return canvas;
}

// A canvas of this size on the page, as sharp as the screen is.
export function sharpCanvas(width, height) {
  const ratio = window.devicePixelRatio || 1;
  const canvas = make("canvas", { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.getContext("2d").scale(ratio, ratio);
  return canvas;
}

// The picture as it is, (3 * H * W) bytes.
export function pictureImage(picture) {
  const image = new ImageData(picture.width, picture.height);
  for (let p = 0; p < picture.width * picture.height; p++) {
    paint(image.data, p, picture.bytes, p, 255);
  }
  return image;
}

// The mask over the picture; `what` is "mask", "change" (pixels of another class than before are pink) or "confidence".
export function maskImage(picture, prediction, colours, what) {
  const image = pictureImage(picture);
  const pink = rgb("#CC79A7");
  for (let row = 0; row < prediction.height; row++) {
    for (let column = 0; column < prediction.width; column++) {
      const p = row * prediction.width + column;
      const q = 4 * ((row + prediction.top) * picture.width + column + prediction.left);
      const label = prediction.mask[p];
      const changed = what === "change" && label !== prediction.before[p];
      if (what === "confidence") {
        image.data.set([0, 1, 2].map((c) => COLOURS.plain[3 * prediction.confidence[p] + c]), q);
      } else if (changed || label > 0) {
        const colour = changed ? pink : colours[label];
        const share = changed ? 0.9 : 0.5;
        for (let c = 0; c < 3; c++) image.data[q + c] = (1 - share) * image.data[q + c] + share * colour[c];
      }
    }
  }
  return image;
}

// A field as a see-through glow; where it is 0, nothing.
export function heatImage(field) {
  const image = new ImageData(field.width, field.height);
  for (let p = 0; p < field.width * field.height; p++) {
    const level = field.bytes[p];
    const alpha = Math.min(235, 1.6 * level);
    paint(image.data, p, COLOURS.heat, level, alpha);
  }
  return image;
}

// A cross at a place given as fractions of a box.
export function drawCross(context, at, x, y, width, height) {
  const [cx, cy] = [x + at.x * width, y + at.y * height];
  for (const [colour, thick] of [["#000000", 3], ["#ffffff", 1.4]]) {
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(cx + 3 * dx, cy + 3 * dy);
      context.lineTo(cx + 9 * dx, cy + 9 * dy);
    }
    context.stroke();
  }
}

// Colours of a kernel's or window's cell: signed, with the writing that can be read on it.
export function cellColour(value, most) {
  const level = Math.round(127.5 + (127.5 * Math.max(-1, Math.min(1, value / (most || 1)))));
  const colour = [0, 1, 2].map((c) => COLOURS.signed[3 * level + c]);
  const light = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2];
  return { background: `rgb(${colour.join(",")})`, writing: light > 140 ? "#111111" : "#ffffff" };
}

// A grid of numbers as a table: a window, a kernel, or their products.
export function numberGrid(values, height, width, { most, label, digits = 2, dim = null, mark = -1 } = {}) {
  const largest = most ?? Math.max(...values.map(Math.abs));
  const table = make("table", { class: "unl-grid", "aria-label": label });
  for (let row = 0; row < height; row++) {
    const line = make("tr");
    for (let column = 0; column < width; column++) {
      const k = row * width + column;
      const { background, writing } = cellColour(values[k], largest);
      const cell = make("td", { title: shown(values[k]) }, values[k].toFixed(digits).replace("-", "−"));
      cell.style.background = background;
      cell.style.color = writing;
      if (dim && !dim[k]) cell.classList.add("unl-outside");
      if (k === mark) cell.classList.add("unl-mark");
      line.append(cell);
    }
    table.append(line);
  }
  return table;
}

// A function that runs one call at a time; while it is busy only the newest waits, put together by `merge` with the one before.
export function latest(run, merge = (_, next) => next) {
  let busy = false;
  let waiting = null;
  return async function call(...given) {
    if (busy) {
      waiting = waiting ? merge(waiting, given) : given;
      return;
    }
    busy = true;
    try {
      await run(...given);
      while (waiting) {
        const next = waiting;
        waiting = null;
        await run(...next);
      }
    } finally {
      busy = false;
      waiting = null;
    }
  };
}

export function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
