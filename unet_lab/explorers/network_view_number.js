// View 4, a number: windows, kernels, products, sum and bias, then norm and activation, with the network's own numbers.
import { calm, make, numberGrid, shown } from "./network_drawing.js";
import { button, choice } from "./network_frame.js";
import { arrows, sourceOf } from "./network_view_channel.js";

const FULL = 4; // input channels that are written out; the others come in one line

export class ViewNumber {
  constructor(app, where) {
    this.app = app;
    this.where = where;
    this.el = make("div", { class: "unl-number-view", role: "group", tabindex: 0, "aria-label": "one number; arrows move to its neighbours" });
    this.el.addEventListener("keydown", (event) => event.target === this.el && arrows(event, app, this.shape));
  }

  get shape() {
    return this.app.network.steps[this.where.step].shape;
  }

  async open() {
    const { app, where } = this;
    const stage = app.network.stages.find((s) => s.name === app.network.steps[where.step].stage);
    const steps = stage ? stage.steps.filter((name) => app.network.steps[name].shape[0] > where.channel) : [where.step];
    const options = steps.map((name) => [name, `${name} · ${app.network.steps[name].kind}`]);
    const layer = choice("layer", options, where.step, (step) => {
      where.step = step;
      this.refresh().then(() => app.say());
    });
    const moves = [["←", -1, 0], ["→", 1, 0], ["↑", 0, -1], ["↓", 0, 1]].map(([text, x, y]) => {
      const key = { "←": "ArrowLeft", "→": "ArrowRight", "↑": "ArrowUp", "↓": "ArrowDown" }[text];
      return button(text, (event) => arrows({ key, preventDefault() {}, stopPropagation: () => event.stopPropagation() }, app, this.shape), { "aria-label": `one pixel ${["left", "right", "up", "down"][["←", "→", "↑", "↓"].indexOf(text)]}` });
    });
    this.player = button("▶ Product by product", () => this.play());
    this.sheet = make("div", { class: "unl-sheet" });
    this.el.replaceChildren(make("div", { class: "unl-row" }, layer, ...moves, this.player), this.sheet);
    await this.refresh();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  describe() {
    if (!this.number) return "One number.";
    const { row, column } = this.app.pixelOf(this.shape);
    const then = this.chain.map((each) => `${each.kind}: ${shown(each.value)}`).join(", then ");
    return `${this.where.step}, channel ${this.where.channel} of ${this.shape[0]}, row ${row}, column ${column}. ${then}.`;
  }

  pointed() {
    return this.refresh();
  }

  // The number, and those that are made of it alone, as far as the chain goes.
  async refresh() {
    const { app, where } = this;
    const { row, column } = app.pixelOf(this.shape);
    clearTimeout(this.timer);
    const chain = [];
    let step = where.step;
    while (step) {
      const number = await app.engine.number(step, where.channel, row, column);
      chain.push({ ...number, step });
      step = number.next?.step;
    }
    if (this.closed) return;
    this.chain = chain;
    this.number = chain[0];
    this.player.hidden = !this.number.windows;
    this.playing = -1;
    this.player.textContent = calm() ? "Next product" : "▶ Product by product";
    this.draw();
  }

  draw() {
    const { row, column } = this.app.pixelOf(this.shape);
    const title = make("h4", {}, `${this.where.step}, channel ${this.where.channel}, row ${row}, column ${column}`);
    this.sheet.replaceChildren(title, ...this.chain.map((each, k) => this.card(each, k)));
  }

  card(number, k) {
    const makers = {
      convolution: () => this.sum(number),
      "up-convolution": () => this.sum(number),
      pooling: () => this.pooling(number),
      norm: () => this.norm(number),
      activation: () => [this.activation(number)],
      interpolation: () => this.interpolation(number),
      gate: () => [line(`${shown(number.input)} of the skip × ${shown(number.attention)} of attention = `, this.result(number))],
      sum: () => [line(`${summed(number.inputs)} = `, this.result(number))],
    };
    const parts = makers[number.kind]?.() ?? [line("as it comes: ", this.result(number))];
    return make("section", { class: "unl-card" }, make("h5", {}, `${k ? "then " : ""}${number.kind} `, make("small", {}, number.step)), ...parts);
  }

  // A convolution's sum; of an up-convolution besides the whole stamp that the input pixel leaves.
  sum(number) {
    const [height, width] = number.kernel;
    const size = height * width;
    const part = (array, k) => [...array.slice(k * size, (k + 1) * size)];
    const most = { windows: largest(number.windows), kernels: largest(number.kernels) };
    const rows = [];
    const count = Math.min(FULL, number.channels.length);
    for (let k = 0; k < count; k++) {
      const [window, kernel] = [part(number.windows, k), part(number.kernels, k)];
      const products = window.map((value, p) => value * kernel[p]);
      const upTo = k === 0 && this.playing >= 0 ? this.playing + 1 : size;
      const played = products.map((value, p) => (p < upTo ? value : 0));
      const total = k === 0 && upTo < size ? played.reduce((a, b) => a + b, 0) : number.sums[k];
      const mark = k === 0 && upTo < size ? this.playing : -1;
      const name = this.nameOf(number, k);
      rows.push(
        make(
          "div",
          { class: "unl-term" },
          named(name, numberGrid(window, height, width, { most: most.windows, label: `${name}: window`, dim: number.inside, mark })),
          make("span", {}, "×"),
          named("kernel", numberGrid(kernel, height, width, { most: most.kernels, label: `${name}: kernel`, mark })),
          make("span", {}, "="),
          named("products", numberGrid(played, height, width, { most: most.windows * most.kernels, label: `${name}: products`, mark })),
          make("span", {}, "sum "),
          make("b", {}, shown(total)),
        ),
      );
    }
    const rest = [...number.sums.slice(count)];
    const together = rest.reduce((a, b) => a + b, 0);
    const others = rest.length ? `The ${rest.length} other input channels together: ${shown(together)}.` : null;
    const written = summed([...number.sums.slice(0, count), ...(rest.length ? [together] : [])]);
    const outside = [...number.inside].some((each) => !each) ? make("p", { class: "unl-caption" }, "Hatched: outside of the map, where padding puts 0.") : null;
    const parts = [...rows, outside, others && line(others), line(`${written} + bias ${number.bias < 0 ? `(${shown(number.bias)})` : shown(number.bias)} = `, this.result(number))];
    if (number.copies) parts.push(this.stamp(number));
    return parts.filter(Boolean);
  }

  nameOf(number, k) {
    const source = sourceOf(this.app.network, number.step, number.channels[k]);
    return source ? `${source.step === "image" ? "image" : source.step}, channel ${source.channel}` : `input channel ${number.channels[k]}`;
  }

  stamp(number) {
    const { kernel, values, at } = number.copies;
    const mark = at[0] * kernel[1] + at[1];
    const grid = numberGrid([...values], kernel[0], kernel[1], { label: "what this input pixel puts down", mark, digits: 3 });
    const [row, column] = [number.rows[0], number.columns[0]];
    return make(
      "div",
      { class: "unl-term" },
      named(`${kernel[0]} × ${kernel[1]} copies of input pixel (${row}, ${column})`, grid),
      make("p", { class: "unl-caption" }, `The same input pixel, times ${kernel[0] * kernel[1]} kernels' entries, makes a patch of the output. The framed one is ours.`),
    );
  }

  pooling(number) {
    const [height, width] = number.size;
    const grid = numberGrid([...number.window], height, width, { label: "the pixels under the pooled one", mark: number.winner, digits: 3 });
    const words = number.how === "maximum" ? "the largest of them wins: " : "their mean: ";
    return [make("div", { class: "unl-term" }, named("window", grid), line(words, this.result(number)))];
  }

  norm(number) {
    const root = Math.sqrt(number.variance + number.epsilon);
    return [
      line(`minus the mean, divided by the standard deviation: (${summed([number.input, -number.mean])}) / ${shown(root)} = ${shown((number.input - number.mean) / root)}`),
      line(`times weight ${shown(number.weight)}, plus bias: ${summed([(number.weight * (number.input - number.mean)) / root, number.bias])} = `, this.result(number)),
    ];
  }

  activation(number) {
    const how = number.name === "ReLU" ? `max(0, ${shown(number.input)}) = ` : `${number.name}(${shown(number.input)}) = `;
    return line(how, this.result(number));
  }

  interpolation(number) {
    const terms = [...number.weights].map((weight, k) => `${shown(weight)} × ${shown(number.inputs[k])} at (${number.rows[k]}, ${number.columns[k]})`);
    return [line(`${terms.join(" + ")} = `, this.result(number))];
  }

  // What the computation comes to, which is the network's own number, unless the channel was switched off behind it; both are
  // written where they differ in the digits shown.
  result(number) {
    const total = number.total ?? number.value;
    const same = shown(total) === shown(number.value);
    const off = (this.app.state.muted[number.step] ?? []).includes(this.where.channel);
    const other = off ? "switched off: 0" : `the network: ${shown(number.value)}`;
    return make("b", { class: "unl-result" }, same ? shown(number.value) : `${shown(total)} (${other})`);
  }

  // One product after the other of the first input channel; each by a click where the system asks for reduced motion.
  play() {
    clearTimeout(this.timer);
    const size = this.number.kernel[0] * this.number.kernel[1];
    const running = !calm() && this.player.textContent.startsWith("■");
    if (running) return this.finish();
    if (this.playing + 1 >= size) this.playing = -1;
    this.tick(size);
  }

  tick(size) {
    this.playing += 1;
    if (this.playing >= size) return this.finish();
    this.draw();
    if (calm()) return;
    this.player.textContent = "■ Stop";
    this.timer = setTimeout(() => this.tick(size), 700);
  }

  finish() {
    this.playing = -1;
    this.player.textContent = calm() ? "Next product" : "▶ Product by product";
    this.draw();
  }
}

function largest(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most || 1;
}

function line(text, ...more) {
  return make("p", { class: "unl-line" }, text, ...more);
}

function named(name, element) {
  return make("div", { class: "unl-named" }, make("span", { class: "unl-under" }, name), element);
}

// Numbers as a sum is written: 0.5 − 0.2 + 0.1.
function summed(values) {
  return values.map((value, k) => (k === 0 ? shown(value) : `${value < 0 ? "−" : "+"} ${shown(Math.abs(value))}`)).join(" ");
}
