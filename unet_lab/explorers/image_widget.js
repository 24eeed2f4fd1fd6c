// A picture that takes clicks. What is clicked is said as a fraction of the picture; Python knows what lies there.
function render({ model, el }) {
  const image = document.createElement("img");
  image.className = "unet-lab-image";
  image.draggable = false;
  let url = null;

  function show() {
    const old = url;
    url = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    image.src = url;
    image.alt = model.get("alt");
    image.onload = () => { image.style.width = `${image.naturalWidth / model.get("drawn_at")}px`; };
    if (old) URL.revokeObjectURL(old);
  }

  function place(event) {
    const box = image.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function inside([x, y]) {
    return model.get("panels").some(([left, top, right, bottom]) => left <= x && x <= right && top <= y && y <= bottom);
  }

  // Two settings may give the same picture; its text then changes alone.
  function describe() {
    image.alt = model.get("alt");
  }

  function press(event) {
    const at = place(event);
    if (!inside(at)) return;
    event.preventDefault();
    model.set("click", [...at, model.get("click")[2] + 1]);
    model.save_changes();  // while Python is at work, only the newest click waits
  }

  function move(event) {
    image.style.cursor = inside(place(event)) ? "crosshair" : "default";
    if (event.buttons === 1) press(event);
  }

  // With the page's zoom grow the pixels of a screen that one pixel of the page takes: the picture is drawn as fine as they are.
  function ask_for_resolution() {
    const wanted = Math.min(Math.max(Math.round(4 * window.devicePixelRatio) / 4, 1), 3);
    if (wanted === model.get("resolution")) return;
    model.set("resolution", wanted);
    model.save_changes();
  }

  // The box of the explorer that this picture stands in; it is there some frames later.
  let watcher = null;
  function dress(frames) {
    const box = el.closest(".unet-lab-explorer");
    if (box) {
      keepKeys(box);
      nameControls(box);
      watcher = new MutationObserver(() => nameControls(box));
      watcher.observe(box, { childList: true, subtree: true });
      const canvas = box.querySelector(".unet-lab-canvas");
      if (canvas) paintByKey(canvas, box, model);
    } else if (frames > 0) requestAnimationFrame(() => dress(frames - 1));
  }

  dress(600);
  ask_for_resolution();
  window.addEventListener("resize", ask_for_resolution);
  image.addEventListener("pointerdown", press);
  image.addEventListener("pointermove", move);
  model.on("change:png", show);
  model.on("change:alt", describe);
  show();
  el.append(image);
  return () => {
    window.removeEventListener("resize", ask_for_resolution);
    watcher?.disconnect();
    model.off("change:png", show);
    model.off("change:alt", describe);
    URL.revokeObjectURL(url);
  };
}

// JupyterLab takes keys as its own shortcuts ("a" makes a new cell) even where a menu of ours has the focus, unless the element
// that has it says no.
function keepKeys(box) {
  box.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
}

// ipywidgets writes a label beside a slider, but does not tell the slider that it is its name; the read-out has neither role nor name.
function nameControls(box) {
  for (const control of box.querySelectorAll(".widget-slider")) {
    const label = control.querySelector(".widget-label")?.textContent.trim() ?? "";
    control.querySelectorAll(".noUi-handle").forEach((handle) => handle.setAttribute("aria-label", label));
    const readout = control.querySelector(".widget-readout");
    readout?.setAttribute("role", "textbox");
    readout?.setAttribute("aria-label", `${label}: the value, to read or to type`);
  }
  for (const control of box.querySelectorAll(".widget-hprogress")) {
    const bar = control.querySelector(".progress");
    bar?.setAttribute("role", "progressbar");
    bar?.setAttribute("aria-label", control.querySelector(".widget-label")?.textContent.trim() ?? "progress");
  }
}

// ipycanvas keeps every key to itself, Tab too. Here the keys are read before it: Tab goes on to the next control, Escape back to
// the explorer's first one; arrows and the space bar go to Python, which moves the brush and paints.
function paintByKey(holder, box, model) {
  const WHAT = "Canvas to paint on. Arrow keys move the brush, hold the space bar to paint; Tab or Escape leaves.";
  let sent = 0;
  const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", " "];

  function send(key, down, fine) {
    sent = Date.now();
    model.send({ key, down, fine });
  }

  function take(event) {
    if (event.target.tagName !== "CANVAS") return;
    event.stopImmediatePropagation();
    const down = event.type === "keydown";
    if (event.key === "Escape" && down) box.querySelector("select, button, .noUi-handle, input")?.focus();
    if (!KEYS.includes(event.key)) return;
    event.preventDefault();
    if (event.repeat && (event.key === " " || Date.now() - sent < 100)) return; // a key held down: as fast as Python draws
    if (down || event.key === " ") send(event.key, down, event.shiftKey);
  }

  function name() {
    const canvas = holder.querySelector("canvas");
    if (!canvas) return;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", WHAT);
  }

  holder.addEventListener("keydown", take, { capture: true });
  holder.addEventListener("keyup", take, { capture: true });
  holder.addEventListener("focusout", () => send("", false, false));
  new MutationObserver(name).observe(holder, { childList: true, subtree: true });
  name();
}

export default { render };
