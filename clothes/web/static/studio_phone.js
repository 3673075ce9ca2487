// The page for a phone: its address as text and as a QR code, and its password.
const phone = find(".phone");
const phoneWords = WORDS.phone;

const showPhone = (reached) => {
  const isOpen = Boolean(reached.address);
  find(".open", phone).hidden = isOpen;
  find(".close", phone).hidden = !isOpen;
  const rows = ["address", "user", "password"].map((name) => make("li", {}, `${phoneWords[name]}: `, make("b", { textContent: reached[name] })));
  find(".reached", phone).replaceChildren(...isOpen ? [make("img", { className: "qr", src: reached.code, alt: phoneWords.code(reached.address) }), make("ul", {}, ...rows), hint(reached.is_https ? phoneWords.https : phoneWords.http)] : []);
};
const askPhone = async (action) => {
  try {
    showPhone(await (action ? tell("phone", { do: action, label: current ?? "" }) : ask("phone", { label: current ?? "" })));
  } catch (error) {
    say(error.message, true);
  }
};
phone.hidden = !props.is_local;
phone.ontoggle = () => phone.open && askPhone();
classList.addEventListener("click", () => phone.open && askPhone()); // the code names the chosen class
find(".open", phone).onclick = async () => {
  await askPhone("open");
  if (!find(".close", phone).hidden) find(".close", phone).focus();
};
find(".close", phone).onclick = async () => {
  await askPhone("close");
  find(".open", phone).focus();
};
