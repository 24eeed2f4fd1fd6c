// View 3, a channel: its map, and the input channels that make its number at the cross, largest contribution first, with their kernels.
import { cellColour, drawCross, make, mapCanvas, place, mapImage, sharpCanvas, shown } from "./network_drawing.js";
import { button } from "./network_frame.js";

const AT_ONCE = 12;
const MAKERS = ["convolution", "up-convolution", "pooling", "interpolation", "gate", "sum"];

// The step whose sum a step goes back to: through norms and activations to the layer that mixes channels.
export function makerOf(network, step) {
  let name = step;
  while (!MAKERS.includes(network.steps[name].kind) && network.steps[name].sources.length === 1) {
    const source = network.steps[name].sources[0].step;
    if (source === "image" || network.steps[source].shape[0] !== network.steps[name].shape[0]) break;
    name = source;
  }
  return name;
}

// Which step and which channel of it input channel `channel` of a step is; null where it is not known.
export function sourceOf(network, step, channel) {
  let start = 0;
  for (const source of network.steps[step].sources) {
    if (channel < start + source.channels) return { step: source.step, channel: source.first + channel - start };
    start += source.channels;
  }
  return null;
}

export class ViewChannel {
  constructor(app, where) {
    this.app = app;
    this.where = where;
    this.maker = makerOf(app.network, where.step);
    this.shape = app.network.steps[where.step].shape;
    this.count = AT_ONCE;
    this.el = make("div", { class: "unl-channel-view" });
  }

  async open() {
    this.large = make("div", { class: "unl-large" });
    this.list = make("div", { class: "unl-inputs" });
    this.title = make("p", { class: "unl-caption" });
    const watch = button("Watch this number being computed ›", () => this.watch(), { class: "unl-button unl-watch" });
    this.el.replaceChildren(make("div", {}, this.large, watch), make("div", {}, this.title, this.list));
    await this.refresh();
  }

  close() {
    this.closed = true;
  }

  get pixel() {
    return this.app.pixelOf(this.app.network.steps[this.maker].shape);
  }

  watch() {
    this.app.go({ view: "number", step: this.maker, channel: this.where.channel });
  }

  describe() {
    const stage = this.app.network.stages.find((s) => s.name === this.app.network.steps[this.where.step].stage);
    const { row, column } = this.pixel;
    const value = this.value === undefined ? "" : ` The number at row ${row}, column ${column} of ${this.maker} is ${shown(this.value)}.`;
    const first = this.rows?.length ? ` Most comes from ${this.rows[0]}.` : "";
    return `${stage?.label ?? "image"}, channel ${this.where.channel} of ${this.shape[0]}: ${this.shape[1]} by ${this.shape[2]}.${value}${first}`;
  }

  async refresh() {
    this.map = await this.app.engine.maps(this.where.step, { channels: [this.where.channel] });
    if (!this.closed) await this.pointed();
  }

  drawLarge() {
    const { map, app } = this;
    const width = 270;
    const height = Math.round((width * map.height) / map.width);
    const canvas = sharpCanvas(width, height);
    place(canvas.getContext("2d"), mapImage(map, 0), 0, 0, width, height);
    drawCross(canvas.getContext("2d"), app.at, 0, 0, width, height);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `channel ${this.where.channel}; arrows move the cross, Enter shows how the number comes about`);
    canvas.style.cursor = "crosshair";
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      const inside = (value) => Math.max(0, Math.min(0.9999, value));
      app.pointAt({ x: inside((event.clientX - box.left) / box.width), y: inside((event.clientY - box.top) / box.height) });
    };
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("dblclick", () => this.watch());
    canvas.addEventListener("keydown", (event) => arrows(event, app, this.shape) || (event.key === "Enter" && this.watch()));
    const had = this.large.contains(document.activeElement);
    const [low, high] = [map.low[0], map.high[0]].map(shown);
    this.large.replaceChildren(canvas, make("div", { class: "unl-under" }, `${this.where.step}, channel ${this.where.channel}: ${low} to ${high}`));
    if (had) canvas.focus({ preventScroll: true });
  }

  async pointed() {
    this.drawLarge();
    const { app, maker } = this;
    const { row, column } = this.pixel;
    const number = await app.engine.number(maker, this.where.channel, row, column);
    if (this.closed) return;
    this.value = number.value;
    this.number = number;
    if (number.channels) await this.drawInputs(number);
    else this.drawSimple(number);
  }

  // Layers that mix no channels: one sentence, and the way to the number.
  drawSimple(number) {
    this.rows = [];
    const { channel } = this.where;
    const { label } = this.app.network.steps[this.maker];
    this.title.textContent =
      number.kind === "sum"
        ? `Channel ${channel} is the sum of channel ${channel} of two layers: ${number.inputs.map(shown).join(" + ")} at the cross.`
        : `This layer, ${label}, mixes no channels: channel ${channel} is made of channel ${channel} of what goes in.`;
    const sources = this.app.network.steps[this.maker].sources;
    const ways = sources.map((source) => this.wayTo(source.step === "image" ? null : { step: source.step, channel: this.where.channel }));
    this.list.replaceChildren(...ways.filter(Boolean));
  }

  wayTo(source) {
    if (!source || source.step === "image") return null;
    return button(`to ${source.step}, channel ${source.channel}`, () => this.app.go({ view: "channel", ...source }));
  }

  async drawInputs(number) {
    const { app, maker } = this;
    const channels = [...number.channels.slice(0, this.count)];
    const maps = await app.engine.maps(maker, { channels, size: 96, input: true });
    if (this.closed) return;
    const most = Math.max(...[...number.sums].map(Math.abs)) || 1;
    const { row, column } = this.pixel;
    this.title.textContent =
      `At row ${row}, column ${column}, ${number.channels.length} input channels and a bias add up to ${shown(number.total)} ` +
      `(${app.network.steps[maker].kind}). Largest contribution first:`;
    this.rows = channels.map((channel) => this.nameOf(channel));
    const rows = channels.map((channel, k) => this.inputRow(number, maps, channel, k, most));
    if (number.channels.length > this.count) rows.push(button(`${number.channels.length - this.count} more …`, () => ((this.count += AT_ONCE), this.drawInputs(number))));
    this.list.replaceChildren(...rows);
  }

  nameOf(channel) {
    const source = sourceOf(this.app.network, this.maker, channel);
    if (!source) return `input channel ${channel}`;
    if (source.step === "image") return this.app.network.steps.image.shape[0] === 1 ? "the image" : `the image, channel ${source.channel}`;
    const stage = this.app.network.steps[source.step].stage;
    return `${this.app.network.stages.find((s) => s.name === stage)?.label ?? source.step}, channel ${source.channel}`;
  }

  inputRow(number, maps, channel, k, most) {
    const { app } = this;
    const canvas = mapCanvas(maps, k, 64, Math.round((64 * maps.height) / maps.width));
    drawCross(canvas.getContext("2d"), app.at, 0, 0, 64, (64 * maps.height) / maps.width);
    const sum = number.sums[k];
    const bar = make("div", { class: "unl-bar" }, make("i", { class: sum < 0 ? "unl-minus" : "unl-plus" }));
    bar.firstChild.style.width = `${(50 * Math.abs(sum)) / most}%`;
    const source = sourceOf(app.network, this.maker, channel);
    const name = this.nameOf(channel);
    const open = button("", () => source && source.step !== "image" && app.go({ view: "channel", ...source }), {
      class: "unl-input-row", "aria-label": `${name}: contributes ${shown(sum)}. Open it.`, disabled: !source || source.step === "image",
    });
    open.append(canvas, make("span", { class: "unl-times" }, "∗"), kernelCanvas(number, k, 48), bar, make("b", {}, shown(sum)), make("span", { class: "unl-under" }, name));
    return open;
  }
}

// A kernel as a picture, white 0; the largest of all kernels of this number is full colour.
export function kernelCanvas(number, k, side) {
  const [height, width] = number.copies?.kernel ?? number.kernel;
  const kernels = number.copies?.kernels ?? number.kernels;
  let most = 0;
  for (const value of kernels) most = Math.max(most, Math.abs(value));
  const cell = side / Math.max(height, width);
  const canvas = sharpCanvas(cell * width, cell * height);
  const context = canvas.getContext("2d");
  for (let p = 0; p < height * width; p++) {
    context.fillStyle = cellColour(kernels[k * height * width + p], most).background;
    context.fillRect((p % width) * cell, Math.floor(p / width) * cell, cell, cell);
  }
  canvas.className = "unl-kernel";
  return canvas;
}

// Arrow keys move the cross by one pixel of a map of this shape; true where it was one.
export function arrows(event, app, [, height, width]) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step) return false;
  const { row, column } = app.pixelOf([0, height, width]);
  const inside = (value, size) => (Math.max(0, Math.min(size - 1, value)) + 0.5) / size;
  app.pointAt({ x: inside(column + step[0], width), y: inside(row + step[1], height) });
  event.preventDefault();
  event.stopPropagation();
  return true;
}
