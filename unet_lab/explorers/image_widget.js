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
    if (old) URL.revokeObjectURL(old);
  }

  function place(event) {
    const box = image.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function inside([x, y]) {
    return model.get("panels").some(([left, top, right, bottom]) => left <= x && x <= right && top <= y && y <= bottom);
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

  // JupyterLab takes keys as its own shortcuts ("a" makes a new cell) even where a menu of ours has the focus, unless the element
  // that has it says no.
  function keepKeys(frames) {
    const box = el.closest(".unet-lab-explorer");
    if (box) box.addEventListener("focusin", (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"));
    else if (frames > 0) requestAnimationFrame(() => keepKeys(frames - 1));
  }

  keepKeys(600);
  image.addEventListener("pointerdown", press);
  image.addEventListener("pointermove", move);
  model.on("change:png", show);
  show();
  el.append(image);
  return () => {
    model.off("change:png", show);
    URL.revokeObjectURL(url);
  };
}

export default { render };
