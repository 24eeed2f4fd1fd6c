// The network in the browser: three ONNX graphs over one file of weights, run by ONNX Runtime Web, one run at a time.
//
// What the graphs take and give stands in unet_lab/acceleration/observable.py.

const GRAPHS = ["network", "observed", "gradient"];
const WIDEST = 4; // threads: more do not help images of this size

export async function supportsSimd() {
  // The smallest module with a SIMD instruction: (i8x16.splat (i32.const 0)) taken apart again.
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  return typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(module));
}

async function bytesOf(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} could not be loaded (${answer.status}). Is the whole folder on the server?`);
  return new Uint8Array(await answer.arrayBuffer());
}

export class NetworkRunner {
  // folder : where runtime/ and data/ lie, an URL that ends in a slash.
  static async load(folder) {
    const ort = await import(`${folder}runtime/ort.js`);
    ort.env.wasm.wasmPaths = { mjs: `${folder}runtime/ort-wasm.js`, wasm: `${folder}runtime/ort-wasm.wasm` };
    ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(WIDEST, navigator.hardwareConcurrency || 1) : 1;
    ort.env.logLevel = "error";
    const files = ["network.json", "weights.bin", ...GRAPHS.map((name) => `${name}.onnx`)].map((name) => bytesOf(`${folder}data/${name}`));
    const [description, weights, ...graphs] = await Promise.all(files);
    const runner = new NetworkRunner(ort, JSON.parse(new TextDecoder().decode(description)), weights);
    GRAPHS.forEach((name, k) => (runner.graphs[name] = graphs[k]));
    runner.sessions.network = await runner.session("network"); // the others are made when they are first needed
    return runner;
  }

  constructor(ort, info, weights) {
    Object.assign(this, { ort, info, weights, graphs: {}, sessions: {}, constants: new Map(), turn: Promise.resolve(), ran: 0 });
    this.threads = ort.env.wasm.numThreads;
  }

  session(name) {
    return this.ort.InferenceSession.create(this.graphs[name], {
      executionProviders: ["wasm"],
      externalData: [{ path: "weights.bin", data: this.weights }],
      graphOptimizationLevel: "all",
    });
  }

  // One after the other: a session cannot run twice at once.
  inTurn(work) {
    const done = this.turn.then(work);
    this.turn = done.catch(() => {});
    return done;
  }

  tensor(values, shape) {
    return new this.ort.Tensor("float32", values, shape);
  }

  // A tensor of one value, made once.
  constant(value, ...shape) {
    const key = `${value} ${shape}`;
    if (!this.constants.has(key)) {
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value);
      this.constants.set(key, this.tensor(values, shape));
    }
    return this.constants.get(key);
  }

  // Run a graph, one of GRAPHS. input : (rows * side * side), standardised. changes :
  //   keep {layer: Float32Array(rows * C)}, cuts {level: 0 | {values, shape}}; 0 cuts the skip, maps replace it.
  // rows : variants that run at once. seed : for "gradient", what each logit counts. Gives {name: {values, shape}} of the outputs that are wanted.
  run(graph, input, { keep = {}, cuts = {}, rows = 1, seed = null } = {}, wanted = ["probabilities"]) {
    return this.inTurn(async () => {
      this.sessions[graph] ??= await this.session(graph);
      const session = this.sessions[graph];
      const images = input.length / this.info.side ** 2;
      const feeds = { image: this.tensor(input, [images, 1, this.info.side, this.info.side]) };
      for (const name of session.inputNames) {
        const [kind, which] = name.split(" ");
        if (kind === "seed") {
          feeds[name] = this.tensor(seed, [1, seed.length / this.info.side ** 2, this.info.side, this.info.side]);
        } else if (kind === "keep") {
          const channels = this.info.steps[which].shape[0];
          const given = keep[which];
          feeds[name] = given ? this.tensor(given, [given.length / channels, channels, 1, 1]) : this.constant(1, 1, channels, 1, 1);
        } else if (kind === "skip") {
          feeds[name] = this.constant(which in cuts ? 0 : 1, 1);
        } else if (kind === "instead") {
          const other = cuts[which];
          feeds[name] = other
            ? this.repeated(other, this.arrivesIn(which, keep, rows))
            : this.constant(0, this.arrivesIn(which, keep, rows), 1, 1, 1);
        }
      }
      this.ran += 1;
      const out = await session.run(feeds, wanted);
      return Object.fromEntries(wanted.map((name) => [name, { values: out[name].data, shape: out[name].dims }]));
    });
  }

  // How many rows the skip of a level must have: as many as what it meets in the decoder.
  arrivesIn(level, keep, rows) {
    if (rows === 1) return 1;
    const names = Object.keys(this.info.steps);
    const arrival = names.indexOf(`decoder.${this.info.depth - 1 - Number(level)}.block.0`);
    return Object.entries(keep).some(([name, mask]) => mask.length > this.info.steps[name].shape[0] && names.indexOf(name) < arrival) ? rows : 1;
  }

  repeated({ values, shape }, rows) {
    if (rows === 1) return this.tensor(values, shape);
    const all = new Float32Array(rows * values.length);
    for (let row = 0; row < rows; row++) all.set(values, row * values.length);
    return this.tensor(all, [rows, ...shape.slice(1)]);
  }

  // A weight of the network by its name, float16 made numbers: {values: Float32Array, shape}.
  weight(name) {
    const { offset, shape } = this.info.weights[name];
    const count = shape.reduce((a, b) => a * b, 1);
    const view = new DataView(this.weights.buffer, this.weights.byteOffset + offset, 2 * count);
    return { values: Float32Array.from({ length: count }, (_, k) => fromHalf(view.getUint16(2 * k, true))), shape };
  }
}

export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
