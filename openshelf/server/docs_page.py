"""The page at ``/docs``: our OpenAPI document for people, in one file that fetches nothing from elsewhere."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Openshelf API</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
  h2 { margin-top: 2.5rem; text-transform: capitalize; }
  details { border: 1px solid #ddd; border-radius: 6px; margin: .4rem 0; padding: .3rem .8rem; }
  summary { cursor: pointer; }
  code, pre { font: 13px ui-monospace, monospace; }
  pre { background: #f6f6f6; padding: .6rem; overflow: auto; border-radius: 4px; }
  .verb { display: inline-block; width: 4.5rem; font-weight: 600; text-transform: uppercase; }
  .what { color: #666; }
  @media (prefers-color-scheme: dark) {
    body { background: #1b1b1b; color: #ddd; } pre { background: #2a2a2a; } details { border-color: #444; }
  }
</style>
<h1>Openshelf API</h1>
<p id="about"></p>
<p>The document itself: <a href="openapi.json">openapi.json</a>.</p>
<main></main>
<script>
  const make = (tag, text, parent) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };
  fetch("openapi.json").then(answer => answer.json()).then(api => {
    document.getElementById("about").textContent = api.info.description;
    const named = (schema, depth) => {
      if (Array.isArray(schema)) return schema.map(part => named(part, depth));
      if (!schema || typeof schema !== "object") return schema;
      if (schema.$ref) {
        const name = schema.$ref.split("/").pop();
        return depth > 4 ? name : named(api.components.schemas[name], depth + 1);
      }
      const kept = Object.entries(schema).filter(([key]) => key !== "title");
      return Object.fromEntries(kept.map(([key, value]) => [key, named(value, depth)]));
    };
    const show = (title, value, parent) => {
      make("h4", title, parent);
      make("pre", JSON.stringify(value, null, 2), parent);
    };
    const rooms = {};
    for (const [path, verbs] of Object.entries(api.paths))
      for (const [verb, operation] of Object.entries(verbs))
        (rooms[(operation.tags || ["other"])[0]] ||= []).push([path, verb, operation]);
    const main = document.querySelector("main");
    for (const [room, operations] of Object.entries(rooms)) {
      make("h2", room, main);
      for (const [path, verb, operation] of operations) {
        const box = make("details", "", main);
        const line = make("summary", "", box);
        make("span", verb, line).className = "verb";
        make("code", path, line);
        make("span", " " + (operation.summary || ""), line).className = "what";
        make("p", operation.description, box);
        if (operation.parameters) show("Parameters", named(operation.parameters, 0), box);
        for (const [type, body] of Object.entries(operation.requestBody?.content || {}))
          show("Body: " + type, named(body.schema, 0), box);
        for (const [type, body] of Object.entries(operation.responses["200"]?.content || {}))
          show("Answer: " + type, named(body.schema, 0), box);
      }
    }
  });
</script>
</html>
"""

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
"""What the page may do, as its ``Content-Security-Policy``: ask this server, and nothing else."""
