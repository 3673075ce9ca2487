// The words of the outfit's page.
import { counted, percent } from "./words.js";

export const WORDS = {
  title: "Whole outfit",
  lead: "Show me a photo of a person, or of one garment: all that is worn appears here.",
  none: "No clothing found.",
  open: "Choose a garment to see it alone.",
  worn: (names) => `The photo with ${names}`,
  alone: (label) => `The ${label} alone`,
  unsure: (label) => `Not sure: ${label}?`,
  guess: (label) => `not sure: ${label}?`,
  many: {
    garments: "Garments",
  },
  classes: (names) => `This model knows ${names.length} garments: ${names.join(", ")}.`,
  measured: ({ photos, f1, flat_exact: exact, empty_claimed: claimed }) =>
    `On ${counted(photos, "validation photo")}, which also chose its thresholds, its garments had a micro F1 of ${percent(f1)}; it found exactly the one garment in ${percent(exact)} of photos of one, and some in ${percent(claimed)} of photos without clothing.`,
};
