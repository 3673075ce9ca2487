// A LiteRT model: a square picture -> all its outputs by name, as clothes.inference.litert gives them in Python.
import { download } from "./download.js";
import { loadAndCompile, loadLiteRt, Tensor } from "./runtime/litert.js";
import { wasm } from "./runtime.js";

// model.json: what the page knows of its models.
export const readAbout = async () => {
  const about = await (await download("model.json")).json();
  Object.assign(wasm, about.runtime.wasm);
  return about;
};

let runtime = null;
export const openModel = async (url, integrity, size) => {
  runtime ??= loadLiteRt("runtime.js");
  const [data] = await Promise.all([download(url, integrity).then((response) => response.arrayBuffer()), runtime]);
  const model = await loadAndCompile(new Uint8Array(data), { accelerator: "wasm" });
  return async (square) => {
    const picture = new Tensor(square, [1, size, size, 3]);
    let outputs = {};
    try {
      outputs = await model.run({ pictures: picture });
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]));
    } finally {
      for (const tensor of [picture, ...Object.values(outputs)]) tensor.delete();
    }
  };
};
