// The view as a whole: what is shown, the trail, and what every view needs to know.
import { latest, make } from "./network_drawing.js";
import { Pictures, button, imageTools, scoreLine, trail } from "./network_frame.js";
import { Tour } from "./network_tour.js";
import { ViewChannel } from "./network_view_channel.js";
import { ViewNumber } from "./network_view_number.js";
import { ViewStage } from "./network_view_stage.js";
import { ViewU } from "./network_view_u.js";

const VIEWS = { u: ViewU, stage: ViewStage, channel: ViewChannel, number: ViewNumber };

class NetworkView {
  constructor(el, engine) {
    this.engine = engine;
    this.root = make("section", { class: "unl", "aria-label": "a network to walk through" });
    this.head = make("header", { class: "unl-head" });
    this.aside = make("div", { class: "unl-aside" });
    this.body = make("div", { class: "unl-body" });
    this.scores = make("div", { class: "unl-row" });
    this.error = make("p", { class: "unl-error", role: "alert" });
    this.status = make("p", { class: "unl-status", role: "status", "aria-live": "polite" });
    this.main = make("div", { class: "unl-main" }, this.aside, this.body);
    this.tourBox = make("div", { class: "unl-tour-box" });
    this.root.append(this.head, this.tourBox, this.error, this.main, this.scores, this.status);
    el.append(this.root);
    this.at = { x: 0.5, y: 0.5 };
    this.trail = [{ view: "u" }];
    this.pictures = new Pictures(this);
    this.tour = new Tour(this, this.tourBox);
    this.renew = latest(() => this.fetchAll());
    this.root.addEventListener("keydown", (event) => this.key(event));
    // JupyterLab takes keys as its own shortcuts unless the element that has the focus says no.
    this.root.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
    this.watch = new ResizeObserver(() => this.resized());
  }

  async start() {
    try {
      this.network = await this.engine.describe();
      await this.fetchAll(false);
      this.buildHead();
      await this.show();
      this.watch.observe(this.root);
      this.root.dataset.ready = "true";
    } catch (error) {
      this.fail(error);
    }
  }

  // What is shown, and what the view needs, is asked for together: one message there, one back.
  async fetchAll(views = true) {
    const { engine, view } = this;
    const shown = Promise.all([engine.state(), engine.picture(), engine.prediction()]);
    const asked = views ? view.ask?.() : undefined;
    asked?.catch(() => {}); // what is wrong, `shown` says too
    const [state, picture, prediction] = await shown;
    const resized = this.picture && (this.picture.height !== picture.height || this.picture.width !== picture.width);
    const renamed = this.state && this.state.image.id !== state.image.id;
    Object.assign(this, { state, picture, prediction });
    if (!views) return;
    this.pictures.fields = null;
    if (this.view) this.view.fields = null;
    if (resized) {
      this.network = await engine.describe();
      this.trail = [{ view: "u" }];
      return this.show();
    }
    if (renamed) this.buildHead();
    await (this.view === view ? view.refresh(asked) : this.view.refresh());
    this.pictures.draw();
    this.say();
  }

  // Something was changed: show everything anew, asked for in the same message. What went wrong is said.
  async change(done) {
    this.error.textContent = "";
    try {
      await Promise.all([done, this.renew()]);
    } catch (error) {
      this.fail(error);
    }
  }

  // Another image, which may take a while to be read: show everything once it is there.
  load(done) {
    return done.then(() => this.change(), (error) => this.fail(error));
  }

  fail(error) {
    this.error.textContent = error.message;
  }

  buildHead() {
    const reset = button("Reset", () => this.change(this.engine.reset()), { title: "nothing painted, all skips and channels on" });
    const tour = button("Tour", () => this.tour.toggle());
    this.head.replaceChildren(...imageTools(this), ...this.pictures.tools(), reset, tour);
  }

  nameOf(each) {
    const stage = this.network.stages.find((s) => s.name === (each.stage ?? this.network.steps[each.step]?.stage));
    const label = stage?.label ?? "image";
    if (each.view === "u") return "the network";
    if (each.view === "stage") return label;
    if (each.view === "channel") return `${label}, channel ${each.channel} of ${this.network.steps[each.step].shape[0]}`;
    return "one number";
  }

  async go(where) {
    this.trail.push(where);
    await this.show();
  }

  async backTo(k) {
    this.trail.length = k + 1;
    await this.show();
  }

  // Another view; its first button or picture takes the focus where the old one had it.
  async show() {
    const where = this.trail[this.trail.length - 1];
    const had = this.body.contains(document.activeElement);
    this.view?.close();
    this.pictures.fields = null;
    this.view = new VIEWS[where.view](this, where);
    this.body.replaceChildren(this.view.el);
    this.main.dataset.view = where.view;
    if (where.view === "u") {
      this.aside.replaceChildren();
    } else {
      const title = (text) => make("div", { class: "unl-under" }, text);
      this.aside.replaceChildren(this.pictures.input, title("input"), this.pictures.mask, title("mask"));
      this.pictures.resize(150);
    }
    this.trailBox?.remove();
    this.trailBox = trail(this);
    this.main.before(this.trailBox);
    try {
      await this.view.open();
    } catch (error) {
      this.fail(error);
    }
    if (had) this.body.querySelector("button, select, canvas[tabindex]")?.focus({ preventScroll: true });
    this.say();
  }

  say() {
    this.scores.replaceChildren(scoreLine(this));
    const note = this.state.image.note;
    if (note) this.scores.append(make("span", { class: "unl-note" }, `Note: ${note}.`));
    const text = this.view.describe();
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  pointAt(at) {
    this.at = at;
    this.pictures.draw();
    this.pictures.point();
  }

  async pointed() {
    try {
      await this.view.pointed?.();
    } catch (error) {
      this.fail(error);
    }
    clearTimeout(this.later);
    this.later = setTimeout(() => this.say(), 400);
  }

  left() {
    this.view.unlight?.();
  }

  // The row and column of a map of this size at the cross.
  pixelOf([, height, width]) {
    return { row: Math.min(height - 1, Math.floor(this.at.y * height)), column: Math.min(width - 1, Math.floor(this.at.x * width)) };
  }

  // The row and column of the mask at the cross; null outside of it.
  outputPixel() {
    const { picture, prediction, at } = this;
    const row = Math.floor(at.y * picture.height) - prediction.top;
    const column = Math.floor(at.x * picture.width) - prediction.left;
    return row >= 0 && column >= 0 && row < prediction.height && column < prediction.width ? { row, column } : null;
  }

  describePixel() {
    const pixel = this.outputPixel();
    if (!pixel) return "outside of the mask";
    const p = pixel.row * this.prediction.width + pixel.column;
    const { name } = this.network.classes[this.prediction.mask[p]];
    return `row ${pixel.row}, column ${pixel.column}, ${name} with ${Math.round(this.prediction.confidence[p] / 2.55)} %`;
  }

  key(event) {
    if (event.key === "Escape" && this.trail.length > 1) {
      this.backTo(this.trail.length - 2);
      event.stopPropagation();
    }
  }

  resized() {
    const width = this.root.clientWidth;
    if (!width || Math.abs(width - (this.lastWidth ?? width)) < 8) {
      this.lastWidth = width || this.lastWidth;
      return;
    }
    this.lastWidth = width;
    this.show();
  }

  close() {
    this.watch.disconnect();
    this.view?.close();
    clearTimeout(this.later);
    this.root.remove();
  }
}

// Show the view in `el`; gives a function that takes it away. The promise `ready` on the element resolves with the view.
export function showNetwork(el, engine) {
  const view = new NetworkView(el, engine);
  el.ready = view.start().then(() => view);
  return () => view.close();
}
