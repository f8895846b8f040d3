// The viewer: two versions under one divider, zoom, and the map of bits. Touches nothing but the
// page that it stands in.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const stage = byId("stage"), split = byId("split"), canvas = byId("map"), divider = byId("divider");
  const images = { left: byId("left"), right: byId("right") };
  const MAX_ZOOM = 16, ZOOM_STEP = 1.5, GRIP = 22, PAN = 0.1, PIXELS_FROM = 3;
  const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const MAP_OPACITY = 0.72, MAP_SIDE = 1536;
  const view = { left: "original", right: "dlf", split: 50, zoom: 1, x: 0, y: 0, map: "off" };

  let announcement = 0;
  function announce(text) {
    clearTimeout(announcement);
    announcement = setTimeout(() => { byId("status").textContent = text; }, 150);
  }

  // --- what is shown

  function show(side, key) {
    const version = data.versions[key];
    const source = byId("version-" + key);
    view[side] = key;
    images[side].src = source.src;
    images[side].alt = source.alt;
    byId(side + "-tag").textContent = version.tag;
  }

  function describe() {
    const left = data.versions[view.left], right = data.versions[view.right];
    return `Left: ${left.spoken}. Right: ${right.spoken}.`;
  }

  function setSplit(percent) {
    view.split = Math.min(100, Math.max(0, percent));
    split.value = String(view.split);
    split.setAttribute("aria-valuetext", `${Math.round(view.split)} percent ${data.versions[view.left].label}, the rest ${data.versions[view.right].label}`);
    byId("over").style.clipPath = `inset(0 0 0 ${view.split}%)`;
    divider.style.left = `${view.split}%`;
  }

  // Pixels of the picture and of the screen are as many at this zoom: 100 %.
  function actualZoom() {
    return data.width / (stage.getBoundingClientRect().width * devicePixelRatio);
  }

  function limited(zoom) {
    return Math.min(Math.max(MAX_ZOOM, actualZoom()), Math.max(Math.min(1, actualZoom()), zoom));
  }

  // What is smaller than the stage lies in its middle.
  const held = (start, zoom) => (zoom < 1 ? (zoom - 1) / 2 : Math.min(zoom - 1, Math.max(0, start)));

  // How far to move a layer so that its corner falls on a whole pixel of the screen.
  function onPixel(corner, offset) {
    return Math.round((corner - offset) * devicePixelRatio) / devicePixelRatio - corner;
  }

  // x, y: the part of the stage, in its widths and heights, that lies left of and above the view.
  function setView(zoom, x, y, eased) {
    view.zoom = limited(zoom);
    view.x = held(x, view.zoom);
    view.y = held(y, view.zoom);
    stage.classList.toggle("eased", Boolean(eased));
    const box = stage.getBoundingClientRect(), percent = 100 * view.zoom / actualZoom();
    const left = onPixel(box.left + scrollX, view.x * box.width);
    const top = onPixel(box.top + scrollY, view.y * box.height);
    for (const layer of [images.left, images.right, canvas]) {
      // Its own size is that of 100 %, so that there nothing is scaled and nothing rounded.
      layer.style.width = `${data.width / devicePixelRatio}px`;
      layer.style.height = `${data.height / devicePixelRatio}px`;
      layer.style.transform = `translate(${left}px, ${top}px) scale(${percent / 100})`;
    }
    stage.classList.toggle("zoomed", view.zoom > 1);
    stage.classList.toggle("pixels", Math.abs(percent - 100) < 0.01 || percent >= 100 * PIXELS_FROM);
    byId("zoom-level").textContent = `${Math.round(percent)} %`;
    byId("zoom-out").disabled = view.zoom === limited(0);
    byId("zoom-fit").disabled = view.zoom === 1;
    byId("zoom-actual").disabled = view.zoom === actualZoom();
    byId("zoom-in").disabled = view.zoom === limited(Infinity);
  }

  // Zooms so that the point (px, py) of the stage, 0 to 1, stays where it is.
  function zoomAt(zoom, px, py, eased) {
    const target = limited(zoom), factor = target / view.zoom;
    setView(target, (view.x + px) * factor - px, (view.y + py) * factor - py, eased);
  }

  function announceZoom() {
    announce(`Zoom ${byId("zoom-level").textContent.replace(" %", " percent")}`);
  }

  // --- the map of bits

  function colour(value) {
    const at = Math.min(Math.max(value, 0), 1) * (STOPS.length - 1);
    const low = Math.min(Math.floor(at), STOPS.length - 2), part = at - low;
    return `rgb(${STOPS[low].map((c, i) => Math.round(c + part * (STOPS[low + 1][i] - c))).join(" ")})`;
  }

  const mapCells = () => data.bits[view.map];
  const mapPixels = () => (view.map === "windows" ? data.bits.windowPx : data.bits.stridePx);
  const bitsText = (bits) => `${bits < 10 ? bits.toFixed(1) : Math.round(bits)} bits`;
  const valueText = (value) => (view.map === "rates" ? `rate point ${value}` : bitsText(value));

  function drawMap() {
    canvas.hidden = byId("legend").hidden = view.map === "off";
    if (view.map === "off") return;
    const cells = mapCells(), highest = Math.max(...cells.flat(), 1e-9);
    const lowest = view.map === "rates" ? Math.min(...cells.flat()) : 0; // rates differ by little
    const scale = Math.min(1, MAP_SIDE / Math.max(data.width, data.height)) || 1;
    canvas.width = Math.max(1, Math.round(data.width * scale));
    canvas.height = Math.max(1, Math.round(data.height * scale));
    const pen = canvas.getContext("2d"), side = mapPixels() * scale;
    cells.forEach((row, y) => row.forEach((bits, x) => {
      const left = Math.round(x * side), top = Math.round(y * side);
      const width = Math.min(Math.round((x + 1) * side), canvas.width) - left;
      const height = Math.min(Math.round((y + 1) * side), canvas.height) - top;
      pen.globalAlpha = MAP_OPACITY;
      pen.fillStyle = colour((bits - lowest) / (highest - lowest || 1));
      pen.fillRect(left, top, width, height);
      if (view.map !== "windows") return;
      pen.globalAlpha = 1;
      pen.strokeStyle = "rgb(255 255 255 / 0.7)";
      pen.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
      const size = Math.min(side / 7, 28);
      if (size < 9 || width < 5 * size || height < 1.5 * size) return;
      pen.font = `600 ${size}px system-ui, sans-serif`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.lineWidth = size / 5;
      pen.strokeStyle = "rgb(0 0 0 / 0.75)";
      pen.strokeText(bitsText(bits), left + width / 2, top + height / 2);
      pen.fillStyle = "#fff";
      pen.fillText(bitsText(bits), left + width / 2, top + height / 2);
      pen.lineWidth = 1;
    }));
    const kind = data.kinds[view.map];
    byId("legend-title").textContent = kind.title;
    byId("legend-low").textContent = view.map === "rates" ? valueText(lowest) : "0";
    byId("legend-high").textContent = `${valueText(highest)} ${kind.per}`;
    byId("legend-bar").style.background = `linear-gradient(to right, ${STOPS.map((s) => `rgb(${s.join(" ")})`).join(", ")})`;
  }

  function readMap(px, py) {
    if (view.map === "off") return;
    const cells = mapCells(), side = mapPixels();
    const x = Math.floor((view.x + px) / view.zoom * data.width / side);
    const y = Math.floor((view.y + py) / view.zoom * data.height / side);
    if (!(cells[y] && cells[y][x] !== undefined)) return;
    byId("map-value").textContent = `Column ${x + 1} of ${cells[0].length}, row ${y + 1} of ${cells.length}: ${valueText(cells[y][x])}`;
  }

  // --- mouse, pen and touch

  const pointers = new Map();
  let drag = null; // "divider", or where a pan or a pinch began

  function place(event) {
    const box = stage.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  function spread() {
    const [a, b] = [...pointers.values()];
    const dx = (a.x - b.x) * stage.clientWidth, dy = (a.y - b.y) * stage.clientHeight;
    return { distance: Math.max(1, Math.hypot(dx, dy)), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  function startPan(at) {
    drag = { kind: "pan", at, x: view.x, y: view.y };
  }

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const at = place(event);
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at);
    if (pointers.size === 2) {
      const now = spread();
      drag = { kind: "pinch", from: now, zoom: view.zoom, px: view.x + now.x, py: view.y + now.y };
    } else if (pointers.size === 1) {
      const near = Math.abs(at.x - view.split / 100) * stage.clientWidth <= GRIP;
      if (near || view.zoom <= 1) {
        // It moves only with the pointer: a first finger may be the beginning of a pinch.
        drag = { kind: "divider", offset: near ? view.split / 100 - at.x : 0 };
      } else {
        startPan(at);
      }
    }
    stage.classList.add("dragging");
  });

  stage.addEventListener("pointermove", (event) => {
    const at = place(event);
    readMap(at.x, at.y);
    if (!pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, at);
    if (drag.kind === "divider") {
      setSplit(100 * (at.x + drag.offset));
    } else if (drag.kind === "pan") {
      setView(view.zoom, drag.x + drag.at.x - at.x, drag.y + drag.at.y - at.y);
    } else if (pointers.size === 2) {
      const now = spread();
      const zoom = limited(drag.zoom * now.distance / drag.from.distance);
      setView(zoom, drag.px * zoom / drag.zoom - now.x, drag.py * zoom / drag.zoom - now.y);
    }
  });

  function release(event) {
    if (!pointers.delete(event.pointerId)) return;
    if (drag.kind === "pinch") announceZoom();
    if (drag.kind === "divider") announce(split.getAttribute("aria-valuetext"));
    const [rest] = pointers.values();
    if (rest) startPan(rest); else drag = null;
    stage.classList.toggle("dragging", pointers.size > 0);
  }
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);

  stage.addEventListener("dblclick", (event) => {
    const at = place(event);
    zoomAt(view.zoom > 1 ? 1 : 4, at.x, at.y, true);
    announceZoom();
  });

  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
    event.preventDefault();
    const at = place(event);
    zoomAt(view.zoom * Math.exp(-event.deltaY / 200), at.x, at.y);
    announceZoom();
  }, { passive: false });

  // --- keyboard and controls

  const KEYS = {
    ArrowLeft: () => (view.zoom > 1 ? setView(view.zoom, view.x - PAN, view.y) : setSplit(view.split - 2)),
    ArrowRight: () => (view.zoom > 1 ? setView(view.zoom, view.x + PAN, view.y) : setSplit(view.split + 2)),
    ArrowUp: () => view.zoom > 1 && setView(view.zoom, view.x, view.y - PAN),
    ArrowDown: () => view.zoom > 1 && setView(view.zoom, view.x, view.y + PAN),
    "+": () => zoomBy(ZOOM_STEP),
    "=": () => zoomBy(ZOOM_STEP),
    "-": () => zoomBy(1 / ZOOM_STEP),
    0: () => zoomTo(1),
    1: () => zoomTo(actualZoom()),
  };

  function zoomTo(zoom) {
    zoomAt(zoom, 0.5, 0.5, true);
    announceZoom();
  }

  const zoomBy = (factor) => zoomTo(view.zoom * factor);

  // The whole picture in one version, then in the other; the divider stands at the edge meanwhile.
  function flip() {
    setSplit(view.split > 0 ? 0 : 100);
    const seen = data.versions[view.split > 0 ? view.left : view.right];
    announce(`Shown: ${seen.spoken}.`);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.toLowerCase() !== "f") return;
    if (event.target === document.body || byId("viewer").contains(event.target)) flip();
  });

  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
    if (KEYS[event.key]() !== false) event.preventDefault();
  });

  split.addEventListener("input", () => setSplit(Number(split.value)));
  byId("zoom-in").addEventListener("click", () => zoomBy(ZOOM_STEP));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / ZOOM_STEP));
  byId("zoom-fit").addEventListener("click", () => zoomTo(1));
  byId("zoom-actual").addEventListener("click", () => zoomTo(actualZoom()));
  byId("flip").addEventListener("click", flip);

  byId("viewer").addEventListener("change", (event) => {
    const { name, value } = event.target;
    if (name === "left" || name === "right") {
      show(name, value);
      setSplit(view.split);
      announce(describe());
    } else if (name === "map") {
      view.map = value;
      drawMap();
      announce(value === "off" ? "The map is off" : data.kinds[value].spoken);
    }
  });

  const THEMES = ["automatic", "dark", "light"];
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const next = THEMES[(THEMES.indexOf(root.dataset.theme || THEMES[0]) + 1) % THEMES.length];
    if (next === THEMES[0]) delete root.dataset.theme; else root.dataset.theme = next;
    byId("theme").querySelector("span").textContent = next;
    announce(`Theme: ${next}`);
  });

  // --- start

  for (const element of document.querySelectorAll(".needs-script")) element.hidden = false;
  document.documentElement.style.setProperty("--ratio", String(data.width / data.height));
  for (const side of ["left", "right"]) {
    show(side, document.querySelector(`input[name="${side}"]:checked`).value);
  }
  new ResizeObserver(() => setView(view.zoom, view.x, view.y)).observe(stage);
  setSplit(view.split);
  setView(1, 0, 0);
})();
