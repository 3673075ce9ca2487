// A classifier: a picture, or a part of it -> its scores, and the certainty that a threshold is for.
import { openModel } from "./model.js";
import { squareOf } from "./pixels.js";

export const openClassifier = async (url, { model, image_size: size }) => {
  const run = await openModel(url, model, size);
  return async (source, width, height, left = 0, top = 0) => {
    const { scores, similarity } = await run(squareOf(source, width, height, size, left, top));
    return { scores: [...scores], certainty: Math.max(...similarity ?? scores) };
  };
};
