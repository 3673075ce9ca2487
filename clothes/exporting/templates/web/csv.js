// The answers to many photos as CSV for spreadsheets, as `clothes serve` gives them.
const FORMULA = /^'*[=+\-@\t\r]/; // what a spreadsheet would compute, quoted or not

const cell = (value) => {
  const text = FORMULA.test(value) && (value.trim() === "" || Number.isNaN(Number(value))) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

// `answers` holds a name and an answer each, or null for a photo that cannot be read.
export const csvOf = (classes, answers) => {
  const rows = [
    ["photo", "label", "confidence", "known", ...classes, "problem"]
  ];
  for (const [name, found] of answers) {
    rows.push(found ? [name, found.label, found.confidence.toFixed(6), String(found.known), ...found.scores.map((score) => score.toFixed(6)), ""] : [name, "", "", "", ...classes.map(() => ""), "not-a-photo"]);
  }
  return "\ufeff" + rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
};
