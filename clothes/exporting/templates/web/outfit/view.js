// The square part of a photo that the network sees, and the way back to the photo's pixels, as in clothes.outfits.view.
import { placeIn, round, squareOf } from "./pixels.js";

const inside = (value, least, most) => Math.min(Math.max(value, least), most);

// A box with a margin on each side, inside the photo. Boxes are left, top, right and bottom in pixels of the photo.
export const widened = ([left, top, right, bottom], { width, height }, share) => {
  const [across, down] = [right - left, bottom - top].map((side) => round(share * side));
  return [Math.max(0, left - across), Math.max(0, top - down), Math.min(width, right + across), Math.min(height, bottom + down)];
};

// The view of a bitmap, or of a part of it: its RGB and where it lies.
export const viewOf = (bitmap, size, [left, top, right, bottom] = [0, 0, bitmap.width, bitmap.height]) => {
  const { width, height } = bitmap;
  const place = placeIn(right - left, bottom - top, size);
  const scale = Math.max(right - left, bottom - top) / size;
  const corner = [left - place.left * scale, top - place.top * scale];
  return {
    size,
    place,
    scale,
    corner,
    width,
    height,
    picture: squareOf(bitmap, right - left, bottom - top, size, left, top),
    share: (size * scale) ** 2 / (width * height), // of the picture's area in the photo's
    // Shares of the picture's side -> the box in the photo, inside it.
    box(shares) {
      const pixels = shares.map((share, index) => round(corner[index % 2] + share * size * scale));
      const [x, y] = [inside(pixels[0], 0, width - 1), inside(pixels[1], 0, height - 1)];
      return [x, y, inside(pixels[2], x + 1, width), inside(pixels[3], y + 1, height)];
    },
  };
};
