// The engine behind the network view (unet_lab/explorers/network.js says what each method gives), over ONNX Runtime Web.
import { SIDE, normalNoise, randomNumbers, readFile, standardised, stroke } from "./images.js";
import * as numbers from "./numbers.js";

const TOGETHER = 4; // variants that run at once: more take memory and are no faster
const PATCHES = 8; // a side, where patches of the image are covered
const HOWS = ["zeros", "noise", "shuffled", "swapped", "on"];

export class PageEngine {
  // cells : [{id, name, image: Uint8Array(SIDE * SIDE), truth}]
  constructor(runner, cells) {
    Object.assign(this, { runner, cells, info: runner.info, cuts: {}, muted: {}, listeners: new Set() });
    this.show({ id: cells[0].id, note: "", image: cells[0].image, truth: cells[0].truth });
  }

  describe = async () => ({
    title: this.info.title,
    classes: this.info.classes,
    stages: this.info.stages,
    steps: this.info.steps,
    skips: this.info.skips,
    images: this.cells.map(({ id, name }) => ({ id, name })),
    canOpen: true,
    field: "gradient",
  });

  state = async () => ({
    image: { id: this.shown.id, name: this.shown.id, note: this.shown.note },
    cuts: { ...this.cuts },
    muted: { ...this.muted },
    painted: this.image !== this.shown.image,
  });

  picture = async () => {
    const { image } = this;
    const [low, high] = ends(image);
    const bytes = new Uint8Array(3 * image.length);
    for (let p = 0; p < image.length; p++) {
      const grey = high > low ? (255 * (image[p] - low)) / (high - low) : 0;
      bytes[3 * p] = bytes[3 * p + 1] = bytes[3 * p + 2] = grey;
    }
    return { height: SIDE, width: SIDE, bytes };
  };

  // What the network gives now, computed once: {name: {values, shape}} of the probabilities and of the stages.
  run() {
    this.fresh.run ??= this.runAs(this.input(), this.muted, this.cuts, this.info.outputs);
    return this.fresh.run;
  }

  input() {
    return (this.fresh.input ??= standardised(this.image));
  }

  async runAs(input, muted, cuts, wanted) {
    const quick = Object.keys(muted).every((step) => this.info.quick.includes(step));
    const changes = { keep: this.masks(muted), cuts: await this.exchanged(input, muted, cuts) };
    return this.runner.run(quick && wanted.every((name) => this.info.outputs.includes(name)) ? "network" : "observed", input, changes, wanted);
  }

  masks(muted) {
    return Object.fromEntries(
      Object.entries(muted).map(([step, channels]) => {
        const mask = new Float32Array(this.info.steps[step].shape[0]).fill(1);
        channels.forEach((c) => (mask[c] = 0));
        return [step, mask];
      }),
    );
  }

  // What arrives in place of each skip that is cut: 0, or maps {values, shape}.
  async exchanged(input, muted, cuts) {
    const found = {};
    for (const [level, how] of Object.entries(cuts)) {
      const name = this.info.skipSteps[level];
      if (how === "zeros") found[level] = 0;
      else if (how === "swapped") found[level] = (await this.otherSkips())[name];
      else {
        const run = await this.runAs(input, muted, {}, this.info.outputs);
        found[level] = how === "noise" ? noisy(run[name], Number(level)) : shuffled(run[name], Number(level));
      }
    }
    return found;
  }

  // The skips of the image mirrored and turned: of the right statistics, of another picture.
  otherSkips() {
    const turned = Uint8Array.from(this.shown.image).reverse();
    this.others ??= this.runner.run("network", standardised(turned), {}, Object.values(this.info.skipSteps));
    return this.others;
  }

  prediction = async () => {
    this.fresh.prediction ??= this.predict();
    return this.fresh.prediction;
  };

  async predict() {
    const fresh = this.fresh;
    const { mask, confidence } = winners((await this.run()).probabilities);
    this.shown.before ??= this.runAs(standardised(this.shown.image), {}, {}, this.info.outputs).then((run) => winners(run.probabilities).mask);
    const before = await this.shown.before;
    const against = this.shown.truth ?? before;
    let changed = 0;
    for (let p = 0; p < mask.length; p++) if (mask[p] !== before[p]) changed += 1 / mask.length;
    const iou = this.info.classes.map((_, k) => overlap(mask, against, k));
    const done = { height: SIDE, width: SIDE, top: 0, left: 0, mask, confidence, before, changed, iou, against: this.shown.truth ? "truth" : "before" };
    if (fresh === this.fresh) this.now = done;
    this.listeners.forEach((listener) => listener(done));
    return done;
  }

  // What a step gives, {values, shape: [C, H, W]}. Of the steps that the quick graph does not give, a whole stage comes at once.
  async values(step) {
    if (!(step in this.info.steps)) throw new Error(`the network has no step ${step}.`);
    const { shape, stage } = this.info.steps[step];
    if (step === "image") return { values: this.input(), shape };
    if (this.info.outputs.includes(step)) return { values: (await this.run())[step].values, shape };
    if (this.fresh.everything) return { values: (await this.fresh.everything)[step].values, shape };
    const key = `stage ${stage}`;
    const names = Object.keys(this.info.steps).filter((name) => this.info.steps[name].stage === stage && name !== "image");
    this.fresh[key] ??= this.runAs(this.input(), this.muted, this.cuts, [...names, "probabilities"]);
    return { values: (await this.fresh[key])[step].values, shape };
  }

  // What every step gives, in one run: {name: Float32Array}.
  async everything() {
    const names = Object.keys(this.info.steps).filter((name) => name !== "image");
    this.fresh.everything ??= this.runAs(this.input(), this.muted, this.cuts, names);
    const input = this.input();
    const found = await this.fresh.everything;
    return { image: input, ...Object.fromEntries(names.map((name) => [name, found[name].values])) };
  }

  // What goes into a step, {values, shape: [C, H, W]}: the channels of its sources behind one another, skips as they arrive.
  async given(step) {
    const { sources, kind } = this.info.steps[step];
    const parts = [];
    for (const source of sources) {
      const part = await this.values(source.step);
      const level = Object.keys(this.info.skipSteps).find((key) => this.info.skipSteps[key] === source.step);
      const crosses = kind === "convolution" && sources.length > 1 && level in this.cuts;
      const other = crosses ? (await this.exchanged(this.input(), this.muted, { [level]: this.cuts[level] }))[level] : null;
      if (!crosses) parts.push(part);
      else parts.push({ values: other ? other.values : new Float32Array(part.values.length), shape: part.shape });
    }
    if (parts.length < 2) return parts[0];
    const values = new Float32Array(parts.reduce((total, part) => total + part.values.length, 0));
    let at = 0;
    for (const part of parts) {
      values.set(part.values, at);
      at += part.values.length;
    }
    const [, height, width] = parts[0].shape;
    return { values, shape: [values.length / (height * width), height, width] };
  }

  maps = async (step, { channels = null, strongest = 0, size = 512, input = false } = {}) => {
    const { values, shape } = input ? await this.given(step) : await this.values(step);
    const [count, height, width] = shape;
    const area = height * width;
    if (!channels) {
      const strength = Array.from({ length: count }, (_, c) => {
        let total = 0;
        for (let p = c * area; p < (c + 1) * area; p++) total += Math.abs(values[p]);
        return total;
      });
      channels = strength.map((_, c) => c).sort((a, b) => strength[b] - strength[a]);
      if (strongest) channels = channels.slice(0, strongest);
    }
    const block = Math.max(1, Math.ceil(Math.max(height, width) / size));
    const [rows, columns] = [Math.max(1, Math.floor(height / block)), Math.max(1, Math.floor(width / block))];
    const [low, high] = [new Float32Array(channels.length), new Float32Array(channels.length)];
    const bytes = new Uint8Array(channels.length * rows * columns);
    channels.forEach((c, k) => {
      const map = blockMeans(values.subarray(c * area, (c + 1) * area), width, rows, columns, block);
      const [least, most] = ([low[k], high[k]] = ends(map));
      const range = most - least || 1;
      for (let p = 0; p < map.length; p++) bytes[k * map.length + p] = Math.round((255 * (map[p] - least)) / range);
    });
    return { channels, height: rows, width: columns, low, high, bytes };
  };

  statistics = async (step) => {
    const { values, shape } = await this.values(step);
    const area = shape[1] * shape[2];
    const [mean, variance] = [new Float32Array(shape[0]), new Float32Array(shape[0])];
    for (let c = 0; c < shape[0]; c++) {
      let [total, squares] = [0, 0];
      for (let p = c * area; p < (c + 1) * area; p++) total += values[p];
      for (let p = c * area; p < (c + 1) * area; p++) squares += (values[p] - total / area) ** 2;
      [mean[c], variance[c]] = [total / area, squares / area];
    }
    return { mean, variance };
  };

  // Several variants at once; where another change comes in between, the answer is of the state at the beginning.
  worth = async (step, channels) => {
    this.mustBeLayer(step);
    const [input, cuts, muted] = [this.input(), { ...this.cuts }, { ...this.muted }];
    const probabilities = (await this.run()).probabilities.values;
    const area = SIDE * SIDE;
    const { mask } = winners((await this.run()).probabilities);
    const replaced = await this.exchanged(input, muted, cuts);
    const [fall, changed] = [new Float32Array(channels.length), new Float32Array(channels.length)];
    const count = this.info.steps[step].shape[0];
    const quick = [...Object.keys(muted), step].every((name) => this.info.quick.includes(name));
    for (let start = 0; start < channels.length; start += TOGETHER) {
      const part = channels.slice(start, start + TOGETHER);
      const base = this.masks({ ...muted, [step]: muted[step] ?? [] });
      const keep = new Float32Array(part.length * count);
      part.forEach((c, row) => {
        keep.set(base[step], row * count);
        keep[row * count + c] = 0;
      });
      const changes = { keep: { ...base, [step]: keep }, cuts: replaced, rows: part.length };
      const { values } = (await this.runner.run(quick ? "network" : "observed", input, changes)).probabilities;
      const classes = this.info.classes.length;
      part.forEach((_, row) => {
        const own = { values: values.subarray(row * classes * area, (row + 1) * classes * area), shape: [1, classes, SIDE, SIDE] };
        const after = winners(own).mask;
        let [falls, changes] = [0, 0];
        for (let p = 0; p < area; p++) {
          falls += probabilities[mask[p] * area + p] - own.values[mask[p] * area + p];
          changes += after[p] !== mask[p];
        }
        fall[start + row] = falls / area;
        changed[start + row] = changes / area;
      });
      await new Promise((done) => setTimeout(done)); // the page stays alive meanwhile
    }
    return { fall, changed };
  };

  number = async (step, channel, row, column) => {
    const { values, shape } = await this.values(step);
    const limits = { channel: [channel, shape[0]], row: [row, shape[1]], column: [column, shape[2]] };
    for (const [name, [value, size]] of Object.entries(limits)) {
      if (!(Number.isInteger(value) && value >= 0 && value < size)) throw new Error(`${name} is ${value}; ${step} has ${name}s 0 to ${size - 1}.`);
    }
    const { kind } = this.info.steps[step];
    const at = (map) => map.values[(channel * map.shape[1] + row) * map.shape[2] + column];
    const found = { kind, value: at({ values, shape }), next: await this.nextOf(step, at) };
    if (kind === "image") return found;
    const input = await this.given(step);
    const weight = (name) => this.runner.weight(`${step}.${name}`);
    if (kind === "convolution") return { ...found, ...numbers.convolution(input, weight("weight"), weight("bias"), channel, row, column) };
    if (kind === "up-convolution") return { ...found, ...numbers.upConvolution(input, weight("weight"), weight("bias"), channel, row, column) };
    if (kind === "pooling") return { ...found, ...numbers.pooling(input, channel, row, column) };
    if (kind === "activation") return { ...found, ...numbers.activation(at(input)) };
    const own = (name) => weight(name).values[channel];
    const settings = { mean: own("running_mean"), variance: own("running_var"), weight: own("weight"), bias: own("bias") };
    return { ...found, ...numbers.norm(at(input), { ...settings, epsilon: this.info.epsilon }) };
  };

  // The norm or activation that reads this step alone.
  async nextOf(step, at) {
    const [channels] = this.info.steps[step].shape;
    const reads = ([, { kind, sources }]) =>
      ["norm", "activation"].includes(kind) && sources.length === 1 && sources[0].step === step && sources[0].channels === channels;
    const found = Object.entries(this.info.steps).find(reads);
    return found ? { step: found[0], kind: found[1].kind, value: at(await this.values(found[0])) } : null;
  }

  // What the pixel of the mask rests on, stage by stage: |gradient| of the logit that wins there. Where layers are switched off
  // that the gradient's graph cannot switch off (a convolution's or norm's own channels), the theoretical field.
  field = async (row, column) => {
    const label = (await this.prediction()).mask[row * SIDE + column];
    const className = this.info.classes[label].name;
    const stages = [["image", "image"], ...this.info.stages.map((stage) => [stage.name, stage.shown])];
    if (!Object.keys(this.muted).every((step) => this.info.quick.includes(step))) {
      return { className, fields: this.theoretical(stages, row, column) };
    }
    const seed = new Float32Array(this.info.classes.length * SIDE * SIDE);
    seed[label * SIDE * SIDE + row * SIDE + column] = 1;
    const changes = { keep: this.masks(this.muted), cuts: await this.exchanged(this.input(), this.muted, this.cuts), seed };
    const seen = stages.filter(([, step]) => step !== "head");
    const found = await this.runner.run("gradient", this.input(), changes, seen.map(([, step]) => `field ${step}`));
    const fields = seen.map(([stage, step]) => {
      const { values, shape } = found[`field ${step}`];
      let most = 0;
      for (const value of values) most = Math.max(most, value);
      const bytes = Uint8Array.from(values, (value) => Math.round(255 * Math.sqrt(value / (most || 1))));
      return { stage, height: shape[2], width: shape[3], bytes };
    });
    return { className, fields };
  };

  // All that the pixel can depend on, as rectangles.
  theoretical(stages, row, column) {
    const reach = fieldsOf(this.info.steps, row, column);
    return stages.map(([stage, step]) => {
      const [, height, width] = this.info.steps[step].shape;
      const [top, bottom, left, right] = reach[step];
      const bytes = new Uint8Array(height * width);
      for (let r = Math.max(0, top); r <= Math.min(height - 1, bottom); r++) {
        bytes.fill(130, r * width + Math.max(0, left), r * width + Math.min(width - 1, right) + 1);
      }
      return { stage, height, width, bytes };
    });
  }

  async classAt(row, column) {
    return this.info.classes[(await this.prediction()).mask[row * SIDE + column]].name;
  }

  // What covering patches changes: the fall of the probability of the class that wins at (row, column), for each of
  // PATCHES x PATCHES squares painted in the image's mean grey. `progress(falls)` is called as they come; false stops it.
  covering = async (row, column, progress = () => true) => {
    const { values } = (await this.run()).probabilities;
    const area = SIDE * SIDE;
    const p = row * SIDE + column;
    const label = (await this.prediction()).mask[p];
    const whole = this.input();
    const falls = new Float32Array(PATCHES * PATCHES).fill(NaN);
    const replaced = await this.exchanged(whole, this.muted, this.cuts);
    const changes = { keep: this.masks(this.muted), cuts: replaced };
    const quick = Object.keys(this.muted).every((step) => this.info.quick.includes(step));
    const patch = SIDE / PATCHES;
    const near = (k) => Math.hypot((Math.floor(k / PATCHES) + 0.5) * patch - row, ((k % PATCHES) + 0.5) * patch - column);
    const order = [...falls.keys()].sort((a, b) => near(a) - near(b)); // nearest first: they matter most
    for (const k of order) {
      const covered = whole.slice(); // standardised: 0 is the mean
      for (let r = 0; r < patch; r++) {
        const start = (Math.floor(k / PATCHES) * patch + r) * SIDE + (k % PATCHES) * patch;
        covered.fill(0, start, start + patch);
      }
      const run = await this.runner.run(quick ? "network" : "observed", covered, changes);
      falls[k] = values[label * area + p] - run.probabilities.values[label * area + p];
      if (progress(falls) === false) break;
      await new Promise((done) => setTimeout(done));
    }
    return { className: this.info.classes[label].name, side: PATCHES, falls };
  };

  show(shown) {
    this.shown = shown;
    this.image = shown.image;
    this.others = null;
    return this.changed();
  }

  changed() {
    this.fresh = {};
    return this.state();
  }

  choose = async (id) => {
    const cell = this.cells.find((each) => each.id === id);
    if (!cell) throw new Error(`there is no image ${id}; there are ${this.cells.map((each) => each.id).join(", ")}.`);
    return this.show({ id, note: "", image: cell.image, truth: cell.truth });
  };

  open = async (name, bytes) => {
    const { grey, note } = await readFile(name, bytes);
    return this.show({ id: name, note, image: grey, truth: null });
  };

  paint = async (points, brush, width) => {
    this.image = stroke(this.image, this.shown.image, points, brush, width);
    return this.changed();
  };

  // One pixel, for tests: (column, row, grey from 0 to 255).
  paintPixel = async (x, y, value) => {
    if (![x, y].every((k) => Number.isInteger(k) && k >= 0 && k < SIDE)) throw new Error(`x, y is ${x}, ${y}; allowed are 0 to ${SIDE - 1}.`);
    if (!(Number.isInteger(value) && value >= 0 && value <= 255)) throw new Error(`value is ${value}; allowed are greys from 0 to 255.`);
    this.image = this.image.slice();
    this.image[y * SIDE + x] = value;
    return this.changed();
  };

  cut = async (level, how) => {
    if (!(level in this.info.skipSteps)) throw new Error(`level is ${level}; this network's skips are ${Object.keys(this.info.skipSteps).join(", ")}.`);
    if (!HOWS.includes(how)) throw new Error(`how is ${how}; allowed are ${HOWS.join(", ")}.`);
    const { [level]: _, ...others } = this.cuts;
    this.cuts = how === "on" ? others : { ...others, [level]: how };
    return this.changed();
  };

  mute = async (step, channels) => {
    this.mustBeLayer(step);
    const { [step]: _, ...others } = this.muted;
    this.muted = channels.length ? { ...others, [step]: [...channels].sort((a, b) => a - b) } : others;
    return this.changed();
  };

  reset = async () => {
    Object.assign(this, { image: this.shown.image, cuts: {}, muted: {} });
    return this.changed();
  };

  mustBeLayer(step) {
    if (!(step in this.info.steps) || step === "image") throw new Error(`${step} is no layer: only a layer's channels can be switched off.`);
  }
}

// Class and confidence (0 to 255) of each pixel out of probabilities {values, shape: [1, K, H, W]}.
export function winners({ values, shape }) {
  const area = shape[2] * shape[3];
  const [mask, confidence] = [new Uint8Array(area), new Uint8Array(area)];
  for (let p = 0; p < area; p++) {
    let best = 0;
    for (let k = 1; k < shape[1]; k++) if (values[k * area + p] > values[best * area + p]) best = k;
    mask[p] = best;
    confidence[p] = Math.round(255 * values[best * area + p]);
  }
  return { mask, confidence };
}

// The IoU of class k in two masks; null where neither has it.
function overlap(mask, other, k) {
  let both = 0;
  let either = 0;
  for (let p = 0; p < mask.length; p++) {
    if (mask[p] === k && other[p] === k) both += 1;
    if (mask[p] === k || other[p] === k) either += 1;
  }
  return either ? both / either : null;
}

// The least and the largest of some numbers.
function ends(values) {
  let low = Infinity;
  let high = -Infinity;
  for (let p = 0; p < values.length; p++) {
    if (values[p] < low) low = values[p];
    if (values[p] > high) high = values[p];
  }
  return [low, high];
}

function blockMeans(map, width, rows, columns, block) {
  if (block === 1) return map;
  const means = new Float32Array(rows * columns);
  for (let place = 0; place < means.length; place++) {
    const first = block * (Math.floor(place / columns) * width + (place % columns));
    let total = 0;
    for (let r = 0; r < block; r++) for (let c = 0; c < block; c++) total += map[first + r * width + c];
    means[place] = total / block ** 2;
  }
  return means;
}

// Normal noise with each channel's own mean and standard deviation.
function noisy({ values, shape }, seed) {
  const area = shape[2] * shape[3];
  const out = normalNoise(values.length, seed);
  for (let c = 0; c < shape[1]; c++) {
    let [mean, squares] = [0, 0];
    for (let p = c * area; p < (c + 1) * area; p++) mean += values[p] / area;
    for (let p = c * area; p < (c + 1) * area; p++) squares += (values[p] - mean) ** 2 / (area - 1);
    for (let p = c * area; p < (c + 1) * area; p++) out[p] = mean + Math.sqrt(squares) * out[p];
  }
  return { values: out, shape };
}

// The right values at the wrong places: one permutation of pixels for all channels.
function shuffled({ values, shape }, seed) {
  const area = shape[2] * shape[3];
  const random = randomNumbers(seed);
  const order = Uint32Array.from({ length: area }, (_, p) => p);
  for (let p = area - 1; p > 0; p--) {
    const q = Math.floor(random() * (p + 1));
    [order[p], order[q]] = [order[q], order[p]];
  }
  return { values: Float32Array.from(values, (_, k) => values[k - (k % area) + order[k % area]]), shape };
}

// Of every step, what the mask's pixel (row, column) can depend on: [top, bottom, left, right], beyond the border too.
export function fieldsOf(steps, row, column) {
  const names = Object.keys(steps);
  const reach = { [names[names.length - 1]]: [row, row, column, column] };
  for (const name of names.reverse()) {
    const { kind, sources } = steps[name];
    if (!reach[name] || !sources.length) continue;
    const [top, bottom, left, right] = reach[name];
    const before = {
      convolution: name === "head" ? [top, bottom, left, right] : [top - 1, bottom + 1, left - 1, right + 1],
      "up-convolution": [top, bottom, left, right].map((k) => Math.floor(k / 2)),
      pooling: [2 * top, 2 * bottom + 1, 2 * left, 2 * right + 1],
    }[kind] ?? [top, bottom, left, right];
    for (const { step } of sources) {
      const old = reach[step] ?? before;
      const join = [Math.min, Math.max, Math.min, Math.max];
      reach[step] = join.map((pick, k) => pick(old[k], before[k]));
    }
  }
  return reach;
}
