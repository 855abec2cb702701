// What both pages share: one request at a time for what a form says, the last one wins, and the address keeps up.

/** The form's parameters without those that are empty, hidden or as configured. */
export function parameters(form) {
  const found = new URLSearchParams();
  for (const field of form.elements) {
    if (!field.name || !field.value || field.closest("[hidden]")) continue;
    if (field.dataset.configured !== undefined && Number(field.dataset.configured) === Number(field.value)) continue;
    if (field.name === "as" && field.value === "public") continue;
    found.append(field.name, field.value);
  }
  return found;
}

/** A function that fetches `address(parameters)` a moment after it was last called, and hands the answer on. */
export function asker(form, address, answered, failed) {
  let waiting, running;
  return (now = false) => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      running?.abort();
      const mine = (running = new AbortController());
      try {
        const found = parameters(form);
        const answer = await fetch(address(found), { signal: mine.signal });
        await answered(answer, found);
      } catch (error) {
        if (error.name !== "AbortError") failed(error);
      }
    }, now ? 0 : 150);
  };
}

/** The element of that id out of a page's text, to be put in place of the one that is here. */
export function replace(id, html) {
  const made = new DOMParser().parseFromString(html, "text/html").getElementById(id);
  if (made) document.getElementById(id).replaceWith(document.adoptNode(made));
  return made;
}

/** A sentence for those who hear the page. */
export function say(text) {
  document.getElementById("live").textContent = text;
}
