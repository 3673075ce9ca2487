// The script of the predict page. A photo that is pasted, or dropped beside its box or onto another photo, is taken as
// if dropped into the box. Without this the browser would leave the page for it.
for (const name of ["dragover", "drop", "paste"]) {
  document.addEventListener(name, (event) => {
    const given = event.dataTransfer ?? event.clipboardData;
    if (event.defaultPrevented || !given?.types.includes("Files")) return;
    event.preventDefault();
    if (name === "dragover") return;
    const dataTransfer = new DataTransfer();
    for (const file of given.files) dataTransfer.items.add(file);
    const box = [...document.querySelectorAll("#photo, #many, #outfit-photo")].find((box) => box.checkVisibility());
    // A box that shows the clipboard or the camera takes no files until its upload button is clicked.
    box?.querySelector("[aria-label='Upload file']")?.click();
    setTimeout(() => box?.querySelector("[aria-dropeffect]")?.dispatchEvent(new DragEvent("drop", { dataTransfer })));
  });
}
