// Where the network looked: the class activation map, and how it is drawn. The arithmetic of tinysight.explain.

const COLOURS = [[38, 12, 92], [130, 24, 122], [214, 58, 84], [248, 136, 44], [252, 240, 144]];
const STRONGEST_OPACITY = 0.7;
const CLEAR_UNTIL = 0.1; // share of the strongest evidence below which the picture stays as it is
const OPAQUE_FROM = 0.8;
const SMOOTHING_CELLS = 0.5; // standard deviation of the Gaussian between cells
const SMALLEST_EVIDENCE = 1e-6; // logits
const SIDE = 224; // of the drawing, in pixels; it is stretched over the picture

// A float16 as its 16 bits.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// Cut the head's kernel out of the model's file: what one class's row multiplies the features with.
export function readHead(about, file) {
  const { type, offset, scale, factor } = about.head;
  const classes = about.labels.length;
  const channels = about.features[2];
  const Kind = { float32: Float32Array, float16: Uint16Array, int8: Int8Array }[type];
  const kernel = new Kind(file.slice(offset, offset + classes * channels * Kind.BYTES_PER_ELEMENT));
  const worth = type === "int8" ? new Float32Array(file.slice(scale, scale + classes * 4)) : null;
  return { type, kernel, worth, factor, channels };
}

function row(head, index) {
  const found = head.kernel.subarray(index * head.channels, (index + 1) * head.channels);
  return head.type === "float16" ? Float32Array.from(found, half) : found;
}

// What each feature cell adds to one class's logit; the mean of the cells plus the bias is the logit.
export function activationMap(features, head, index) {
  const weights = row(head, index);
  const worth = head.worth ? head.worth[index] * head.factor : 1;
  const cells = new Float32Array(features.length / head.channels);
  for (let cell = 0; cell < cells.length; cell++) {
    let sum = 0;
    for (let c = 0, at = cell * head.channels; c < head.channels; c++, at++) sum += features[at] * weights[c];
    cells[cell] = sum * worth;
  }
  return cells;
}

function closeness(count) {
  const rows = [];
  for (let at = 0; at < SIDE; at++) {
    const near = Array.from({ length: count }, (_, cell) => {
      const distance = ((at + 0.5) * count) / SIDE - (cell + 0.5);
      return Math.exp(-0.5 * (distance / SMOOTHING_CELLS) ** 2);
    });
    const sum = near.reduce((a, b) => a + b);
    rows.push(near.map((one) => one / sum));
  }
  return rows;
}

// Spread cells smoothly over SIDE x SIDE pixels.
export function spread(cells, height, width) {
  const rows = closeness(height);
  const columns = closeness(width);
  const out = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    const line = new Float64Array(width);
    for (let j = 0; j < width; j++) for (let i = 0; i < height; i++) line[j] += rows[y][i] * cells[i * width + j];
    for (let x = 0; x < SIDE; x++) for (let j = 0; j < width; j++) out[y * SIDE + x] += columns[x][j] * line[j];
  }
  return out;
}

function colour(share) {
  const place = Math.min(share, 1) * (COLOURS.length - 1);
  const below = Math.min(Math.floor(place), COLOURS.length - 2);
  const part = place - below;
  return COLOURS[below].map((low, at) => low + (COLOURS[below + 1][at] - low) * part);
}

// Draw the evidence; `full` is the strongest cell of the likeliest class, so that an unlikely one looks unlikely.
export function paint(canvas, cells, shape, full) {
  canvas.width = canvas.height = SIDE;
  const evidence = spread(cells.map((cell) => Math.max(cell, 0)), shape[0], shape[1]);
  const most = evidence.reduce((a, b) => Math.max(a, b), Math.max(full, SMALLEST_EVIDENCE));
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(SIDE, SIDE);
  evidence.forEach((value, at) => {
    const share = value / most;
    const opacity = Math.min(1, Math.max(0, (share - CLEAR_UNTIL) / (OPAQUE_FROM - CLEAR_UNTIL))) * STRONGEST_OPACITY;
    image.data.set([...colour(share), opacity * 255], at * 4);
  });
  pen.putImageData(image, 0, 0);
}
