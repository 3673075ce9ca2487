// The script of the review page: in review.py are `element`, its HTML, and `server`, what it calls.
const said = element.querySelector(".said");
const waiting = element.querySelector(".waiting");
const LOST = "The server does not answer. Is `clothes corrections review` still running?";

const make = (tag, text, name = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
};

const card = (item) => {
  const made = make("article", "");
  if (item.photo) {
    const picture = new Image();
    picture.src = item.photo;
    picture.alt = item.label;
    made.append(picture, make("strong", item.label), make("p", `${item.was} ${item.when}`, "was"));
  } else {
    made.append(make("p", `${item.name}: ${item.problem}`, "problem"));
  }
  const buttons = make("div", "", "buttons");
  const choices = item.photo ? [
    ["Yes", true, "yes"],
    ["No", false, "no"]
  ] : [
    ["Lay aside", false, "no"]
  ];
  for (const [text, accepted, name] of choices) {
    const button = make("button", text, name);
    button.type = "button";
    button.onclick = async () => {
      for (const other of buttons.children) other.disabled = true;
      show(await server.decide([item.name, accepted]));
      waiting.querySelector("button")?.focus();
    };
    buttons.append(button);
  }
  made.append(buttons);
  return made;
};

const show = (answer) => {
  said.classList.toggle("problem", !answer || "problem" in answer);
  if (!answer) {
    said.textContent = LOST;
    for (const button of waiting.querySelectorAll("button")) button.disabled = false;
    return;
  }
  const left = answer.left ? `${answer.left} to decide.` : "Nothing is left to decide.";
  const beside = answer.skipped.length ? ` Passed over: ${answer.skipped.join("; ")}.` : "";
  said.textContent = `${answer.problem ?? answer.said ?? ""} ${left}${beside}`.trim();
  waiting.replaceChildren(...answer.waiting.map(card));
};

server.look().then(show);
