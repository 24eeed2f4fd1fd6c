// A tour of eight stops: each goes somewhere, asks a question, and has an answer to open.
import { make } from "./network_drawing.js";
import { button } from "./network_frame.js";

// Stages by their place in this network, so that the tour goes through any of them.
function stage(app, which) {
  const { stages } = app.network;
  const deepest = Math.max(...stages.map((s) => s.level));
  const found = { first: stages[0], deepest: stages.find((s) => s.level === deepest), last: [...stages].reverse().find((s) => s.shape[0] > app.network.classes.length) };
  return found[which] ?? stages[stages.length - 1];
}

const STOPS = [
  {
    title: "The U",
    text: "Left, an image goes in; right, a mask comes out. Each stack holds real feature maps of this image: the strongest four.",
    question: "Walk down the left side. What gets fewer, and what gets more?",
    answer: "Pixels get fewer: each pooling halves height and width. Channels get more: the network trades where for what.",
    go: () => [{ view: "u" }],
  },
  {
    title: "What a pixel rests on",
    text: "Move over the mask at the right. What lights up is what the answer at this pixel depends on, at every level.",
    question: "Is the patch on the input the same size for a pixel in the middle of the nucleus and one on its rim?",
    answer: "Seldom. The formula for the receptive field gives nearly the same width everywhere; what is really used depends on the place and on the image.",
    go: () => [{ view: "u" }],
  },
  {
    title: "The first stage",
    text: "All channels of the first stage, the most active first.",
    question: "Which of them answer to edges, and which to plain darkness or brightness?",
    answer: "An edge channel is bright on one side of the rims only, and dark on even ground. A brightness channel looks like the image or its negative.",
    go: (app) => [{ view: "u" }, { view: "stage", stage: stage(app, "first").name }],
  },
  {
    title: "The bottom",
    text: "Here a map has the fewest pixels, and each of them has seen much of the image.",
    question: "Could you draw the cell's outline from these maps?",
    answer: "Not to the pixel: several pixels of the image share one here. These maps know what is there; where exactly was lost on the way down, and comes back through the skips.",
    go: (app) => [{ view: "u" }, { view: "stage", stage: stage(app, "deepest").name }],
  },
  {
    title: "Cut a skip",
    text: "Click the uppermost blue arrow. Then bring it back and cut the lowest.",
    question: "Which of the two does the mask need more? Where do the errors sit?",
    answer: "That the topmost skip carries the fine detail is often said. Compare the scores, then take other cells: a belief like this has to be measured, and the answer may be another one.",
    go: () => [{ view: "u" }],
  },
  {
    title: "One channel",
    text: "A channel is a weighted sum of all channels before it. Here they stand in the order of what they add at the cross.",
    question: "Do all of them push in the same direction? Move the cross: does the order stay?",
    answer: "Some push up, some pull down, and the order changes from place to place: the kernels stay, what lies under them does not.",
    go: (app) => {
      const { name, shown } = stage(app, "last");
      return [{ view: "u" }, { view: "stage", stage: name }, { view: "channel", step: shown, channel: 0 }];
    },
  },
  {
    title: "One number",
    text: "Windows, kernels, products, the sum, the bias. Then the norm, then the activation. All are the network's own numbers.",
    question: "Move the cross to the image's corner. What stands in the window outside of the image?",
    answer: "Zeros: the padding. They count in the sum as any grey does, which is why borders are special.",
    go: (app) => {
      const { name, steps } = stage(app, "first");
      const step = steps.find((each) => app.network.steps[each].kind === "convolution") ?? steps[0];
      return [{ view: "u" }, { view: "stage", stage: name }, { view: "number", step, channel: 0 }];
    },
  },
  {
    title: "Fool it",
    text: "Choose “paint dark” and draw on the input. Paint a second nucleus, or cover the first with “bright” or “noise”.",
    question: "How little paint does it take until the network sees a nucleus where there is none?",
    answer: "Try. What it takes to be believed says what the network has learnt to look for.",
    go: () => [{ view: "u" }],
  },
];

export class Tour {
  constructor(app, box) {
    this.app = app;
    this.box = box;
    this.at = -1;
  }

  toggle() {
    if (this.at < 0) this.stop(0);
    else this.leave();
  }

  leave() {
    this.at = -1;
    this.box.replaceChildren();
  }

  async stop(k) {
    this.at = k;
    const { title, text, question, answer, go } = STOPS[k];
    const back = button("‹ Back", () => this.stop(k - 1), { disabled: k === 0 });
    const last = k === STOPS.length - 1;
    const next = button(last ? "End of the tour" : "Next ›", () => (last ? this.leave() : this.stop(k + 1)), { class: "unl-button unl-next" });
    const open = make("details", {}, make("summary", {}, question), make("p", {}, answer));
    const heading = make("b", {}, `${k + 1} of ${STOPS.length} · ${title}. `);
    const words = make("div", { class: "unl-tour-words" }, make("p", {}, heading, text), open);
    this.box.replaceChildren(make("aside", { class: "unl-tour", "aria-label": "tour", "aria-live": "polite" }, words, make("div", { class: "unl-row" }, back, next)));
    this.app.trail = go(this.app);
    await this.app.show();
    next.focus({ preventScroll: true });
  }
}
