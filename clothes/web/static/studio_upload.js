// Sends photos, folders and zip files, three at a time, with a reason for each that is refused.
const AT_ONCE = 3;
const uploading = find(".uploading");
const refused = find(".refused");
let queue = []; // of {file, name, label}
let sending = null; // the running upload: {batch, done, total, added, abort}

const newName = () => crypto.randomUUID?.() ?? String(Math.random()).slice(2); // of a batch or a burst
const isZip = (name) => /\.zip$/i.test(name);
const isJunk = (name) => /(^|\/)(\.|__MACOSX|Thumbs\.db|desktop\.ini)/i.test(name);

const isFilling = () => Boolean(sending) || isAdding() || Boolean(state.filling); // photos are on their way
const showUpload = () => {
  if (uploading.hidden === Boolean(sending)) {
    uploading.hidden = !sending;
    showNext();
    showTraining();
  }
  if (!sending) return;
  const zip = [...sending.shares].find(([item, share]) => share === 1 && isZip(item.name));
  find("p", uploading).textContent = zip ? words.unpacking(zip[0].name) : words.uploading(sending.done, sending.total);
  Object.assign(find("progress", uploading), { max: sending.total, value: sending.done + [...sending.shares.values()].reduce((sum, share) => sum + share, 0), ariaLabel: WORDS.photos.title });
};
const clearRefused = () => {
  find("ul", refused).replaceChildren();
  refused.hidden = true;
};
const refuse = (name, reason) => {
  find("ul", refused).append(make("li", { textContent: `${name}: ${reason}` }));
  refused.hidden = false;
  find("summary", refused).textContent = words.refused(find("ul", refused).children.length);
};

// Sends a file and tells how much of it is on its way, which `fetch` does not. Once it was sent, the studio ends it.
const post = (path, file, signal, onProgress) => new Promise((done, failed) => {
  const sent = new XMLHttpRequest();
  sent.open("POST", path);
  sent.responseType = "json";
  let isSent = false;
  sent.upload.onload = () => isSent = true;
  sent.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
  sent.onload = () => sent.status === 200 ? done(sent.response) : failed(new Error(sent.response?.problem ?? sent.response?.detail ?? sent.statusText));
  sent.onerror = () => failed(new Error(WORDS.noAnswer));
  sent.onabort = () => failed(new DOMException("", "AbortError"));
  signal.addEventListener("abort", () => isSent || sent.abort());
  sent.send(file);
});

const sendOne = async (item) => {
  const megabytes = isZip(item.name) ? props.max_zip_megabytes : props.max_megabytes;
  if (item.file.size > megabytes * 1e6) return refuse(item.name, words.tooLarge(megabytes));
  const query = { name: item.name, label: isZip(item.name) ? "" : item.label, batch: sending.batch, ...(sending.project && { project: sending.project }), ...(item.burst ? { burst: item.burst } : {}) };
  try {
    const answer = await post(`studio/upload?${new URLSearchParams(query)}`, item.file, sending.abort.signal, (share) => {
      sending.shares.set(item, share);
      showUpload();
    });
    sending.added += answer.added;
    sending.already += answer.already;
    answer.refused.forEach(([name, reason]) => refuse(name, reason));
    sending.told.push(...answer.told ?? []);
    answer.notes.forEach((note) => refuse(item.name, note));
  } catch (error) {
    if (error.name !== "AbortError") refuse(item.name, error.message);
  } finally {
    sending.shares.delete(item);
  }
};

const sendAll = async () => {
  for (let item = queue.shift(); item; item = queue.shift()) {
    await sendOne(item);
    sending.done += 1;
    showUpload();
  }
};

// Sends files: {file, name, label}; with a `burst` they are frames of one garment.
const send = async (items) => {
  while (sending?.abort.signal.aborted) await sending.ended; // the batch that was cancelled takes no more
  const wanted = items.filter((item) => !isJunk(item.name));
  queue.push(...wanted);
  if (sending) {
    sending.total += wanted.length;
    return showUpload();
  }
  if (!wanted.length) return;
  clearRefused();
  sending = { batch: newName(), project: state.folder, done: 0, total: wanted.length, added: 0, already: 0, told: [], shares: new Map(), abort: new AbortController() };
  showUpload();
  sending.ended = Promise.all(Array.from({ length: AT_ONCE }, sendAll));
  await sending.ended;
  const { added, already, told, abort } = sending;
  sending = null;
  showUpload();
  const sum = told.length && !added && !already ? [] : [words.added(added, already)];
  say(abort.signal.aborted ? words.cancelled(added, already) : [...sum, ...told].join(" "));
  if (sum.length) tellNews("add", sum[0], added + already > 0);
  await refresh();
};
find("button", uploading).onclick = () => {
  if (!sending) return;
  queue = [];
  sending.abort.abort();
  tell("job", { do: "stop", batch: sending.batch }).catch((error) => say(error.message, true));
};
addEventListener("beforeunload", (event) => sending && event.preventDefault());

// The class of each file by its path, as `clothes train` reads a folder: class folders may lie below single folders and
// below train/, validation/ and test/; what lies in them lies in that class. A file beside class folders has none.
const PART = /^(train|test|val|valid|validation)$/i;
const labelsOf = (paths) => {
  let folders = paths.map((path) => path.split("/").slice(0, -1));
  const isShared = () => folders.some((parts) => parts.length > 1) && folders.every((parts) => parts[0] === folders[0][0]);
  while (isShared()) folders = folders.map((parts) => parts.slice(1));
  const inside = folders.filter((parts) => parts.length);
  const areParts = inside.every((parts) => PART.test(parts[0])) && inside.some((parts) => parts.length > 1);
  return folders.map((parts) => parts[areParts ? 1 : 0] ?? "");
};
const inFolders = (files) => {
  const kept = files.filter(({ name }) => !isJunk(name));
  const labels = labelsOf(kept.map(({ name }) => name));
  return kept.map((item, at) => ({ ...item, label: labels[at] }));
};
const asItems = (files) => inFolders([...files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));

const readEntry = async (entry, path = "") => {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed)).catch(() => null);
    return file ? [{ file, name: path + entry.name }] : [];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) return found;
    for (const child of some) found.push(...await readEntry(child, `${path}${entry.name}/`));
  }
};
const takeDrop = async (transfer, label = current) => {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean); // before any wait
  const files = entries.length ? inFolders((await Promise.all(entries.map((entry) => readEntry(entry)))).flat()) : asItems(transfer.files);
  send(files.map((item) => ({ ...item, label: item.label || label || "" })));
};

const dropZone = find("section[data-step=photos] .drop");
const setOver = (zone, over) => zone.classList.toggle("over", over);
for (const zone of [dropZone, find(".asking .drop")]) {
  zone.ondragover = (event) => {
    event.preventDefault();
    setOver(zone, true);
  };
  zone.ondragleave = () => setOver(zone, false);
}
dropZone.ondrop = (event) => {
  event.preventDefault();
  setOver(dropZone, false);
  takeDrop(event.dataTransfer);
};
for (const picker of [find(".files"), find(".directory")]) {
  picker.onchange = () => {
    const label = picker.classList.contains("directory") ? "" : current ?? "";
    const burst = find(".one").checked ? { burst: newName() } : {};
    send(asItems(picker.files).map((item) => ({ ...item, ...burst, label: item.label || label })));
    find(".one").checked = false;
    picker.value = "";
  };
}
find(".starter").onclick = () => edit("starter");
watchers.push(() => find(".starter").hidden = Boolean(state.photos || state.unsorted));
