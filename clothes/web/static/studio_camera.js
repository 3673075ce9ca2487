// Takes bursts of photos by webcam. The frames of one burst are one garment.
const FRAME_SECONDS = 0.2;
const MOST_FRAMES = 60; // of one burst
const shooting = find(".shooting");
const shutter = find(".shoot");

const startCamera = async (video, wanted) => {
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
    stopCamera(video); // it may have been asked for twice
    video.srcObject = stream;
    if (video.closest("section").hidden) { // its station was left while the browser asked
      stopCamera(video);
      return false;
    }
    await video.play();
    return true;
  } catch (error) {
    say(`${WORDS.camera[error.name] ?? WORDS.camera.other} ${WORDS.camera.safe}`, true);
    return false;
  }
};
const stopCamera = (video) => {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
};
// A frame of at most so many pixels a side.
const frame = (video, pixels, quality) => new Promise((done) => {
  const scale = Math.min(1, pixels / Math.max(video.videoWidth, video.videoHeight));
  const canvas = make("canvas", { width: video.videoWidth * scale, height: video.videoHeight * scale });
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  canvas.toBlob(done, "image/jpeg", quality);
});

find(".camera-open").onclick = async () => {
  if (!await startCamera(find("video", shooting), { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } })) return;
  shooting.hidden = false;
  find("input", shooting).value = current ?? "";
  find("input", shooting).focus();
};
const closeCamera = () => {
  stopCamera(find("video", shooting));
  shooting.hidden = true;
};
find(".close", shooting).onclick = () => {
  closeCamera();
  find(".camera-open").focus();
};

let isHeld = false;
let usesCamera = false; // then a new recogniser answers live as soon as it is trained
const shoot = async () => {
  const label = find("input", shooting).value.trim();
  if (isHeld) return;
  if (!label) {
    say(WORDS.camera.name, true);
    return find("input", shooting).focus();
  }
  isHeld = true;
  const frames = [];
  const burst = String(Date.now());
  while (isHeld && frames.length < MOST_FRAMES) {
    const blob = await frame(find("video", shooting), 1280, 0.92);
    frames.push({ file: blob, name: `${burst}-${frames.length}.jpg`, label, burst });
    say(WORDS.camera.taken(frames.length));
    await new Promise((done) => setTimeout(done, FRAME_SECONDS * 1000));
  }
  isHeld = false;
  usesCamera = true;
  send(frames);
};
const release = () => isHeld = false;
shutter.onpointerdown = shoot;
shutter.onkeydown = (event) => {
  if (![" ", "Enter"].includes(event.key)) return;
  event.preventDefault();
  if (!event.repeat) shoot();
};
shutter.onkeyup = release;
for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, release);
