// The words of the recogniser's page.
import { counted, percent } from "./words.js";

export const WORDS = {
  title: "What is it?",
  lead: "Show me a photo of one piece of clothing.",
  sure: (share) => `${percent(share)} sure`,
  unsure: "Not sure",
  guess: (label, share) => `Best guess: ${label}, ${percent(share)}. Perhaps it is none of these.`,
  many: {
    answer: "Answer",
    sure: "Sure",
    unsure: (label) => `not sure (${label}?)`,
  },
  classes: (names) => `This model knows ${names.length} kinds: ${names.join(", ")}.`,
  accuracy: (part, { accuracy, interval: [low, high], photos }) =>
    `It was right on ${percent(accuracy)} of ${counted(photos, `${part} photo`)} (95\u00a0% interval ${percent(low)} to ${percent(high)}).`,
};
