// The answers of the outfit parser: the garments of a photo, as a drawing and rows that open, as rows of a CSV file.
import { copyOf, make } from "./dom.js";
import { colorOf, drawAlone, drawGarments, garmentAt } from "./drawing.js";
import { WORDS as words } from "./own_words.js";
import { percent } from "./words.js";

export { openOutfitParser as open } from "./outfit_parser.js";
export { words };
export const COPY = 960; // pixels of the longer side, of the copy of the photo that is drawn on

const CROP = 112; // pixels
const namesOf = (colors) => colors.map(({ name }) => name).join(", ");

// A garment's crop, name, colours and bar, and the garment alone once a visitor opens it. A live row does not open: the next
// frame takes its place.
const rowOf = (garment, number, copy, isLive) => {
  const { label, confidence, known, colors } = garment;
  const alone = Object.assign(drawAlone(copy, garment), { role: "img", ariaLabel: words.alone(label) });
  const swatches = colors.map(({ hex }) => {
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = hex;
    return swatch;
  });
  const fill = make("span", { className: "fill" });
  fill.style.width = `${(confidence * 100).toFixed(2)}%`;
  const line = make(isLive ? "div" : "summary", { className: "line" },
    make("span", { className: "crop", ariaHidden: "true" }, copyOf(alone, CROP)),
    make("span", { className: "what" }, `${known ? label : words.unsure(label)} `, make("small", {}, ...swatches, ` ${namesOf(colors)}`)),
    make("span", { className: "number", textContent: percent(confidence) }),
    make("span", { className: "track" }, fill),
  );
  const row = make("li", {}, isLive ? line : make("details", { name: "garment" }, line, alone));
  row.style.setProperty("--mark", colorOf(number));
  return row;
};

export const show = ({ garments }, copy, isLive) => {
  if (!garments.length) return { parts: [make("p", { className: "verdict", textContent: words.none })] };
  const rows = garments.map((garment, number) => rowOf(garment, number, copy, isLive));
  const list = make("ul", { className: "garments" }, ...rows);
  const drawing = drawGarments(copy, garments, isLive);
  Object.assign(drawing, { role: "img", ariaLabel: words.worn(garments.map(({ label }) => label).join(", ")) });
  if (isLive) return { parts: [list], drawing };
  drawing.onclick = (event) => {
    const details = rows[garmentAt(drawing, copy, garments, event)]?.firstChild;
    if (!details) return;
    details.open = true;
    details.firstChild.focus();
  };
  return { parts: [make("p", { className: "hint", textContent: words.open }), list], drawing };
};

const describeOne = ({ label, confidence, known, colors }) => `${known ? `${label} ${percent(confidence)}` : words.guess(label)} (${namesOf(colors)})`;
export const heads = [{ textContent: words.many.garments }];
export const cellsOf = ({ garments }) => [{ textContent: garments.map(describeOne).join(", ") || words.none }];

// A row a garment; a photo without clothing has one, too.
export const columnsOf = () => ["width", "height", "label", "confidence", "known", "left", "top", "right", "bottom", "area", "colors", "hex"];
export const rowsOf = ({ garments, width, height }) => {
  const size = [String(width), String(height)];
  if (!garments.length) return [
    [...size, ...Array(columnsOf().length - size.length).fill("")]
  ];
  return garments.map(({ label, confidence, known, box, area, colors }) => [
    ...size, label, confidence.toFixed(6), String(known), ...box.map(String), area.toFixed(6), colors.map(({ name }) => name).join("; "), colors.map(({ hex }) => hex).join("; "),
  ]);
};

export const describe = ({ kinds, classes, measured }) => [
  words.classes(Object.values(kinds).flat().filter((name) => classes.includes(name))),
  ...measured ? [words.measured(measured)] : [],
];
