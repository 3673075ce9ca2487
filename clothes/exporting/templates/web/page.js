// The page: drop, choose, paste, live camera, many photos with a table and a CSV file.
import { answerOf, openRecogniser } from "./recogniser.js";
import { csvOf } from "./csv.js";
import { percent, WORDS } from "./words.js";

const BARS = 5;
const SMOOTH = 0.6; // share of the earlier answers in the live one
const THUMBNAIL = 96; // pixels
const find = (selector) => document.querySelector(selector);
const make = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const [status, answer, many, picture, video, live] = [".status", ".answer", ".many", ".box img", ".box video", ".live"].map(find);
let recogniser = null;
let turn = 0; // of the last question: an earlier one shows nothing any more

const wordOf = (key) => key.split(".").reduce((words, part) => words[part], WORDS);
for (const part of document.querySelectorAll("[data-word]")) part.textContent = wordOf(part.dataset.word);

const say = (text, isProblem = false) => {
  status.textContent = text;
  status.classList.toggle("problem", isProblem);
};

const bar = ([label, score]) => {
  const fill = make("span", { className: "fill" });
  fill.style.width = `${(score * 100).toFixed(2)}%`;
  const track = make("span", { className: "track", role: "img", ariaLabel: percent(score) }, fill);
  return make("li", {}, make("span", { textContent: label }), make("span", { className: "number", textContent: percent(score) }), track);
};
const showAnswer = ({ label, confidence, ranked, known }) => {
  const small = make("small", { textContent: known ? WORDS.sure(confidence) : WORDS.guess(label, confidence) });
  answer.replaceChildren(
    make("p", { className: "verdict" }, `${known ? label : WORDS.unsure} `, small),
    make("ul", { className: "bars" }, ...ranked.slice(0, BARS).map(bar)),
  );
};

// Ends what the page shows. Returns the number of the new turn.
const begin = () => {
  stopCamera();
  URL.revokeObjectURL(picture.src);
  picture.removeAttribute("src");
  picture.hidden = true;
  find(".box .hint").hidden = false;
  answer.replaceChildren();
  many.replaceChildren();
  document.body.classList.remove("listing");
  return ++turn;
};
const showInBox = (part) => {
  find(".box .hint").hidden = true;
  part.hidden = false;
};

const askOne = async (file) => {
  const mine = begin();
  say(WORDS.working);
  picture.src = URL.createObjectURL(file);
  picture.alt = WORDS.photo;
  showInBox(picture);
  try {
    const found = answerOf(recogniser.about, await recogniser.read(file));
    if (mine !== turn) return;
    say("");
    showAnswer(found);
  } catch {
    if (mine !== turn) return;
    begin();
    say(WORDS.unreadable, true);
  }
};

const drawSmall = (bitmap, canvas) => {
  const scale = Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height));
  Object.assign(canvas, { width: Math.max(1, bitmap.width * scale), height: Math.max(1, bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
};
const askRow = async (file, rows) => {
  const canvas = make("canvas", { width: 1, height: 1 });
  const cells = [make("td", {}, canvas), make("td", { textContent: file.name })];
  let found = null;
  try {
    found = answerOf(recogniser.about, await recogniser.read(file, (bitmap) => drawSmall(bitmap, canvas)));
    cells.push(make("td", { textContent: found.known ? found.label : WORDS.many.unsure(found.label) }), make("td", { className: "number", textContent: percent(found.confidence) }));
  } catch {
    cells.push(make("td", { className: "problem", colSpan: 2, textContent: WORDS.many.unreadable }));
  }
  rows.append(make("tr", {}, ...cells));
  return [file.name, found];
};
const askMany = async (files) => {
  const mine = begin();
  const rows = make("tbody");
  const answers = [];
  const head = (textContent, more = {}) => make("th", { scope: "col", textContent, ...more });
  const heads = [head(WORDS.many.photo, { colSpan: 2 }), head(WORDS.many.answer), head(WORDS.many.sure, { className: "number" })];
  document.body.classList.add("listing");
  many.replaceChildren(make("table", {}, make("thead", {}, make("tr", {}, ...heads)), rows));
  for (const file of files) {
    answers.push(await askRow(file, rows));
    if (mine !== turn) return;
    say(WORDS.many.done(answers.length, files.length));
    await new Promise((done) => setTimeout(done)); // the page stays usable
    if (mine !== turn) return;
  }
  const text = new Blob([csvOf(recogniser.about.classes, answers)], { type: "text/csv" });
  many.prepend(make("a", { className: "button", href: URL.createObjectURL(text), download: WORDS.many.file, textContent: WORDS.many.download }));
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
  live.textContent = WORDS.camera.start;
  answer.ariaLive = "polite";
};
const blend = (before, now) => before === undefined ? now : SMOOTH * before + (1 - SMOOTH) * now;
// One frame at a time. The answer is smoothed, and so is how sure it is.
const watch = async (mine) => {
  const smooth = { scores: [], certainty: undefined };
  while (mine === turn && video.srcObject) {
    const { scores, certainty } = await recogniser.look(video);
    smooth.scores = scores.map((score, index) => blend(smooth.scores[index], score));
    smooth.certainty = blend(smooth.certainty, certainty);
    if (mine === turn && video.srcObject) showAnswer(answerOf(recogniser.about, smooth));
    await new Promise(requestAnimationFrame);
  }
};
const startCamera = async () => {
  const mine = begin();
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (mine !== turn) return stream.getTracks().forEach((track) => track.stop());
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    if (mine !== turn) return;
    stopCamera();
    return say(WORDS.camera[error.name] ?? WORDS.camera.other, true);
  }
  say("");
  showInBox(video);
  live.textContent = WORDS.camera.stop;
  answer.ariaLive = "off"; // a screen reader could not follow
  watch(mine);
};
live.onclick = () => {
  if (!recogniser) return;
  if (!video.srcObject) return startCamera();
  begin();
  say(WORDS.ready);
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

const describe = ({ classes, metrics, created, licence, made_by: version, runtime }) => {
  const part = "test" in metrics ? "test" : "validation";
  const lines = [WORDS.about.classes(classes)];
  if (metrics[part]) lines.push(WORDS.about.accuracy(part, metrics[part]));
  if (created) lines.push(WORDS.about.created(created));
  const last = [WORDS.about.licence[licence], WORDS.about.made(version, runtime.version)];
  return [lines, [WORDS.about.privacy], last].map((texts) => make("p", { textContent: texts.join(" ") }));
};

try {
  recogniser = await openRecogniser();
  find(".about").replaceChildren(...describe(recogniser.about));
  say(WORDS.ready);
  document.body.dataset.ready = "";
} catch (error) {
  say(WORDS.failed(error.message ?? error), true);
}
navigator.serviceWorker?.register("service-worker.js", { updateViaCache: "none" }).catch(() => {}); // works online alone
