// View 1, the U: every stage as a stack of its own strongest feature maps, as low as often the image was halved.
import { calm, heatImage, latest, make, mapPicture, place, sharpCanvas } from "./network_drawing.js";
import { button } from "./network_frame.js";

const CARDS = 4;
const HOWS = [
  ["on", "skip on"],
  ["zeros", "cut: zeros"],
  ["noise", "noise"],
  ["shuffled", "shuffled"],
  ["swapped", "swapped"],
];
const TEXT = 34; // room under a stack for two lines

export class ViewU {
  constructor(app) {
    this.app = app;
    this.el = make("div", { class: "unl-u" });
    this.maps = {};
    this.lit = null;
    this.light = latest((at) => this.fetchField(at));
  }

  async open() {
    this.lay();
    await this.refresh();
  }

  close() {
    this.stop();
  }

  describe() {
    const { network, state, prediction } = this.app;
    const cut = Object.entries(state.cuts).map(([level, how]) => `skip ${level}: ${how}`);
    const skips = cut.length ? cut.join(", ") : network.skips.length ? "All skips are on" : "It has no skips";
    const stages = network.stages.map((s) => `${s.label} ${s.shape.join(" × ")}`).join(", ");
    return (
      `The whole network, ${network.title}: ${stages}. ${skips}. ` +
      `${Math.round(1000 * prediction.changed) / 10} % of the mask changed. At the cross: ${this.app.describePixel()}.`
    );
  }

  // Where everything stands: sizes relative to one card of level 0, then as large as the width allows.
  places(width) {
    const { stages } = this.app.network;
    const side = (level) => Math.max(0.5, 0.84 ** level);
    const row = [{ level: 0, size: 1.15 }, ...stages.map((s) => ({ level: s.level, size: side(s.level) })), { level: 0, size: 1.15 }];
    let x = 0;
    row.forEach((each, k) => {
      const before = row[k - 1];
      if (before) x += before.level === each.level ? before.size * 1.16 : before.level < each.level ? before.size * 0.92 : before.size * 0.98;
      each.x = x;
    });
    const whole = x + 1.15;
    const unit = Math.min(150, width / whole);
    const levels = 1 + Math.max(...row.map((each) => each.level));
    const tops = [0];
    for (let level = 1; level <= levels; level++) tops[level] = tops[level - 1] + unit * (level === 1 ? 1.15 : side(level - 1)) + TEXT + 14;
    const left = (width - unit * whole) / 2;
    return {
      unit,
      height: tops[levels],
      boxes: row.map((each) => ({ x: left + each.x * unit, y: tops[each.level] + 4, size: each.size * unit, level: each.level })),
    };
  }

  lay() {
    const { app } = this;
    const width = Math.max(760, this.el.clientWidth || app.root.clientWidth - 24);
    this.width = width;
    const { boxes, height } = this.places(width);
    this.board = make("div", { class: "unl-board" });
    this.board.style.width = `${width}px`;
    this.board.style.height = `${height}px`;
    this.svg = make("svg", { class: "unl-arrows", width, height, viewBox: `0 0 ${width} ${height}` });
    this.board.append(this.svg);
    this.boxes = {};
    const at = (element, box, title) => {
      const holder = make("div", { class: "unl-at" }, element, title ? make("div", { class: "unl-under" }, title) : null);
      holder.style.left = `${box.x}px`;
      holder.style.top = `${box.y}px`;
      this.board.append(holder);
    };
    const [first, last] = [boxes[0], boxes[boxes.length - 1]];
    at(app.pictures.input, first, "input");
    at(app.pictures.mask, last, "mask");
    app.pictures.resize(Math.round(first.size));
    this.canvases = {};
    app.network.stages.forEach((stage, k) => {
      const box = (this.boxes[stage.name] = boxes[k + 1]);
      const canvas = (this.canvases[stage.name] = sharpCanvas(box.size, box.size));
      const name = `${stage.label}: ${stage.shape[0]} channels of ${stage.shape[1]} by ${stage.shape[2]}. Open this stage.`;
      const open = make("button", { type: "button", class: "unl-stage", "aria-label": name, onclick: () => app.go({ view: "stage", stage: stage.name }) });
      open.append(canvas);
      at(open, box, null);
      const label = make("div", { class: "unl-under", "aria-hidden": "true" }, stage.label, make("br"), stage.shape.join(" × "));
      open.after(label);
    });
    this.drawArrows(first, last);
    this.el.replaceChildren(this.tools(), make("div", { class: "unl-scroll" }, this.board));
  }

  tools() {
    const text = calm() ? "Next layer" : "▶ Step through the layers";
    this.stepper = button(text, () => (this.timer ? this.stop() : this.step()), { class: "unl-button unl-step" });
    this.caption = make("span", { class: "unl-caption" }, "Point at the mask: what does this pixel rest on? Click a stage to step into it.");
    return make("div", { class: "unl-row" }, this.stepper, this.caption);
  }

  drawArrows(first, last) {
    const { network } = this.app;
    const marker = make("marker", { id: "unl-tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 11, markerHeight: 11, markerUnits: "userSpaceOnUse", orient: "auto" });
    marker.append(make("path", { d: "M0 0 L8 4 L0 8 z", fill: "context-stroke" }));
    this.svg.append(make("defs", {}, marker));
    const chain = [first, ...network.stages.map((stage) => this.boxes[stage.name]), last];
    for (let k = 1; k < chain.length; k++) this.svg.append(this.arrow(chain[k - 1], chain[k]));
    for (const skip of network.skips) this.drawSkip(skip);
  }

  // Down for pooling, up for up-convolution, straight on where the size stays.
  arrow(from, to) {
    const kind = from.level < to.level ? "down" : from.level > to.level ? "up" : "on";
    const ends =
      kind === "down"
        ? [from.x + from.size * 0.42, from.y + from.size + TEXT - 2, to.x + to.size * 0.42, to.y - 1]
        : kind === "up"
          ? [from.x + from.size * 0.8, from.y - 1, to.x + to.size * 0.4, to.y + to.size + TEXT]
          : [from.x + from.size + 1, from.y + from.size * 0.55, to.x - 1, to.y + from.size * 0.55];
    if (kind === "down") ends[0] = Math.max(ends[0], Math.min(ends[2], from.x + from.size * 0.9));
    const line = make("line", { x1: ends[0], y1: ends[1], x2: ends[2], y2: ends[3], class: `unl-arrow unl-${kind}`, "marker-end": "url(#unl-tip)" });
    line.append(make("title", {}, { down: "pooling: half the size", up: "up-sampling: twice the size", on: "on" }[kind]));
    return line;
  }

  drawSkip(skip) {
    const { app } = this;
    const [from, to] = [this.boxes[skip.from], this.boxes[skip.to]];
    const y = from.y + from.size * 0.5;
    const ends = { x1: from.x + from.size + 3, y1: y, x2: to.x - 4, y2: to.y + to.size * 0.5 };
    const how = app.state.cuts[skip.level] ?? "on";
    const group = make("g", { class: `unl-skip${how === "on" ? "" : " unl-cut"}` });
    group.append(make("line", { ...ends, class: "unl-arrow", "marker-end": "url(#unl-tip)" }));
    this.svg.append(group);
    if (skip.level === null) return;
    const toggle = () => app.change(app.engine.cut(skip.level, (app.state.cuts[skip.level] ?? "on") === "on" ? "zeros" : "on"));
    const hit = make("line", { ...ends, class: "unl-hit", onclick: toggle });
    hit.append(make("title", {}, `skip ${skip.level}: click to cut it, or to bring it back`));
    group.append(hit);
    const select = make("select", { class: "unl-skip-menu", "aria-label": `skip ${skip.level}`, title: "swapped: the skip of this image turned upside down", onchange: () => app.change(app.engine.cut(skip.level, select.value)) });
    for (const [value, name] of HOWS) select.append(make("option", { value, selected: value === how }, name));
    const short = ends.x2 - ends.x1 < 110;
    select.style.left = `${(ends.x1 + ends.x2) / 2}px`;
    select.style.top = `${short ? from.y - 10 : y}px`;
    this.board.append(select);
  }

  ask() {
    const { network, engine } = this.app;
    return Promise.all(network.stages.map((stage) => engine.maps(stage.shown, { strongest: CARDS, size: 96 })));
  }

  async refresh(asked = this.ask()) {
    const { app } = this;
    const found = await asked;
    app.network.stages.forEach((stage, k) => (this.maps[stage.name] = found[k]));
    if (app.view !== this) return;
    this.svg.replaceChildren();
    this.board.querySelectorAll(".unl-skip-menu").forEach((menu) => menu.remove());
    const { boxes } = this.places(this.width);
    this.drawArrows(boxes[0], boxes[boxes.length - 1]);
    this.draw();
  }

  draw() {
    for (const stage of this.app.network.stages) {
      const canvas = this.canvases[stage.name];
      const maps = this.maps[stage.name];
      if (!maps) continue;
      const { size } = this.boxes[stage.name];
      const context = canvas.getContext("2d");
      context.clearRect(0, 0, size, size);
      const count = maps.channels.length;
      const step = count > 1 ? (0.2 * size) / (CARDS - 1) : 0;
      const side = 0.8 * size;
      const field = this.fields?.fields.find((each) => each.stage === stage.name);
      for (let k = count - 1; k >= 0; k--) {
        const [x, y] = [k * step, size - side - k * step];
        place(context, mapPicture(maps, k), x, y, side, side);
        if (k === 0 && field) {
          context.fillStyle = "rgba(0, 0, 0, 0.55)";
          context.fillRect(x, y, side, side);
          place(context, heatImage(field), x, y, side, side);
        }
        context.strokeStyle = "rgba(255, 255, 255, 0.75)";
        context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
      }
      canvas.parentElement.classList.toggle("unl-dim", this.lit !== null && this.lit !== stage.name);
    }
  }

  pointed() {
    this.light(this.app.at);
  }

  async fetchField() {
    const { app } = this;
    const pixel = app.outputPixel();
    if (!pixel) return;
    const fields = await app.engine.field(pixel.row, pixel.column);
    if (app.view !== this) return;
    this.fields = app.pictures.fields = fields;
    this.caption.textContent = `Row ${pixel.row}, column ${pixel.column}: ${fields.className}. Bright is what this answer rests on, level by level.`;
    this.draw();
    app.pictures.draw();
  }

  unlight() {
    this.fields = this.app.pictures.fields = null;
    this.draw();
    this.app.pictures.draw();
  }

  // Through the layers, one stage after the other; where the system asks for reduced motion, one for each click.
  step() {
    const { stages } = this.app.network;
    const next = stages.findIndex((stage) => stage.name === this.lit) + 1;
    if (next >= stages.length) return this.stop();
    this.lit = stages[next].name;
    const [channels, height, width] = stages[next].shape;
    this.caption.textContent = `${next + 1} of ${stages.length}: ${stages[next].label}, ${channels} feature maps of ${height} × ${width}.`;
    this.draw();
    if (calm()) return;
    this.stepper.textContent = "■ Stop";
    this.timer = setTimeout(() => this.step(), 900);
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.lit = null;
    this.stepper.textContent = calm() ? "Next layer" : "▶ Step through the layers";
    this.draw();
  }
}
