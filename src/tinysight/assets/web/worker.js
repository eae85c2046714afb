// The network, away from the page's own thread: loads the model, reads pictures, answers with numbers.
import * as ort from "./runtime/ort.wasm.min.mjs";
import { prepare } from "./pixels.js";

const RUNTIME = "./runtime/ort-wasm-simd-threaded.wasm";
const MAX_PIXELS = 64_000_000;
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_THREADS = 4;

let about, session;

class Refused extends Error {}

// Read a file and tell how far it is; the length that a server names may be that of the compressed bytes.
async function load(name, tell) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Refused(`${name} is not there (HTTP ${answer.status})`);
  const parts = [];
  let length = 0;
  const reader = answer.body.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    parts.push(step.value);
    length += step.value.length;
    tell(step.value.length);
  }
  const whole = new Uint8Array(length);
  for (let at = 0, part = 0; part < parts.length; at += parts[part++].length) whole.set(parts[part], at);
  return whole.buffer;
}

async function open() {
  if (typeof WebAssembly !== "object" || typeof OffscreenCanvas !== "function") {
    throw new Refused("This browser is too old: it lacks WebAssembly or OffscreenCanvas");
  }
  about = JSON.parse(new TextDecoder().decode(await load("model.json", () => {})));
  postMessage({ kind: "about", about });
  const total = about.bytes + about.runtime.bytes;
  let done = 0;
  const tell = (bytes) => postMessage({ kind: "progress", done: (done += bytes), total });
  const [wasm, model] = await Promise.all([load(RUNTIME, tell), load("model.onnx", tell)]);
  const cores = Math.floor((navigator.hardwareConcurrency || 2) / 2); // waiting threads spin, the page needs room too
  const threads = self.crossOriginIsolated ? Math.min(MAX_THREADS, Math.max(1, cores)) : 1;
  Object.assign(ort.env.wasm, { wasmBinary: wasm, numThreads: threads, wasmPaths: new URL("runtime/", location).href });
  session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
  await check(); // the first run takes longer than all others as well
  postMessage({ kind: "ready", model, threads }, [model]);
}

async function run(pixels) {
  const side = about.recipe.resolution;
  const found = await session.run({ images: new ort.Tensor("uint8", pixels, [1, side, side, 3]) });
  return { logits: found.logits.data.slice(), features: found.features.data.slice() };
}

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// Ask for what is known: a probe, which every model carries, must be answered here as it was by tinysight.
async function check() {
  const side = about.recipe.resolution;
  const pixels = new Uint8Array(side * side * 3);
  if (!about.probe) return run(pixels);
  const [small, stored] = [about.probe.side, bytes(about.probe.pixels)];
  for (let at = 0; at < side * side; at++) {
    const [y, x] = [Math.floor(at / side), at % side].map((place) => Math.floor((place * small) / side));
    pixels.set(stored.subarray((y * small + x) * 3, (y * small + x) * 3 + 3), at * 3);
  }
  const wanted = new Float32Array(bytes(about.probe.output).buffer);
  const { logits } = await run(pixels);
  const signal = wanted.reduce((sum, one) => sum + one * one, 0);
  const noise = wanted.reduce((sum, one, at) => sum + (one - logits[at]) ** 2, 0);
  const decibels = 10 * Math.log10(signal / noise);
  postMessage({ kind: "checked", decibels });
  if (!(decibels >= about.probe.least_db)) throw new Refused("The network gives other answers in this browser than it should");
}

async function decode(file) {
  if (file.size > MAX_BYTES) throw new Refused("The file is too large; at most 256 MB are read");
  try {
    return await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    throw new Refused("This is not a picture that the browser can read");
  }
}

async function answer({ id, file, frame }) {
  const begun = performance.now();
  const bitmap = frame ?? (await decode(file));
  try {
    const { width, height } = bitmap;
    if (width * height > MAX_PIXELS) {
      throw new Refused(`The picture is too large: ${width} × ${height}; at most 64 million pixels are read`);
    }
    const { box, pixels } = prepare(bitmap, about.recipe);
    const prepared = performance.now();
    const { logits, features } = await run(pixels);
    const ended = performance.now();
    const times = { picture: prepared - begun, network: ended - prepared };
    postMessage({ kind: "answer", id, width, height, box, logits, features, times }, [logits.buffer, features.buffer]);
  } finally {
    bitmap.close();
  }
}

function failed(id, error) {
  if (!(error instanceof Refused)) console.error(error);
  const message = error instanceof Refused ? error.message : `The network does not run here: ${error.message}`;
  postMessage({ kind: "error", id, message: message.split("\n")[0].slice(0, 200) });
}

const opened = open();
opened.catch((error) => failed(null, error));
self.onmessage = (event) => {
  opened.then(() => answer(event.data)).catch((error) => failed(event.data.id, error));
};
