// A photo with its garments drawn on it, and one garment alone, as in clothes.outfits.drawing, on canvases.
import { make } from "./dom.js";
import { percent } from "./words.js";

const COLORS = ["#c2410c", "#1d6fb8", "#1f7a3a", "#6d4fc2", "#c2185b", "#7a5c16", "#00707a", "#5d4037"]; // behind white letters
const TINT = 0.35; // of a garment's own colour in the drawing
const PALE = 0.2; // of what is no part of a garment that is shown alone
const LETTERS = 30; // of them high is the drawing

export const colorOf = (number) => COLORS[number % COLORS.length];

const canvasOf = (width, height) => {
  const canvas = make("canvas", { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)) });
  return [canvas, canvas.getContext("2d")];
};

// What lies in a garment, as large as the copy of its photo: the copy itself, or a colour.
const cutOut = ({ region, view }, copy, filling) => {
  const [small, pen] = canvasOf(region.side, region.side);
  const mask = new ImageData(region.side, region.side);
  region.mask.forEach((value, at) => {
    mask.data[4 * at + 3] = 255 * value;
  });
  pen.putImageData(mask, 0, 0);
  const [layer, brush] = canvasOf(copy.width, copy.height);
  const times = copy.width / view.width;
  const [left, top, side] = [...view.corner, view.size * view.scale].map((value) => value * times);
  brush.drawImage(small, left, top, side, side);
  brush.globalCompositeOperation = "source-in";
  brush.fillStyle = filling;
  if (filling) brush.fillRect(0, 0, copy.width, copy.height);
  else brush.drawImage(copy, 0, 0);
  return layer;
};

const boxOf = ({ box, view }, copy) => box.map((value) => value * copy.width / view.width);
const areApart = (one, other) => one.left > other.right || other.left > one.right || one.top > other.bottom || other.top > one.bottom;

// Writes the name in the box's upper left corner, inside the photo and below other names. Returns its plate.
const writeName = (pen, garment, color, size, [x, y], plates) => {
  const text = garment.known ? `${garment.label} ${percent(garment.confidence)}` : `${garment.label}?`;
  const { width, height } = pen.canvas;
  const [across, down] = [pen.measureText(text).width + size / 2, 1.3 * size];
  const left = Math.max(0, Math.min(x, width - across));
  const plateAt = (top) => ({ left, top, right: left + across, bottom: top + down });
  let plate = plateAt(Math.max(0, Math.min(y, height - down)));
  for (;;) {
    const covered = plates.filter((other) => !areApart(plate, other));
    const lower = Math.max(...covered.map(({ bottom }) => bottom)) + 1;
    if (!covered.length || lower + down > height) break;
    plate = plateAt(lower);
  }
  pen.fillStyle = color;
  pen.fillRect(left, plate.top, across, down);
  pen.fillStyle = "white";
  pen.fillText(text, left + size / 4, plate.top + down / 2);
  return plate;
};

// The copy of a photo with each garment tinted, framed and named; or over a live picture the frames and names alone.
export const drawGarments = (copy, garments, isLive) => {
  const [canvas, pen] = canvasOf(copy.width, copy.height);
  const side = Math.max(copy.width, copy.height);
  const size = Math.max(12, side / LETTERS);
  if (!isLive) {
    pen.drawImage(copy, 0, 0);
    pen.globalAlpha = TINT;
    garments.forEach((garment, number) => pen.drawImage(cutOut(garment, copy, colorOf(number)), 0, 0));
  }
  Object.assign(pen, { globalAlpha: 1, lineWidth: Math.max(2, side / 200), font: `${size}px system-ui, sans-serif`, textBaseline: "middle" });
  const boxes = garments.map((garment) => boxOf(garment, copy));
  boxes.forEach(([left, top, right, bottom], number) => {
    pen.strokeStyle = colorOf(number);
    pen.strokeRect(left, top, right - left, bottom - top);
  });
  const plates = [];
  garments.forEach((garment, number) => plates.push(writeName(pen, garment, colorOf(number), size, boxes[number], plates)));
  return canvas;
};

// The box of a garment in the copy of its photo, with all that is no part of it nearly white.
export const drawAlone = (copy, garment) => {
  const [left, top, right, bottom] = boxOf(garment, copy);
  const [canvas, pen] = canvasOf(right - left, bottom - top);
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.globalAlpha = PALE;
  pen.drawImage(copy, -left, -top);
  pen.globalAlpha = 1;
  pen.drawImage(cutOut(garment, copy), -left, -top);
  return canvas;
};

// The number of the smallest garment whose box holds a point of the drawing, which its element shows whole; or -1.
export const garmentAt = (canvas, copy, garments, { offsetX, offsetY }) => {
  const scale = Math.min(canvas.clientWidth / canvas.width, canvas.clientHeight / canvas.height);
  const x = (offsetX - (canvas.clientWidth - scale * canvas.width) / 2) / scale;
  const y = (offsetY - (canvas.clientHeight - scale * canvas.height) / 2) / scale;
  return garments.findLastIndex((garment) => {
    const [left, top, right, bottom] = boxOf(garment, copy);
    return left <= x && x < right && top <= y && y < bottom;
  });
};
