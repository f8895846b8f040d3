// The best picture that the browser's own encoders make of so many bytes.

const TYPES = { "image/avif": "AVIF", "image/webp": "WebP" };
const SCALES = [1, 2, 4, 8];
/** Trials of a quality between 0 and 1: after these another byte hardly changes anything. */
const TRIALS = 7;

function blobOf(canvas, type, quality) {
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}

/** A canvas with a picture at 1/scale of its size. */
function shrunk(source, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(source.width / scale);
  canvas.height = Math.ceil(source.height / scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// The best quality at which the file is not larger than `bytes`; null when none is.
async function fitting(canvas, type, bytes) {
  let best = await blobOf(canvas, type, 0);
  if (best === null || best.type !== type || best.size > bytes) return null;
  for (let trial = 0, low = 0, high = 1; trial < TRIALS; ++trial) {
    const quality = (low + high) / 2;
    const blob = await blobOf(canvas, type, quality);
    if (blob.size > bytes) {
      high = quality;
    } else {
      low = quality;
      best = blob;
    }
  }
  return best;
}

/** What a file shows, at the size of the original. */
async function drawn(blob, { width, height }) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const bitmap = await createImageBitmap(blob);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}

function squaredError(a, b) {
  let sum = 0;
  for (let at = 0; at < a.length; ++at) sum += (a[at] - b[at]) ** 2;
  return sum;
}

/**
 * For each format that this browser encodes: the file of at most `bytes` bytes with the least squared
 * error, over qualities and sizes. `canvas` is null where even the smallest file is larger.
 * @param {HTMLCanvasElement} original
 * @returns {Promise<{name: string, canvas: HTMLCanvasElement | null, size: number, scale: number}[]>}
 */
export async function classics(original, bytes) {
  const wanted = original.getContext("2d").getImageData(0, 0, original.width, original.height).data;
  const found = [];
  for (const [type, name] of Object.entries(TYPES)) {
    const trial = await blobOf(shrunk(original, 8), type, 0);
    if (trial?.type !== type) continue; // this browser gives a PNG instead
    let best = { name, canvas: null, size: trial.size, scale: 8, error: Infinity };
    for (const scale of SCALES) {
      const blob = await fitting(shrunk(original, scale), type, bytes);
      if (blob === null) continue;
      const canvas = await drawn(blob, original);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const error = squaredError(data, wanted);
      if (error < best.error) best = { name, canvas, size: blob.size, scale, error };
    }
    found.push(best);
  }
  return found;
}
