// The words that every page has. Those of its kind are in own_words.js.
export const percent = (share) => {
  if (share > 0 && share < 0.001) return "< 0.1\u00a0%";
  const tenths = Math.floor(share * 1000 + 1e-9);
  return tenths < 1000 ? `${Math.floor(tenths / 10)}.${tenths % 10}\u00a0%` : "100\u00a0%";
};

export const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

export const WORDS = {
  drop: "Drop or paste photos here.",
  choose: "Choose photos",
  photo: "Your photo",
  ready: "Show me a photo: the answer appears here.",
  working: "Looking …",
  failed: (reason) => `The recogniser cannot start here (${reason}). Update this browser or use another, and load the page again.`,
  missing: (url) => `The recogniser cannot start here: ${url} cannot be loaded, or is not the file that belongs to this page. Check the network, and load the page again.`,
  unreadable: "This photo cannot be used: the browser cannot read it. Save it as a usual JPEG or PNG.",
  camera: {
    start: "Live camera",
    stop: "Stop camera",
    SecurityError: "Browsers allow a live camera only over https or on this machine. Choose photos instead.",
    NotAllowedError: "The browser blocks the camera for this page. Allow it beside the page's address, then try again.",
    NotFoundError: "No camera is connected. Connect one and try again, or choose photos.",
    other: "The camera cannot be used; perhaps another program has it. Close that one and try again.",
  },
  table: {
    done: (done, total) => done < total ? `${done} of ${counted(total, "photo")}` : counted(total, "photo"),
    photo: "Photo",
    unreadable: "cannot be read here",
    download: "Download as CSV",
    file: "answers.csv",
  },
  about: {
    title: "About",
    created: (date) => `Made on ${date}.`,
    privacy: "Your photos stay in this browser: nothing of them is sent or kept. After the first visit the page works without a network.",
    licence: {
      bundled: "Licence of the model: MIT.",
      own: "The model belongs to whoever trained it.",
    },
    made: (version, runtime) => `Made by clothes ${version} (MIT licence). It runs on LiteRT.js ${runtime} (Apache licence 2.0).`,
  },
};
