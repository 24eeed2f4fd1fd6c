// Starts the page: loads the network, shows the view, takes dropped pictures, and gives tests a way in (window.unetLab).
import { PageEngine, fieldsOf } from "./engine.js";
import { SIDE } from "./images.js";
import * as lessons from "./lesson_arithmetic.js";
import { showLessons } from "./lessons.js";
import { NetworkRunner, supportsSimd } from "./network_runner.js";
import { showNetwork } from "./view/network_view.js";

const FOLDER = new URL(".", import.meta.url).href;
const $ = (id) => document.getElementById(id);

function wrong(message) {
  $("wrong").hidden = !message;
  $("wrong").textContent = message;
}

async function loadCells(info) {
  const answer = await fetch(`${FOLDER}data/cells.bin`);
  if (!answer.ok) throw new Error(`data/cells.bin could not be loaded (${answer.status}). Is the whole folder on the server?`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const part = (k) => bytes.slice(k * SIDE * SIDE, (k + 1) * SIDE * SIDE);
  return info.cells.map((name, k) => ({ id: name, name, image: part(2 * k), truth: part(2 * k + 1) }));
}

async function start() {
  showLessons($("lessons"));
  if (!(await supportsSimd())) {
    throw new Error(
      "This browser has no WebAssembly with SIMD, which the network needs to run here. Browsers from 2023 on have it: Firefox 89, " +
        "Chrome or Edge 91, Safari 16.4 and later. The three lessons below work without it.",
    );
  }
  const runner = await NetworkRunner.load(FOLDER);
  const engine = new PageEngine(runner, await loadCells(runner.info));
  const view = await showView(engine);
  $("loading").remove();
  $("how").textContent = `${runner.threads} thread${runner.threads > 1 ? "s" : ""}.`;
  acceptDrops(view, engine);
  explainClicks(engine);
  return { engine, view };
}

async function showView(engine) {
  showNetwork($("view"), engine);
  return $("view").ready;
}

function acceptDrops(view, engine) {
  const stop = (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", event.type === "dragover");
  };
  for (const kind of ["dragover", "dragleave"]) document.addEventListener(kind, stop);
  document.addEventListener("drop", async (event) => {
    stop(event);
    const [file] = event.dataTransfer.files;
    if (file) view.load(file.arrayBuffer().then((content) => engine.open(file.name, new Uint8Array(content))));
  });
}

// A click on the mask: what does covering patches of the image change there? Another click, or any change, stops the one before.
function explainClicks(engine) {
  let asked = 0;
  $("view").addEventListener("click", async (event) => {
    if (!event.target.matches?.(".unl-mask")) return;
    const number = (asked += 1);
    const state = engine.fresh;
    const box = event.target.getBoundingClientRect();
    const inside = (share) => Math.min(SIDE - 1, Math.max(0, Math.floor(share * SIDE)));
    const row = inside((event.clientY - box.top) / box.height);
    const column = inside((event.clientX - box.left) / box.width);
    $("covering").hidden = false;
    const className = await engine.classAt(row, column);
    const image = engine.image;
    const reach = fieldsOf(engine.info.steps, row, column).image;
    const draw = (falls) => {
      if (number !== asked || state !== engine.fresh) return false;
      const done = falls.filter((fall) => !Number.isNaN(fall)).length;
      drawCovering(image, falls, { row, column, reach }, `Row ${row}, column ${column}: ${className}; ${done} of ${falls.length} patches covered.`);
      return true;
    };
    await engine.covering(row, column, draw).catch((error) => wrong(error.message));
  });
}

function drawCovering(image, falls, { row, column, reach }, words) {
  const canvas = $("covering-picture");
  const context = canvas.getContext("2d");
  const pixels = new ImageData(SIDE, SIDE);
  image.forEach((grey, p) => pixels.data.set([grey, grey, grey, 255], 4 * p));
  const small = document.createElement("canvas");
  small.width = small.height = SIDE;
  small.getContext("2d").putImageData(pixels, 0, 0);
  const size = canvas.width;
  context.drawImage(small, 0, 0, size, size);
  const side = Math.sqrt(falls.length);
  const most = Math.max(0.01, ...Array.from(falls, (fall) => Math.abs(fall) || 0));
  falls.forEach((fall, k) => {
    if (Number.isNaN(fall)) return;
    const strength = Math.min(0.75, (0.75 * Math.abs(fall)) / most);
    context.fillStyle = fall > 0 ? `rgba(230, 97, 1, ${strength})` : `rgba(33, 102, 172, ${strength})`;
    context.fillRect(((k % side) * size) / side, (Math.floor(k / side) * size) / side, size / side, size / side);
  });
  context.strokeStyle = "white";
  context.lineWidth = 2;
  context.strokeRect((column / SIDE) * size - 4, (row / SIDE) * size - 4, 8, 8);
  const [top, bottom, left, right] = reach.map((k) => (k / SIDE) * size);
  context.setLineDash([6, 4]);
  context.strokeRect(left, top, right - left, bottom - top); // what it can see at most
  context.setLineDash([]);
  const worst = falls.reduce((best, fall, k) => (fall > (falls[best] || 0) ? k : best), 0);
  const fall = Math.round(100 * (falls[worst] || 0));
  const where = `The most, ${fall} points of its probability, is lost without the patch at row ${Math.floor(worst / side) + 1} and column ${(worst % side) + 1} of ${side}.`;
  $("covering-words").textContent = `${words} ${where}`;
  canvas.setAttribute("aria-label", `${words} ${where}`);
}

const started = start();
started.catch((error) => {
  $("loading")?.remove();
  wrong(error.message);
});

// For tests. ready : a promise of what is shown now, with every activation; the others are read after it. mask() and image()
// are bytes, row by row, SIDE x SIDE; activation(name) is a Float32Array (C, H, W), row by row. cut, paint and choose resolve when
// the mask has followed; after them activation(name) is a promise, since what only tests ask for is computed when it is asked for.
window.unetLab = {
  side: SIDE,
  lessons,
  get ready() {
    return started.then(({ engine }) => observe(engine));
  },
  image: () => window.unetLab.engine.image.slice(),
  mask: () => window.unetLab.engine.now.mask.slice(),
  activation: (name) => {
    const { engine, observed, of } = window.unetLab;
    if (!engine) throw new Error("nothing is shown yet: await unetLab.ready first.");
    if (of !== engine.fresh) return observe(engine).then(() => window.unetLab.activation(name));
    if (!(name in observed)) throw new Error(`there is no activation ${name}; there are ${Object.keys(observed).join(", ")}.`);
    return observed[name];
  },
  names: () => Object.keys(window.unetLab.observed ?? {}),
  cut: (level, how = "zeros") => changeAs((engine) => engine.cut(level, how)),
  paint: (x, y, value) => changeAs((engine) => engine.paintPixel(x, y, value)),
  choose: (id) => changeAs((engine) => engine.choose(id)),
};

async function changeAs(change) {
  const { engine, view } = await started;
  const done = change(engine);
  await view.change(done);
  await done; // the view says what went wrong; so does this
  await engine.prediction();
  return true;
}

async function observe(engine) {
  const of = engine.fresh;
  await engine.prediction();
  Object.assign(window.unetLab, { engine, of, observed: await engine.everything() });
  return true;
}
