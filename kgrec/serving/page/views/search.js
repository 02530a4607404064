// Search in plain words.
import { get } from "../api.js";
import { field, fill, h, percent, say, section } from "../dom.js";
import { card, doubts, fillWith } from "../parts.js";

export function title() {
  return "Search";
}

export async function show(body, { query, signal }) {
  const asked = { q: query.get("q") ?? "", user: query.get("user") ?? "", filter: query.get("filter") ?? "" };
  const q = h("input", { type: "search", required: true, maxlength: 2000, value: asked.q });
  const user = h("input", { value: asked.user, autocomplete: "off" });
  const filter = h("input", { value: asked.filter, autocomplete: "off" });
  const form = h(
    "form",
    { role: "search" },
    h(
      "div",
      { class: "row" },
      field("What do you look for?", q, "Such as: a detective in a city, no comedy"),
      h("button", { class: "strong", type: "submit" }, "Search"),
    ),
    h(
      "details",
      { class: "options", open: Boolean(asked.user || asked.filter) },
      h("summary", {}, "Options"),
      h(
        "div",
        { class: "fields" },
        field("User whose taste counts", user, "An id; empty: nobody's"),
        field("Filter", filter, "Such as year > 1990"),
      ),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const given = new URLSearchParams();
    for (const [name, input] of [["q", q], ["user", user], ["filter", filter]]) {
      if (input.value.trim()) given.set(name, input.value.trim());
    }
    location.hash = `#/search?${given}`;
  });
  const found = h("div", {});
  fill(body, h("div", { class: "card" }, form), found);
  if (!asked.q) return;
  await fillWith(found, get("v1/search", { ...asked, k: 20 }, signal), (answer) => {
    say(`${answer.items.length} items found.`);
    const talk = `#/talk?${new URLSearchParams({ say: asked.q })}`;
    return section(
      answer.items.length ? `Found for “${asked.q}”` : `Nothing found for “${asked.q}”`,
      doubts(answer.warnings),
      h(
        "ol",
        { class: "items" },
        answer.items.map((one, row) => card(one, row + 1, { extra: confidence(one) })),
      ),
      h("p", {}, h("a", { href: talk }, "Go on as a conversation")),
    );
  });
}

function confidence(one) {
  if (one.confidence === undefined || one.confidence === null) return null;
  return h("p", { class: "hint" }, `Confidence ${one.confidence < 0.01 ? "under 1 %" : percent(one.confidence)}`);
}
