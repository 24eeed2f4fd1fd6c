// What JupyterLab's pages lack for some readers, as a prebuilt extension (no build: this file is what runs).
//
// 1. JupyterLab's pictures have no alternative text. Ours carry one beside them, in the output's metadata, or as plain text.
// 2. A notebook that was run, saved and opened again says "model not found" where an explorer stood: JupyterLab prefers the
//    widget, which has gone with its kernel, to the picture stored beside it. The picture is shown then, and what to do.
// 3. Now and then a kernel answers nothing though it is idle; the cells stay at [*] for ever. Then a message offers to restart it.
(() => {
  const AGAIN = "A stored picture. Run this cell to play with it.";
  const GONE = "A control of an earlier run. Run this cell to have it again.";
  const LOST = /^(Error displaying widget: model not found|Loading widget\.\.\.)$/;
  const PATIENCE = { loading: 5000, silent: 20000 }; // milliseconds
  let app = null;

  function notebooks() {
    return [...app.shell.widgets("main")].filter((panel) => panel.content?.widgets && panel.context?.sessionContext);
  }

  // The stored output that an element of the page shows: {data, metadata}, or null.
  function outputOf(element) {
    const panel = notebooks().find((candidate) => candidate.node.contains(element));
    const cell = panel?.content.widgets.find((candidate) => candidate.outputArea?.node.contains(element));
    if (!cell) return null;
    const index = cell.outputArea.widgets.findIndex((child) => child.node.contains(element));
    return index >= 0 && index < cell.outputArea.model.length ? cell.outputArea.model.get(index) : null;
  }

  function plain(output) {
    const text = output.data["text/plain"] ?? "";
    return Array.isArray(text) ? text.join("") : String(text);
  }

  function alternative(output) {
    return output.metadata["image/png"]?.alt ?? plain(output);
  }

  // An explorer's picture has its words and the line below it, which the widget would have shown.
  function caption(output) {
    const lines = document.createElement("div");
    lines.className = "unet-lab-stored";
    for (const [tag, text] of [["p", plain(output)], ["em", AGAIN]]) {
      const line = document.createElement(tag);
      line.textContent = text;
      line.style.whiteSpace = "pre-line";
      lines.append(line);
    }
    return lines;
  }

  function describe(image) {
    const output = outputOf(image);
    if (!output) return;
    image.alt = alternative(output);
    if (output.metadata["unet-lab"]?.explorer) image.after(caption(output));
  }

  function storedPicture(node) {
    const output = outputOf(node);
    if (!output) return;
    const png = output.data["image/png"];
    if (!png) {
      node.textContent = GONE;
      return;
    }
    const image = document.createElement("img");
    image.src = "data:image/png;base64," + (Array.isArray(png) ? png.join("") : png);
    image.alt = alternative(output);
    image.style.maxWidth = "100%";
    node.replaceChildren(image, caption(output));
  }

  function look() {
    document.querySelectorAll(".jp-RenderedImage img:not([alt])").forEach(describe);
    document.querySelectorAll(".jp-OutputArea-output.lm-Panel, .jupyter-widgets.lm-Panel").forEach((node) => {
      if (node.childElementCount || !LOST.test(node.textContent)) return;
      if (node.textContent.startsWith("Error")) storedPicture(node);
      else setTimeout(() => LOST.test(node.textContent) && !node.childElementCount && storedPicture(node), PATIENCE.loading);
    });
  }

  let waiting = false;
  function lookSoon() {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; look(); }, 100);
  }

  // A kernel that says "idle" while a cell of its notebook waits for it: not for a moment, as between two cells, but for long.
  const silentSince = new Map();
  function listen() {
    for (const panel of notebooks()) {
      const kernel = panel.context.sessionContext.session?.kernel;
      const waits = panel.content.widgets.some((cell) => cell.model.type === "code" && cell.model.executionState === "running");
      if (!kernel || !waits || kernel.status !== "idle") {
        silentSince.delete(panel.id);
      } else if (!silentSince.has(panel.id)) {
        silentSince.set(panel.id, Date.now());
      } else if (Date.now() - silentSince.get(panel.id) > PATIENCE.silent) {
        silentSince.set(panel.id, Infinity); // said once
        say(panel);
      }
    }
  }

  function say(panel) {
    app.commands.execute("apputils:notify", {
      message: `The kernel of ${panel.title.label} did not answer: the cells marked [*] wait for nothing. Restart it and run again.`,
      type: "warning",
      options: { autoClose: false, actions: [{ label: "Restart and run all", commandId: "notebook:restart-run-all" }] },
    });
  }

  const plugin = {
    id: "unet-lab:page",
    autoStart: true,
    activate: (started) => {
      app = started;
      new MutationObserver(lookSoon).observe(document.body, { childList: true, subtree: true, characterData: true });
      setInterval(listen, 2000);
    },
  };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["unet-lab"] = { init: () => {}, get: async () => () => ({ __esModule: true, default: plugin }) };
})();
