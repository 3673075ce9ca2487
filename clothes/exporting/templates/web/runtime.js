// Starts the wasm of LiteRT.js, in place of its own package @litertjs/wasm-utils: from the address and with the checksum
// that model.json names. The script beside it is in index.html, with its checksum too.
import { download, notLoaded } from "./download.js";

export const wasm = { url: "", integrity: "" };

const instantiate = async (imports) => {
  const response = await download(wasm.url, wasm.integrity);
  try {
    return await WebAssembly.instantiateStreaming(response.clone(), imports);
  } catch { // a host that names no type of the file
    return WebAssembly.instantiate(await response.arrayBuffer(), imports);
  }
};

export const createWasmLib = (Library) => new Promise((resolve, reject) => {
  if (!globalThis.ModuleFactory) throw notLoaded(document.querySelector("script[integrity]").src);
  const instantiateWasm = (imports, receive) => {
    instantiate(imports).then(({ instance, module }) => receive(instance, module), reject);
  };
  globalThis.ModuleFactory({ instantiateWasm }).then((module) => resolve(new Library(module)), reject);
});
