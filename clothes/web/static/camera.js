// The script of the camera page. Gradio gives `element`, the HTML of camera.html; `server`, the functions of
// camera_page.py; and `props.max_megabytes`.
const find = (selector) => element.querySelector(selector);
const name = find(".name input");
const classes = find(".classes");
const view = find(".view");
const video = find("video");
const why = find(".why");
const take = find(".take");
const picker = find(".files");
const files = find(".files input");
const undo = find(".undo");
const status = find(".status");
const strip = find(".taken");

const MAX_THUMBNAILS = 12;
const NO_ANSWER = "The server does not answer. Is `clothes collect camera` still running?";
// Browsers give a live camera only to https pages and to pages of their own machine.
const NO_CAMERA = {
  SecurityError: "Browsers allow a live camera only over https or on this machine. Choose photos instead.",
  NotAllowedError: "The browser blocks the camera for this page. Allow it beside the page's address, then reload the page.",
  NotFoundError: "No camera is connected. Connect one and reload the page.",
  other: "The camera cannot be used; perhaps another program has it. Reload the page to try again.",
};

const isTouch = matchMedia("(pointer: coarse)").matches;
const taken = []; // this page's photos in order: the key for undo, and the thumbnail
let waiting = 0; // photos on their way to the server
let line = Promise.resolve(); // requests go one after another

const say = (text, isProblem = false) => {
  status.textContent = text;
  status.classList.toggle("problem", isProblem);
};

const focusShutter = () => (take.hidden ? files : take).focus();

const markClass = () => {
  const label = name.value.trim().toLowerCase();
  for (const chip of classes.children) chip.ariaPressed = chip.dataset.name.toLowerCase() === label;
};

const makeChip = ([label, count]) => {
  const chip = document.createElement("button");
  const number = document.createElement("b");
  chip.type = "button";
  chip.dataset.name = label;
  number.textContent = count;
  chip.append(label, " ", number);
  chip.onclick = () => {
    name.value = label;
    markClass();
    focusShutter();
  };
  return chip;
};

const show = (answer, failed = "") => {
  undo.disabled = !taken.length;
  if (!answer) return say(`${failed}${NO_ANSWER}`, true);
  classes.replaceChildren(...Object.entries(answer.counts).map(makeChip));
  markClass();
  say(answer.problem ?? answer.message ?? "", "problem" in answer);
};

const addThumbnail = (blob, label) => {
  const picture = new Image();
  picture.src = URL.createObjectURL(blob);
  picture.alt = label;
  picture.className = "waiting";
  strip.prepend(picture);
  return picture;
};

const removeThumbnail = (picture) => {
  URL.revokeObjectURL(picture.src);
  picture.remove();
};

const toDataUrl = (blob) => new Promise((done) => {
  const reader = new FileReader();
  reader.onloadend = () => done(reader.result);
  reader.readAsDataURL(blob);
});

const send = (blob) => {
  const label = name.value.trim();
  if (!label) {
    say("Name the class first.", true);
    return name.focus();
  }
  if (blob.size > props.max_megabytes * 1e6) {
    return say(`Not stored: it has more than ${props.max_megabytes} MB.`, true);
  }
  const picture = addThumbnail(blob, label);
  waiting += 1;
  line = line.then(async () => {
    const answer = await server.keep([label, await toDataUrl(blob)]);
    waiting -= 1;
    picture.classList.remove("waiting");
    if (answer?.key) taken.push({ key: answer.key, picture });
    else removeThumbnail(picture);
    while (strip.children.length > MAX_THUMBNAILS) strip.lastChild.remove();
    show(answer, "Not stored. ");
  });
};

take.onclick = () => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob(send, "image/jpeg", 0.95);
  view.classList.remove("flash");
  requestAnimationFrame(() => view.classList.add("flash"));
};

files.onchange = () => {
  [...files.files].forEach(send);
  files.value = "";
};

undo.onclick = () => {
  line = line.then(async () => {
    const last = taken.pop();
    if (!last) return;
    const answer = await server.undo(last.key);
    if (answer) removeThumbnail(last.picture);
    else taken.push(last);
    show(answer, "Not removed. ");
  });
};

name.oninput = markClass;
name.onkeydown = (event) => {
  if (event.key === "Enter") focusShutter();
};
addEventListener("beforeunload", (event) => waiting && event.preventDefault());

const startCamera = async () => {
  const wanted = { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } };
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    await video.play();
    view.hidden = take.hidden = false;
  } catch (error) {
    const phoneHasItsOwn = isTouch && error.name === "SecurityError";
    why.textContent = phoneHasItsOwn ? "" : NO_CAMERA[error.name] ?? NO_CAMERA.other;
    why.hidden = phoneHasItsOwn;
  }
  (take.hidden ? picker : take).classList.add("main");
  picker.firstElementChild.textContent = !isTouch ? "Choose photos" : take.hidden ? "Take a photo" : "Camera app";
};

startCamera();
server.look().then((answer) => show(answer));
