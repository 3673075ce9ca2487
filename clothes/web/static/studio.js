// The frame of the studio page: stations, the next step, the running job. The last of the scripts.
const STEPS = ["photos", "check", "train", "test", "improve", "use"];
const stepList = find("nav ol");
const next = find(".next");
const jobBar = find(".job");
let station = "photos";

const openStation = (name) => {
  station = STEPS.includes(name) ? name : "photos";
  history.replaceState(null, "", `#${station}`);
  for (const section of element.querySelectorAll("section")) section.hidden = section.dataset.step !== station;
  for (const item of stepList.querySelectorAll("button")) {
    if (item.dataset.step === station) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  if (station !== "use") stopLive();
  if (station !== "photos") closeCamera();
  showNext();
  showJob();
  shown[station]?.();
};
STEPS.forEach((name, index) => {
  const item = button("", () => openStation(name), { dataset: { step: name } });
  item.append(make("i", { textContent: index + 1, ariaHidden: "true" }), make("span", { textContent: WORDS.steps[name] }));
  stepList.append(make("li", {}, item));
});

// The one highlighted next step: what is said, and what its button does.
const doNext = {
  add: () => openStation("photos"),
  second: () => {
    openStation("photos");
    askName("add_class");
  },
  sort: () => {
    openStation("photos");
    openClass(UNSORTED);
  },
  train: () => startTraining("quick"),
  wait: () => openStation({ test: "test", export: "use", report: "test" } [state.job.kind] ?? "train"),
  goOn: () => {
    openStation("train");
    return goOn(state.next_run);
  },
  test: () => {
    openStation("test");
    testRun = state.next_run;
    return job("start", { kind: "test", run: state.next_run });
  },
  improve: () => openStation("improve"),
};
// Steps whose button would only open the station that is open already.
const isHere = () => ({ add: ["photos"], improve: ["improve", "use"] })[state.next]?.includes(station);
const showNext = () => {
  const [text, action] = WORDS.next[isFilling() ? "adding" : state.next] ?? [];
  next.hidden = !text || state.next === "wait" || (state.next === "improve" && isHere());
  if (next.hidden) return;
  find("p", next).textContent = text;
  const main = find("button", next);
  main.textContent = action;
  main.hidden = !action || isHere();
  main.onclick = async () => {
    await doNext[state.next]();
    keepFocus(main);
  };
};
const showJob = () => {
  jobBar.hidden = !isBusy() || (station === "train" && state.job.kind === "train"); // which shows more of it
  if (jobBar.hidden) return;
  find("p", jobBar).textContent = `${WORDS.jobs[state.job.kind]}: ${progressOf(state.job) || stateOf(state.job)}`;
  showProgress(find("progress", jobBar), state.job);
  const stop = find(".stop", jobBar);
  stop.hidden = !state.job.offers.includes("stop");
  stop.textContent = state.job.kind === "train" ? WORDS.train.stop : WORDS.stop;
};
find(".stop", jobBar).onclick = () => job("stop");
jobBar.append(notifier() || "");

let wasBusy = false;
watchers.push(() => {
  find("h1").textContent = state.name;
  find(".folder").textContent = state.folder;
  find(".undo").disabled = !state.undo;
  find(".undo").title = state.undo ?? "";
  find(".redo").disabled = !state.redo;
  find(".redo").title = state.redo ?? "";
  STEPS.forEach((name, index) => {
    const item = find(`[data-step=${name}]`, stepList);
    const isDone = state.done.includes(name);
    item.classList.toggle("done", isDone);
    item.ariaLabel = isDone ? WORDS.stepDone(WORDS.steps[name]) : null;
    find("i", item).textContent = isDone ? "✓" : index + 1;
  });
  showNext();
  showJob();
  const { job: now } = state;
  if (wasBusy && !isBusy()) say(`${WORDS.jobs[now.kind]} ${stateOf(now)}.`, now.state === "failed" || now.state === "died");
  if (!wasBusy && isBusy()) say(`${WORDS.jobs[now.kind]} ${stateOf(now)}.`);
  if (wasBusy && !isBusy() && now.kind === "train" && now.has_model && usesCamera && station === "train") {
    usesCamera = false;
    testRun = now.run;
    openStation("use");
    startLive();
  }
  wasBusy = isBusy();
});

addEventListener("keydown", (event) => {
  if (isTyping(event) || dialog.open || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  edit(event.shiftKey ? "redo" : "undo");
});
addEventListener("hashchange", () => openStation(location.hash.slice(1)));
openStation(location.hash.slice(1));
refresh();
