// The recogniser: a photo or a frame of a video -> scores, label, and whether it is sure, as clothes.Classifier gives them
// in Python.
import { openClassifier } from "./classifier.js";
import { readAbout } from "./model.js";
import { readWith } from "./pixels.js";
import { blend } from "./smoothing.js";

// The answer to scores and a certainty: below the threshold it is not `known`.
const answerOf = ({ classes, threshold }, { scores, certainty }) => {
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
  const ranked = order.map((index) => [classes[index], scores[index]]);
  const [label, confidence] = ranked[0];
  return { label, confidence, ranked, scores, known: certainty >= threshold };
};

export const openRecogniser = async () => {
  const about = await readAbout();
  const classify = await openClassifier("model.tflite", about);
  return {
    about,
    read: readWith(async (bitmap) => answerOf(about, await classify(bitmap, bitmap.width, bitmap.height))),
    // Returns what reads one frame after the other. The answer is smoothed, and so is how sure it is.
    watch() {
      const smooth = { scores: [], certainty: undefined };
      return readWith(async (bitmap) => {
        const { scores, certainty } = await classify(bitmap, bitmap.width, bitmap.height);
        smooth.scores = scores.map((score, index) => blend(smooth.scores[index], score));
        smooth.certainty = blend(smooth.certainty, certainty);
        return answerOf(about, smooth);
      });
    },
  };
};
