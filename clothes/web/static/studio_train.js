// The station Train: how to train, the running training, its curves, the runs so far.
const trainWords = WORDS.train;
const trainStation = find("section[data-step=train]");
const minutes = find(".minutes", trainStation);
let how = "quick";

for (const [mode, [name, text]] of Object.entries(trainWords.modes)) {
  const choice = make("input", { type: "radio", name: "studio-mode", value: mode, checked: mode === how });
  choice.onchange = () => {
    how = mode;
    minutes.hidden = !["minutes", "tune"].includes(mode);
  };
  find(".modes").append(make("label", {}, choice, make("b", { textContent: name }), make("span", { textContent: text })));
}

const canTrain = () => state.classes.filter((found) => found.photos).length > 1;
const startTraining = (mode) => {
  const limit = ["minutes", "tune"].includes(mode) ? { minutes: Number(find("input", minutes).value) } : {};
  openStation("train");
  return job("start", { kind: "train", how: mode, ...limit });
};
find(".start", trainStation).onclick = () => startTraining(how);

// What is said of a job: "Epoch 3 of 20, about 2 min left".
const progressOf = (job) => {
  const parts = [];
  if (job.kind === "train" && job.stage === "train" && job.epochs) parts.push(trainWords.epoch(job.epoch, job.epochs));
  else if (WORDS.stages[job.stage]) parts.push(WORDS.stages[job.stage] + (job.total > 1 ? ` ${job.done.toLocaleString("en")} / ${job.total.toLocaleString("en")}` : ""));
  if (job.state === "running" && job.seconds_left) parts.push(trainWords.left(job.seconds_left));
  return parts.join(", ");
};
// What a job does, or how it ended: a training that was stopped may keep a model.
const stateOf = (job) => WORDS.jobStates[job.kind === "train" && job.state === "stopped" && job.has_model ? "kept" : job.state];
const shareOf = (job) => {
  if (job.seconds_left === null || !job.seconds) return job.total ? job.done / job.total : undefined;
  return job.seconds / (job.seconds + job.seconds_left);
};
const showProgress = (bar, job) => {
  const share = shareOf(job);
  if (share === undefined) bar.removeAttribute("value");
  else bar.value = share;
  bar.ariaLabel = WORDS.jobs[job.kind];
};

const SVG = "http://www.w3.org/2000/svg";
const draw = (name, attributes, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
// The curves of accuracy, as a picture and as a table.
const curves = (rows) => {
  const [width, height, left, bottom] = [600, 200, 46, 22];
  const x = (index) => left + (width - left - 8) * (rows.length > 1 ? index / (rows.length - 1) : 0.5);
  const y = (share) => 8 + (height - bottom - 8) * (1 - share);
  const grid = [0, 0.5, 1].flatMap((share) => [
    draw("line", { x1: left, x2: width, y1: y(share), y2: y(share), class: "rule" }),
    draw("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${share * 100} %`),
  ]);
  const line = (key) => {
    const points = rows.map((row, index) => [x(index), y(row[key])]);
    return [
      draw("polyline", { points: points.map((point) => point.join(",")).join(" "), class: key }),
      ...(rows.length < 30 ? points.map(([cx, cy]) => draw("circle", { cx, cy, r: 3, class: key })) : []),
    ];
  };
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": trainWords.curve }, ...grid, ...line("accuracy"), ...line("val_accuracy"),
    draw("text", { x: x(0), y: height - 4, "text-anchor": "middle" }, String(rows[0].epoch)),
    ...(rows.length > 1 ? [draw("text", { x: x(rows.length - 1), y: height - 4, "text-anchor": "end" }, String(rows.at(-1).epoch))] : []));
  const keys = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"];
  const shownNumber = (key, value) => value === undefined ? "" : key === "epoch" ? value : key.endsWith("accuracy") ? percent(value) : value.toFixed(3);
  return make("figure", { className: "curves" }, picture,
    make("figcaption", {}, make("span", { className: "accuracy", textContent: trainWords.accuracy }), make("span", { className: "val_accuracy", textContent: trainWords.val })),
    make("details", {}, make("summary", { textContent: trainWords.table }), table(trainWords.columns, rows.map((row) => keys.map((key) => shownNumber(key, row[key]))))));
};
const percent = (share) => `${(Math.floor(share * 1000) / 10).toLocaleString("en")} %`;
const table = (heads, rows, className = "") => make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: heads.filter(String).join(", ") }, make("table", { className },
  make("thead", {}, make("tr", {}, ...heads.map((text) => text ? make("th", { scope: "col" }, text) : make("td")))),
  make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, index) => make(index ? "td" : "th", index ? {} : { scope: "row" }, cell)))))));

// What went wrong: what happened, what is safe, and the next click.
const problemOf = (job) => {
  if (!job.problem) return "";
  const nexts = {
    "go on": () => [trainWords.goOn, () => goOn(job.run)],
    again: () => [WORDS.again, () => again(job)],
    photos: () => [WORDS.next.add[1], () => openStation("photos")],
    settings: () => [trainWords.title, () => openStation("train")],
  };
  const [text, go] = nexts[job.problem.next]();
  return make("div", { className: "trouble" }, make("p", { textContent: job.problem.what }), make("p", { textContent: job.problem.safe }), button(text, go, { className: "main" }));
};
const goOn = (run) => job("go_on", { run });
const again = (old) => {
  const { run, ...asked } = old.asked;
  return job("start", { kind: old.kind, ...asked, ...(old.kind === "train" ? {} : { run }) });
};

const panel = find(".panel", trainStation);
const runList = find(".body", trainStation);
const numbers = make("p", { className: "numbers" });
const trainBar = make("progress");
const curvesPlace = make("div");
let panelSeen = "";
let curvesSeen = "";

// The panel is built anew only when the training's state changes, so that its buttons keep the focus.
const buildPanel = (now) => {
  if (!now) return refill(panel, !canTrain() && hint(trainWords.few));
  refill(panel,
    heading(`${WORDS.jobs.train} ${WORDS.runName(now.run)} ${stateOf(now)}.`),
    ...(isBusy() ? [numbers, trainBar] : []),
    inRow(
      now.offers.includes("stop") && button(trainWords.stop, () => job("stop"), { className: "stop" }),
      !now.problem && now.offers.includes("go on") && button(trainWords.goOn, () => goOn(now.run)),
      isBusy() && notifier(),
    ),
    problemOf(now),
    isBusy() && hint(usesCamera ? trainWords.thenLive : trainWords.close),
    curvesPlace,
  );
};
const showCurves = async (now) => {
  const seen = `${now.run} ${now.epoch} ${now.state}`;
  if (seen === curvesSeen) return;
  curvesSeen = seen;
  try {
    const rows = (await ask(`result/${encodeURIComponent(now.run)}`)).history;
    const isOpen = find("details", curvesPlace)?.open;
    if (seen === curvesSeen) curvesPlace.replaceChildren(rows.length ? curves(rows) : "");
    if (isOpen && rows.length) find("details", curvesPlace).open = true;
  } catch (error) {
    curvesSeen = ""; // asked again with the next state
  }
};
const showTraining = () => {
  const now = state.job?.kind === "train" ? state.job : null;
  for (const part of [".modes", ".starting"]) find(part, trainStation).hidden = isBusy() && now;
  for (const field of trainStation.querySelectorAll(".modes input, .start")) field.disabled = isBusy() || isFilling() || !canTrain();
  const seen = JSON.stringify([now && [now.id, now.state, now.offers], canTrain()]);
  if (seen !== panelSeen) buildPanel(now);
  panelSeen = seen;
  if (!now) return;
  numbers.textContent = progressOf(now);
  showProgress(trainBar, now);
  showCurves(now);
};
watchers.push(showTraining);

let runsSeen = "";
const showRuns = () => {
  const seen = JSON.stringify([state.runs, isBusy()]);
  if (seen === runsSeen) return;
  runsSeen = seen;
  const rows = state.runs.map((run) => [
    make("span", { textContent: WORDS.runName(run.run), title: run.run }),
    run.problem ?? trainWords.kinds[run.architecture] ?? run.architecture ?? "",
    run.validation ? percent(run.validation.accuracy) : "",
    run.test ? percent(run.test.accuracy) : "",
    run.finished || run.problem || isBusy() ? "" : button(trainWords.goOn, () => goOn(run.run)),
  ]);
  refill(runList, ...(rows.length ? [heading(trainWords.runs), table(trainWords.runColumns, rows, "runs")] : []));
};
watchers.push(showRuns);
