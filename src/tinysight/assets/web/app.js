// The page: takes pictures from the user, asks the network, shows names and heat map. Text is set as text, never as HTML.
import { count, percent, size, topK, verdict } from "./answers.js";
import { Camera } from "./camera.js";
import { activationMap, paint, readHead } from "./heat.js";
import { Names } from "./names.js";
import { Network } from "./network.js";

const SHOWN = 5;
const RATE_MEMORY = 0.8; // how much of the frame rate's past counts

const at = (id) => document.getElementById(id);
const camera = new Camera(at("video"));
const list = new Names(at("names"), (index) => choose((picked = index)));
let about, head, address;
let picked = null; // the name that the user pressed while the camera runs
let asked = 0; // counts pictures, so that a late answer to an earlier one is not shown
export const shown = {}; // the answer on the page: logits, features, names, chosen, cells

const network = new Network((message) => {
  if (message.kind === "about") describe((about = message.about));
  if (message.kind === "progress") progress(message.done, message.total);
  if (message.kind === "checked") document.body.dataset.decibels = message.decibels.toFixed(1);
  if (message.kind === "ready") ready(message);
  if (message.kind === "error") {
    at("loading").hidden = true;
    problem(message.message);
  }
});

function problem(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

function progress(done, total) {
  at("progress").value = done / total;
  at("loading-text").textContent = `Loading the model: ${size(Math.min(done, total))} of ${size(total)}`;
}

function ready({ model, threads }) {
  head = readHead(about, model);
  document.body.dataset.ready = "yes";
  document.body.dataset.threads = threads;
  at("loading").hidden = true;
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {}); // only for offline use
}

function describe({ name, labels, params, bytes, precision, recipe, licence, source, runtime }) {
  document.title = `${name}: what does this picture show?`;
  const facts = {
    Model: name,
    Names: labels.length.toLocaleString("en"),
    Parameters: count(params),
    Size: `${size(bytes)}, ${precision}`,
    "It sees": `${recipe.resolution} × ${recipe.resolution} pixels`,
    "Runs in": runtime.name,
  };
  at("facts").replaceChildren(...Object.entries(facts).map(([what, value]) => fact(what, value)));
  at("licence").textContent = `Licence of the weights: ${licence || "not stated"}. Source: ${source || "not stated"}.`;
  list.make(Math.min(SHOWN, labels.length));
}

function fact(what, value) {
  const pair = document.createElement("div");
  pair.append(element("dt", what), element("dd", value));
  return pair;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

// Draw what speaks for one class.
function choose(index) {
  shown.chosen = index;
  list.press(index);
  shown.cells = activationMap(shown.features, head, index);
  const best = activationMap(shown.features, head, shown.names[0].index);
  paint(at("heat"), shown.cells, about.features, best.reduce((a, b) => Math.max(a, b)));
  at("legend-name").textContent = about.labels[index];
  showHeat();
}

function showHeat() {
  const on = at("show").checked && Boolean(shown.names);
  at("heat").hidden = at("scale").hidden = !on;
  at("legend").hidden = !shown.names;
  at("frame").classList.toggle("paled", on);
}

function place({ width, height, box }) {
  const frame = at("frame").style;
  frame.setProperty("--ratio", width / height);
  const parts = { left: box.left / width, top: box.top / height, width: box.width / width, height: box.height / height };
  for (const [name, share] of Object.entries(parts)) frame.setProperty(`--${name}`, `${100 * share}%`);
}

function show(answer, live) {
  const names = topK(answer.logits, about.labels, SHOWN);
  Object.assign(shown, { logits: answer.logits, features: answer.features, names });
  place(answer);
  at("headline").textContent = names[0].label;
  const { picture, network: run } = answer.times;
  at("verdict").textContent = verdict(names[0].probability);
  at("times").textContent = `Picture read in ${picture.toFixed(0)} ms, network ${run.toFixed(0)} ms.`;
  list.fill(names);
  if (!live) at("spoken").textContent = names.map((one) => `${one.label}, ${percent(one.probability)}`).join("; ");
  const kept = live && names.some((one) => one.index === picked);
  choose(kept ? picked : names[0].index);
  document.body.dataset.answered = asked;
}

function clear() {
  for (const key of Object.keys(shown)) delete shown[key];
  picked = null;
  showHeat();
  at("verdict").textContent = "";
  list.empty();
}

async function open(file) {
  if (camera.isOn) stopCamera();
  const number = ++asked;
  problem("");
  clear();
  at("headline").textContent = "Looking …";
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  at("picture").src = address;
  at("picture").alt = file.name || "Your picture";
  reveal("picture");
  try {
    const answer = await network.ask({ file });
    if (number === asked) show(answer, false);
  } catch (error) {
    if (number !== asked) return;
    at("frame").hidden = true;
    at("drop").hidden = false;
    at("headline").textContent = "No answer";
    problem(error.message);
  }
}

function reveal(which) {
  at("drop").hidden = true;
  at("frame").hidden = false;
  at("picture").hidden = which !== "picture";
  at("video").hidden = at("rate").hidden = which !== "video";
}

function stopCamera() {
  camera.stop();
  at("camera").textContent = "Camera";
  at("video").hidden = at("rate").hidden = true;
}

async function startCamera() {
  problem("");
  at("camera").disabled = true;
  try {
    await camera.start();
  } catch (error) {
    problem(error.message);
    return;
  } finally {
    at("camera").disabled = false;
  }
  clear();
  at("camera").textContent = "Stop";
  place({ width: at("video").videoWidth, height: at("video").videoHeight, box: { left: 0, top: 0, width: 0, height: 0 } });
  reveal("video");
  await watch(++asked);
}

// Ask about frame after frame until the camera is stopped or a picture is opened.
async function watch(number) {
  let before = performance.now();
  let rate = 0;
  while (camera.isOn && number === asked) {
    try {
      const answer = await network.ask({ frame: await camera.frame() });
      if (!camera.isOn || number !== asked) return;
      show(answer, true);
    } catch (error) {
      stopCamera();
      problem(error.message);
      return;
    }
    const now = performance.now();
    rate = rate ? RATE_MEMORY * rate + ((1 - RATE_MEMORY) * 1000) / (now - before) : 1000 / (now - before);
    before = now;
    at("rate").textContent = `${rate.toFixed(1)} pictures/s`;
    await new Promise(requestAnimationFrame);
  }
}

async function toggleCamera() {
  if (!camera.isOn) return startCamera();
  try {
    return await open(await camera.still()); // stops it; its last frame stays and is explained
  } catch (error) {
    stopCamera();
    return problem(error.message);
  }
}

function take(files, what) {
  const file = [...(files ?? [])].find((one) => one.type === "" || one.type.startsWith("image/"));
  if (file) open(file);
  else problem(`${what} holds no picture`);
}

at("stuck").remove();
at("choose").addEventListener("click", () => at("file").click());
at("drop").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", (event) => {
  take(event.target.files, "The choice");
  event.target.value = ""; // so that the same file can be chosen again
});
at("camera").addEventListener("click", toggleCamera);
at("show").addEventListener("change", showHeat);
document.addEventListener("paste", (event) => take(event.clipboardData?.files, "The clipboard"));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer?.files, "What was dropped");
});
