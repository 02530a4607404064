// The first view: where one can begin.
import { get } from "../api.js";
import { field, fill, h, section, to } from "../dom.js";

export function title() {
  return "Recommendations from a knowledge graph";
}

export async function show(body, { signal }) {
  const [users, items] = await Promise.all([
    get("v1/users", { limit: 6 }, signal),
    get("v1/items", { limit: 6 }, signal),
  ]);
  const q = h("input", { type: "search", required: true, maxlength: 2000 });
  const search = h("form", { class: "row", role: "search" }, field("What do you look for?", q));
  search.append(h("button", { class: "strong", type: "submit" }, "Search"));
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = `#/search?${new URLSearchParams({ q: q.value })}`;
  });
  const count = (many, one) => `${many.toLocaleString("en")} ${many === 1 ? one : `${one}s`}`;
  fill(
    body,
    h(
      "p",
      { class: "lead" },
      `This run knows ${count(users.total, "user")} and ${count(items.total, "item")}. Each answer `,
      "comes with its reason: what counts in the score, and the paths that lead there.",
    ),
    section("Search in plain words", search),
    h(
      "div",
      { class: "columns" },
      section(
        "A user",
        h("p", {}, "Their history and profile, and what fits them."),
        h("ul", { class: "chips" }, users.users.map((id) => chip(to("user", id), id))),
        h("p", {}, h("a", { href: "#/user" }, "All users")),
      ),
      section(
        "Somebody new",
        h("p", {}, "Pick what you like, or describe yourself. Nothing of it is kept."),
        h("p", {}, h("a", { class: "button strong", href: "#/new" }, "Begin")),
      ),
      section(
        "An item",
        h("p", {}, "What it is, what is similar, whom it suits."),
        h("ul", { class: "chips" }, items.items.map((one) => chip(to("item", one.item), one.title))),
        h("p", {}, h("a", { href: "#/graph" }, "Look around in the graph")),
      ),
    ),
  );
}

function chip(href, text) {
  return h("li", {}, h("a", { href, class: "chip" }, text));
}
