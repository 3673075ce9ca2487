// A grid of any number of photos, of which only those in view are in the document.
const CELL = 104; // pixels at least, with the gap
const CAPTIONED_CELL = 116;
const CAPTION = 55; // three lines
const CHUNK = 200; // photos of one question
const ROWS_AHEAD = 2;

// `fetchItems(start, count)` gives {total, items}; an item has id, name, and perhaps note. `onKey` gets (key, ids).
// Without `onSelect` nothing is selected: a click enlarges a photo.
const makeGrid = (host, { label, fetchItems, onSelect, onKey = () => {}, captions = false }) => {
  const space = make("div", { className: "space" });
  const list = make("div", { className: "grid", role: "listbox", tabIndex: 0, ariaLabel: label, ariaMultiSelectable: String(Boolean(onSelect)) }, space);
  const chosen = new Set(); // ids
  const chunks = new Map(); // number: items, or null while they come
  let total = 0;
  let at = 0; // the active photo
  let anchor = 0; // where a range begins
  let version = 0; // of the list: answers for an older one are dropped

  const itemAt = (index) => chunks.get(Math.floor(index / CHUNK))?.[index % CHUNK];
  const columns = () => Math.max(1, Math.floor(list.clientWidth / (captions ? CAPTIONED_CELL : CELL)));
  const cellWidth = () => Math.floor(list.clientWidth / columns()) || CELL;
  const rowHeight = () => cellWidth() + (captions ? CAPTION : 0);

  const load = async (number) => {
    if (chunks.has(number)) return;
    chunks.set(number, null);
    const asked = version;
    try {
      const answer = await fetchItems(number * CHUNK, CHUNK);
      if (asked !== version) return;
      total = answer.total;
      chunks.set(number, answer.items);
    } catch (error) {
      chunks.delete(number);
      return say(error.message, true);
    }
    draw();
  };

  const makeCell = (index, item) => {
    const cell = make("div", { className: "cell", role: "option", id: `${list.id}-${index}`, title: item.note ?? item.name });
    cell.ariaLabel = item.note ? `${item.name}, ${item.note}` : item.name;
    cell.ariaPosInSet = index + 1;
    const image = make("img", { src: pictureOf(item.id), alt: "", loading: "lazy", decoding: "async", draggable: false });
    image.onerror = () => image.replaceWith(make("div", { className: "unreadable" }));
    cell.append(image);
    cell.draggable = true;
    if (captions) cell.append(make("span", { textContent: item.note ?? item.name }));
    cell.dataset.id = item.id;
    cell.dataset.index = index;
    return cell;
  };

  const mark = (cell) => {
    const index = Number(cell.dataset.index);
    const width = columns();
    cell.style.transform = `translate(${(index % width) * cellWidth()}px, ${Math.floor(index / width) * rowHeight()}px)`;
    cell.ariaSelected = chosen.has(cell.dataset.id);
    cell.ariaSetSize = total;
    cell.classList.toggle("active", index === at);
  };

  const draw = () => {
    const width = columns();
    const height = rowHeight();
    list.style.setProperty("--cell", `${cellWidth()}px`);
    space.style.height = `${Math.ceil(total / width) * height}px`;
    const first = Math.max(0, Math.floor(list.scrollTop / height) - ROWS_AHEAD) * width;
    const last = Math.min(total, (Math.ceil((list.scrollTop + list.clientHeight) / height) + ROWS_AHEAD) * width);
    const there = new Map([...space.children].map((cell) => [cell.dataset.index, cell]));
    for (let index = first; index < last; index += 1) {
      const item = itemAt(index);
      let cell = there.get(String(index));
      if (cell && cell.dataset.id !== item?.id) {
        cell.remove();
        cell = null;
      } else there.delete(String(index));
      if (!item) load(Math.floor(index / CHUNK));
      else if (!cell) space.append(makeCell(index, item));
    }
    there.forEach((cell) => cell.remove());
    [...space.children].forEach(mark);
    list.setAttribute("aria-activedescendant", `${list.id}-${at}`);
    host.hidden = !total;
  };

  const goTo = (index) => {
    at = Math.max(0, Math.min(total - 1, index));
    const height = rowHeight();
    const top = Math.floor(at / columns()) * height;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
    draw();
  };

  const allItems = async () => {
    for (let number = 0; number * CHUNK < total; number += 1) {
      if (!chunks.get(number)) {
        chunks.delete(number);
        await load(number);
      }
    }
    return [...chunks.values()].flat().filter(Boolean);
  };

  const changed = () => {
    draw();
    const before = list.getBoundingClientRect().top;
    onSelect?.([...chosen], grid);
    scrollBy(0, list.getBoundingClientRect().top - before); // the second click of two hits the same photo
  };
  const toggle = (index) => {
    if (!onSelect) return enlarge(itemAt(index));
    const item = itemAt(index);
    if (item && !chosen.delete(item.id)) chosen.add(item.id);
    anchor = index;
    changed();
  };
  const extend = async (index) => {
    await allItems();
    for (let i = Math.min(anchor, index); i <= Math.max(anchor, index); i += 1) itemAt(i) && chosen.add(itemAt(i).id);
    changed();
  };
  const selectAll = async () => {
    (await allItems()).forEach((item) => chosen.add(item.id));
    changed();
  };
  const clear = () => {
    chosen.clear();
    changed();
  };

  list.onclick = (event) => {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    const index = Number(cell.dataset.index);
    at = index;
    event.shiftKey && onSelect ? extend(index) : toggle(index);
  };
  list.ondblclick = (event) => onSelect && event.target.closest(".cell") && enlarge(itemAt(at));
  list.onkeydown = (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns(), Home: -at, End: total - at };
    const isAll = event.key === "a" && (event.ctrlKey || event.metaKey);
    if (event.key in steps) {
      goTo(at + steps[event.key]);
      if (event.shiftKey && onSelect) extend(at);
    } else if (event.key === " ") toggle(at);
    else if (event.key === "Enter" && itemAt(at)) enlarge(itemAt(at));
    else if (event.key === "Escape" && chosen.size) clear();
    else if (isAll && onSelect) selectAll();
    else if (event.ctrlKey || event.metaKey || event.altKey || !onKey(event.key, chosen.size || !itemAt(at) ? [...chosen] : [itemAt(at).id])) return;
    event.preventDefault();
  };
  list.onscroll = () => requestAnimationFrame(draw);

  list.id = `grid-${makeGrid.number = (makeGrid.number ?? 0) + 1}`;
  list.classList.toggle("captioned", captions);
  host.replaceChildren(list);
  new ResizeObserver(draw).observe(list);

  const grid = {
    selectAll,
    clear,
    chosen: () => [...chosen],
    total: () => total,
    // Asks for the photos again and shows the old ones until then. `keep`: at the same place.
    async reload(keep = false) {
      version += 1;
      const asked = version;
      if (!keep) {
        at = anchor = 0;
        list.scrollTop = 0;
      }
      chosen.clear();
      changed();
      const number = Math.floor(at / CHUNK);
      try {
        const answer = await fetchItems(number * CHUNK, CHUNK);
        if (asked !== version) return;
        chunks.clear();
        chunks.set(number, answer.items);
        total = answer.total;
      } catch (error) {
        return say(error.message, true);
      }
      at = Math.max(0, Math.min(at, total - 1));
      changed();
    },
  };
  return grid;
};

// A grid of photos that are known already.
const gridOf = (items, options) => {
  const host = make("div", { className: "own-grid" });
  const fetchItems = async (start, number) => ({ total: items.length, items: items.slice(start, start + number) });
  makeGrid(host, { fetchItems, captions: true, ...options }).reload();
  return host;
};
