// Searches again while sliders move, and lights a chunk up in every list that has it.
import { asker, replace, say } from "./asking.js";

const form = document.getElementById("search");
let kept = false;

const ask = asker(
  form,
  (found) => {
    document.getElementById("results").setAttribute("aria-busy", "true");
    return `/inspect/search?${found}`;
  },
  async (answer, found) => {
    replace("results", await answer.text());
    const address = `/inspect/search?${found}`;
    if (kept) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    kept = false;
    const hits = document.querySelectorAll("[data-list=hits] .entry").length;
    say(answer.ok ? `${hits} hits` : "The search is not valid.");
  },
  () => {
    document.getElementById("results").removeAttribute("aria-busy");
    say("The server did not answer. Is openshelf inspect still running?");
  },
);

function sliders() {
  for (const slider of form.querySelectorAll("input[type=range]"))
    slider.closest("label").querySelector("output").value = slider.value;
}

// Words and ids wait for Enter or the button: a search for half a word is of no use.
form.addEventListener("input", (event) => {
  sliders();
  if (form.elements.q.value && ["range", "number", "select-one"].includes(event.target.type)) ask();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  kept = true;
  ask(true);
});
addEventListener("popstate", () => location.reload());

function light(target) {
  const chunk = target?.closest?.("[data-chunk]")?.dataset.chunk;
  for (const lit of document.querySelectorAll(".lit")) lit.classList.toggle("lit", lit.dataset.chunk === chunk);
  if (chunk) for (const same of document.querySelectorAll(`[data-chunk="${CSS.escape(chunk)}"]`)) same.classList.add("lit");
}
document.addEventListener("pointerover", (event) => light(event.target));
document.addEventListener("focusin", (event) => light(event.target));
