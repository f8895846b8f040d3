// The one script of a page with .dlf pictures: <img src="x.dlf"> works, and so does <dlf-img>.
//
// A browser that meets <img src="x.dlf"> fetches the file and fails. Here the picture is decoded and put
// in its place as a PNG in memory. From the moment that this script runs, handlers of the page do not
// hear of that failure: `load` fires when there is a picture, `error` when there will be none.

import { decodeToPng, DlfError, probe } from "./index.js";

/** @type {WeakMap<HTMLImageElement, {source: string, shown: Shown | null}>} */
const attended = new WeakMap();

function isDlf(address) {
  try {
    return new URL(address, document.baseURI).pathname.toLowerCase().endsWith(".dlf");
  } catch {
    return false;
  }
}

async function fetchFile(address, signal) {
  const response = await fetch(address, { signal });
  if (!response.ok) {
    throw new DlfError("DLF_INVALID_FILE", `cannot fetch ${address}: status ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** A PNG in memory: its address, to be revoked by `release`, and how wide it is and is to be shown. */
class Shown {
  constructor(png, info) {
    this.address = URL.createObjectURL(png);
    const isTurned = info.orientation >= 5;
    this.pixels = isTurned ? info.height : info.width;
    this.width = isTurned ? info.displayHeight : info.displayWidth;
  }

  /** Gives the picture to an <img>, whose natural size is then the display size. */
  putInto(image) {
    this.isSized = this.pixels !== this.width && !image.hasAttribute("srcset");
    if (this.isSized) {
      image.sizes = `${this.width}.01px`; // natural sizes are cut to whole pixels, not rounded
      image.srcset = `${this.address} ${this.pixels}w`;
    }
    image.src = this.address;
  }

  /** Takes back what `putInto` has done, but for `src`. */
  takeFrom(image) {
    if (this.isSized) {
      image.srcset = `${this.address} 1x`; // Chromium 156 keeps the density of the last candidate
      image.removeAttribute("srcset");
      image.removeAttribute("sizes");
    }
    this.release();
  }

  release() {
    URL.revokeObjectURL(this.address);
  }
}

/** What shows the picture at `address`. */
async function pictureOf(address, options) {
  const file = await fetchFile(address, options.signal);
  return new Shown(...(await Promise.all([decodeToPng(file, options), probe(file)])));
}

// Resolves when an image with loading="lazy" comes near the window.
function nearWindow(image) {
  if (image.loading !== "lazy") return Promise.resolve();
  return new Promise((resolve) => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        resolve();
      },
      { rootMargin: "100%" },
    );
    observer.observe(image);
  });
}

function forget(image) {
  attended.get(image)?.shown?.takeFrom(image);
  attended.delete(image);
}

async function attend(image) {
  const source = image.src;
  const state = attended.get(image);
  if (state && (source === state.source || source === state.shown?.address)) return;
  forget(image);
  if (!isDlf(source)) return;
  const mine = { source, shown: null };
  attended.set(image, mine);
  try {
    await nearWindow(image);
    const shown = await pictureOf(source, {});
    if (attended.get(image) !== mine) {
      shown.release(); // it has another source by now
      return;
    }
    mine.shown = shown;
    shown.putInto(image);
  } catch (error) {
    if (attended.get(image) === mine) fail(image, error);
  }
}

function fail(element, error) {
  element.dispatchEvent(new ErrorEvent("error", { error, message: error.message }));
}

// The browser's own failure: the picture is still to come, or our event will say that it is not.
function hideFailure(event) {
  const { target } = event;
  if (event instanceof ErrorEvent || !(target instanceof HTMLImageElement)) return;
  if (isDlf(target.src)) event.stopImmediatePropagation();
}

function attendAll(root) {
  if (root instanceof HTMLImageElement) attend(root);
  else root.querySelectorAll?.("img").forEach(attend);
}

function watch() {
  addEventListener("error", hideFailure, true);
  new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (type === "attributes") attendAll(target);
      else addedNodes.forEach(attendAll);
    }
  }).observe(document, { subtree: true, childList: true, attributeFilter: ["src"] });
  attendAll(document);
}

/** <dlf-img src alt noise downscale>: sized and styled as an <img>, `load` and `error` likewise. */
class DlfImage extends HTMLElement {
  static observedAttributes = ["src", "alt", "noise", "downscale"];

  #image = document.createElement("img");
  #shown = null;
  #giveUp = new AbortController();

  constructor() {
    super();
    const style = document.createElement("style");
    style.textContent =
      ":host { display: inline-block } img { display: block; width: 100%; height: 100%; object-fit: inherit }";
    this.attachShadow({ mode: "open" }).append(style, this.#image);
    this.#image.part = "img";
    this.#image.addEventListener("load", () => this.dispatchEvent(new Event("load")));
  }

  /** The picture's own width; 0 before `load`. */
  get naturalWidth() {
    return this.#image.naturalWidth;
  }

  /** The picture's own height; 0 before `load`. */
  get naturalHeight() {
    return this.#image.naturalHeight;
  }

  attributeChangedCallback(name, before, now) {
    if (name === "alt") {
      this.#image.alt = now ?? "";
    } else if (before !== now) {
      this.#show();
    }
  }

  async #show() {
    this.#giveUp.abort();
    const { signal } = (this.#giveUp = new AbortController());
    const source = this.getAttribute("src");
    this.#clear();
    if (source === null) return;
    const options = { signal, noise: this.getAttribute("noise") ?? "vivid" };
    options.downscale = Number(this.getAttribute("downscale") ?? 1);
    try {
      const shown = await pictureOf(new URL(source, this.baseURI).href, options);
      if (signal.aborted) {
        shown.release();
      } else {
        this.#shown = shown;
        shown.putInto(this.#image);
      }
    } catch (error) {
      if (!signal.aborted) fail(this, error);
    }
  }

  #clear() {
    this.#shown?.takeFrom(this.#image);
    this.#shown = null;
    this.#image.removeAttribute("src");
  }
}

customElements.define("dlf-img", DlfImage);
watch();
