// View 2, a stage: all its channels, in an order of one's choice, each to be switched off; and what each of its layers makes of one.
import { drawCross, make, mapCanvas, percent, shown } from "./network_drawing.js";
import { button, choice } from "./network_frame.js";

const AT_ONCE = 64; // channels drawn before "more" is asked for
const CHUNK = 4; // channels whose worth is asked for in one go: the kernel answers others in between
const ORDERS = [
  ["mean", "activation"],
  ["variance", "variance"],
  ["fall", "what the prediction loses without it"],
  ["number", "number"],
];

export class ViewStage {
  constructor(app, where) {
    this.app = app;
    this.where = where;
    this.stage = app.network.stages.find((stage) => stage.name === where.stage);
    this.step = where.step ?? this.stage.shown;
    this.order = where.order ?? "mean";
    this.count = AT_ONCE;
    this.worth = new Map();
    this.el = make("div", { class: "unl-stage-view" });
  }

  get channels() {
    return this.app.network.steps[this.step].shape[0];
  }

  get muted() {
    return this.app.state.muted[this.step] ?? [];
  }

  // Layers of the stage that can be looked at: all its steps, by name.
  async open() {
    const { app, stage } = this;
    const options = stage.steps.map((name) => [name, `${name.replace(`${stage.name}.`, "")} · ${app.network.steps[name].label}`]);
    const steps = choice("after", options, this.step, (step) => this.turn({ step }));
    const orders = choice("sorted by", ORDERS, this.order, (order) => this.turn({ order }));
    this.progress = make("span", { class: "unl-caption" });
    this.on = button("all on", () => app.change(app.engine.mute(this.step, [])));
    this.stop = button("stop", () => (this.stopped = true));
    this.stop.hidden = true;
    this.chain = make("div", { class: "unl-chain" });
    this.grid = make("div", { class: "unl-tiles" });
    this.el.replaceChildren(make("div", { class: "unl-row" }, steps, orders, this.on, this.progress, this.stop), this.chain, this.grid);
    await this.refresh();
  }

  async turn(change) {
    Object.assign(this, change);
    Object.assign(this.where, change);
    this.worth.clear();
    await this.refresh();
    this.app.say();
  }

  close() {
    this.closed = true;
  }

  describe() {
    const { label, shape } = this.stage;
    const off = this.muted.length ? ` Switched off: channels ${this.muted.join(", ")}.` : "";
    const name = ORDERS.find(([key]) => key === this.order)[1];
    const first = this.sorted ? ` First: channels ${this.sorted.slice(0, 5).join(", ")}.` : "";
    return `${label}, after ${this.app.network.steps[this.step].label}: ${this.channels} channels of ${shape[1]} by ${shape[2]}, sorted by ${name}.${first}${off}`;
  }

  async refresh() {
    const turn = (this.turns = (this.turns ?? 0) + 1);
    const { engine } = this.app;
    this.statistics = await engine.statistics(this.step);
    this.worth.clear();
    if (turn !== this.turns || this.closed) return;
    await this.draw();
    if (this.order === "fall") await this.askWorth(turn);
  }

  // What each channel is worth, a few at a time, so that the page stays awake; sorted anew with each answer.
  async askWorth(turn) {
    const all = [...this.statistics.mean.keys()].sort((a, b) => this.statistics.mean[b] - this.statistics.mean[a]);
    this.stopped = false;
    this.stop.hidden = false;
    for (let start = 0; start < all.length && !this.stopped; start += CHUNK) {
      const part = all.slice(start, start + CHUNK);
      this.progress.textContent = `${start} of ${all.length} channels tried`;
      const { fall, changed } = await this.app.engine.worth(this.step, part);
      if (turn !== this.turns || this.closed) return;
      part.forEach((channel, k) => this.worth.set(channel, { fall: fall[k], changed: changed[k] }));
      if ((start + CHUNK) % 32 === 0 || start + CHUNK >= all.length) await this.draw();
    }
    this.stop.hidden = true;
    this.progress.textContent = `${this.worth.size} of ${all.length} channels tried, each switched off alone`;
    this.app.say();
  }

  key(channel) {
    if (this.order === "fall") return this.worth.get(channel)?.fall ?? -Infinity;
    return this.order === "number" ? -channel : this.statistics[this.order][channel];
  }

  async draw() {
    const all = [...Array(this.channels).keys()];
    this.sorted = all.sort((a, b) => this.key(b) - this.key(a) || a - b);
    const wanted = this.sorted.slice(0, this.count);
    const maps = await this.app.engine.maps(this.step, { channels: wanted, size: 96 });
    if (this.closed) return;
    const focused = document.activeElement?.dataset?.channel;
    const tiles = wanted.map((channel, k) => this.tile(channel, maps, k));
    if (this.channels > this.count) {
      tiles.push(button(`${this.channels - this.count} more …`, () => ((this.count += AT_ONCE), this.draw())));
    }
    this.grid.replaceChildren(...tiles);
    if (focused) this.grid.querySelector(`[data-channel="${focused}"]`)?.focus({ preventScroll: true });
    this.on.hidden = !this.muted.length;
    await this.follow(this.chosen ?? this.sorted[0]);
  }

  tile(channel, maps, k) {
    const off = this.muted.includes(channel);
    const values = this.values(channel);
    const canvas = mapCanvas(maps, k, 84, Math.round((84 * maps.height) / maps.width));
    const name = `${this.stage.label}, channel ${channel} of ${this.channels}: ${values}. Open it.`;
    const open = button("", () => this.app.go({ view: "channel", step: this.step, channel }), {
      class: "unl-tile", "aria-label": name, "data-channel": channel, onfocus: () => this.follow(channel), onpointerenter: () => this.follow(channel),
    });
    open.append(canvas);
    const toggle = button(off ? "off" : "on", () => this.toggle(channel), { "aria-pressed": String(off), "aria-label": `switch channel ${channel} ${off ? "on" : "off"}` });
    const under = make("div", { class: "unl-under" }, make("b", {}, `${channel} `), values);
    return make("div", { class: `unl-cell${off ? " unl-off" : ""}` }, open, under, toggle);
  }

  values(channel) {
    if (this.order === "fall") {
      const worth = this.worth.get(channel);
      if (!worth) return "…";
      const sign = worth.fall > 0 ? "−" : "+";
      return `certainty ${sign}${(100 * Math.abs(worth.fall)).toFixed(2)} %, ${percent(worth.changed)} of pixels`;
    }
    return shown(this.statistics[this.order === "variance" ? "variance" : "mean"][channel]);
  }

  toggle(channel) {
    const muted = this.muted.includes(channel) ? this.muted.filter((c) => c !== channel) : [...this.muted, channel];
    this.app.change(this.app.engine.mute(this.step, muted));
  }

  // One channel before and after each layer of the stage that has a channel of this number.
  async follow(channel) {
    this.chosen = channel;
    const { app, stage } = this;
    const steps = stage.steps.filter((name) => app.network.steps[name].shape[0] > channel && app.network.steps[name].kind !== "other");
    const found = await Promise.all(steps.map((name) => app.engine.maps(name, { channels: [channel], size: 96 })));
    if (this.closed || this.chosen !== channel) return;
    const parts = found.map((maps, k) => {
      const canvas = mapCanvas(maps, 0, 72, Math.round((72 * maps.height) / maps.width));
      drawCross(canvas.getContext("2d"), app.at, 0, 0, 72, (72 * maps.height) / maps.width);
      const { kind } = app.network.steps[steps[k]];
      return make("figure", { class: "unl-figure", title: steps[k] }, canvas, make("figcaption", {}, kind));
    });
    this.chain.replaceChildren(make("b", {}, `channel ${channel}, layer by layer`), ...parts);
  }

  async pointed() {
    if (this.chosen !== undefined) await this.follow(this.chosen);
  }
}
