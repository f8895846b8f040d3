// Model packages: fetched once, kept in the browser's Cache, and checked by what a file's id says.
//
// A folder of models holds ID.decoder.dlfm, the decoding half, and ID.dlfm, the whole package.

import { DlfError } from "./errors.js";

const CACHE = "dlf-models";

/** Where one of the two files of a model lies. */
function addressOf(folder, id, isHalf) {
  return new URL(`${id}${isHalf ? ".decoder" : ""}.dlfm`, folder).href;
}

// Opens what the bytes hold if it is the model of that id; the core has it from the SHA-256.
function openAs(core, id, bytes, address) {
  const model = core.open(bytes);
  if (model.id === id) return model;
  core.close(model);
  throw new DlfError(
    "DLF_MODEL_ERROR",
    `${address} is not model ${id}: the SHA-256 of its normative part is ${model.sha256}`,
  );
}

// The Cache exists in secure contexts only, and may be forbidden or full: all works without it.
async function cache() {
  try {
    return await caches.open(CACHE);
  } catch {
    return null;
  }
}

async function download(address) {
  let response;
  try {
    response = await fetch(address);
  } catch (error) {
    throw new DlfError("DLF_MODEL_ERROR", `cannot fetch ${address}: ${error.message}`);
  }
  if (!response.ok) {
    throw new DlfError("DLF_MODEL_ERROR", `cannot fetch ${address}: status ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * Opens a model in a core, from the Cache if it is there and intact, else from the net.
 * @param {import("./core.js").Core} core
 * @param {string} folder address that names of files are relative to
 * @param {number} id
 * @param {boolean} isHalf whether the decoding half suffices
 */
export async function openModel(core, folder, id, isHalf) {
  const address = addressOf(folder, id, isHalf);
  const kept = await cache();
  const found = await kept?.match(address);
  if (found) {
    try {
      return openAs(core, id, new Uint8Array(await found.arrayBuffer()), address);
    } catch (error) {
      if (core.isBroken) throw error;
      await kept.delete(address); // damaged, or of another time: fetched anew
    }
  }
  const bytes = await download(address);
  const model = openAs(core, id, bytes, address);
  try {
    await kept?.put(address, new Response(bytes));
  } catch {
    // no room
  }
  return model;
}

/** The model that a folder names for encoding, from its index.json. */
export async function defaultModel(folder) {
  const bytes = await download(new URL("index.json", folder).href);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)).default;
  } catch {
    throw new DlfError("DLF_MODEL_ERROR", `${folder}index.json is no JSON`);
  }
}
