// The worker: one job after another, each answered with a result or an error.
//
// Gets {number, kind, input, options, models}; says {number, result}, {number, error: {status, text}}
// and in between {number, progress: [done, total]}.

import { Core, hasSimd } from "./core.js";
import { asDlfError, DlfError } from "./errors.js";
import { defaultModel, openModel } from "./models.js";
import { fromRgba, toRgba } from "./pixels.js";
import { toPng } from "./png.js";

/** An instance that has grown beyond this is given up after the job, and its memory with it. */
const KEPT_BYTES = 256 * 2 ** 20;

let core = null;
/** @type {Map<string, object>} by address of the folder, id and part */
let models = new Map();

async function theCore() {
  if (core === null) {
    const address = new URL(hasSimd() ? "./dlf-simd.wasm" : "./dlf.wasm", import.meta.url);
    const response = await fetch(address);
    if (!response.ok) throw new DlfError("DLF_INTERNAL", `cannot fetch ${address}`);
    core = await Core.start(await response.arrayBuffer());
    models = new Map();
  }
  return core;
}

function forgetCore() {
  core = null;
  models = new Map();
}

async function theModel(folder, id, isHalf) {
  const whole = `${folder} ${id} whole`;
  const half = `${folder} ${id} half`;
  const key = isHalf && !models.has(whole) ? half : whole;
  if (!models.has(key)) models.set(key, await openModel(core, folder, id, isHalf));
  return models.get(key);
}

// Decodes a file; what is wrong with it comes before what is wrong with its model (§4.4).
async function decode(bytes, options, folder, progress) {
  const info = core.probe(bytes);
  core.checkContainer(bytes, options);
  const model = await theModel(folder, info.modelId, true);
  const picture = core.decode(model, bytes, options, progress);
  const { imageOrientation = "from-image" } = options;
  const image = toRgba(picture, imageOrientation === "none" ? 1 : info.orientation);
  return { ...image, colorSpace: info.colorSpace, channels: info.channels };
}

const JOBS = {
  probe: (bytes) => ({ result: core.probe(bytes) }),

  async decode(bytes, options, folder, progress) {
    const result = await decode(bytes, options, folder, progress);
    return { result, transfer: [result.data.buffer] };
  },

  // A file as a PNG, which an <img> can show.
  async png(bytes, options, folder, progress) {
    const image = await decode(bytes, options, folder, progress);
    // A profile of gray samples does not describe the R G B that they have become.
    const hasProfile = image.channels >= 3 && !options.allowTruncated;
    const result = toPng(image, hasProfile ? core.profile(bytes, options.limits) : null);
    return { result, transfer: [result.buffer] };
  },

  async encode(image, options, folder, progress) {
    const id = options.model ?? (await defaultModel(folder));
    const model = await theModel(folder, id, false);
    const colorSpace = image.colorSpace;
    const result = core.encode(model, fromRgba(image), { ...options, colorSpace }, progress);
    return { result, transfer: [result.buffer] };
  },
};

async function run({ number, kind, input, options, models: folder }) {
  const progress = (done, total) => self.postMessage({ number, progress: [done, total] });
  try {
    await theCore();
    const { result, transfer = [] } = await JOBS[kind](input, options, folder, progress);
    self.postMessage({ number, result }, transfer);
  } catch (error) {
    const { status, text } = asDlfError(error);
    self.postMessage({ number, error: { status, text } });
  }
  if (core !== null && (core.isBroken || core.memoryBytes > KEPT_BYTES)) forgetCore();
}

let last = Promise.resolve();
self.onmessage = ({ data }) => {
  last = last.then(() => run(data));
};
