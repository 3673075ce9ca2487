// The pixels of a garment -> its colours by everyday names, as in clothes.outfits.colors. The names are color_names.json.
import { download } from "./download.js";
import { round } from "./pixels.js";

const MOST_PIXELS = 2000;
const CLUSTERS = 8;
const ROUNDS = 8;
const MOST_COLORS = 3;
const LEAST_SHARE = 0.1;
const LIGHTNESS = 0.7; // the weight of lightness in a distance
const LEAST_LIGHT = 0.3; // of a shade
const LARGEST_OFFSET = 9; // its distance in CIELAB once it is lit up
const TO_XYZ = [
  [0.4124, 0.3576, 0.1805],
  [0.2126, 0.7152, 0.0722],
  [0.0193, 0.1192, 0.9505],
]; // IEC 61966-2-1

const sum = (values) => values.reduce((total, value) => total + value, 0);
const dot = (one, other) => sum(one.map((value, index) => value * other[index]));
const times = (factor, color) => color.map((value) => factor * value);
const meanOf = (colors) => [0, 1, 2].map((index) => sum(colors.map((color) => color[index])) / colors.length);
const squared = (one, other) => (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2;
// The place of the smallest value, the first of equal ones.
const smallest = (values) => values.reduce((best, value, index) => value < values[best] ? index : best, 0);

const linear = (rgb) => rgb.map((value) => {
  const level = value / 255;
  return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
});
const lab = (light) => {
  const [x, y, z] = TO_XYZ.map((row) => dot(light, row) / sum(row)).map((value) => value > 216 / 24389 ? Math.cbrt(value) : (24389 / 27 * value + 16) / 116);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
};
const weighted = ([lightness, a, b]) => [LIGHTNESS * lightness, a, b];
const hexOf = (light) => "#" + light.map((value) => {
  const level = value <= 0.0031308 ? 12.92 * value : 1.055 * Math.max(0, value) ** (1 / 2.4) - 0.055;
  return round(Math.min(Math.max(level, 0), 1) * 255).toString(16).padStart(2, "0");
}).join("");

// The number of the cluster of each colour, by k-means from starts that lie far apart.
const cluster = (colors) => {
  const points = colors.map((light) => weighted(lab(light)));
  const places = [meanOf(points)];
  let nearest = points.map((point) => squared(point, places[0]));
  while (places.length < CLUSTERS) {
    const next = points[smallest(nearest.map((value) => -value))];
    places.push(next);
    nearest = nearest.map((value, index) => Math.min(value, squared(points[index], next)));
  }
  let members = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    members = points.map((point) => smallest(places.map((place) => squared(point, place))));
    for (const number of new Set(members)) places[number] = meanOf(points.filter((_, index) => members[index] === number));
  }
  return members;
};

// Whether linear RGB is that of a brighter colour with less light.
const isShade = (color, brighter) => {
  const dimmed = dot(color, brighter) / (dot(brighter, brighter) + 1e-9);
  if (dimmed < LEAST_LIGHT || dimmed > 1) return false;
  return Math.sqrt(squared(lab(times(dimmed, brighter)), lab(color))) <= LARGEST_OFFSET;
};

const mixed = (parts) => {
  const share = sum(parts.map((part) => part.share));
  return { share, color: times(1 / share, parts.map((part) => times(part.share, part.color)).reduce((one, other) => one.map((value, index) => value + other[index]))) };
};
// The brightest parts come first.
const brighterThird = (group) => {
  const wanted = sum(group.map(({ share }) => share)) / 3;
  let taken = 0;
  const end = group.findIndex(({ share }) => (taken += share) >= wanted);
  return mixed(group.slice(0, end < 0 ? group.length : end + 1)).color;
};

// Share and linear RGB of each colour.
const withoutShades = (colors, members) => {
  const clusters = [...new Set(members)].sort((a, b) => a - b).map((number) => {
    const own = colors.filter((_, index) => members[index] === number);
    return { share: own.length / colors.length, color: meanOf(own) };
  });
  clusters.sort((a, b) => sum(b.color) - sum(a.color));
  const groups = [];
  for (const part of clusters) {
    const group = groups.find((known) => known.some(({ share, color }) => share >= part.share / 8 && isShade(part.color, color)));
    if (group) group.push(part);
    else groups.push([part]);
  }
  return groups.map((group) => ({ share: sum(group.map(({ share }) => share)), color: brighterThird(group) }));
};

// Returns a function: pixels [red, green, blue] -> up to three colours, the largest first.
export const readColors = async () => {
  const { names } = await (await download("color_names.json")).json();
  const places = Object.entries(names).flatMap(([name, codes]) => Object.values(codes).map((code) => {
    const rgb = [1, 3, 5].map((at) => parseInt(code.slice(at, at + 2), 16));
    return { name, place: weighted(lab(linear(rgb))) };
  }));
  const nameOf = (color) => places[smallest(places.map(({ place }) => squared(weighted(lab(color)), place)))].name;
  return (pixels) => {
    if (!pixels.length) return [];
    const step = Math.max(1, Math.floor(pixels.length / MOST_PIXELS));
    const colors = pixels.filter((_, index) => index % step === 0).map(linear);
    const groups = new Map();
    for (const part of withoutShades(colors, cluster(colors))) {
      const name = nameOf(part.color);
      groups.set(name, [...groups.get(name) ?? [], part]);
    }
    const found = [...groups].map(([name, parts]) => {
      const { share, color } = mixed(parts);
      return { name, hex: hexOf(color), share: round(share * 1000) / 1000 };
    });
    found.sort((a, b) => b.share - a.share);
    return found.filter(({ share }, index) => index === 0 || share >= LEAST_SHARE).slice(0, MOST_COLORS);
  };
};
