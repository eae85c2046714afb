// From a picture of any size to the square that the network sees, to the bit as tinysight.preprocess.prepare does it.

const WEIGHT_BITS = 22; // weights are whole numbers in parts of 2^22, and each pass is rounded to 8 bits
const HALF = 2 ** (WEIGHT_BITS - 1);
const STRIP_ROWS = 256; // read at a time, so that a large picture is never in memory twice

// Each filter: how far it reaches, in pixels of the larger grid, and the share of a pixel at a distance.
const FILTERS = {
  bilinear: { reach: 1, share: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { reach: 2, share: cubic },
};

function cubic(x) {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

// Halves go to the even neighbour, as in Python.
function roundHalfEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

// The part of a picture that the network sees, in pixels.
export function cropBox(width, height, recipe) {
  if (recipe.crop === "squash") return { left: 0, top: 0, width, height };
  const side = Math.max(1, roundHalfEven(Math.min(width, height) * recipe.crop_fraction));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
}

// Which inputs an output along one axis is made of: the first of them, and their weights.
function taps(inputs, outputs, filter) {
  const scale = inputs / outputs;
  const wide = Math.max(scale, 1);
  const reach = filter.reach * wide;
  const found = [];
  for (let at = 0; at < outputs; at++) {
    const centre = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const last = Math.min(inputs, Math.trunc(centre + reach + 0.5));
    const shares = new Float64Array(last - first);
    let sum = 0;
    for (let i = 0; i < shares.length; i++) {
      shares[i] = filter.share((i + first - centre + 0.5) * (1 / wide));
      sum += shares[i];
    }
    const whole = shares.map((share) => {
      const exact = (share / sum) * 2 ** WEIGHT_BITS;
      return Math.trunc(exact < 0 ? exact - 0.5 : exact + 0.5);
    });
    found.push({ first, weights: Int32Array.from(whole) });
  }
  return found;
}

const level = (sum) => Math.min(255, Math.max(0, sum >> WEIGHT_BITS));

// Resize one row of RGBA to `columns.length` pixels of RGB.
function across(row, start, columns, out, to) {
  for (const { first, weights } of columns) {
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    for (let t = 0, at = start + first * 4; t < weights.length; t++, at += 4) {
      red += row[at] * weights[t];
      green += row[at + 1] * weights[t];
      blue += row[at + 2] * weights[t];
    }
    out[to++] = level(red);
    out[to++] = level(green);
    out[to++] = level(blue);
  }
}

function down(rows, side, filter, height) {
  const bytes = side * 3;
  const out = new Uint8Array(side * bytes);
  taps(height, side, filter).forEach(({ first, weights }, y) => {
    for (let x = 0; x < bytes; x++) {
      let sum = HALF;
      for (let t = 0, at = first * bytes + x; t < weights.length; t++, at += bytes) sum += rows[at] * weights[t];
      out[y * bytes + x] = level(sum);
    }
  });
  return out;
}

// The one pixel under each output's middle; the sum is kept as Pillow keeps it, with its rounding errors.
function picked(inputs, outputs) {
  const step = inputs / outputs;
  const found = new Int32Array(outputs);
  for (let at = 0, place = step * 0.5; at < outputs; at++, place += step) found[at] = Math.trunc(place);
  return found;
}

function nearest(readRows, width, height, side) {
  const out = new Uint8Array(side * side * 3);
  const columns = picked(width, side);
  picked(height, side).forEach((y, row) => {
    const line = readRows(y, 1);
    columns.forEach((x, column) => out.set(line.subarray(x * 4, x * 4 + 3), (row * side + column) * 3));
  });
  return out;
}

// readRows(first, count) gives RGBA of the box's rows; the answer is RGB, uint8, (side, side, 3).
export function resize(readRows, width, height, side, resample) {
  if (resample === "nearest") return nearest(readRows, width, height, side);
  const filter = FILTERS[resample];
  const columns = taps(width, side, filter);
  const narrow = new Uint8Array(height * side * 3);
  for (let top = 0; top < height; top += STRIP_ROWS) {
    const count = Math.min(STRIP_ROWS, height - top);
    const strip = readRows(top, count);
    for (let y = 0; y < count; y++) across(strip, y * width * 4, columns, narrow, (top + y) * side * 3);
  }
  return down(narrow, side, filter, height);
}

// Crop and resize a decoded picture; what is transparent shows white.
export function prepare(bitmap, recipe) {
  const box = cropBox(bitmap.width, bitmap.height, recipe);
  const rows = recipe.resample === "nearest" ? 1 : Math.min(STRIP_ROWS, box.height);
  const canvas = new OffscreenCanvas(box.width, rows);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff";
  pen.imageSmoothingEnabled = false;
  const readRows = (first, count) => {
    pen.fillRect(0, 0, box.width, rows);
    pen.drawImage(bitmap, box.left, box.top + first, box.width, count, 0, 0, box.width, count);
    return pen.getImageData(0, 0, box.width, count).data;
  };
  return { box, pixels: resize(readRows, box.width, box.height, recipe.resolution, recipe.resample) };
}
