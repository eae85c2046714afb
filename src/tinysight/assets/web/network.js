// The page's side of worker.js: ask for a picture, get the answer as a promise.

export class Network {
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #last = 0;
  #failure = null; // why the worker does not run

  // `tell` gets the worker's messages about loading: about, progress, ready, and an error without id.
  constructor(tell) {
    this.#worker.onmessage = ({ data }) => {
      const asked = this.#waiting.get(data.id);
      if (!asked) return tell(data);
      this.#waiting.delete(data.id);
      return data.kind === "answer" ? asked.resolve(data) : asked.reject(new Error(data.message));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#failure = new Error("The network does not run here: this browser is too old, or a file is missing");
      for (const { reject } of this.#waiting.values()) reject(this.#failure);
      this.#waiting.clear();
      tell({ kind: "error", message: this.#failure.message });
    };
  }

  // Takes a file, or a frame of the camera, which is given away.
  ask({ file, frame }) {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, file, frame }, frame ? [frame] : []);
    });
  }
}
