// The camera: frames one after the other, as fast as they are answered.

const WANTED = { video: { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } }, audio: false };
const REASONS = {
  NotAllowedError: "The camera was not allowed",
  NotFoundError: "There is no camera here",
  NotReadableError: "Another program is using the camera",
};

export class Camera {
  #video;
  #stream = null;

  constructor(video) {
    this.#video = video;
  }

  get isOn() {
    return this.#stream !== null;
  }

  // Start it; throws an Error of one line for people.
  async start() {
    if (!navigator.mediaDevices) throw new Error("The camera needs a page from https or localhost");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The camera does not start: ${error.message}`);
    }
    this.#video.srcObject = this.#stream;
    try {
      await this.#video.play();
    } catch (error) {
      this.stop();
      throw new Error(`The camera gives no picture: ${error.message}`);
    }
  }

  frame() {
    return createImageBitmap(this.#video);
  }

  // The frame that is shown, as a file.
  still() {
    const canvas = document.createElement("canvas");
    canvas.width = this.#video.videoWidth;
    canvas.height = this.#video.videoHeight;
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    return new Promise((resolve, reject) => {
      canvas.toBlob((file) => (file ? resolve(file) : reject(new Error("The camera gave no picture"))), "image/png");
    });
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#video.srcObject = null;
  }
}
