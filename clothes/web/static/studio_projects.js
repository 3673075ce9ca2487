// Other projects, a folder of this computer, and the job that adds photos.
const projects = find(".projects");
const here = find(".here");
const adding = find(".adding");
const isAdding = () => isActive(state.adding);

// Opens another project: the page of each tab is then loaded anew.
const openProject = async (asked) => {
  if (sending) return say(WORDS.projects.wait, true);
  await act("project", asked);
};
const showProjects = async () => {
  if (!projects.open) return;
  try {
    const { projects: others, beside } = await ask("projects");
    find("ul", projects).replaceChildren(...others.map(({ name, folder }) => make("li", {},
      button(name, () => openProject({ do: "open", folder }), { ariaLabel: WORDS.projects.open(name) }), " ", make("span", { className: "hint", textContent: folder }))));
    find(".beside", projects).textContent = WORDS.projects.beside(beside);
  } catch (error) {
    say(error.message, true);
  }
};
projects.ontoggle = showProjects;
projects.hidden = !props.is_local;
find("form", projects).onsubmit = (event) => {
  event.preventDefault();
  openProject({ do: "new", name: find("input", projects).value.trim() });
};

find("form", here).hidden = !props.is_local;
if (!props.is_local) find(".hint", here).textContent = WORDS.here.closed;
find("form", here).onsubmit = (event) => {
  event.preventDefault();
  const folder = find("input", here).value;
  if (event.submitter?.value === "copy") act("project", { do: "copy", folder, label: current ?? "" });
  else openProject({ do: "open", folder });
};

// From the web: a search, and a list of addresses.
const web = find(".web");
const startWeb = (event, asked) => {
  event.preventDefault();
  job("start", { kind: "add", label: find(".label", web).value.trim(), ...asked });
};
web.ontoggle = () => web.open && (find(".label", web).value ||= current ?? "");
find(".search", web).onsubmit = (event) => startWeb(event, { words: find(".words", web).value.trim(), count: Number(find("[type=number]", web).value) });
find(".addresses", web).onsubmit = (event) => startWeb(event, { addresses: find("textarea", web).value });

// What a job has added is told as that of an upload is.
const tellAdded = async () => {
  try {
    const { added, already, refused: files, notes, stopped } = await ask("added");
    clearRefused();
    files.forEach(([name, reason]) => refuse(name, reason));
    say([(stopped ? words.cancelled : words.added)(added, already), ...notes].join(" "));
    tellNews("add", words.added(added, already), added + already > 0);
  } catch (error) {
    say(error.message, true);
  }
};
find("button", adding).onclick = () => job("stop", { kind: "add" });

let folderShown = "";
let told = null; // the job whose end was told, or that had ended when the page was opened
watchers.push(() => {
  folderShown ||= state.folder;
  if (folderShown !== state.folder) return location.reload();
  adding.hidden = !isAdding();
  if (isAdding()) {
    const { done, total } = state.adding;
    find("p", adding).textContent = total ? words.addedOf(done, total) : WORDS.loading;
    showProgress(find("progress", adding), state.adding);
  }
  const ended = state.adding && !isAdding() ? state.adding.id : told ?? "";
  const isNew = told !== null && told !== ended;
  told = ended;
  if (isNew) {
    const { problem } = state.adding;
    if (!problem) return tellAdded();
    say(`${problem.what} ${problem.safe} ${words.again}`, true);
    tellEnd(state.adding);
  }
});
