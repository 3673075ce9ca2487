// A photo -> the garments in it, as clothes.OutfitParser gives them in Python: what, where, how sure and which colour.
import { openClassifier } from "./classifier.js";
import { readColors } from "./colors.js";
import { openModel, readAbout } from "./model.js";
import { confidenceOf, leastIn, namesOf, NOT_ASKED } from "./naming.js";
import { readWith } from "./pixels.js";
import { BACKGROUND, count, findRegions, PERSON, withoutEdge } from "./regions.js";
import { blend } from "./smoothing.js";
import { viewOf, widened } from "./view.js";

const CELL = 8; // pixels of the picture
const MARGIN = 0.1; // of a crop, as a share of its sides
const SMALL = 0.55; // share of the photo's longer side: if people and garments lie in less, they are looked at again, larger
const AROUND = 0.2; // of what is looked at again
const SAME = 0.3; // share of a garment's box in that of another: if more lies there, they are one

const mirrored = (picture, size) => {
  const turned = new Uint8Array(picture.length);
  for (let at = 0; at < size * size; at++) {
    const from = at - at % size + size - 1 - at % size;
    turned.set(picture.subarray(3 * from, 3 * from + 3), 3 * at);
  }
  return turned;
};

// The map of a view, a plane for each class: the mean of the picture's and of its mirror image's.
const seeWith = (run, classes) => async ({ picture, size, place }) => {
  const side = size / CELL;
  const [seen, other] = [(await run(picture)).regions, (await run(mirrored(picture, size))).regions];
  const isInside = (cell, start, length) => cell >= Math.floor(start / CELL) && cell < Math.ceil((start + length) / CELL);
  return classes.map((name, index) => Float32Array.from({ length: side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    if (!isInside(row, place.top, place.height) || !isInside(column, place.left, place.width)) return name === BACKGROUND ? 1 : 0;
    return (seen[at * classes.length + index] + other[(row * side + side - 1 - column) * classes.length + index]) / 2;
  }));
};

// The box of all that is no background, as shares of the map's sides, if there is a garment.
const shownIn = (cells, { classes, kinds }) => {
  const garments = cells.filter((_, index) => Object.values(kinds).flat().includes(classes[index]));
  if (!garments[0].some((_, at) => garments.reduce((sum, plane) => sum + plane[at], 0) > 0.5)) return null;
  const background = cells[classes.indexOf(BACKGROUND)];
  const side = Math.sqrt(background.length);
  const places = [...background.keys()].filter((at) => background[at] < 0.5);
  if (!places.length) return null;
  const [rows, columns] = [places.map((at) => Math.floor(at / side)), places.map((at) => at % side)];
  return [Math.min(...columns), Math.min(...rows), Math.max(...columns) + 1, Math.max(...rows) + 1].map((cell) => cell / side);
};

// A garment's own pixels in the picture, one for each pixel of its mask that the photo fills.
const pixelsOf = ({ picture, size, place }, { mask, side }) => {
  const inner = withoutEdge(mask, side);
  const step = size / side;
  const isInside = (pixel, start, length) => pixel >= start && pixel < start + length;
  return [...inner.keys()].filter((at) => inner[at]).map((at) => [Math.floor(at / side) * step, at % side * step])
    .filter(([row, column]) => isInside(row, place.top, place.height) && isInside(column, place.left, place.width))
    .map(([row, column]) => [...picture.subarray(3 * (row * size + column), 3 * (row * size + column + 1))]);
};

const overlap = (one, other) => {
  const [across, down] = [0, 1].map((axis) => Math.max(0, Math.min(one[axis + 2], other[axis + 2]) - Math.max(one[axis], other[axis])));
  return across * down / ((one[2] - one[0]) * (one[3] - one[1]));
};
// Drops a garment of the same label as a larger one that it touches.
const withoutRepeats = (garments) => garments.reduce((kept, garment) => (
  kept.some(({ label, box }) => label === garment.label && overlap(garment.box, box) > SAME) ? kept : [...kept, garment]
), []);

export const openOutfitParser = async () => {
  const about = await readAbout();
  const colorsOf = await readColors();
  const see = seeWith(await openModel("model.tflite", about.model, about.image_size), about.classes);
  const classify = await openClassifier("classifier.tflite", about.classifier);

  // A person who is small in the photo is looked at from nearer.
  const look = async (bitmap) => {
    const view = viewOf(bitmap, about.image_size);
    const cells = await see(view);
    const shown = shownIn(cells, about);
    if (!shown || Math.max(shown[2] - shown[0], shown[3] - shown[1]) >= SMALL) return [view, cells];
    const nearer = viewOf(bitmap, about.image_size, widened(view.box(shown), bitmap, AROUND));
    return [nearer, await see(nearer)];
  };
  const cropOf = async (bitmap, view, region) => {
    const { classes } = about.classifier;
    if (!about.kinds[region.kind].some((name) => classes.includes(name))) return NOT_ASKED;
    const [left, top, right, bottom] = widened(view.box(region.box), bitmap, MARGIN);
    const { scores, certainty } = await classify(bitmap, right - left, bottom - top, left, top);
    return { scores: new Map(classes.map((name, index) => [name, scores[index]])), certainty };
  };
  // What was at this place in the frame before smooths its name, how sure that is, and its place in the order.
  const garmentOf = async (bitmap, view, region, scene, earlier) => {
    const crop = await cropOf(bitmap, view, region);
    const box = view.box(region.box);
    const before = earlier.find((other) => other.region.kind === region.kind && overlap(box, other.box) > SAME);
    const shares = new Map(namesOf(about, region, crop).map(([name, share]) => [name, blend(before?.shares.get(name), share)]));
    const names = [...shares].sort((one, other) => other[1] - one[1]);
    const confidence = blend(before?.confidence, confidenceOf(about, names, region, crop, scene));
    return {
      label: names[0][0],
      shares,
      confidence,
      known: confidence >= about.outfit.known,
      box,
      area: blend(before?.area, Math.min(1, region.area * view.share)),
      colors: colorsOf(pixelsOf(view, region)),
      view,
      region,
    };
  };

  // The largest garment comes first. `all` are those, too, that are too unsure to be shown.
  const parse = async (bitmap, earlier = []) => {
    const [view, cells] = await look(bitmap);
    const regions = findRegions(cells, about, about.outfit.least_area / view.share);
    const person = cells[about.classes.indexOf(PERSON)];
    const scene = { person: count(person) / person.length, regions: regions.length };
    const all = [];
    for (const region of regions) all.push(await garmentOf(bitmap, view, region, scene, earlier));
    const shown = all.filter(({ confidence }) => confidence >= leastIn(about, scene)).sort((a, b) => b.area - a.area);
    return { garments: withoutRepeats(shown), all, width: bitmap.width, height: bitmap.height };
  };

  return {
    about,
    read: readWith((bitmap) => parse(bitmap)),
    // Returns what reads one frame after the other.
    watch() {
      let earlier = [];
      return readWith(async (bitmap) => {
        const found = await parse(bitmap, earlier);
        earlier = found.all;
        return found;
      });
    },
  };
};
