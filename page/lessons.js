// Three small lessons beside the view: step a kernel, the receptive field, push a mask and watch the scores.
import { KERNELS, contractingPath, convolve, disc, products, receptiveField, scores } from "./lesson_arithmetic.js";

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const card = (title, ...children) => make("article", { class: "card" }, make("h2", {}, title), ...children);
const number = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(2)).replace("-", "−");

function slider(label, low, high, value, oninput) {
  const out = make("output", {}, String(value));
  const input = make("input", { type: "range", min: low, max: high, value, "aria-label": label });
  input.addEventListener("input", () => {
    out.textContent = input.value;
    oninput(Number(input.value));
  });
  return make("label", { class: "slider" }, `${label} `, input, out);
}

// A square grid of numbers, darker for lower; `marked(p)` gives the class of a cell.
function grid(values, side, label, marked = () => "", digits = number) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const table = make("table", { class: "grid", "aria-label": label });
  for (let row = 0; row < side; row++) {
    const line = make("tr");
    for (let column = 0; column < side; column++) {
      const p = row * side + column;
      const level = high > low ? (values[p] - low) / (high - low) : 0.5;
      const cell = make("td", { class: marked(p) }, digits(values[p]));
      cell.style.background = `hsl(210 60% ${20 + 70 * level}%)`;
      cell.style.color = level > 0.45 ? "#111" : "#fff";
      line.append(cell);
    }
    table.append(line);
  }
  return table;
}

function kernelLesson() {
  const side = 7;
  const image = Array.from({ length: side * side }, (_, p) => (p % side > 2 && Math.floor(p / side) > 1 && p % side < 6 && p < 42 ? 9 : 1));
  let [place, name] = [0, Object.keys(KERNELS)[1]];
  const box = make("div", { class: "side-by-side" });
  const words = make("p", { role: "status" });
  const draw = () => {
    const kernel = KERNELS[name];
    const [row, column] = [Math.floor(place / side), place % side];
    const under = (p) => Math.abs(Math.floor(p / side) - row) < 2 && Math.abs((p % side) - column) < 2;
    const out = convolve(image, side, kernel);
    box.replaceChildren(
      make("figure", {}, grid(image, side, "the image", (p) => (under(p) ? "under" : "")), make("figcaption", {}, "image")),
      make("figure", {}, grid(kernel, 3, "the kernel"), make("figcaption", {}, "kernel")),
      make("figure", {}, grid(out, side, "what comes out", (p) => (p === place ? "here" : p > place ? "later" : "")), make("figcaption", {}, "feature map")),
    );
    const terms = products(image, side, kernel, row, column).map((value) => (value < 0 ? `(${number(value)})` : number(value)));
    words.textContent = `Row ${row}, column ${column}: ${terms.join(" + ")} = ${number(out[place])}`;
  };
  const step = (by) => {
    place = (place + by + side * side) % (side * side);
    draw();
  };
  const menu = make("select", { "aria-label": "kernel", onchange: () => ((name = menu.value), draw()) });
  for (const each of Object.keys(KERNELS)) menu.append(make("option", each === name ? { selected: "" } : {}, each));
  const buttons = [make("button", { type: "button", onclick: () => step(-1) }, "Back"), make("button", { type: "button", onclick: () => step(1) }, "Step")];
  draw();
  return card(
    "Step a kernel",
    make("p", {}, "Nine products and a sum, at every place with the same nine numbers. Where does the edge kernel give 0, and why?"),
    make("div", { class: "controls" }, menu, ...buttons),
    box,
    words,
  );
}

function fieldLesson() {
  const chosen = { poolings: 2, convolutions: 2 };
  const canvas = make("canvas", { width: 384, height: 384, role: "img" });
  const words = make("p", { role: "status" });
  const draw = () => {
    const [width, step] = receptiveField(contractingPath(chosen.poolings, chosen.convolutions));
    const context = canvas.getContext("2d");
    const [scale, middle] = [2, 192];
    context.fillStyle = "#1b2a3a";
    context.fillRect(0, 0, 384, 384);
    context.fillStyle = "#e69f00";
    context.fillRect(middle - (scale * width) / 2, middle - (scale * width) / 2, scale * width, scale * width);
    context.strokeStyle = "rgba(255, 255, 255, 0.25)";
    for (let k = 0; k <= 384; k += Math.max(scale * step, 4)) {
      context.strokeRect(k, 0, 0.01, 384);
      context.strokeRect(0, k, 384, 0.01);
    }
    const side = `One unit behind this chain sees ${width} x ${width} pixels of the image`;
    words.textContent = `${side}, and its neighbour the same window ${step} pixel${step > 1 ? "s" : ""} further on.`;
    canvas.setAttribute("aria-label", words.textContent);
  };
  const set = (name) => (value) => {
    chosen[name] = value;
    draw();
  };
  draw();
  return card(
    "The receptive field",
    make("p", {}, "Which makes it grow faster: one more pooling, or two more convolutions on every level? The picture is 192 pixels wide."),
    slider("poolings", 0, 4, chosen.poolings, set("poolings")),
    slider("3 x 3 convolutions on each level", 1, 4, chosen.convolutions, set("convolutions")),
    canvas,
    words,
  );
}

function scoreLesson() {
  const side = 64;
  const chosen = { x: 8, y: 0, radius: 12 };
  const canvas = make("canvas", { width: 384, height: 384, role: "img", tabindex: "0" });
  const words = make("p", { role: "status" });
  const controls = make("div");
  const draw = () => {
    const truth = disc(side, 32, 32, 12);
    const prediction = disc(side, 32 + chosen.y, 32 + chosen.x, chosen.radius);
    const context = canvas.getContext("2d");
    const colours = ["#1b2a3a", "#0072b2", "#e69f00", "#f0f0f0"]; // neither, missed, too much, both
    const pixel = 384 / side;
    truth.forEach((label, p) => {
      context.fillStyle = colours[label + 2 * prediction[p]];
      context.fillRect((p % side) * pixel, Math.floor(p / side) * pixel, pixel, pixel);
    });
    const found = scores(truth, prediction);
    const say = (value) => (value === null ? "–" : value.toFixed(3));
    words.textContent =
      `IoU ${say(found.iou)} · Dice ${say(found.dice)} · pixel accuracy ${say(found.accuracy)} · ` +
      `precision ${say(found.precision)} · recall ${say(found.recall)}`;
    canvas.setAttribute("aria-label", `truth and prediction; white is both, blue is missed, orange is too much. ${words.textContent}. Arrows push.`);
  };
  const fill = () => {
    const set = (name) => (value) => {
      chosen[name] = value;
      draw();
    };
    controls.replaceChildren(
      slider("push to the right", -32, 32, chosen.x, set("x")),
      slider("push down", -32, 32, chosen.y, set("y")),
      slider("radius", 0, 30, chosen.radius, set("radius")),
    );
  };
  const move = (x, y) => {
    const limit = (value) => Math.min(32, Math.max(-32, value));
    Object.assign(chosen, { x: limit(x), y: limit(y) });
    fill();
    draw();
  };
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    move(chosen.x + by[0], chosen.y + by[1]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    const box = canvas.getBoundingClientRect();
    const at = (value, start, length) => Math.round(((value - start) / length) * side) - 32;
    move(at(event.clientX, box.left, box.width), at(event.clientY, box.top, box.height));
  });
  fill();
  draw();
  return card(
    "Push a mask",
    make("p", {}, "White is right, blue was missed, orange is too much. Push the prediction away: which score stays high, and why?"),
    controls,
    canvas,
    words,
  );
}

export function showLessons(el) {
  el.append(kernelLesson(), fieldLesson(), scoreLesson());
}
