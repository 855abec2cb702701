// Draws the document again while its chunker is changed.
import { asker, replace, say } from "./asking.js";

const form = document.getElementById("chunker");

function enhance() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

function fields() {
  const chunker = form.elements.chunker.value;
  for (const label of form.querySelectorAll("[data-of]"))
    label.hidden = !label.dataset.of.split(" ").includes(chunker);
}

function trouble(text, hint) {
  const cut = document.getElementById("cut");
  cut.querySelector(".trouble")?.remove();
  const box = document.createElement("div");
  box.className = "trouble";
  box.setAttribute("role", "alert");
  for (const line of [text, hint]) {
    if (!line) continue;
    const p = document.createElement("p");
    p.textContent = line;
    box.append(p);
  }
  cut.prepend(box);
}

function done() {
  document.getElementById("cut").removeAttribute("aria-busy");
}

const ask = form && asker(
  form,
  (found) => {
    document.getElementById("cut").setAttribute("aria-busy", "true");
    return `/inspect/document/cut?${found}&only=html`;
  },
  async (answer, found) => {
    const cut = await answer.json();
    if (!answer.ok) {
      trouble(cut.error, cut.hint);
    } else {
      replace("cut", cut.html);
      enhance();
      history.replaceState(null, "", `/inspect/document?${found}`);
      say(`${cut.figures.chunks} chunks, on average ${Math.round(cut.figures.mean)} tokens`);
    }
    done();
  },
  () => {
    trouble("The server did not answer.", "Is openshelf inspect still running?");
    done();
  },
);

if (form) {
  for (const slider of form.querySelectorAll("[data-slides]")) {
    const number = form.elements[slider.dataset.slides];
    slider.hidden = false;
    slider.addEventListener("input", () => { number.value = slider.value; });
    number.addEventListener("input", () => { slider.value = number.value; });
  }
  form.addEventListener("input", () => { fields(); ask(); });
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(true); });
  fields();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  }
});

enhance();
