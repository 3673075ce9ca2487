// Parts of the page.
export const find = (selector) => document.querySelector(selector);

export const make = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

// A small copy of a picture, on a canvas of at most this many pixels a side.
export const copyOf = (source, side, canvas = make("canvas")) => {
  const scale = Math.min(1, side / Math.max(source.width, source.height));
  Object.assign(canvas, { width: Math.max(1, source.width * scale), height: Math.max(1, source.height * scale) });
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
};
