// Between the samples of a file and those of an ImageData.

/**
 * Samples as R G B A, turned as an EXIF orientation says.
 * @param {{width: number, height: number, channels: number, samples: Uint8Array}} picture
 * @param {number} orientation 1 to 8; 1 leaves the picture as it is
 */
export function toRgba({ width, height, channels, samples }, orientation = 1) {
  const data = new Uint8ClampedArray(4 * width * height);
  const isGray = channels < 3;
  const hasAlpha = channels % 2 === 0;
  const { start, right, down, columns, rows } = walk(width, height, orientation);
  let to = 0;
  for (let y = 0; y < rows; ++y) {
    let from = (start + y * down) * channels;
    for (let x = 0; x < columns; ++x, to += 4, from += right * channels) {
      data[to] = samples[from];
      data[to + 1] = samples[isGray ? from : from + 1];
      data[to + 2] = samples[isGray ? from : from + 2];
      data[to + 3] = hasAlpha ? samples[from + channels - 1] : 255;
    }
  }
  return { width: columns, height: rows, data };
}

// How to go through the pixels of a picture so that they come in the order in which they are seen.
// It gives the first one, and how far it is to the next one on the right and below.
function walk(width, height, orientation) {
  const isMirrored = [2, 3, 6, 7].includes(orientation); // seen from the stored right or bottom
  const isFlipped = [3, 4, 7, 8].includes(orientation);
  if (orientation < 5) {
    const start = (isFlipped ? (height - 1) * width : 0) + (isMirrored ? width - 1 : 0);
    const right = isMirrored ? -1 : 1;
    return { start, right, down: isFlipped ? -width : width, columns: width, rows: height };
  }
  const start = (isMirrored ? (height - 1) * width : 0) + (isFlipped ? width - 1 : 0);
  const right = isMirrored ? -width : width;
  return { start, right, down: isFlipped ? -1 : 1, columns: height, rows: width };
}

/**
 * The samples of an ImageData: R G B where it is opaque, otherwise R G B A.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} image
 */
export function fromRgba({ width, height, data }) {
  if (!isOpaque(data)) {
    const samples = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { width, height, channels: 4, samples };
  }
  const samples = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    samples[to] = data[from];
    samples[to + 1] = data[from + 1];
    samples[to + 2] = data[from + 2];
  }
  return { width, height, channels: 3, samples };
}

/** Whether every pixel of R G B A has the alpha 255. */
export function isOpaque(data) {
  for (let at = 3; at < data.length; at += 4) {
    if (data[at] !== 255) return false;
  }
  return true;
}
