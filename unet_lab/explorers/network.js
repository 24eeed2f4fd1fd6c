// The U that you can walk through. This module joins the view (network_view.js) to an engine that runs the network in the kernel.
//
// THE ENGINE. The view shows and asks; it knows nothing of kernels. Whatever answers these calls can carry it: KernelEngine below
// speaks with Python, the static page has one over ONNX Runtime Web. Every method is async; it rejects with an Error whose message
// is a sentence for the reader. Arrays are in C order (row by row). Rows and columns are those of the map that is meant.
//
// describe() -> {                       what does not change while one network is shown
//     title: string,
//     classes: [{name, colour}],        of the logits; colour is "#rrggbb"
//     stages: [{name, label, level, shown, steps: [name], shape: [C, H, W]}],   in the order in which they run;
//                                       level 0 is as large as the image, 1 half of it; `shown` is the step that stands for the stage
//     steps: {name: {label, kind, stage, shape: [C, H, W], sources: [{step, first, channels}]}},
//                                       kind: "image" | "convolution" | "up-convolution" | "norm" | "activation" | "pooling" |
//                                       "interpolation" | "gate" | "sum" | "identity" | "other". sources: which steps the input's
//                                       channels come from, in order: channels first … first + channels - 1 of `step`;
//                                       [] where it is not known. The step "image" is the network's input.
//     skips: [{level, from, to}],       names of stages; all have an arrow; `level` is null where cut() cannot cut it
//     images: [{id, name}],             what choose() takes
//     canOpen: boolean,                 whether open() takes files
//     field: "gradient" | "theoretical" what field() gives
// }
// state() -> {                          what does change
//     image: {id, name, note},          note: a sentence ("scaled from 600 x 400 …"), "" where there is nothing to say
//     cuts: {level: "zeros" | "noise" | "shuffled" | "swapped"},   skips that are as they were are not in it
//     muted: {step: [channel]}, painted: boolean
// }
// picture() -> {height, width, bytes: Uint8Array(3 * H * W)}       RGB, as the image is shown
// prediction() -> {
//     height, width, top, left,         where the mask's first pixel lies in the picture (0, 0 with "same" padding)
//     mask: Uint8Array(H * W), confidence: Uint8Array(H * W),      class; 255 times the winner's probability
//     before: Uint8Array(H * W),        the mask of this image with nothing painted, cut or switched off
//     changed: number,                  the share of the pixels with another class than before
//     iou: [number | null], against: "truth" | "before"            by class; null where neither has the class
// }
// maps(step, {channels: [c] | strongest: n, size, input: boolean}) -> {
//     channels: [c], height, width,     no larger than `size` pixels a side (means of whole blocks where it would be)
//     low: Float32Array(n), high: Float32Array(n), bytes: Uint8Array(n * H * W)   value = low + (high - low) * byte / 255
// }                                     input: true asks for what goes INTO the step
// statistics(step) -> {mean: Float32Array(C), variance: Float32Array(C)}
// worth(step, channels) -> {fall: Float32Array(n), changed: Float32Array(n)}
//                                       without one channel of the step: how far the probability of the classes that won falls (mean
//                                       over the pixels), and the share of the pixels that change their class
// number(step, channel, row, column) -> {value, kind, next: {step, kind, value} | null, …}     one number, and how it came about
//     "convolution", "up-convolution": {kernel: [h, w], terms: n, channels: Int32Array(n) of the input, largest |sum| first,
//                        windows: Float32Array(n * h * w), kernels: Float32Array(n * h * w), sums: Float32Array(n),
//                        inside: Uint8Array(h * w) 0 where padding is seen, rows: Int32Array(h), columns: Int32Array(w) in the input
//                        (-1 in padding), bias, total}                                 total = sum of sums + bias = value
//                        An up-convolution's number has a 1 x 1 window, and besides all copies of it: copies:
//                        {kernel: [h, w], kernels: Float32Array(n * h * w), values: Float32Array(h * w), at: [row, column]}
//     "pooling":         {how: "maximum" | "mean", size: [h, w], window: Float32Array(h * w), rows, columns, winner: k | -1}
//     "norm":            {input, mean, variance, epsilon, weight, bias, total}
//     "activation":      {name, input, total}
//     "interpolation":   {rows: Int32Array(n), columns: Int32Array(n), weights: Float32Array(n), inputs: Float32Array(n), total}
//     "gate":            {input, attention, total}          "sum": {inputs: [number], total}
//     "identity", "image", "other": nothing more
//     next: the step behind it that reads this very number alone (norm, activation), so that the chain can be followed
// field(row, column) -> {className, fields: [{stage | "image", height, width, bytes: Uint8Array(H * W)}]}
//                                       how much each place matters to this pixel of the mask; 255 is the most of that map
// choose(id), open(fileName, Uint8Array), paint([[x, y], …], brush, width), cut(level, how), mute(step, [channel]), reset()
//                                       change what is run; x, y in pixels of the picture; brush "dark" | "bright" | "erase" |
//                                       "noise"; how as in state().cuts, or "on"; mute replaces the list of that step. -> state()

import { showNetwork } from "./network_view.js";

// An engine that asks Python. What is asked in one go travels as one message, and is answered in one.
class KernelEngine {
  constructor(model) {
    this.model = model;
    this.asked = new Map();
    this.waiting = [];
    this.sent = 0;
    this.name = Math.random().toString(36).slice(2); // the kernel's answers reach all views of a widget; each knows its own
    this.hear = (message, buffers) => this.heard(message, buffers);
    model.on("msg:custom", this.hear);
  }

  call(method, ...given) {
    return new Promise((resolve, reject) => {
      const id = `${this.name} ${(this.sent += 1)}`;
      this.asked.set(id, { resolve, reject });
      if (!this.waiting.length) queueMicrotask(() => this.send());
      this.waiting.push({ id, method, arguments: given });
    });
  }

  send() {
    const buffers = [];
    const calls = this.waiting.map((call) => ({
      ...call,
      arguments: call.arguments.map((each) => (each instanceof Uint8Array ? { buffer: buffers.push(each) - 1 } : each)),
    }));
    this.waiting = [];
    this.model.send({ calls }, undefined, buffers.map((bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
  }

  heard({ answers }, buffers) {
    for (const { id, answer, error } of answers ?? []) {
      const asked = this.asked.get(id);
      this.asked.delete(id);
      if (error !== undefined) asked?.reject(new Error(error));
      else asked?.resolve(unpacked(answer, buffers));
    }
  }

  close() {
    this.model.off("msg:custom", this.hear);
  }

  describe = () => this.call("describe");
  state = () => this.call("state");
  picture = () => this.call("picture");
  prediction = () => this.call("prediction");
  maps = (step, { channels = null, strongest = 0, size = 512, input = false }) =>
    this.call("maps", step, channels, strongest, size, input);
  statistics = (step) => this.call("statistics", step);
  worth = (step, channels) => this.call("worth", step, channels);
  number = (step, channel, row, column) => this.call("number", step, channel, row, column);
  field = (row, column) => this.call("field", row, column);
  choose = (id) => this.call("choose", id);
  open = (name, bytes) => this.call("open", name, bytes);
  paint = (points, brush, width) => this.call("paint", points, brush, width);
  cut = (level, how) => this.call("cut", level, how);
  mute = (step, channels) => this.call("mute", step, channels);
  reset = () => this.call("reset");
}

const ARRAYS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };

// An answer with its arrays out of the message's buffers, copied, so that they lie where their type wants them.
function unpacked(value, buffers) {
  if (Array.isArray(value)) return value.map((each) => unpacked(each, buffers));
  if (value === null || typeof value !== "object") return value;
  if (value.type in ARRAYS && "buffer" in value) {
    const view = buffers[value.buffer];
    const bytes = view.buffer ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view.slice(0);
    return new ARRAYS[value.type](bytes);
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpacked(each, buffers)]));
}

function render({ model, el }) {
  const engine = new KernelEngine(model);
  const close = showNetwork(el, engine);
  return () => {
    close();
    engine.close();
  };
}

export default { render };
