// dlf-codec: .dlf pictures in a browser. index.d.ts documents everything here.

import { ask } from "./client.js";
import { require } from "./errors.js";

export { DlfError } from "./errors.js";

let folder = new URL("./models/", import.meta.url).href;

export function configure({ models }) {
  const address = new URL(models, globalThis.document?.baseURI ?? import.meta.url).href;
  folder = address.endsWith("/") ? address : `${address}/`;
}

/** The bytes of a file, whatever they are given as. */
async function bytesOf(file) {
  if (file instanceof Uint8Array) return file;
  if (file instanceof ArrayBuffer) return new Uint8Array(file);
  if (ArrayBuffer.isView(file)) {
    return new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  }
  require(file instanceof Blob, "a file is bytes or a Blob");
  return new Uint8Array(await file.arrayBuffer());
}

export async function probe(file) {
  return ask("probe", await bytesOf(file), {}, folder);
}

export async function decode(file, options = {}) {
  const { data, width, height, colorSpace } = await ask(
    "decode",
    await bytesOf(file),
    options,
    folder,
  );
  return new ImageData(data, width, height, { colorSpace });
}

export async function decodeToPng(file, options = {}) {
  const bytes = await ask("png", await bytesOf(file), options, folder);
  return new Blob([bytes], { type: "image/png" });
}

export async function encode(image, options = {}) {
  require(image?.data instanceof Uint8ClampedArray, "a picture to encode is an ImageData");
  const { data, width, height, colorSpace } = image;
  require(data.length === 4 * width * height, "the data of the picture has another size");
  return ask("encode", { data, width, height, colorSpace }, options, folder);
}
