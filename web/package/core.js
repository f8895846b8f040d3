// libdlf in WebAssembly: bytes in, bytes out, by the functions of web/native/dlf_web.c.

import { DlfError, require } from "./errors.js";

// A function with i32x4.dot_i16x8_s, the instruction that the SIMD kernels live on.
const SIMD_PROBE = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 15, 1, 13, 0, 0x41, 0,
  0xfd, 15, 0x41, 0, 0xfd, 15, 0xfd, 0xba, 1, 11,
]);

/** Whether WebAssembly SIMD can be used here. */
export function hasSimd() {
  return WebAssembly.validate(SIMD_PROBE);
}

const NOISES = ["vivid", "faithful"];
const COLOR_SPACES = ["srgb", "display-p3"];
const LIMITS = ["maxPixels", "maxSide", "maxMemory", "maxChunkBytes", "maxFileBytes"];
const CHUNK_ICC = 2;
/** Bytes that one call may take: a page shares its memory with others. */
const MAX_MEMORY = 2 ** 30;

/** One instance of the module. After DLF_INTERNAL it must not be used any more: `isBroken`. */
export class Core {
  #exports;
  #progress = null;
  isBroken = false;

  /**
   * Compiles and starts a module.
   * @param {BufferSource} bytes of dlf.wasm or dlf-simd.wasm
   */
  static async start(bytes) {
    const core = new Core();
    const { instance } = await WebAssembly.instantiate(bytes, core.#imports());
    core.#exports = instance.exports;
    core.#exports._initialize();
    return core;
  }

  // The system that the C library asks for: no libraries, no environment, no signals.
  #imports() {
    const numbers = () => new DataView(this.#exports.memory.buffer);
    return {
      dlf: {
        progress: (done, total) => {
          this.#progress?.(done, total);
          return 0;
        },
      },
      env: {
        emscripten_notify_memory_growth: () => {},
        _dlopen_js: () => 0,
        _dlsym_js: () => 0,
        __call_sighandler: () => {},
      },
      wasi_snapshot_preview1: {
        environ_sizes_get: (count, size) => {
          numbers().setUint32(count, 0, true);
          numbers().setUint32(size, 0, true);
          return 0;
        },
        environ_get: () => 0,
        proc_exit: (code) => {
          throw new Error(`the module ended with ${code}`);
        },
      },
    };
  }

  /** Bytes of memory that the instance holds; they are only given back with the instance. */
  get memoryBytes() {
    return this.#exports.memory.buffer.byteLength;
  }

  /**
   * Opens a model package, or the decoding half of one.
   * @param {Uint8Array} bytes
   */
  open(bytes) {
    return this.#with([bytes], ([data]) => {
      const answers = this.#call("open", data, bytes.length);
      return {
        handle: answers[0],
        id: answers[1],
        ratePoints: answers[2],
        hasImportanceMaps: answers[3] !== 0,
        sha256: this.#text(answers[4]),
      };
    });
  }

  /** Gives a model back. */
  close(model) {
    this.#exports.close(model.handle);
  }

  /**
   * What the header says.
   * @param {Uint8Array} bytes
   */
  probe(bytes) {
    return this.#with([bytes], ([data]) => {
      const answers = this.#call("probe", data, bytes.length);
      const [modelId, width, height, channels, orientation, space, rate, map] = answers;
      const [displayWidth, displayHeight] = answers.slice(8);
      const sizes = { width, height, displayWidth, displayHeight };
      const colorSpace = COLOR_SPACES[space];
      const hasImportanceMap = map !== 0;
      return { modelId, ...sizes, channels, orientation, colorSpace, rate, hasImportanceMap };
    });
  }

  /**
   * Checks all of a file that needs no model.
   * @param {Uint8Array} bytes
   */
  checkContainer(bytes, { limits = {}, allowTruncated = false } = {}) {
    this.#with([bytes, this.#limits(limits)], ([data, judged]) => {
      this.#call("check_container", data, bytes.length, judged, Number(allowTruncated));
    });
  }

  /**
   * The colour profile of a file, or null.
   * @param {Uint8Array} bytes of a whole file
   */
  profile(bytes, limits = {}) {
    return this.#with([bytes, this.#limits(limits)], ([data, judged]) => {
      const [address, size] = this.#call("chunk", data, bytes.length, judged, CHUNK_ICC);
      return address === 0 ? null : this.#bytes(address, size).slice();
    });
  }

  /**
   * Decodes a file to samples, which lie in the module's memory until the next call.
   * @param {{handle: number}} model
   * @param {Uint8Array} bytes
   */
  decode(model, bytes, options = {}, progress = null) {
    const { downscale = 1, noise = "vivid", semanticOnly = false, allowTruncated = false } = options;
    require(NOISES.includes(noise), `noise is ${NOISES.join(" or ")}`);
    require([1, 2, 4, 8].includes(downscale), "downscale is 1, 2, 4 or 8");
    const { x = 0, y = 0, width = 0, height = 0 } = options.region ?? {};
    if (options.region) {
      const whole = [x, y, width, height].every((value) => Number.isInteger(value) && value >= 0);
      require(whole && width > 0 && height > 0, "a region is whole pixels of the picture");
    }
    const numbers = Uint32Array.of(
      ...[downscale, NOISES.indexOf(noise), Number(semanticOnly), Number(allowTruncated)],
      ...[x, y, width, height],
    );
    const inputs = [bytes, numbers, this.#limits(options.limits)];
    return this.#with(inputs, ([data, asked, judged]) => {
      this.#progress = progress;
      const answers = this.#call("decode", model.handle, data, bytes.length, asked, judged);
      return {
        width: answers[0],
        height: answers[1],
        channels: answers[2],
        complete: answers[3] !== 0,
        samples: this.#bytes(answers[4], answers[5]),
      };
    });
  }

  /**
   * Encodes samples.
   * @param {{handle: number, ratePoints: number}} model
   * @param {{samples: Uint8Array, width: number, height: number, channels: number}} picture
   * @returns {Uint8Array} a file
   */
  encode(model, picture, options = {}, progress = null) {
    const { width, height, channels, samples } = picture;
    const { orientation = 1, colorSpace = "srgb", importance = null } = options;
    const { rate, maxBytes } = target(picture, model, options);
    require(COLOR_SPACES.includes(colorSpace), `colorSpace is ${COLOR_SPACES.join(" or ")}`);
    require(orientation >= 1 && orientation <= 8, "orientation is 1 to 8");
    const grid = importance === "auto" ? null : importance;
    checkGrid(grid);
    const numbers = Uint32Array.of(
      ...[width, height, channels, rate, maxBytes, orientation, COLOR_SPACES.indexOf(colorSpace)],
      ...[Number(importance === "auto"), grid?.width ?? 0, grid?.height ?? 0],
    );
    const inputs = [samples, numbers, this.#limits(options.limits), grid?.data ?? null];
    return this.#with(inputs, ([data, asked, judged, levels]) => {
      this.#progress = progress;
      const answers = this.#call("encode", model.handle, data, asked, levels, judged);
      return this.#bytes(answers[0], answers[1]).slice();
    });
  }

  #limits(limits = {}) {
    const unknown = Object.keys(limits).find((name) => !LIMITS.includes(name));
    require(unknown === undefined, `no such limit: ${unknown}`);
    const all = { maxMemory: MAX_MEMORY, ...limits };
    const values = LIMITS.map((name) => all[name] ?? 0);
    require(values.every((value) => value >= 0), "a limit is not negative");
    return Float64Array.from(values);
  }

  // Runs a function; its status becomes an error, its answers are returned.
  #call(name, ...parameters) {
    let status;
    try {
      status = this.#exports[name](...parameters);
    } catch (error) {
      this.isBroken = true;
      throw new DlfError("DLF_INTERNAL", `${name}: ${error}`);
    }
    if (status !== 0) {
      const statusName = this.#text(this.#exports.status_name(status));
      throw new DlfError(statusName, this.#text(this.#exports.message()) || name);
    }
    return new Uint32Array(this.#exports.memory.buffer, this.#exports.answers(), 16);
  }

  // Copies arrays into the module's memory for the time of `action`, which gets their addresses.
  #with(arrays, action) {
    const addresses = [];
    try {
      for (const array of arrays) {
        addresses.push(array === null ? 0 : this.#put(array));
      }
      return action(addresses);
    } finally {
      this.#progress = null;
      if (!this.isBroken) {
        for (const address of addresses) this.#exports.release(address);
      }
    }
  }

  #put(array) {
    // An empty array has an address too: NULL means something else.
    const address = this.#exports.allocate(Math.max(array.byteLength, 1)) >>> 0;
    if (address === 0) throw new DlfError("DLF_OUT_OF_MEMORY", `${array.byteLength} bytes`);
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    this.#bytes(address, bytes.length).set(bytes);
    return address;
  }

  #bytes(address, size) {
    return new Uint8Array(this.#exports.memory.buffer, address, size);
  }

  #text(address) {
    if (address === 0) return "";
    const memory = new Uint8Array(this.#exports.memory.buffer);
    return new TextDecoder().decode(memory.slice(address, memory.indexOf(0, address)));
  }
}

/** Picture quality when nothing is asked for, as in Python and on the command line. */
const DEFAULT_QUALITY = 50;

// One of quality, bpp, maxBytes and rate as what dlf.h takes.
function target({ width, height }, model, { quality, bpp, maxBytes, rate }) {
  const given = Object.entries({ quality, bpp, maxBytes, rate }).filter((entry) => entry[1] != null);
  require(given.length <= 1, `give one of ${given.map(([name]) => name).join(" and ")}`);
  for (const [name, value] of given) {
    require(Number.isFinite(value) && value >= 0, `${name} is a number that is not negative`);
  }
  if (rate != null) {
    require(Number.isInteger(rate) && rate < model.ratePoints, `rate is below ${model.ratePoints}`);
    return { rate, maxBytes: 0 };
  }
  const bytes = maxBytes ?? (bpp == null ? null : (bpp * width * height) / 8);
  if (bytes !== null) {
    return { rate: 0, maxBytes: Math.min(Math.max(Math.floor(bytes), 1), 2 ** 32 - 1) };
  }
  const wanted = quality ?? DEFAULT_QUALITY;
  require(wanted <= 100, "quality is 0 to 100");
  return { rate: Math.floor((wanted * (model.ratePoints - 1)) / 100 + 0.5), maxBytes: 0 };
}

function checkGrid(grid) {
  if (grid === null) return;
  const { data, width, height } = grid;
  require(data instanceof Int8Array, "the data of importance is an Int8Array");
  require(width > 0 && height > 0 && data.length === width * height, "importance has another size");
}
