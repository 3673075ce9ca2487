// The model: a photo or a video -> scores, label, and whether it is sure, as clothes.Classifier gives them in Python.
import { loadAndCompile, loadLiteRt, Tensor } from "./runtime/litert.js";
import { decode, squareOf } from "./pixels.js";
import { wasm } from "./runtime.js";

// A host may have been given another model since: ask it.
const download = async (url, integrity = "") => {
  const response = await fetch(url, { integrity, cache: "no-cache" });
  if (!response.ok) throw new Error(`${response.status} ${url}`);
  return response;
};

// The answer to scores and a certainty: below the threshold it is not `known`.
export const answerOf = ({ classes, threshold }, { scores, certainty }) => {
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  const ranked = order.map((index) => [classes[index], scores[index]]);
  const [label, confidence] = ranked[0];
  return { label, confidence, ranked, scores, known: certainty >= threshold };
};

export const openRecogniser = async () => {
  const about = await (await download("model.json")).json();
  Object.assign(wasm, about.runtime.wasm);
  const [data] = await Promise.all([download("model.tflite", about.model).then((response) => response.arrayBuffer()), loadLiteRt("runtime.js")]);
  const model = await loadAndCompile(new Uint8Array(data), { accelerator: "wasm" });
  const { image_size: size } = about;

  const run = async (square) => {
    const picture = new Tensor(square, [1, size, size, 3]);
    let outputs = {};
    try {
      outputs = await model.run({ pictures: picture });
      const values = (name) => outputs[name] && [...outputs[name].toTypedArray()];
      const scores = values("scores");
      return { scores, certainty: Math.max(...values("similarity") ?? scores) };
    } finally {
      for (const tensor of [picture, ...Object.values(outputs)]) tensor.delete();
    }
  };

  return {
    about,
    // The scores of a file, and a small picture of it. Throws if the browser cannot read it.
    async read(file, thumbnail) {
      const bitmap = await decode(file);
      try {
        thumbnail?.(bitmap);
        return await run(squareOf(bitmap, bitmap.width, bitmap.height, size));
      } finally {
        bitmap.close();
      }
    },
    look: (video) => run(squareOf(video, video.videoWidth, video.videoHeight, size)),
  };
};
