// The graph: look around from node to node, or follow the path of an explanation.
// What the drawing shows is also in the list beside it, which needs no pointer and no eyes.
import { get, path as pathTo, post } from "../api.js";
import { fill, h, number, say, section, to } from "../dom.js";
import { failure, itemLink, kindClass, pathLine, waiting } from "../parts.js";
import { picker } from "../picker.js";

const NEIGHBORS = 25;
const KINDS = { "is-item": "item", "is-entity": "entity", "is-attribute": "attribute", "is-user": "user" };

export function title() {
  return "The graph";
}

export async function show(body, { ids, query, signal }) {
  const { Network } = await import("../network.js"); // the drawing is large: only this view loads it
  const view = new GraphView(signal);
  fill(body, view.above, view.frame());
  view.draw(Network);
  if (query.has("item")) return view.follow(query);
  let [type, id] = ids;
  if (id === undefined) {
    const { items } = await get("v1/items", { limit: 1 }, signal);
    if (!items.length) return fill(view.panel, h("p", {}, "The run has no items."));
    [type, id] = ["item", items[0].item];
  }
  return view.begin({ type, id, label: id });
}

class GraphView {
  constructor(signal) {
    this.signal = signal;
    this.known = new Map(); // nodes whose neighbors were fetched
    this.above = h("div", {});
    this.panel = h("div", { class: "panel" }, waiting());
    const told = "Drawing of the graph. The list beside it says the same.";
    this.place = h("div", { class: "network", id: "network", role: "img", "aria-label": told });
  }

  frame() {
    const tool = (text, name, act) =>
      h("button", { type: "button", "aria-label": name, title: name, onclick: act }, text);
    const all = h("button", { type: "button", onclick: () => this.network.fit() }, "Show all");
    const tools = h(
      "div",
      { class: "tools", role: "toolbar", "aria-label": "The drawing" },
      tool("+", "Zoom in", () => this.network.zoom(1.3)),
      tool("–", "Zoom out", () => this.network.zoom(1 / 1.3)),
      tool("←", "Move left", () => this.network.pan(80, 0)),
      tool("→", "Move right", () => this.network.pan(-80, 0)),
      tool("↑", "Move up", () => this.network.pan(0, 80)),
      tool("↓", "Move down", () => this.network.pan(0, -80)),
      all,
    );
    const legend = h(
      "ul",
      { class: "legend" },
      Object.entries(KINDS).map(([kind, name]) => h("li", {}, h("span", { class: `key ${kind}` }), name)),
    );
    const begin = picker({
      label: "Begin at another item",
      verb: "Begin",
      pick: (one) => (location.hash = to("graph", "item", one.item)),
      signal: this.signal,
    });
    return h(
      "div",
      { class: "split graph" },
      h("div", { class: "card drawing" }, tools, this.place, legend),
      h(
        "div",
        { class: "side" },
        h("section", { class: "card", "aria-label": "The chosen node" }, this.panel),
        h("details", { class: "card" }, h("summary", {}, "Begin elsewhere"), begin),
      ),
    );
  }

  draw(Network) {
    this.network = new Network(this.place, {
      selected: (node) => this.choose(node),
      opened: (node) => this.expand(node),
    });
    this.signal.addEventListener("abort", () => this.network.destroy());
  }

  async begin(node) {
    await this.choose(node, true);
  }

  /** Show a path of an explanation, and let one walk on from it. */
  async follow(query) {
    const row = Number(query.get("n")) || 0;
    const asked = { item: query.get("item"), k: Number(query.get("k")) || 5 };
    if (query.has("user")) asked.user = query.get("user");
    if (query.has("liked")) asked.liked = query.getAll("liked");
    const told = await post("v1/explanations", asked, { signal: this.signal });
    const path = told.paths[row];
    if (!path) {
      fill(this.panel, h("p", {}, "There is no such path any more."));
      return;
    }
    const others = told.paths.length > 1 ? pathLinks(told.paths, row, query) : null;
    this.above.append(
      section(`Why ${told.item.label}`, h("p", { class: "sentence" }, told.sentence), pathLine(path), others),
    );
    this.network.path(path);
    await this.choose(path.nodes[path.nodes.length - 1]);
  }

  async choose(node, expand = false) {
    this.chosen = node;
    if (node.type === "user" && node.id === "") {
      this.network.select(node);
      fill(this.panel, h("h2", {}, node.label), h("p", {}, "It is you: the graph does not know you."));
      return;
    }
    const place = this.known.get(node.type + " " + node.id);
    try {
      const found = place ?? (await this.fetch(node));
      if (this.chosen !== node) return;
      this.network.add(found.node);
      if (expand) this.network.expand(found.node, found.neighbors);
      this.network.select(found.node);
      fill(this.panel, this.describe(found));
      history.replaceState(null, "", this.above.children.length ? location.hash : to("graph", node.type, node.id));
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(this.panel, failure(error));
      if (error.status === undefined) throw error;
    }
  }

  async fetch(node) {
    const found = await get(`v1/${pathTo("graph", node.type, node.id)}`, { limit: NEIGHBORS }, this.signal);
    this.known.set(node.type + " " + node.id, found);
    return found;
  }

  async expand(node) {
    await this.choose(node, true);
    say(`The neighbors of ${node.label} are shown.`);
  }

  /** Return what the panel says of a node: what it is, and buttons that lead to its neighbors. */
  describe(found) {
    const { node, neighbors, total, users } = found;
    const relations = new Map();
    for (const one of neighbors) {
      const { label, direction } = one.relation;
      const name = direction === "forward" ? `${label} →` : `← ${label}`;
      if (!relations.has(name)) relations.set(name, []);
      relations.get(name).push(one);
    }
    const step = (one) =>
      h(
        "li",
        {},
        h(
          "button",
          { type: "button", class: `chip ${kindClass(one.node.type)}`, onclick: () => this.walk(node, one) },
          one.node.label,
        ),
      );
    const hidden = total - neighbors.length;
    return [
      h("h2", { tabindex: "-1" }, node.label),
      h("p", { class: "hint" }, node.type, node.type === "entity" ? h("span", { class: "iri" }, node.id) : null),
      h(
        "p",
        { class: "buttons" },
        h("button", { type: "button", class: "strong", onclick: () => this.expand(node) }, "Expand"),
        node.type === "item" ? itemPage(node) : null,
        node.type === "user" ? h("a", { class: "button", href: to("user", node.id) }, "Open the user") : null,
      ),
      [...relations].map(([name, several]) => [
        h("h3", {}, name),
        h("ul", { class: "chips" }, several.map(step)),
      ]),
      hidden > 0 ? h("p", { class: "hint" }, `And ${number(hidden)} more, with more neighbors of their own.`) : null,
      users ? h("p", { class: "hint" }, `${number(users)} users are next to it. They are not listed.`) : null,
    ];
  }

  async walk(from, { node, relation }) {
    const position = { ...this.network.cy.getElementById(JSON.stringify([from.type, from.id])).position() };
    const angle = Math.random() * 2 * Math.PI; // so that nodes do not lie on each other
    this.network.add(node, { x: position.x + 120 * Math.cos(angle), y: position.y + 120 * Math.sin(angle) });
    this.network.join(from, node, relation);
    await this.choose(node);
    this.network.fit();
    this.panel.querySelector("h2")?.focus();
  }
}

function itemPage(node) {
  const link = itemLink(node.id, "Open the item");
  link.className = "button";
  return link;
}

function pathLinks(paths, shown, query) {
  const links = paths.map((path, row) => {
    const given = new URLSearchParams(query);
    given.set("n", row);
    const text = `Path ${row + 1}`;
    return h(
      "li",
      {},
      row === shown
        ? h("span", { class: "chip", "aria-current": "true" }, text)
        : h("a", { class: "chip", href: `#/graph?${given}` }, text),
    );
  });
  return h("ul", { class: "chips" }, links);
}
