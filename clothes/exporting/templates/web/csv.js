// Rows as CSV for spreadsheets, as `clothes serve` gives them.
const FORMULA = /^'*[=+\-@\t\r]/; // what a spreadsheet would compute, quoted or not

const cell = (value) => {
  const text = FORMULA.test(value) && (value.trim() === "" || Number.isNaN(Number(value))) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csvOf = (rows) => "\ufeff" + rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
