// The script of the camera page: in camera.py are `element`, its HTML; `server`, what it calls; and `props.most`.
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
const said = find(".said");
const strip = find(".taken");
const SHOWN = 12; // small pictures
const touch = matchMedia("(pointer: coarse)").matches;
const taken = []; // by this page, in order: the key that takes a photo back, and its small picture
let waiting = 0; // photos on their way to the server
let line = Promise.resolve(); // they go one after another

const say = (text, problem = false) => {
  said.textContent = text;
  said.classList.toggle("problem", problem);
};

const pick = () => {
  const label = name.value.trim().toLowerCase();
  for (const chip of classes.children) chip.ariaPressed = chip.dataset.name.toLowerCase() === label;
};

const focusShutter = () => (take.hidden ? files : take).focus();

const show = (answer, lost) => {
  undo.disabled = !taken.length;
  if (!answer) return say(lost, true);
  classes.replaceChildren(...Object.entries(answer.counts).map(([label, count]) => {
    const chip = document.createElement("button");
    const number = document.createElement("b");
    chip.type = "button";
    chip.dataset.name = label;
    number.textContent = count;
    chip.append(label, " ", number);
    chip.onclick = () => {
      name.value = label;
      pick();
      focusShutter();
    };
    return chip;
  }));
  pick();
  say(answer.problem ?? answer.said ?? "", "problem" in answer);
};

const send = (blob) => {
  const label = name.value.trim();
  if (!label) {
    say("Name the class first.", true);
    return name.focus();
  }
  if (blob.size > props.most * 1e6) return say(`Not stored: it has more than ${props.most} MB.`, true);
  const picture = new Image();
  picture.src = URL.createObjectURL(blob);
  picture.alt = label;
  picture.className = "waiting";
  strip.prepend(picture);
  waiting += 1;
  line = line.then(async () => {
    const photo = await new Promise((done) => {
      const reader = new FileReader();
      reader.onloadend = () => done(reader.result);
      reader.readAsDataURL(blob);
    });
    const answer = await server.keep(label, photo);
    waiting -= 1;
    picture.classList.remove("waiting");
    if (answer?.key) taken.push({ key: answer.key, picture });
    else drop(picture);
    while (strip.children.length > SHOWN) strip.lastChild.remove();
    show(answer, "Not stored: the server does not answer. Is `clothes collect camera` still running?");
  });
};

const drop = (picture) => {
  URL.revokeObjectURL(picture.src);
  picture.remove();
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
    if (answer) drop(last.picture);
    else taken.push(last);
    show(answer, "Not taken back: the server does not answer. Is `clothes collect camera` still running?");
  });
};

name.oninput = pick;
name.onkeydown = (event) => {
  if (event.key === "Enter") focusShutter();
};
addEventListener("beforeunload", (event) => waiting && event.preventDefault());

// A browser gives a live camera to https pages and to those of its own machine only.
const NO_CAMERA = {
  SecurityError: "A page over plain http from another machine gets no live camera; one over https does.",
  NotAllowedError: "The browser keeps the camera from this page: allow it beside the page's address, and reload.",
  NotFoundError: "No camera is connected. Connect one and reload the page.",
  other: "The camera cannot be used; perhaps another program has it. Reload the page to try again.",
};

const start = async () => {
  const wanted = { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } };
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
    await video.play();
    view.hidden = take.hidden = false;
  } catch (error) {
    why.textContent = touch && error.name === "SecurityError" ? "" : NO_CAMERA[error.name] ?? NO_CAMERA.other;
    why.hidden = !why.textContent;
  }
  (take.hidden ? picker : take).classList.add("main");
  picker.firstElementChild.textContent = !touch ? "Choose photos" : take.hidden ? "Take a photo" : "Camera app";
};

start();
server.look().then((answer) => show(answer, "The server does not answer. Is `clothes collect camera` still running?"));
