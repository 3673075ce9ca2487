// Gives the page photos as a visitor does, and sends its CSV file back.
const send = (path, body) => fetch(path, { method: "POST", body });
const until = async (found) => {
  for (;;) {
    const page = document.querySelector("iframe").contentDocument;
    const problem = page?.querySelector(".status.problem");
    if (problem) throw new Error(problem.textContent);
    const result = page && found(page);
    if (result) return result;
    await new Promise((done) => setTimeout(done, 50));
  }
};

try {
  const { count } = await (await fetch("photos.json")).json();
  const photos = new DataTransfer();
  for (let number = 0; number < count; number++) {
    photos.items.add(new File([await (await fetch(`photos/${number}`)).blob()], String(number)));
  }
  await until((page) => "ready" in (page.body?.dataset ?? {}));
  const input = await until((page) => page.querySelector("input[type=file]"));
  input.files = photos.files;
  input.dispatchEvent(new Event("change"));
  const link = await until((page) => page.querySelector("a[download]"));
  await send("answers", await (await fetch(link.href)).text());
} catch (error) {
  await send("problem", String(error?.message ?? error));
}
