"use strict";
// The report reads without this script; it adds sorting, searching, and opening what a link or the printer needs.
(() => {
  const value = (cell) => {
    const text = cell.dataset.s !== undefined ? cell.dataset.s : cell.textContent.trim();
    const plain = text.replace(/,/g, "").replace("−", "-");
    return text === "" || text === "–" ? null : plain !== "" && !isNaN(plain) ? Number(plain) : text;
  };
  const order = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  };
  const sort = (table, place, head) => {
    const before = head.getAttribute("aria-sort");
    const down = before ? before === "ascending" : head.classList.contains("n");
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => [value(row.cells[place]), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // nothing is always last
      return down ? order(b, a) : order(a, b);
    });
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sort")) {
    Array.from(table.tHead.rows[0].cells).forEach((head, place) => {
      head.scope = "col";
      if (head.classList.contains("plain") || !head.textContent.trim()) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, place, head));
    });
  }

  const tools = document.getElementById("tools");
  const list = document.getElementById("list");
  if (tools && list) {
    const all = Array.from(list.querySelectorAll("details.q"));
    const asked = (one) => Number(one.id.replace(/\D/g, ""));
    const orders = {
      "the worst first": () => 0,
      "the best first": null,
      "as they stand in the file": (a, b) => asked(a) - asked(b),
      "least evidence first": (a, b) => a.dataset.evidence - b.dataset.evidence,
      "most evidence first": (a, b) => b.dataset.evidence - a.dataset.evidence,
      "most context tokens first": (a, b) => b.dataset.tokens - a.dataset.tokens,
    };
    const field = (name, element) => {
      const label = document.createElement("label");
      label.append(name, element);
      tools.append(label);
      return element;
    };
    const choice = (name, options) => {
      const select = field(name, document.createElement("select"));
      for (const [key, text] of options) select.append(new Option(text, key));
      select.addEventListener("change", show);
      return select;
    };
    const input = field("Search", document.createElement("input"));
    input.type = "search";
    const states = Array.from(document.querySelectorAll(".counts [data-state]"));
    const state = choice("Show", [["", "all"], ...states.map((one) => [one.dataset.state, one.textContent])]);
    const by = choice("Order", Object.keys(orders).map((name) => [name, name]));
    const count = document.createElement("output");
    tools.append(count);
    function show() {
      const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
      const sorted = by.value === "the best first" ? all.slice().reverse() : all.slice().sort(orders[by.value]);
      let seen = 0;
      for (const one of sorted) {
        const text = words.length ? one.textContent.toLocaleLowerCase() : "";
        one.hidden = (state.value && one.dataset.state !== state.value) || !words.every((word) => text.includes(word));
        seen += !one.hidden;
      }
      list.append(...sorted);
      count.textContent = `${seen} of ${all.length} shown`;
    }
    input.addEventListener("input", show);
    show();
  }

  const follow = () => {
    const found = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!found) return;
    found.hidden = false;
    for (let at = found; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    found.scrollIntoView();
    const target = found.tagName === "DETAILS" ? found.querySelector("summary") : found;
    target.focus({ preventScroll: true });
  };
  addEventListener("hashchange", follow);
  follow();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll("details:not(.q):not([open]), details.q[data-print]:not([open])"));
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const text = document.getElementById(button.dataset.of);
      const range = document.createRange();
      range.selectNodeContents(text);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      const done = document.execCommand("copy");
      button.nextElementSibling.textContent = done ? "Copied." : "Selected: copy it with Ctrl+C.";
    });
  }
})();
