// The station Use: asks about a photo or the live camera, and offers files to take away.
const FRAME_PIXELS = 224;
const SMOOTH = 0.6; // share of the earlier answers in the live one
const useBody = find("section[data-step=use] .body");
const asking = find(".asking");
const picture = find(".answer img");
const live = find(".answer video");
const said = find(".said");
const layers = find(".layers");
let asked = null; // the last photo, and the run that was asked: {file, run}
let smoothed = {}; // class: score of the live camera

const showAnswer = (answer) => {
  const scores = Object.entries(answer.scores).sort(([, a], [, b]) => b - a).slice(0, 5);
  const best = scores[0][0];
  said.replaceChildren(
    make("p", { className: "verdict", textContent: answer.known ? best : WORDS.use.unsure(best) }),
    table([WORDS.test.class, "", ""], scores.map(([label, score]) => [label, meter(score, 1), percent(score)]), "scores"),
    answer.known ? "" : hint(WORDS.use.unsureHint),
  );
};
// The photo goes to the photos of its class, so that the next training learns from it.
const fixing = make("div", { className: "fixing" });
said.after(fixing);
const forget = () => [fixing, layers].forEach((part) => part.replaceChildren());
const corrector = (file) => {
  const select = make("select", {}, ...classNames().map((name) => make("option", { value: name, textContent: name })));
  const add = button(WORDS.use.learn, () => send([{ file, name: file.name, label: select.value }]));
  return inRow(make("label", { className: "field" }, make("span", { textContent: WORDS.use.isA }), select), add);
};
// Something more about the photo, below the answer: `ask` gives its parts.
const showBelow = async (control, title, text, ask) => {
  const isWanted = () => control.isConnected && control.disabled; // neither another photo nor another button
  for (const each of control.parentElement.children) each.disabled = each === control;
  layers.replaceChildren(hint(WORDS.loading));
  try {
    const parts = await ask();
    if (!isWanted()) return;
    const head = make("h3", { textContent: title, tabIndex: -1 });
    layers.replaceChildren(head, hint(text), ...parts);
    head.focus();
  } catch (error) {
    if (!isWanted()) return;
    layers.replaceChildren(make("p", { className: "problem", textContent: error.message }));
    control.disabled = false;
  }
};
const askLayers = async (file) => {
  const { picture: input, stages } = await request(`layers?${new URLSearchParams({ run: chosenRun().run })}`, { method: "POST", body: file });
  const list = make("ol", {}, ...stages.map(({ maps, text, picture: sheet }, index) => {
    const name = WORDS.use.layer(index + 1, maps);
    return make("li", {}, make("h4", { textContent: name }), make("img", { src: sheet, alt: name }), make("p", { textContent: text }));
  }));
  return [make("img", { src: input, alt: WORDS.use.input }), list];
};
const askOutfit = async (file) => {
  const { html } = await request("outfit", { method: "POST", body: file });
  return [make("div", { className: "outfit", innerHTML: html })];
};
const moreAbout = (file) => inRow(
  button(WORDS.use.outfit, ({ target }) => showBelow(target, WORDS.use.outfit, WORDS.use.outfitHint, () => askOutfit(file))),
  button(WORDS.use.layers, ({ target }) => showBelow(target, WORDS.use.layers, WORDS.use.layersHint, () => askLayers(file))),
);
const predict = (blob) => request(`predict?${new URLSearchParams({ run: chosenRun().run })}`, { method: "POST", body: blob });

const askAbout = async (file) => {
  if (!file || !chosenRun()) return;
  stopLive();
  if (file.size > props.max_megabytes * 1e6) return say(`${file.name}: ${words.tooLarge(props.max_megabytes)}`, true);
  const mine = asked = { file, run: chosenRun().run };
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(file);
  picture.hidden = false;
  said.textContent = WORDS.loading;
  forget();
  try {
    const answer = await predict(file);
    if (mine !== asked) return; // another photo, or the live camera
    showAnswer(answer);
    fixing.replaceChildren(corrector(file), moreAbout(file));
  } catch (error) {
    if (mine === asked) said.replaceChildren(make("p", { className: "problem", textContent: error.message }));
  }
};
find(".ask").onchange = (event) => {
  askAbout(event.target.files[0]);
  event.target.value = "";
};
find(".drop", asking).ondrop = (event) => {
  event.preventDefault();
  setOver(find(".drop", asking), false);
  askAbout(event.dataTransfer.files[0]);
};

const liveButton = find(".live");
const stopLive = () => {
  stopCamera(live);
  live.hidden = true;
  said.ariaLive = "polite";
  liveButton.textContent = WORDS.use.live;
};
// One question at a time: the next frame is taken when the answer is there.
const goLive = async () => {
  smoothed = {};
  while (live.srcObject) {
    try {
      const answer = await predict(await frame(live, FRAME_PIXELS, 0.9));
      for (const [label, score] of Object.entries(answer.scores)) smoothed[label] = SMOOTH * (smoothed[label] ?? score) + (1 - SMOOTH) * score;
      if (live.srcObject) showAnswer({ ...answer, scores: smoothed });
    } catch (error) {
      stopLive();
      said.replaceChildren(make("p", { className: "problem", textContent: error.message }));
    }
    await new Promise(requestAnimationFrame);
  }
};
const startLive = async () => {
  if (!await startCamera(live, { facingMode: "environment" })) return;
  picture.hidden = true;
  asked = null;
  forget();
  live.hidden = false;
  said.ariaLive = "off"; // a screen reader could not follow
  liveButton.textContent = WORDS.use.stop;
  goLive();
};
liveButton.onclick = () => live.srcObject ? stopLive() : startLive();

builder(useBody, "use", aboutRun, async () => {
  const run = chosenRun();
  asking.hidden = !run;
  refill(find(".choosing"), run && runChooser());
  if (!run) return [hint(WORDS.use.none)];
  if (asked && asked.run !== run.run) askAbout(asked.file); // another recogniser answers anew
  const result = await resultOf(run);
  const row = (file) => {
    const [name, text] = WORDS.use.formats[file.format];
    const link = file.is_ready ? make("a", { className: "button", href: `studio/download/${encodeURIComponent(run.run)}/${file.format}`, download: "", textContent: `${WORDS.use.download} (${(file.bytes / 1e6).toFixed(1)} MB)` }) :
      startJob("export", run, { text: WORDS.use.make, className: "", asked: { format: file.format } });
    const agrees = file.compared.length ? `; ${WORDS.use.agrees(file.compared)}.` : "";
    return [name, [`${text}${agrees}`, ...file.notes].join(" "), link];
  };
  return [
    heading(WORDS.use.take),
    ["export"].includes(state.job?.kind) && problemOf(state.job),
    table([WORDS.use.format, "", ""], result.downloads.map(row), "downloads"),
  ];
});
