// An item: what it is, what is similar, whom it suits.
import { get, path } from "../api.js";
import { fill, h, number, percent, section, to } from "../dom.js";
import { bars, card, doubts, fillWith, itemLink, nodeLink } from "../parts.js";

const NEIGHBORS = 60;

export function title(ids) {
  return ids[0] === undefined ? "Items" : `Item ${ids[0]}`;
}

export async function show(body, { ids, query, signal, heading }) {
  if (ids[0] === undefined) return showAll(body, query.get("after"), signal);
  const id = ids[0];
  const place = path("items", id);
  const known = await get(`v1/${place}`, {}, signal);
  if (known.title) {
    heading.textContent = known.title;
    document.title = `${known.title} – kgrec`;
  }
  const [facts, similar, audience] = [h("div", {}), h("div", {}), h("div", {})];
  fill(
    body,
    h(
      "div",
      { class: "split even" },
      section("What it is", told(known), facts),
      h("div", { class: "side" }, section("Whom it suits", audience), section("Similar", similar)),
    ),
  );
  await Promise.all([
    fillWith(facts, get(`v1/${path("graph", "item", id)}`, { limit: NEIGHBORS }, signal), inGraph),
    fillWith(similar, get(`v1/${place}/similar`, { k: 8 }, signal), (answer) => [
      doubts(answer.warnings),
      h("ol", { class: "items" }, answer.items.map((one, row) => card(one, row + 1))),
    ]),
    fillWith(audience, get(`v1/${place}/audience`, {}, signal), suited),
  ]);
}

async function showAll(body, after, signal) {
  const page = await get("v1/items", { limit: 60, after }, signal);
  const next = `#/item?${new URLSearchParams({ after: page.next ?? "" })}`;
  fill(
    body,
    section(
      `${page.total.toLocaleString("en")} items`,
      h(
        "ul",
        { class: "two-columns" },
        page.items.map((one) => h("li", {}, itemLink(one.item, one.title))),
      ),
      page.next ? h("p", {}, h("a", { href: next }, "Further items")) : null,
    ),
  );
}

function told(known) {
  const rows = Object.entries(known.attributes).filter(([, value]) => value !== null && value !== "");
  const value = (one) => (Array.isArray(one) ? one.join(", ") : String(one));
  const users = `${known.users.toLocaleString("en")} ${known.users === 1 ? "user has" : "users have"} it`;
  return [
    known.withdrawn ? h("p", { class: "notice" }, "It is withdrawn: no answer has it.") : null,
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "Id"),
      h("dd", {}, known.item),
      rows.map(([name, one]) => [h("dt", {}, name), h("dd", {}, value(one))]),
      h("dt", {}, "Users"),
      h("dd", {}, users),
      known.entity ? [h("dt", {}, "Entity"), h("dd", { class: "iri" }, known.entity)] : null,
    ),
  ];
}

function inGraph(found) {
  const relations = new Map();
  for (const { node, relation } of found.neighbors) {
    const name = relation.direction === "forward" ? relation.label : `${relation.label} of`;
    if (!relations.has(name)) relations.set(name, []);
    relations.get(name).push(node);
  }
  const hidden = found.total - found.neighbors.length;
  return [
    h("h3", {}, "In the graph"),
    relations.size
      ? h(
          "dl",
          { class: "facts" },
          [...relations].map(([name, nodes]) => [
            h("dt", {}, name),
            h("dd", {}, h("ul", { class: "inline" }, nodes.map((one) => h("li", {}, nodeLink(one))))),
          ]),
        )
      : h("p", { class: "hint" }, "The graph says nothing of it."),
    hidden > 0 ? h("p", { class: "hint" }, `And ${hidden} more.`) : null,
    h("p", {}, h("a", { href: to("graph", "item", found.node.id) }, "Look around in the graph")),
  ];
}

function suited(found) {
  if (found.basis === "nobody") {
    const text = "Too few users like it or what is similar to it. To say more would say who they are.";
    return h("p", { class: "hint" }, text);
  }
  const whom =
    found.basis === "likers"
      ? `${found.users.toLocaleString("en")} users like it.`
      : `Few users have it yet: this is of ${found.users.toLocaleString("en")} users who like an item ` +
        "that is similar.";
  const columns = new Map();
  for (const group of found.groups) {
    if (!columns.has(group.column)) columns.set(group.column, []);
    columns.get(group.column).push(group);
  }
  return [
    h("p", {}, whom),
    found.items.length
      ? [
          h("h3", {}, "They also like"),
          bars(
            found.items.map((one) => ({
              label: itemLink(one.item, one.title),
              value: one.share,
              text: `${percent(one.share)}, of all users ${percent(one.share_of_all)}`,
            })),
            1,
          ),
        ]
      : null,
    [...columns].map(([column, groups]) => [
      h("h3", {}, column),
      bars(
        groups.map((one) => ({
          label: one.value,
          value: one.share,
          text: `${percent(one.share)}, of all users ${percent(one.share_of_all)}`,
        })),
        1,
      ),
    ]),
    found.numbers.length
      ? h(
          "dl",
          { class: "facts" },
          found.numbers.map((one) => [
            h("dt", {}, `Mean of ${one.column}`),
            h("dd", {}, `${number(one.mean)}, of all users ${number(one.mean_of_all)}`),
          ]),
        )
      : null,
    h("p", { class: "hint" }, `Groups of fewer than ${found.smallest} users are not shown.`),
  ];
}
