// The page: drop, choose, paste, live camera, many photos with a table and a CSV file. answers.js says what the answers are.
import * as answers from "./answers.js";
import { csvOf } from "./csv.js";
import { copyOf, find, make } from "./dom.js";
import { WORDS } from "./words.js";

const THUMBNAIL = 96; // pixels
const words = { ...WORDS, ...answers.words };
const [status, answer, many, box, picture, video, live] = [".status", ".answer", ".many", ".box", ".box img", ".box video", ".live"].map(find);
let recogniser = null;
let turn = 0; // of the last question: an earlier one shows nothing any more

const wordOf = (key) => key.split(".").reduce((found, part) => found[part], words);
for (const part of document.querySelectorAll("[data-word]")) part.textContent = wordOf(part.dataset.word);

const say = (text, isProblem = false) => {
  status.textContent = text;
  status.classList.toggle("problem", isProblem);
};

const showInBox = (...parts) => {
  for (const other of box.children) other.hidden = !parts.includes(other);
};
// Shows an answer, and what is drawn of it: in the place of the photo, or over the live picture.
const showAnswer = ({ found, copy }, isLive = false) => {
  const { parts, drawing } = answers.show(found, copy, isLive);
  answer.replaceChildren(...parts);
  box.querySelector("canvas")?.remove();
  if (!drawing) return;
  box.append(drawing);
  showInBox(drawing, ...isLive ? [video] : []);
};

// Reads a photo or a frame. Returns what is found, and the copy of it that is drawn on.
const readBy = async (read, source) => {
  let copy = null;
  const found = await read(source, (bitmap) => {
    copy = answers.COPY && copyOf(bitmap, answers.COPY);
  });
  return { found, copy };
};

// Ends what the page shows. Returns the number of the new turn.
const begin = () => {
  stopCamera();
  URL.revokeObjectURL(picture.src);
  picture.removeAttribute("src");
  box.querySelector("canvas")?.remove();
  showInBox(box.querySelector(".hint"));
  answer.replaceChildren();
  many.replaceChildren();
  document.body.classList.remove("listing");
  return ++turn;
};

const askOne = async (file) => {
  const mine = begin();
  say(words.working);
  picture.src = URL.createObjectURL(file);
  picture.alt = words.photo;
  showInBox(picture);
  try {
    const read = await readBy(recogniser.read, file);
    if (mine !== turn) return;
    say("");
    showAnswer(read);
  } catch {
    if (mine !== turn) return;
    begin();
    say(words.unreadable, true);
  }
};

// Adds a photo to the table. Returns its rows in the CSV file: one, or several, or what its problem is.
const askRow = async (file, rows) => {
  const canvas = make("canvas", { width: 1, height: 1 });
  const cells = [make("td", {}, canvas), make("td", { textContent: file.name })];
  let texts = [
    [...answers.columnsOf(recogniser.about).map(() => ""), "not-a-photo"]
  ];
  try {
    const found = await recogniser.read(file, (bitmap) => copyOf(bitmap, THUMBNAIL, canvas));
    cells.push(...answers.cellsOf(found).map((cell) => make("td", cell)));
    texts = answers.rowsOf(found).map((row) => [...row, ""]);
  } catch {
    cells.push(make("td", { className: "problem", colSpan: answers.heads.length, textContent: words.table.unreadable }));
  }
  rows.append(make("tr", {}, ...cells));
  return texts.map((row) => [file.name, ...row]);
};
const askMany = async (files) => {
  const mine = begin();
  const rows = make("tbody");
  const lines = [
    ["photo", ...answers.columnsOf(recogniser.about), "problem"]
  ];
  let done = 0;
  const heads = [{ textContent: words.table.photo, colSpan: 2 }, ...answers.heads].map((head) => make("th", { scope: "col", ...head }));
  document.body.classList.add("listing");
  many.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...heads)), rows));
  for (const file of files) {
    lines.push(...await askRow(file, rows));
    if (mine !== turn) return;
    say(words.table.done(++done, files.length));
    await new Promise((go) => setTimeout(go)); // the page stays usable
    if (mine !== turn) return;
  }
  const text = new Blob([csvOf(lines)], { type: "text/csv" });
  many.prepend(make("a", { className: "button", href: URL.createObjectURL(text), download: words.table.file, textContent: words.table.download }));
};
const ask = (files) => {
  if (!recogniser || !files.length) return;
  if (files.length > 1) askMany([...files]);
  else askOne(files[0]);
};

const stopCamera = () => {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  video.hidden = true;
  live.textContent = words.camera.start;
  answer.ariaLive = "polite";
};
// One frame at a time: the one that is there when the answer to the last one is shown.
const watch = async (mine) => {
  const look = recogniser.watch();
  try {
    while (mine === turn) {
      const read = await readBy(look, video);
      if (mine !== turn) return;
      showAnswer(read, true);
      await new Promise(requestAnimationFrame);
    }
  } catch {
    endCamera(mine);
  }
};
// A camera that is taken away, or gives no picture.
const endCamera = (mine) => {
  if (mine !== turn) return;
  begin();
  say(words.camera.other, true);
};
const startCamera = async () => {
  const mine = begin();
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (mine !== turn) return stream.getTracks().forEach((track) => track.stop());
    stream.getTracks()[0].onended = () => endCamera(mine);
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    if (mine !== turn) return;
    stopCamera();
    return say(words.camera[error.name] ?? words.camera.other, true);
  }
  say("");
  showInBox(video);
  live.textContent = words.camera.stop;
  answer.ariaLive = "off"; // a screen reader could not follow
  watch(mine);
};
live.onclick = () => {
  if (!recogniser) return;
  if (!video.srcObject) return startCamera();
  begin();
  say(words.ready);
};

find("input").onchange = (event) => {
  ask([...event.target.files]);
  event.target.value = "";
};
// Photos may be dropped and pasted anywhere: without this the browser would leave the page for them.
for (const name of ["dragover", "dragleave", "drop", "paste"]) {
  document.addEventListener(name, (event) => {
    const given = event.dataTransfer ?? event.clipboardData;
    document.body.classList.toggle("over", name === "dragover");
    if (!given?.types.includes("Files")) return;
    event.preventDefault();
    if (["drop", "paste"].includes(name)) ask([...given.files]);
  });
}

const describe = (about) => {
  const lines = [...answers.describe(about), ...about.created ? [words.about.created(about.created)] : []];
  const last = [words.about.licence[about.licence], words.about.made(about.made_by, about.runtime.version)];
  return [lines, [words.about.privacy], last].map((texts) => make("p", { textContent: texts.join(" ") }));
};

try {
  recogniser = await answers.open();
  live.hidden = false;
  find(".about").replaceChildren(...describe(recogniser.about));
  say(words.ready);
  document.body.dataset.ready = "";
} catch (error) {
  say(error.name === "NetworkError" ? words.missing(error.message) : words.failed(error.message ?? error), true);
}
navigator.serviceWorker?.register("service-worker.js", { updateViaCache: "none" }).catch(() => {}); // works online alone
