// What a person sees who looks at something else: the tab's title tells how far a job is and how it ended. A
// notification tells the end, too, if it was allowed by a click.
let news = ""; // of the newest job that ended while the tab was hidden
let endedJobs = null; // ids of the jobs whose end is known; null before the first look

const showTitle = () => {
  const now = isBusy() ? progressOf(state.job) || WORDS.jobs[state.job.kind] : "";
  document.title = [news || now, state.name, WORDS.studio].filter(Boolean).join(" · ");
};

const canNotify = () => "Notification" in window && isSecureContext;
const notify = (kind, text) => {
  if (!canNotify() || Notification.permission !== "granted") return;
  try {
    const shown = new Notification(text, { body: state.name, tag: kind }); // of two tabs only one is shown
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Phones allow none from a page.
  }
};
// Tells the end of a job. A check runs by itself: it does not hide other news.
const tellNews = (kind, text, isGood) => {
  if (!document.hidden) return;
  const told = `${isGood ? "✓" : "✗"} ${text}`;
  if (kind !== "check" || !news) news = told;
  notify(kind, told);
  showTitle();
};
const tellEnd = (job) => {
  const { kind, state: end, run } = job;
  const found = state.runs.find((other) => other.run === run);
  const result = { train: found?.validation, test: found?.test } [kind];
  const isGood = ["done", "stopped"].includes(end);
  tellNews(kind, end === "done" ? WORDS.news[kind](result?.accuracy) : `${WORDS.jobs[kind]} ${stateOf(job)}`, isGood);
};

const asCheck = ([id, end]) => ({ id, kind: "check", state: end });
watchers.push(() => {
  const jobs = [state.job, state.check && asCheck(state.check)].filter((found) => found && !isActive(found));
  if (endedJobs) jobs.filter(({ id }) => !endedJobs.has(id)).forEach(tellEnd);
  endedJobs = new Set(jobs.map(({ id }) => id));
  showTitle();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  news = "";
  showTitle();
});

// The button that asks the browser for notifications. There is none once they were allowed or refused.
const notifier = () => canNotify() && Notification.permission === "default" && button(WORDS.notify.ask, async (event) => {
  const answer = await Notification.requestPermission();
  if (answer === "default") return;
  element.querySelectorAll(".notifier").forEach((other) => other.remove());
  say(WORDS.notify[answer], answer === "denied");
  keepFocus(event.target);
}, { className: "notifier" });
