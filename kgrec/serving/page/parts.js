// What several views show: errors, waiting, items, bars, and why an item fits.
import { fill, freshId, h, number, percent, to } from "./dom.js";

/** Return what went wrong, for people. */
export function failure(error) {
  const ours = error.status !== undefined;
  const told = ours ? error.message : "This page made a mistake. Load it again.";
  return h("p", { class: "notice bad", role: "alert" }, told);
}

/** Return what is shown while an answer is under way. */
export function waiting(text = "One moment …") {
  return h("p", { class: "waiting" }, h("span", { class: "spinner", "aria-hidden": "true" }), text);
}

/** Return what the service finds doubtful about its answer. */
export function doubts(warnings) {
  return (warnings ?? []).map((text) => h("p", { class: "notice" }, text));
}

/**
 * Fill a place with what a promise brings, and say what went wrong with it.
 * Other parts of the view are shown all the same.
 */
export async function fillWith(place, promise, show, wait) {
  fill(place, waiting(wait));
  try {
    fill(place, show(await promise));
  } catch (error) {
    if (error.name === "AbortError") return;
    fill(place, failure(error));
    if (error.status === undefined) throw error;
  }
}

/** Return a link to an item. */
export function itemLink(id, title) {
  return h("a", { href: to("item", id) }, title || id);
}

/** Return a link to a node: an item's own view, or the graph around another node. */
export function nodeLink(node) {
  if (node.type === "item") return itemLink(node.id, node.label);
  if (node.type === "user" && node.id === "") return h("span", {}, node.label);
  if (node.type === "user") return h("a", { href: to("user", node.id) }, node.label);
  return h("a", { href: to("graph", node.type, node.id) }, node.label);
}

/**
 * Return rows with a bar each.
 * Each row has a `label`, a text or an element, a `value`, and a `text` that says the value.
 */
export function bars(rows, most = Math.max(...rows.map((row) => Math.abs(row.value)), 1e-12)) {
  const made = rows.map(({ label, value, text, mark }) => {
    const bar = h("span", { class: value < 0 ? "bar against" : "bar" });
    bar.style.setProperty("--length", `${(100 * Math.min(1, Math.abs(value) / most)).toFixed(1)}%`);
    return h(
      "li",
      { class: mark ? "marked" : null },
      h("span", { class: "bar-label" }, label),
      h("span", { class: "bar-text" }, text),
      h("span", { class: "bar-track", "aria-hidden": "true" }, bar),
    );
  });
  return h("ul", { class: "bars" }, made);
}

/** Return a list that shows its first rows, and the others when asked. */
export function foldedList(rows, shown, attributes) {
  const list = h("ul", attributes, rows.slice(0, shown));
  if (rows.length <= shown) return list;
  const more = h("button", { type: "button", class: "plain" }, `Show all ${rows.length}`);
  more.addEventListener("click", () => {
    fill(list, rows);
    more.remove();
    const next = rows[shown].querySelector("a, button");
    next?.focus();
  });
  return h("div", {}, list, more);
}

/**
 * Return why an item fits: a sentence, and what counts in the score when asked.
 * `follow` returns the address of a path in the graph.
 */
export function reason(told, follow) {
  const parts = [];
  if (told.contributions?.length) parts.push(contributions(told));
  const towers = Object.entries(told.towers ?? {}).sort((a, b) => b[1] - a[1]);
  if (towers.length) {
    parts.push(
      h("h4", {}, "What each model adds"),
      bars(towers.map(([label, value]) => ({ label, value, text: number(value) }))),
    );
  }
  if (told.paths?.length) {
    parts.push(h("h4", {}, "Paths in the graph"));
    parts.push(told.paths.map((path, row) => pathLine(path, follow(row))));
  }
  return h(
    "div",
    { class: "reason" },
    h("p", { class: "sentence" }, told.sentence),
    parts.length ? h("details", {}, h("summary", {}, "What counts"), parts) : null,
  );
}

const MOST_CONTRIBUTIONS = 5;

function contributions(told) {
  const rows = [...told.contributions].sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const left = rows.length - MOST_CONTRIBUTIONS;
  return [
    h("h4", {}, "What each liked item adds to the score"),
    bars(
      rows.slice(0, MOST_CONTRIBUTIONS).map((row) => ({
        label: nodeLink(row.item),
        value: row.value,
        text: percent(row.share),
      })),
    ),
    left > 0 ? h("p", { class: "hint" }, `${left} more add less.`) : null,
  ];
}

/** Return a path as one line: nodes, and the relations between them. */
export function pathLine(path, follow) {
  const steps = [];
  path.nodes.forEach((node, row) => {
    steps.push(h("span", { class: `node ${kindClass(node.type)}` }, nodeLink(node)));
    const relation = path.relations[row];
    if (!relation) return;
    const [before, after] = relation.direction === "forward" ? ["–", "→"] : ["←", "–"];
    steps.push(h("span", { class: "relation" }, `${before} ${relation.label} ${after}`));
  });
  const share = path.share === null ? null : `${percent(path.share)} of the score begin here. `;
  return h(
    "div",
    { class: "path" },
    h("p", { class: "steps" }, steps),
    h("p", { class: "hint" }, share, follow ? h("a", { href: follow }, "Follow in the graph") : null),
  );
}

/** Return the class of a type of nodes; types beyond the known ones look alike. */
export function kindClass(type) {
  return ["user", "item", "entity"].includes(type) ? `is-${type}` : "is-attribute";
}

/** Return an item of a list: its place, title, reason, and what one can do with it. */
export function card(one, place, { actions = [], told = null, extra = null } = {}) {
  const id = freshId();
  return h(
    "li",
    { class: "item", "data-item": one.item, "aria-labelledby": id },
    h("span", { class: "place", "aria-hidden": "true" }, place),
    h("div", {}, h("h3", { id }, itemLink(one.item, one.title)), extra),
    actions.length ? h("div", { class: "actions" }, actions) : null,
    h("div", { class: "why" }, told),
  );
}

/** Return the buttons by which somebody says what they think of an item. */
export function judgements(one, judge) {
  const button = (liked, text, kind) =>
    h(
      "button",
      {
        type: "button",
        class: kind,
        "aria-label": `${text}: ${one.title || one.item}`,
        onclick: () => judge(one, liked),
      },
      h("span", { "aria-hidden": "true" }, liked ? "♥" : "✕"),
      text,
    );
  return [button(true, "Liked", "like"), button(false, "Not for me", "dislike")];
}

/** Put a new list in the place of another one, and keep the focus near where it was. */
export function replaceList(list, cards) {
  const focused = list.contains(document.activeElement);
  const place = focused ? [...list.children].findIndex((one) => one.contains(document.activeElement)) : -1;
  fill(list, cards);
  if (place >= 0) list.children[Math.min(place, cards.length - 1)]?.querySelector("a")?.focus();
}
