// What all parts of the studio page use. Gradio gives `element`, the HTML of studio.html, and `props`.
const find = (selector, root = element) => root.querySelector(selector);
const root = find(".studio");
const status = find(".status");
const BUSY_SECONDS = 1;
const IDLE_SECONDS = 10;

let state = { classes: [], runs: [] }; // the last answer to GET studio/state
const watchers = []; // functions of the parts: each shows the new state
const shown = {}; // step: a function that is called when its station is opened

const make = (name, properties = {}, ...children) => {
  const { dataset, ...own } = properties;
  const made = Object.assign(document.createElement(name), own);
  Object.assign(made.dataset, dataset);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
};
const button = (text, onclick, properties = {}) => make("button", { type: "button", textContent: text, onclick, ...properties });

const hint = (text) => make("p", { className: "hint", textContent: text });
const heading = (text) => make("h3", { textContent: text });
const inRow = (...buttons) => make("div", { className: "buttons" }, ...buttons);

// The focus goes to the station's title when its control is gone.
const keepFocus = (control) => {
  const isLost = !control.isConnected || control.disabled || !control.checkVisibility();
  if (isLost && [control, document.body].includes(document.activeElement)) find("section:not([hidden]) h2").focus({ preventScroll: true });
};
// Puts other parts in a place. The focus stays on the same control, or goes to the first one.
const refill = (place, ...parts) => {
  const nameOf = (control) => control.ariaLabel ?? control.textContent;
  const active = place.contains(document.activeElement) && document.activeElement;
  place.replaceChildren(...parts.filter(Boolean));
  if (!active) return;
  const controls = [...place.querySelectorAll("button:enabled, a[href], select, summary, [tabindex]")];
  (controls.find((control) => nameOf(control) === nameOf(active)) ?? controls[0])?.focus({ preventScroll: true });
  keepFocus(active);
};
// A menu with a button: arrow keys may choose at once, which must not act yet.
const chooser = (label, options, text, go) => {
  const select = make("select", { ariaLabel: label }, make("option", { textContent: `${label} …`, value: "" }),
    ...options.map(([value, textContent]) => make("option", { value, textContent })));
  return make("span", { className: "chooser" }, select, button(text, () => select.value && go(select.value)));
};

const say = (text, isProblem = false) => {
  status.textContent = text;
  status.classList.toggle("problem", isProblem);
};

const readAnswer = async (response) => {
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new Error(answer?.problem ?? answer?.detail ?? `${response.status} ${response.statusText}`);
};
const request = async (path, options = {}) => {
  let response;
  try {
    response = await fetch(`studio/${path}`, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error(WORDS.noAnswer);
  }
  return readAnswer(response);
};
const ask = (path, query = {}) => request(`${path}?${new URLSearchParams(query)}`);
const tell = (path, body) => request(path, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ project: state.folder, ...body }), // another tab may have opened another one
});
const pathOf = (id) => id.split("/").map(encodeURIComponent).join("/");
const pictureOf = (id, size = 160) => `studio/thumbnail/${pathOf(id)}?size=${size}`;

let timer = 0;
let looksSent = 0; // at the server's state
let lookShown = 0; // the latest of them that has an answer
let lastShown = "";
let trouble = ""; // why the last look failed

const show = (answer) => {
  state = answer;
  const text = JSON.stringify(answer);
  if (text === lastShown) return;
  lastShown = text;
  watchers.forEach((watch) => watch());
};
const isActive = (job) => ["starting", "running", "stopping"].includes(job?.state);
const isBusy = () => isActive(state.job);
const refresh = async () => {
  clearTimeout(timer);
  const number = ++looksSent;
  let problem = "";
  try {
    const answer = await ask("state");
    if (number > lookShown) show(answer);
  } catch (error) {
    problem = error.message;
  }
  if (number < lookShown) return; // a later look has its answer already
  lookShown = number;
  if (problem) say(problem, true);
  else if (trouble && status.textContent === trouble) say("");
  trouble = problem;
  clearTimeout(timer);
  timer = setTimeout(refresh, 1000 * (isBusy() || isActive(state.adding) || state.filling ? BUSY_SECONDS : IDLE_SECONDS));
};
document.addEventListener("visibilitychange", () => document.hidden || refresh());

// Does something on the server, says what came of it, and shows the new state. Returns the answer, or null.
const act = async (path, body) => {
  const control = document.activeElement;
  try {
    const answer = await tell(path, body);
    say(answer.message ?? "");
    await refresh();
    return answer;
  } catch (error) {
    say(error.message, true);
    return null;
  } finally {
    keepFocus(control);
  }
};
const edit = (what, more = {}) => act("edit", { do: what, ...more });
const job = (what, more = {}) => act("job", { do: what, ...more });

find(".undo").onclick = () => edit("undo");
find(".redo").onclick = () => edit("redo");

// Words of the HTML: data-word is the text, data-label the name for screen readers.
const wordOf = (key) => key.split(".").reduce((words, part) => words[part], WORDS);
for (const part of element.querySelectorAll("[data-word]")) part.textContent = wordOf(part.dataset.word);
for (const part of element.querySelectorAll("[data-label]")) part.ariaLabel = wordOf(part.dataset.label);

// The dialog, for a large photo or a list of photos.
const dialog = find("dialog");
const openDialog = (...content) => {
  const part = find(".content", dialog);
  part.replaceChildren(...content);
  dialog.ariaLabel = find("h3", part)?.textContent ?? find("img", part).alt;
  if (!dialog.open) dialog.showModal();
};
const enlarge = (item) => {
  const large = make("img", { src: pictureOf(item.id, 800), alt: item.name });
  const run = chosenRun()?.run;
  const explain = run && button(WORDS.why, () => {
    large.src = `studio/heatmap/${pathOf(item.id)}?${new URLSearchParams({ run })}`;
    explain.replaceWith(hint(WORDS.whyHint));
  });
  const near = item.near?.length && make("div", { className: "near" }, hint(WORDS.near), ...item.near.map((id) => make("img", { src: pictureOf(id), alt: id.split("/").slice(-2).join("/") })));
  openDialog(large, make("p", { textContent: item.note ? `${item.name} · ${item.note}` : item.name }), inRow(explain ?? ""), near || "");
};
dialog.onclose = () => find(".content", dialog).replaceChildren();

// Whether keys are meant for a field and not for the page.
const isTyping = (event) => /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
