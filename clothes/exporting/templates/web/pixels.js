// A photo -> the square that the network sees, with the pixels that clothes.photos.decode gives in Python.
const GRAY = 127; // beside the photo
const BAND_PIXELS = 2_000_000; // drawn at once: phones limit the size of a canvas
const GAP = 2; // Pillow's reducing_gap: a large photo is first reduced to this many times the size wanted
const BITS = 22; // of the fractions of a weight, as Pillow has them

// Python's round: halves go to the even neighbour.
export const round = (value) => {
  const down = Math.floor(value);
  return value - down === 0.5 ? down + Math.abs(down % 2) : Math.round(value);
};

// Draws rows of a picture on white. Returns RGBA.
const readRows = (source, left, top, width, rows) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height: rows });
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  context.fillStyle = "white";
  context.fillRect(0, 0, width, rows);
  context.drawImage(source, left, top, width, rows, 0, 0, width, rows);
  return context.getImageData(0, 0, width, rows).data;
};

// Adds up the pixels of each cell of `across` x `down` pixels into RGB means; cells at the edges may be smaller.
const reduceRows = (rgba, width, rows, across, down, target, offset) => {
  const columns = Math.ceil(width / across);
  for (let y = 0; y < rows; y += down) {
    const high = Math.min(down, rows - y);
    for (let column = 0; column < columns; column++) {
      const left = column * across;
      const wide = Math.min(across, width - left);
      let [red, green, blue] = [0, 0, 0];
      for (let row = y; row < y + high; row++) {
        let at = 4 * (row * width + left);
        for (const end = at + 4 * wide; at < end; at += 4) {
          red += rgba[at];
          green += rgba[at + 1];
          blue += rgba[at + 2];
        }
      }
      const cells = wide * high;
      const factor = Math.floor(2 ** 24 / cells); // Pillow's division
      for (const sum of [red, green, blue]) target[offset++] = Math.floor((sum + (cells >> 1)) * factor / 2 ** 24);
    }
  }
  return offset;
};

// A part of a picture in RGB whose sides are divided by whole numbers.
const reduce = (source, [left, start], width, height, across, down) => {
  const columns = Math.ceil(width / across);
  const lines = Math.ceil(height / down);
  const data = new Uint8Array(3 * columns * lines);
  const band = down * Math.max(1, Math.floor(BAND_PIXELS / width / down));
  let offset = 0;
  for (let top = 0; top < height; top += band) {
    const rows = Math.min(band, height - top);
    offset = reduceRows(readRows(source, left, start + top, width, rows), width, rows, across, down, data, offset);
  }
  return { data, width: columns, height: lines };
};

// For each of `size` pixels, which lie `scale` apart in a line of `pixels`: the first pixel that it is made of, and the
// weights, which are a triangle as wide as the scale and add up to one.
export const trianglesOf = (scale, pixels, size) => {
  const support = Math.max(1, scale);
  return Array.from({ length: size }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(pixels, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: end - first }, (_, n) => Math.max(0, 1 - Math.abs((n + first - centre + 0.5) / support)));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, weights: raw.map((weight) => weight / sum) };
  });
};

// The same in whole numbers. The length has 32 bits in Pillow.
const weightsOf = (length, pixels, size) => trianglesOf(Math.fround(length) / size, pixels, size).map(({ first, weights }) => ({ first, weights: weights.map((weight) => Math.trunc(0.5 + weight * 2 ** BITS)) }));

// Resizes lines of `count` pixels that lie `step` apart; the lines lie `next` apart, and `lines` of them are there.
const resizeLines = (data, wanted, lines, [step, next], target, [targetStep, targetNext]) => {
  for (let line = 0; line < lines; line++) {
    for (let index = 0; index < wanted.length; index++) {
      const { first, weights } = wanted[index];
      for (let channel = 0; channel < 3; channel++) {
        let sum = 2 ** (BITS - 1);
        let at = line * next + first * step + channel;
        for (let n = 0; n < weights.length; n++, at += step) sum += data[at] * weights[n];
        target[line * targetNext + index * targetStep + channel] = sum >> BITS;
      }
    }
  }
};

// The part of a picture at this corner and of this size -> RGB of another size: bilinear with antialiasing.
const resize = (source, corner, width, height, innerWidth, innerHeight) => {
  const across = Math.max(1, Math.floor(width / innerWidth / GAP));
  const down = Math.max(1, Math.floor(height / innerHeight / GAP));
  let picture = reduce(source, corner, width, height, across, down);
  if (picture.width !== innerWidth || width !== across * innerWidth) {
    const data = new Uint8Array(3 * innerWidth * picture.height);
    const weights = weightsOf(width / across, picture.width, innerWidth);
    resizeLines(picture.data, weights, picture.height, [3, 3 * picture.width], data, [3, 3 * innerWidth]);
    picture = { data, width: innerWidth, height: picture.height };
  }
  if (picture.height !== innerHeight || height !== down * innerHeight) {
    const data = new Uint8Array(3 * innerWidth * innerHeight);
    const weights = weightsOf(height / down, picture.height, innerHeight);
    resizeLines(picture.data, weights, innerWidth, [3 * innerWidth, 3], data, [3 * innerWidth, 3]);
    picture = { data, width: innerWidth, height: innerHeight };
  }
  return picture.data;
};

// Where a picture of this width and height lies in a square: the sides and the upper left corner.
export const placeIn = (width, height, size) => {
  const scale = size / Math.max(width, height);
  const [innerWidth, innerHeight] = [width, height].map((side) => Math.max(1, round(side * scale)));
  const [left, top] = [innerWidth, innerHeight].map((side) => Math.floor((size - side) / 2));
  return { left, top, width: innerWidth, height: innerHeight };
};

// A bitmap, or the part of it of this width and height at `left` and `top` -> RGB of a square, the rest gray.
export const squareOf = (source, width, height, size, left = 0, top = 0) => {
  const place = placeIn(width, height, size);
  const inner = resize(source, [left, top], width, height, place.width, place.height);
  const square = new Uint8Array(3 * size * size).fill(GRAY);
  for (let row = 0; row < place.height; row++) {
    square.set(inner.subarray(3 * place.width * row, 3 * place.width * (row + 1)), 3 * ((place.top + row) * size + place.left));
  }
  return square;
};

// A file -> a bitmap: upright by its EXIF, colours as they are in the file. Or the frame that a video shows.
const decode = (source) => createImageBitmap(source, {
  imageOrientation: "from-image",
  colorSpaceConversion: "none",
  premultiplyAlpha: "none",
});

// Returns a function: a file or a video -> what `answer` says of its bitmap, which `look` gets before. Throws for a file
// that is unreadable.
export const readWith = (answer) => async (source, look) => {
  const bitmap = await decode(source);
  try {
    look(bitmap);
    return await answer(bitmap);
  } finally {
    bitmap.close();
  }
};
