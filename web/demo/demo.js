// The page: what is dropped or chosen, what is asked for, what is shown.

import { classics } from "./classic.js";
import { configure, decode, encode, probe } from "./dlf-codec/index.js";

configure({ models: "./models/" });

const byId = (id) => document.getElementById(id);
const form = byId("form");
const pictures = byId("pictures");
const SIGNATURE = [0xc4, 0x4c, 0x46, 0x0a];
/** Bytes at the ends of the slider, between which it moves by equal factors. */
const [LEAST, MOST] = [150, 30000];
/** Milliseconds without a further change after which work begins. */
const PAUSE = 300;

/** What is shown: {bytes} of a .dlf file, or {photo} as a canvas of its own size. */
let subject = null;
let name = "picture";
let work = new AbortController();
let link = null;

// --- saying

function say(text) {
  byId("state").textContent = text;
}

function complain(error) {
  pictures.replaceChildren();
  say("");
  byId("error").textContent = error.message;
  byId("error").hidden = false;
}

function onProgress(done, total) {
  byId("progress").value = done / total;
}

// --- showing

function figureOf(canvas, title, ...more) {
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.append(title, ...more.flatMap((part) => [" ", part]));
  if (canvas !== null) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", title);
    figure.append(canvas);
  }
  figure.append(caption);
  return figure;
}

function canvasOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d", { colorSpace: image.colorSpace }).putImageData(image, 0, 0);
  return canvas;
}

function saveLink(bytes) {
  if (link !== null) URL.revokeObjectURL(link.href);
  link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "image/x-dlf" }));
  link.download = `${name}.dlf`;
  link.textContent = `Save ${name}.dlf`;
  return link;
}

const count = (bytes) => `${bytes.toLocaleString("en")} bytes`;

// --- the two things that can be done

async function showFile(bytes, options) {
  say("Decoding");
  const info = await probe(bytes);
  const image = await decode(bytes, { ...options, noise: form.elements.noise.value });
  const bpp = ((8 * bytes.length) / (info.width * info.height)).toFixed(4);
  const map = info.hasImportanceMap ? ", with an importance map" : "";
  const text = `${info.width} x ${info.height}, ${count(bytes.length)}, ${bpp} bits per pixel`;
  const isReduced = info.displayWidth !== info.width || info.displayHeight !== info.height;
  const size = isReduced ? `, reduced from ${info.displayWidth} x ${info.displayHeight}` : "";
  const title = `DLF: ${text}, model ${info.modelId}, rate ${info.rate}${map}${size}`;
  return [figureOf(canvasOf(image), title)];
}

function scaled(photo) {
  const side = Number(byId("side").value);
  const scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(photo.width * scale));
  canvas.height = Math.max(1, Math.round(photo.height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function showPhoto(photo, options) {
  const original = scaled(photo);
  const { width, height } = original;
  const maxBytes = Number(byId("bytes").value);
  say("Encoding");
  const image = original.getContext("2d").getImageData(0, 0, width, height);
  const file = await encode(image, { ...options, maxBytes });
  say("Decoding");
  const drawn = await decode(file, { ...options, noise: form.elements.noise.value });
  say("Asking the browser for the same");
  const others = await classics(original, maxBytes);
  const figures = others.map((other) => {
    if (other.canvas === null) {
      return figureOf(null, `${other.name}: no file is so small, at an eighth of the size ${count(other.size)}`);
    }
    const size = other.scale === 1 ? "" : `, at 1/${other.scale} of the size`;
    return figureOf(other.canvas, `${other.name}: ${count(other.size)}${size}`);
  });
  if (figures.length === 0) figures.push(figureOf(null, "This browser encodes neither WebP nor AVIF."));
  return [
    figureOf(canvasOf(drawn), `DLF: ${count(file.length)}`, saveLink(file)),
    ...figures,
    figureOf(original, `Original: ${width} x ${height}`),
  ];
}

async function show() {
  work.abort(new DOMException("replaced", "AbortError"));
  if (subject === null) return;
  const { signal } = (work = new AbortController());
  byId("error").hidden = true;
  byId("progress").removeAttribute("value");
  byId("progress").hidden = false;
  byId("encoding").disabled = subject.photo === undefined;
  const options = { signal, onProgress };
  try {
    const figures = subject.photo
      ? await showPhoto(subject.photo, options)
      : await showFile(subject.bytes, options);
    if (signal.aborted) return;
    pictures.replaceChildren(...figures);
    say("");
  } catch (error) {
    if (signal.aborted) return;
    complain(error);
  }
  byId("progress").hidden = true;
}

// --- what comes in

async function photoOf(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is neither a .dlf file nor a picture that this browser knows.`);
  }
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

async function take(file) {
  work.abort(new DOMException("replaced", "AbortError"));
  byId("error").hidden = true;
  byId("progress").hidden = true;
  try {
    const start = new Uint8Array(await file.slice(0, SIGNATURE.length).arrayBuffer());
    const isDlf = SIGNATURE.every((value, at) => start[at] === value) || /\.dlf$/i.test(file.name);
    name = file.name.replace(/\.[^.]*$/, "") || "picture";
    subject = isDlf
      ? { bytes: new Uint8Array(await file.arrayBuffer()) }
      : { photo: await photoOf(file) };
  } catch (error) {
    subject = null;
    complain(error);
    return;
  }
  await show();
}

byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) take(target.files[0]);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("is-over");
});
addEventListener("dragleave", () => document.body.classList.remove("is-over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("is-over");
  const [file] = event.dataTransfer.files;
  if (file) take(file);
});

// --- what is asked for

let timer = 0;
function later() {
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE);
}

byId("slider").addEventListener("input", ({ target }) => {
  const exact = LEAST * (MOST / LEAST) ** (target.value / 100);
  byId("bytes").value = Number(exact.toPrecision(2));
  later();
});
byId("bytes").addEventListener("input", ({ target }) => {
  if (!target.validity.valid || target.value === "") return;
  byId("slider").value = (100 * Math.log(target.value / LEAST)) / Math.log(MOST / LEAST);
  later();
});
byId("side").addEventListener("change", later);
for (const choice of form.elements.noise) choice.addEventListener("change", later);
form.addEventListener("submit", (event) => event.preventDefault());
