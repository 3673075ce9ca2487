// The map of a network -> regions: where something of one kind is worn, and by whom, as in clothes.outfits.regions.
//
// A map is a list of planes, one for each class or kind. A plane is a list of numbers, row by row, of a square.
import { trianglesOf } from "./pixels.js";

export const BACKGROUND = "background";
export const PERSON = "person";
export const FINER = 4; // pixels of a region's mask a cell
const LEAST_LAYER = 0.12; // share of both upper layers: a smaller one is an edge of the other

export const count = (mask) => mask.reduce((sum, value) => sum + value, 0);

// The largest value of each pixel and its eight neighbours; beside the plane lies 0.
const largestNear = (plane, side) => plane.map((_, at) => {
  let largest = 0;
  const [row, column] = [Math.floor(at / side), at % side];
  for (let y = Math.max(0, row - 1); y <= Math.min(side - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(side - 1, column + 1); x++) largest = Math.max(largest, plane[y * side + x]);
  }
  return largest;
});

// A number for each connected part of a mask, diagonals included; 0 outside. It is that of its last pixel, from 1.
export const join = (mask, side) => {
  const numbers = new Int32Array(mask.length);
  for (let last = mask.length; last > 0; last--) {
    const waiting = mask[last - 1] && !numbers[last - 1] ? [last - 1] : [];
    while (waiting.length) {
      const at = waiting.pop();
      if (numbers[at]) continue;
      numbers[at] = last;
      const [row, column] = [Math.floor(at / side), at % side];
      for (let y = Math.max(0, row - 1); y <= Math.min(side - 1, row + 1); y++) {
        for (let x = Math.max(0, column - 1); x <= Math.min(side - 1, column + 1); x++) {
          if (mask[y * side + x] && !numbers[y * side + x]) waiting.push(y * side + x);
        }
      }
    }
  }
  return numbers;
};

// A plane drawn with `times` as many rows and columns, smoothly, as Pillow does in 32 bits.
export const enlarge = (plane, side, times) => {
  const wide = side * times;
  const lines = trianglesOf(1 / times, side, wide);
  const drawn = (from, step) => ({ first, weights }) => weights.reduce((sum, weight, n) => sum + weight * from((first + n) * step), 0);
  const rows = new Float32Array(side * wide);
  for (let row = 0; row < side; row++) {
    rows.set(lines.map(drawn((at) => plane[row * side + at], 1)), row * wide);
  }
  const fine = new Float32Array(wide * wide);
  lines.forEach((line, row) => {
    for (let column = 0; column < wide; column++) fine[row * wide + column] = drawn((at) => rows[at + column], wide)(line);
  });
  return fine;
};

// The number of the largest of some planes at each pixel, the first of equal ones.
const largestOf = (planes) => Uint8Array.from(planes[0], (_, at) => planes.reduce((best, plane, index) => plane[at] > planes[best][at] ? index : best, 0));

const addUp = (planes) => planes.reduce((sum, plane) => sum.map((value, at) => value + plane[at]));

// Gives shoes that stand alone the number of the largest wearer in the same columns, or else all of them one.
const withFeet = (wearers, isFoot, side) => {
  const sizes = new Map();
  const columns = new Map();
  const others = new Set();
  wearers.forEach((number, at) => {
    if (!number) return;
    sizes.set(number, (sizes.get(number) ?? 0) + 1);
    columns.set(number, (columns.get(number) ?? new Set()).add(at % side));
    if (!isFoot[at]) others.add(number);
  });
  const inOrder = [...sizes.keys()].sort((a, b) => a - b);
  const alone = inOrder.filter((number) => !others.has(number));
  const largestFirst = inOrder.filter((number) => others.has(number)).sort((a, b) => sizes.get(b) - sizes.get(a));
  const above = (shoe) => largestFirst.find((number) => [...columns.get(shoe)].some((column) => columns.get(number).has(column)));
  const joined = new Map(alone.map((shoe) => [shoe, above(shoe) ?? alone[0]]));
  return wearers.map((number) => joined.get(number) ?? number);
};

// One garment's place. `mask` has FINER pixels a cell, `strengths` is the mean of the map, `area` a share of the map.
const regionOf = (kind, mask, strengths, area) => {
  const side = Math.sqrt(mask.length);
  const box = [side, side, 0, 0];
  mask.forEach((value, at) => {
    if (!value) return;
    const [row, column] = [Math.floor(at / side), at % side];
    box.splice(0, 4, Math.min(box[0], column), Math.min(box[1], row), Math.max(box[2], column + 1), Math.max(box[3], row + 1));
  });
  return { kind, mask, side, strengths, area, box: box.map((pixel) => pixel / side) };
};

// Joins an upper layer to the other one of a person if it is but an edge of it.
const withoutEdges = (regions, upper) => {
  const kept = [...regions];
  for (const one of regions) {
    for (const other of regions) {
      const areLayers = one.kind !== other.kind && upper.includes(one.kind) && upper.includes(other.kind);
      if (!areLayers || !kept.includes(one) || !kept.includes(other)) continue;
      const share = one.area / (one.area + other.area);
      if (share >= LEAST_LAYER || !largestNear(one.mask, one.side).some((value, at) => value && other.mask[at])) continue;
      const strengths = one.strengths.map((value, index) => share * value + (1 - share) * other.strengths[index]);
      const mask = one.mask.map((value, at) => value | other.mask[at]);
      kept.splice(kept.indexOf(one), 1);
      kept.splice(kept.indexOf(other), 1, regionOf(other.kind, mask, strengths, one.area + other.area));
    }
  }
  return kept;
};

// The regions of a map of probabilities that cover at least this share of it. All parts of a kind on one person are one.
export const findRegions = (cells, { classes, kinds, upper }, least) => {
  const side = Math.sqrt(cells[0].length);
  const names = [BACKGROUND, PERSON, ...Object.keys(kinds)];
  const sums = names.map((name) => addUp([new Float32Array(side * side), ...cells.filter((_, index) => (kinds[name] ?? [name]).includes(classes[index]))]));
  const coarse = largestOf(sums);
  const fine = largestOf(sums.map((plane) => enlarge(plane, side, FINER)));
  const wearers = withFeet(join(coarse.map((kind) => kind !== 0), side), coarse.map((kind) => kind === names.indexOf("feet")), side);
  const found = [];
  for (const wearer of [...new Set(wearers)].filter(Boolean).sort((a, b) => a - b)) {
    for (let kind = 2; kind < names.length; kind++) {
      const inside = coarse.map((value, at) => value === kind && wearers[at] === wearer);
      const cellCount = count(inside);
      if (!cellCount) continue;
      const near = largestNear(inside, side);
      const cellOf = (at) => Math.floor(at / (side * FINER) / FINER) * side + Math.floor(at % (side * FINER) / FINER);
      const mask = fine.map((value, at) => value === kind && near[cellOf(at)]);
      const area = count(mask) / mask.length;
      if (area < least || !area) continue;
      const strengths = Float32Array.from(cells, (plane) => plane.reduce((sum, value, at) => sum + value * inside[at], 0) / cellCount);
      found.push(regionOf(names[kind], mask, strengths, area));
    }
  }
  return withoutEdges(found, upper);
};

// A mask without its outermost pixels, or the mask itself if little else is left of it.
export const withoutEdge = (mask, side) => {
  const near = largestNear(mask.map((value) => 1 - value), side);
  const inner = near.map((value) => 1 - value);
  return 2 * count(inner) >= count(mask) ? inner : mask;
};
