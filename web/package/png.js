// R G B A to PNG, stored and not compressed: it lives in memory until it is shown, and takes no time.

import { isOpaque } from "./pixels.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10];
/** Most bytes of a stored block of deflate. */
const MOST_STORED = 65535;
/** Code points of H.273: P3 primaries with D65, the transfer of sRGB, RGB, full range. */
const CICP_DISPLAY_P3 = [12, 13, 0, 1];

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; ++bit) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; ++at) {
    crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[at]) & 0xff];
  }
  return ~crc >>> 0;
}

function adler32(bytes) {
  let low = 1;
  let high = 0;
  for (let at = 0; at < bytes.length; ) {
    // So many bytes cannot overflow 32 bits.
    const end = Math.min(at + 3800, bytes.length);
    for (; at < end; ++at) {
      low += bytes[at];
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return ((high << 16) | low) >>> 0;
}

function big32(value) {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** A zlib stream of stored blocks. */
function zlib(bytes) {
  const blocks = Math.max(Math.ceil(bytes.length / MOST_STORED), 1);
  const out = new Uint8Array(2 + 5 * blocks + bytes.length + 4);
  out.set([0x78, 1]);
  let to = 2;
  for (let block = 0; block < blocks; ++block) {
    const part = bytes.subarray(block * MOST_STORED, (block + 1) * MOST_STORED);
    const isLast = Number(block + 1 === blocks);
    const { length } = part;
    out.set([isLast, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255], to);
    out.set(part, to + 5);
    to += 5 + length;
  }
  out.set(big32(adler32(bytes)), to);
  return out;
}

function chunk(name, content) {
  const out = new Uint8Array(12 + content.length);
  out.set(big32(content.length));
  out.set(new TextEncoder().encode(name), 4);
  out.set(content, 8);
  out.set(big32(crc32(out.subarray(4, 8 + content.length))), 8 + content.length);
  return out;
}

// Rows of samples, each after the number of its filter, which is 0: none.
function filtered({ width, height, data }, channels) {
  const out = new Uint8Array(height * (1 + channels * width));
  let to = 0;
  let from = 0;
  for (let y = 0; y < height; ++y) {
    ++to;
    for (let x = 0; x < width; ++x, from += 4) {
      for (let channel = 0; channel < channels; ++channel) out[to++] = data[from + channel];
    }
  }
  return out;
}

// What the samples mean: the file's own profile, or its colour space.
function colorSpaceChunk(profile, colorSpace) {
  if (profile !== null) {
    const name = [...new TextEncoder().encode("ICC"), 0, 0];
    const stream = zlib(profile);
    const content = new Uint8Array(name.length + stream.length);
    content.set(name);
    content.set(stream, name.length);
    return chunk("iCCP", content);
  }
  if (colorSpace === "display-p3") return chunk("cICP", CICP_DISPLAY_P3);
  return chunk("sRGB", [0]);
}

/**
 * A PNG of a picture.
 * @param {{width: number, height: number, data: Uint8ClampedArray, colorSpace: string}} image
 * @param {Uint8Array | null} profile ICC, of RGB
 * @returns {Uint8Array}
 */
export function toPng(image, profile) {
  const channels = isOpaque(image.data) ? 3 : 4;
  const kind = channels === 3 ? 2 : 6;
  const head = [...big32(image.width), ...big32(image.height), 8, kind, 0, 0, 0];
  const parts = [
    SIGNATURE,
    chunk("IHDR", head),
    colorSpaceChunk(profile, image.colorSpace),
    chunk("IDAT", zlib(filtered(image, channels))),
    chunk("IEND", []),
  ];
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}
