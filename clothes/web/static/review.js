// The script of the review page. Gradio gives `element`, the HTML of review.html, and `server`, the functions of
// review_page.py.
const status = element.querySelector(".status");
const waiting = element.querySelector(".waiting");
const NO_ANSWER = "The server does not answer. Is `clothes corrections review` still running?";

const make = (tag, text = "", name = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
};

const makePhoto = (item) => {
  const photo = new Image();
  photo.src = item.photo;
  photo.alt = item.label;
  return photo;
};

const makeButton = (item, text, accepted) => {
  const button = make("button", text, accepted ? "yes" : "no");
  button.type = "button";
  button.onclick = async () => {
    for (const other of button.parentElement.children) other.disabled = true;
    show(await server.decide([item.name, accepted]));
    waiting.querySelector("button")?.focus();
  };
  return button;
};

const makeCard = (item) => {
  const card = make("article");
  const buttons = make("div", "", "buttons");
  if (item.photo) {
    card.append(makePhoto(item), make("strong", item.label), make("p", `${item.was} ${item.when}`, "was"));
    buttons.append(makeButton(item, "Yes", true), makeButton(item, "No", false));
  } else {
    card.append(make("p", `${item.name}: ${item.problem}`, "problem"));
    buttons.append(makeButton(item, "Set aside", false));
  }
  card.append(buttons);
  return card;
};

const show = (answer) => {
  status.classList.toggle("problem", !answer || "problem" in answer);
  if (!answer) {
    status.textContent = NO_ANSWER;
    for (const button of waiting.querySelectorAll("button")) button.disabled = false;
    return;
  }
  const left = answer.left ? `${answer.left} to decide.` : "Nothing is left to decide.";
  const skipped = answer.skipped.length ? ` Skipped: ${answer.skipped.join("; ")}.` : "";
  status.textContent = `${answer.problem ?? answer.message ?? ""} ${left}${skipped}`.trim();
  waiting.replaceChildren(...answer.waiting.map(makeCard));
};

server.look().then(show);
