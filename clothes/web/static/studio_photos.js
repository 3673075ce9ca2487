// The station Photos: classes, the grid of one class, sorting.
const UNSORTED = ""; // the class of photos without one
const words = WORDS.photos;
const classList = find(".classes");
const looks = find(".looks");
const naming = find(".naming");
let current = new URLSearchParams(location.search).get("class"); // that the grid shows
let suggested = null; // {class: ids} for the loose photos

const tools = make("div", { className: "tools", hidden: true });
const photoGrid = makeGrid(find(".sorter .own-grid"), {
  label: words.title,
  fetchItems: (start, number) => ask("photos", { label: current ?? UNSORTED, start, count: number }),
  onSelect: (ids, grid) => showTools(tools, ids, grid),
  onKey: (key, ids) => sortByKey(key, ids),
});
const keysHint = make("p", { className: "hint", textContent: words.keys });
find(".sorter .own-grid").before(tools);
find(".sorter .own-grid").after(keysHint);

const classNames = () => state.classes.map((found) => found.name);

const move = (ids, label) => ids.length && edit("move", { ids, label });
const remove = (ids) => ids.length && edit("remove", { ids });

// The keys 0 (unsorted) to 9 and Delete. Returns whether the key was one of them.
const sortByKey = (key, ids) => {
  const label = /^[0-9]$/.test(key) ? [UNSORTED, ...classNames()][key] : undefined;
  if (label !== undefined) move(ids, label);
  else if (key === "Delete" || key === "Backspace") remove(ids);
  else return false;
  return true;
};

const makeMover = (ids) => {
  const labels = [UNSORTED, ...classNames()];
  const options = labels.map((label, key) => [key, `${key <= 9 ? `${key}  ` : ""}${label || words.unsorted}`]);
  return chooser(words.move, options, words.moveNow, (key) => move(ids(), labels[key]));
};

// What can be done with selected photos.
const showTools = (tools, ids, grid) => {
  const nothing = !ids.length;
  tools.hidden = !grid.total();
  const ofSelected = nothing ? [] : [
    make("b", { textContent: words.selected(ids.length) }),
    button(words.none, () => grid.clear()),
    makeMover(() => ids),
    button(words.remove, () => remove(ids), { title: words.removeHint }),
  ];
  if (ids.length === 1) ofSelected.push(button(words.enlarge, () => enlarge({ id: ids[0], name: ids[0].split("/").pop() })));
  refill(tools, button(words.all, () => grid.selectAll()), ...ofSelected);
};

const openClass = (name) => {
  current = name;
  naming.hidden = true;
  showClasses();
  showLooks();
  return photoGrid.reload();
};

const makeChip = (name, text, photos, garments, key) => {
  const chip = make("button", { type: "button", className: "chip", ariaPressed: name === current, dataset: { name } });
  chip.append(key ? make("kbd", { textContent: key, ariaHidden: "true" }) : "", `${text} `, make("b", { textContent: photos.toLocaleString("en") }));
  chip.title = words.garments(photos, garments);
  chip.onclick = () => openClass(name);
  chip.ondragover = (event) => event.preventDefault();
  chip.ondrop = (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer.types.includes("text/studio-photos")) move(JSON.parse(event.dataTransfer.getData("text/studio-photos")), name);
    else takeDrop(event.dataTransfer, name);
  };
  return chip;
};

const showClasses = () => {
  const focused = document.activeElement?.dataset?.name;
  const hadFocus = classList.contains(document.activeElement);
  const chips = state.classes.map((found, index) => makeChip(found.name, found.name, found.photos, found.garments, index < 9 ? index + 1 : 0));
  if (state.unsorted) chips.unshift(makeChip(UNSORTED, words.unsorted, state.unsorted, state.unsorted, "0"));
  classList.replaceChildren(...chips, button(`+ ${words.add}`, () => askName("add_class"), { className: "chip new" }));
  if (hadFocus)[...classList.children].find((chip) => chip.dataset.name === focused)?.focus();
  keysHint.hidden = !state.photos && !state.unsorted || matchMedia("(pointer: coarse)").matches;
  find(".class-tools").hidden = !current;
  find(".into").textContent = words.into(current);
  find("#studio-classes").replaceChildren(...classNames().map((value) => make("option", { value })));
  refill(find(".merge"), chooser(words.merge, classNames().filter((name) => name !== current).map((name) => [name, name]), words.mergeNow, async (into) => {
    if (await edit("merge_classes", { label: current, into })) openClass(into);
  }));
};

// New and renamed classes.
const askName = (what) => {
  naming.hidden = false;
  naming.dataset.what = what;
  find("span", naming).textContent = what === "rename_class" ? words.renameTo : words.newName;
  find("input", naming).value = what === "rename_class" ? current : "";
  find("input", naming).focus();
};
naming.onsubmit = async (event) => {
  event.preventDefault();
  const name = find("input", naming).value.trim();
  if (!name) return;
  const isNew = naming.dataset.what === "add_class";
  if (await edit(naming.dataset.what, isNew ? { label: name } : { old: current, new: name })) openClass(name);
};
find("button[type=button]", naming).onclick = () => naming.hidden = true;
find(".rename").onclick = () => askName("rename_class");
find(".remove-class").onclick = () => edit("remove_class", { label: current });

// Loose photos by what they look like.
const showLooks = () => {
  looks.hidden = current !== UNSORTED || !state.unsorted;
  if (looks.hidden) return;
  if (!suggested) {
    const asked = button(words.suggest, async () => {
      asked.disabled = true;
      asked.textContent = WORDS.loading;
      try {
        suggested = await ask("suggestions");
      } catch (error) {
        say(error.message, true);
      }
      showLooks();
    }, { className: "main" });
    return looks.replaceChildren(asked);
  }
  const accept = (found) => edit("sort", { photos: found });
  const kinds = Object.entries(suggested);
  const rows = kinds.map(([label, ids]) => make("li", {}, make("span", { textContent: words.looks(label, ids.length) }), " ",
    button(words.accept, () => accept({
      [label]: ids
    })), " ", button(words.look, () => lookAt(label, ids))));
  const unsure = state.unsorted - kinds.reduce((sum, [, ids]) => sum + ids.length, 0);
  if (unsure > 0) rows.push(make("li", { textContent: words.unsure(unsure) }));
  looks.replaceChildren(make("h3", { textContent: words.suggestions }), make("ul", {}, ...rows),
    kinds.length ? button(words.acceptAll, () => accept(suggested), { className: "main" }) : "");
};
const lookAt = (label, ids) => {
  const bar = make("div", { className: "tools" });
  const host = gridOf(ids.map((id) => ({ id, name: id.split("/").pop() })), {
    label: words.looks(label, ids.length),
    captions: false,
    onSelect: (chosen, grid) => showTools(bar, chosen, grid),
    onKey: sortByKey,
  });
  openDialog(heading(words.looks(label, ids.length)), bar, host);
};

// Selected photos can be dragged to a class.
find(".sorter .own-grid").ondragstart = (event) => {
  const id = event.target.closest(".cell")?.dataset.id;
  const ids = photoGrid.chosen();
  event.dataTransfer.setData("text/studio-photos", JSON.stringify(ids.includes(id) ? ids : [id]));
};

let photosSeen = "";
watchers.push(() => {
  const names = classNames();
  const isThere = current === UNSORTED ? state.unsorted : names.includes(current);
  if (!isThere) current = state.unsorted || !names.length ? UNSORTED : names[0];
  const seen = JSON.stringify([state.version, current]);
  if (seen !== photosSeen) { // otherwise nothing is touched: a menu may be open
    photosSeen = seen;
    showClasses();
    suggested = null;
    if (dialog.open) dialog.close();
    photoGrid.reload(true);
  }
  showLooks();
});
