// The stations Check, Test and Improve.
const testBody = find("section[data-step=test] .body");
const improveBody = find("section[data-step=improve] .body");
const checkBody = find("section[data-step=check] .body");
let testRun = ""; // the run that Test, Improve and Use are about
const results = new Map(); // "run version": result

const usableRuns = () => state.runs.filter((run) => run.has_model);
const chosenRun = () => usableRuns().find((run) => run.run === testRun) ?? usableRuns()[0];
const resultOf = async (run) => {
  const key = JSON.stringify(run);
  if (!results.has(key)) results.set(key, await ask(`result/${encodeURIComponent(run.run)}`));
  return results.get(key);
};
const runChooser = () => {
  const select = make("select", {}, ...usableRuns().map((run) => make("option", { value: run.run, textContent: WORDS.run(run), selected: run.run === chosenRun().run })));
  select.onchange = () => {
    testRun = select.value;
    watchers.forEach((watch) => watch());
  };
  return make("label", { className: "field" }, make("span", { textContent: WORDS.test.run }), select);
};
const startJob = (kind, run, more = {}) => button(more.text ?? WORDS.test.start, () => job("start", { kind, run: run.run, ...more.asked }), { className: more.className ?? "main", disabled: isBusy() });

// A part of a station that is built anew when what it is about has changed, and only then.
const builder = (body, step, about, build) => {
  let seen = "";
  const update = async () => {
    if (station !== step) return;
    const key = JSON.stringify(about());
    if (key === seen) return;
    seen = key;
    try {
      const parts = await build();
      if (key === seen) refill(body, ...parts);
    } catch (error) {
      seen = "";
      body.replaceChildren(make("p", { className: "problem", textContent: error.message }));
    }
  };
  watchers.push(update);
  shown[step] = update;
};
const aboutRun = () => [chosenRun(), usableRuns().length, isBusy(), state.job?.kind, state.job?.problem];

const wrongGrid = (items, label) => gridOf(items, { label, onKey: () => false });

const asItem = (id) => ({ id, name: id.split("/").pop() });
const confusionTable = (result) => {
  const { classes, confusion } = result.test.evaluation;
  const cell = (truth, said, number) => {
    const text = WORDS.test.cell(truth, said, number);
    if (!number) return make("span", { className: "zero", textContent: "0" });
    const { photos } = result.test.cells.find((found) => found.truth === truth && found.answer === said);
    return button(number.toLocaleString("en"), () => openDialog(heading(text), wrongGrid(photos.map(asItem), text)), { ariaLabel: text, className: truth === said ? "right" : "wrong" });
  };
  return table(["", ...classes], classes.map((truth, row) => [truth, ...classes.map((said, column) => cell(truth, said, confusion[row][column]))]), "confusion");
};

builder(testBody, "test", aboutRun, async () => {
  const run = chosenRun();
  if (!run) return [hint(WORDS.test.none)];
  const result = await resultOf(run);
  const verdict = result.test && make("p", { className: "verdict", textContent: result.test.words });
  const parts = [runChooser(), verdict, hint(WORDS.test.why), result.test && hint(result.test.opened_words), inRow(startJob("test", run, result.test ? { text: WORDS.test.again, className: "" } : {}))];
  if (["test", "report"].includes(state.job?.kind)) parts.push(problemOf(state.job));
  if (!result.test) return parts;
  const { test } = result;
  const { evaluation } = test;
  const wrong = test.wrong.map((found) => ({ ...asItem(found.photo), note: WORDS.test.wrongNote(found), near: result.recommendations?.nearest?.[found.photo] }));
  const classRows = evaluation.classes.map((name, index) => [name, evaluation.confusion[index][index], evaluation.per_class[name].photos]);
  return [
    ...parts,
    heading(WORDS.test.perClass),
    table([WORDS.test.class, WORDS.test.right, WORDS.test.of, ""], classRows.map(([name, right, all]) => [name, right, all, meter(right, all)]), "per-class"),
    heading(WORDS.test.confusion),
    hint(WORDS.test.rowsAre),
    confusionTable(result),
    heading(`${WORDS.test.wrong}: ${wrong.length}`),
    wrong.length ? hint(WORDS.test.wrongHint) : hint(WORDS.test.noneWrong),
    wrong.length && sortable(wrong, WORDS.test.wrong),
    make("p", {}, run.has_report ? make("a", { href: `studio/report/${encodeURIComponent(run.run)}`, target: "_blank", textContent: WORDS.test.report }) :
      startJob("report", run, { text: WORDS.test.makeReport, className: "" })),
  ];
});
const meter = (value, max) => make("meter", { min: 0, max: max || 1, value, ariaLabel: max === 1 ? percent(value) : `${value} / ${max}` });

builder(improveBody, "improve", aboutRun, async () => {
  const run = chosenRun();
  const result = run && await resultOf(run);
  if (!result?.test) return [hint(WORDS.improve.none)];
  const advice = result.recommendations;
  const labels = (advice?.label_errors ?? []).map((found) => ({ ...asItem(found.photo), note: WORDS.improve.labelNote(found) }));
  return [
    runChooser(),
    ...(result.comparison ? [heading(WORDS.improve.compared), make("p", { className: "verdict", textContent: result.comparison.words })] : []),
    state.job?.kind === "report" && problemOf(state.job),
    heading(WORDS.improve.advice),
    !advice && hint(WORDS.improve.lookHint),
    advice ? make("ul", {}, ...advice.lines.map((line) => make("li", { textContent: line }))) : inRow(startJob("report", run, { text: WORDS.improve.look })),
    ...(labels.length ? [heading(WORDS.improve.labels), hint(WORDS.improve.labelsHint), sortable(labels, WORDS.improve.labels)] : []),
    make("div", { className: "buttons" }, button(WORDS.improve.photos, () => openStation("photos")), button(WORDS.improve.train, () => openStation("train"), { className: advice ? "main" : "" })),
  ];
});

// Photos of which some may be moved or set aside.
const sortable = (items, label) => {
  const bar = make("div", { className: "tools" });
  return make("div", {}, bar, gridOf(items, { label, onSelect: (ids, grid) => showTools(bar, ids, grid), onKey: sortByKey }));
};

const sumOf = (counts) => Object.values(counts).flatMap(Object.values).reduce((sum, number) => sum + number, 0);
const idsOf = (finding) => finding.photos ?? finding.pairs?.flat() ?? [];
const findingOf = (finding) => {
  const ids = [...new Set(idsOf(finding))];
  const content = make("div");
  const part = make("details", { className: "finding" }, make("summary", { textContent: finding.words }), hint(finding.advice), content);
  if (finding.classes) content.append(make("ul", {}, ...finding.classes.map((name) => make("li", { textContent: name }))));
  part.ontoggle = () => part.open && ids.length && content.replaceChildren(sortable(ids.map(asItem), finding.words)); // when it has a width
  return part;
};
builder(checkBody, "check", () => [state.version, state.check, state.photos], async () => {
  if (!state.photos) return [hint(WORDS.check.none)];
  const { check, split, has_table: hasTable, job: now } = await ask("check");
  const isRunning = ["starting", "running", "stopping"].includes(now?.state);
  return [
    isRunning && make("p", { textContent: WORDS.check.running }),
    isRunning && make("progress", { ariaLabel: WORDS.check.running }),
    ["failed", "died"].includes(now?.state) && problemOf(now),
    check && !check.is_current && !isRunning && hint(WORDS.check.stale),
    ...(check?.findings ?? []).map(findingOf),
    check && !check.findings.length && make("p", { className: "verdict", textContent: WORDS.check.clean }),
    split && heading(WORDS.check.split),
    split && make("p", { textContent: `${split.words}.` }),
    split && split.groups > 0 && make("p", { textContent: WORDS.check.groups(split.groups) }),
    ...(hasTable ? check?.split_notes ?? [] : []).map(hint),
    split && sumOf(split.counts) < state.photos && hint(WORDS.check.later),
    make("div", { className: "buttons" }, hasTable && button(WORDS.check.forget, () => edit("forget_groups")), button(check ? WORDS.check.again : WORDS.check.run, () => job("start", { kind: "check" }), { disabled: isRunning })),
  ];
});
