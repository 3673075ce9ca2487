// The answers of the recogniser: one label a photo, as bars, as a row of a table, as a row of a CSV file.
import { make } from "./dom.js";
import { WORDS as words } from "./own_words.js";
import { percent } from "./words.js";

export { openRecogniser as open } from "./recogniser.js";
export { words };

const BARS = 5;

const bar = ([label, score]) => {
  const fill = make("span", { className: "fill" });
  fill.style.width = `${(score * 100).toFixed(2)}%`;
  const track = make("span", { className: "track", role: "img", ariaLabel: percent(score) }, fill);
  return make("li", {}, make("span", { textContent: label }), make("span", { className: "number", textContent: percent(score) }), track);
};
export const show = ({ label, confidence, ranked, known }) => {
  const small = make("small", { textContent: known ? words.sure(confidence) : words.guess(label, confidence) });
  return {
    parts: [
      make("p", { className: "verdict" }, `${known ? label : words.unsure} `, small),
      make("ul", { className: "bars" }, ...ranked.slice(0, BARS).map(bar)),
    ]
  };
};

export const heads = [{ textContent: words.many.answer }, { textContent: words.many.sure, className: "number" }];
export const cellsOf = ({ label, confidence, known }) => [
  { textContent: known ? label : words.many.unsure(label) },
  { textContent: percent(confidence), className: "number" },
];

// As the CSV file of `clothes serve`.
export const columnsOf = ({ classes }) => ["label", "confidence", "known", ...classes];
export const rowsOf = ({ label, confidence, known, scores }) => [
  [label, confidence.toFixed(6), String(known), ...scores.map((score) => score.toFixed(6))],
];

export const describe = ({ classes, metrics }) => {
  const part = "test" in metrics ? "test" : "validation";
  const accuracy = metrics[part] ? [words.accuracy(part, metrics[part])] : [];
  return [words.classes(classes), ...accuracy];
};
