// What stands around all four views: the pictures (input to paint on, mask), the controls, the trail back, the sentence for readers.
import { drawCross, heatImage, latest, make, maskImage, painted, percent, pictureImage, place, rgb, sharpCanvas } from "./network_drawing.js";

const BRUSHES = [
  ["look", "point at a pixel"],
  ["dark", "paint dark"],
  ["bright", "paint bright"],
  ["erase", "erase paint"],
  ["noise", "paint noise"],
];
const SHOWN = [
  ["mask", "mask"],
  ["change", "what changed"],
  ["confidence", "confidence"],
];

// Input and mask as two canvases. Pointing moves app.at (fractions of the picture); painting goes to the engine, newest last.
export class Pictures {
  constructor(app) {
    this.app = app;
    this.brush = "look";
    this.what = "mask";
    this.fields = null;
    this.input = make("div", { class: "unl-picture" });
    this.mask = make("div", { class: "unl-picture" });
    this.paint = latest(
      (points) => app.change(app.engine.paint(points, this.brush, this.width())),
      ([before], [next]) => [[...before, ...next]],
    );
    this.point = latest(() => app.pointed());
  }

  width() {
    return Number(this.widthSlider?.value ?? 12);
  }

  tools() {
    this.widthSlider = make("input", { type: "range", min: 2, max: 40, value: 12, "aria-label": "brush width in pixels", title: "brush width" });
    const brush = choice("on the input", BRUSHES, this.brush, (value) => (this.brush = value));
    const what = choice("at the right", SHOWN, this.what, (value) => {
      this.what = value;
      this.draw();
    });
    return [brush, this.widthSlider, what];
  }

  // Both canvases anew, `side` pixels wide.
  resize(side) {
    this.side = side;
    const { picture } = this.app;
    const height = Math.round((side * picture.height) / picture.width);
    for (const [box, name] of [[this.input, "input"], [this.mask, "mask"]]) {
      const canvas = sharpCanvas(side, height);
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "img");
      canvas.className = `unl-${name}`;
      canvas.addEventListener("pointerdown", (event) => this.pressed(event, name, canvas));
      canvas.addEventListener("pointermove", (event) => this.moved(event, name, canvas));
      canvas.addEventListener("pointerup", () => (this.from = null));
      canvas.addEventListener("pointercancel", () => (this.from = null));
      canvas.addEventListener("pointerleave", () => name === "mask" && this.app.left());
      canvas.addEventListener("keydown", (event) => this.key(event, name));
      box.replaceChildren(canvas);
      this[`${name}Canvas`] = canvas;
    }
    this.height = height;
    this.draw();
  }

  draw() {
    const { picture, prediction, network, at } = this.app;
    if (!picture || !prediction || !this.inputCanvas) return;
    const input = this.inputCanvas.getContext("2d");
    place(input, painted(picture, "picture", () => pictureImage(picture)), 0, 0, this.side, this.height);
    const field = this.fields?.fields.find((each) => each.stage === "image");
    if (field) place(input, heatImage(field), 0, 0, this.side, this.height);
    const mask = this.maskCanvas.getContext("2d");
    const colours = network.classes.map((each) => rgb(each.colour));
    const over = painted(prediction, this.what, () => maskImage(picture, prediction, colours, this.what));
    place(mask, over, 0, 0, this.side, this.height);
    drawCross(input, at, 0, 0, this.side, this.height);
    drawCross(mask, at, 0, 0, this.side, this.height);
    this.inputCanvas.style.cursor = this.brush === "look" ? "crosshair" : "cell";
    this.inputCanvas.setAttribute("aria-label", `input, ${picture.height} x ${picture.width} pixels; arrows move the cross, space paints`);
    this.maskCanvas.setAttribute("aria-label", `${this.what}: ${this.app.describePixel()}; arrows move the cross`);
  }

  where(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const inside = (value) => Math.max(0, Math.min(0.9999, value));
    return { x: inside((event.clientX - box.left) / box.width), y: inside((event.clientY - box.top) / box.height) };
  }

  inPixels(at) {
    return [Math.floor(at.x * this.app.picture.width), Math.floor(at.y * this.app.picture.height)];
  }

  pressed(event, name, canvas) {
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    this.from = this.where(event, canvas);
    if (name === "input" && this.brush !== "look") this.paint([this.inPixels(this.from)]);
    else this.app.pointAt(this.from);
  }

  moved(event, name, canvas) {
    const at = this.where(event, canvas);
    if (name === "input" && this.brush !== "look") {
      if (!this.from) return;
      this.paint([this.inPixels(this.from), this.inPixels(at)]);
      this.from = at;
    } else if (name === "mask" || this.from) {
      this.app.pointAt(at);
    }
  }

  key(event, name) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const { picture, at } = this.app;
    if (step) {
      const far = event.shiftKey ? 10 : 1;
      const inside = (value) => Math.max(0, Math.min(0.9999, value));
      this.app.pointAt({ x: inside(at.x + (far * step[0]) / picture.width), y: inside(at.y + (far * step[1]) / picture.height) });
    } else if (event.key === " " && name === "input" && this.brush !== "look") {
      this.paint([this.inPixels(at)]);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

// A labelled menu; calls back with the value.
export function choice(label, options, value, onchange) {
  const select = make("select", { "aria-label": label, onchange: (event) => onchange(event.target.value) });
  for (const [key, name] of options) select.append(make("option", { value: key, selected: key === value }, name));
  return make("label", { class: "unl-choice" }, `${label} `, select);
}

export function button(text, onclick, more = {}) {
  return make("button", { type: "button", class: "unl-button", onclick, ...more }, text);
}

// The scores in one line: what changed, and the IoU by class.
export function scoreLine(app) {
  const { prediction, network } = app;
  const against = prediction.against === "truth" ? "IoU with the truth" : "IoU with the mask before any change";
  const line = make("span", { class: "unl-scores" }, `${percent(prediction.changed)} of the mask changed · ${against}: `);
  prediction.iou.forEach((score, k) => {
    const { name, colour } = network.classes[k];
    const patch = make("i", { class: "unl-patch" });
    patch.style.background = colour;
    line.append(patch, `${name} ${score === null ? "–" : score.toFixed(3)}  `);
  });
  return line;
}

// The trail: where one came from, each place a button.
export function trail(app) {
  const list = make("ol", { class: "unl-trail" });
  if (app.trail.length === 1) return make("nav");
  app.trail.forEach((each, k) => {
    const last = k === app.trail.length - 1;
    const name = app.nameOf(each);
    list.append(make("li", {}, last ? make("b", { "aria-current": "page" }, name) : button(name, () => app.backTo(k))));
  });
  return make("nav", { "aria-label": "where you are in the network" }, list);
}

// The menu of images, and a file of one's own.
export function imageTools(app) {
  const { images, canOpen } = app.network;
  const chosen = app.state.image;
  const options = images.map((each) => [each.id, each.name]);
  if (!images.some((each) => each.id === chosen.id)) options.unshift([chosen.id, chosen.name]);
  const menu = choice("image", options, chosen.id, (id) => app.load(app.engine.choose(id)));
  if (!canOpen) return [menu];
  const file = make("input", {
    type: "file",
    class: "unl-file",
    "aria-label": "an image of your own",
    onchange: async () => {
      const [given] = file.files;
      if (given) app.load(app.engine.open(given.name, new Uint8Array(await given.arrayBuffer())));
    },
  });
  return [menu, make("label", { class: "unl-button unl-open" }, "your own …", file)];
}
