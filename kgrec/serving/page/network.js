// The drawing of the graph: Cytoscape.js with our nodes, colors and moves.
import cytoscape from "./vendor/cytoscape.esm.min.js";
import { kindClass } from "./parts.js";

const LONGEST = 34; // characters of a label
const SHAPES = {
  "is-item": "round-rectangle",
  "is-entity": "ellipse",
  "is-user": "diamond",
  "is-attribute": "hexagon",
};

/** Return what tells a node from all others. */
export function keyOf(node) {
  return JSON.stringify([node.type, node.id]);
}

/** The part of the graph that is shown. */
export class Network {
  /** `selected` and `opened` are called with a node that was chosen, or chosen twice. */
  constructor(place, { selected, opened }) {
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.cy = cytoscape({ container: place, minZoom: 0.15, maxZoom: 3, boxSelectionEnabled: false });
    this.cy.on("tap", "node", (event) => selected(event.target.data("node")));
    this.cy.on("dbltap", "node", (event) => opened(event.target.data("node")));
    this.recolor = () => this.cy.style(style(place));
    this.recolor();
    this.dark.addEventListener("change", this.recolor);
  }

  destroy() {
    this.dark.removeEventListener("change", this.recolor);
    this.cy.destroy();
  }

  has(node) {
    return this.cy.getElementById(keyOf(node)).nonempty();
  }

  /** Show a node at a place; one that is shown stays where it is. */
  add(node, position = { x: 0, y: 0 }) {
    if (this.has(node)) return;
    const label = node.label || node.id;
    const short = label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}…` : label;
    const data = { id: keyOf(node), label: short, node };
    this.cy.add({ group: "nodes", data, classes: kindClass(node.type), position });
  }

  /** Show an edge between two nodes that are shown. */
  join(node, neighbor, relation, classes = "") {
    const ends = [keyOf(node), keyOf(neighbor)];
    const [source, target] = relation.direction === "forward" ? ends : ends.reverse();
    const id = JSON.stringify([source, relation.name, target]);
    const known = this.cy.getElementById(id);
    if (known.nonempty()) known.addClass(classes);
    else this.cy.add({ group: "edges", data: { id, source, target, label: relation.label }, classes });
  }

  /** Show neighbors around a node. */
  expand(node, neighbors) {
    const own = this.cy.getElementById(keyOf(node));
    const center = own.position();
    const fresh = neighbors.filter((one) => !this.has(one.node));
    this.cy.batch(() => {
      fresh.forEach((one, row) => {
        const angle = (2 * Math.PI * row) / fresh.length;
        const position = { x: center.x + 140 * Math.cos(angle), y: center.y + 140 * Math.sin(angle) };
        this.add(one.node, position);
      });
      for (const one of neighbors) this.join(node, one.node, one.relation);
      own.addClass("expanded");
    });
    this.arrange();
  }

  /** Show a path from left to right. */
  path(path) {
    const down = this.cy.container().clientWidth < 560; // a phone has more room below
    path.nodes.forEach((node, row) => {
      this.add(node, down ? { x: 0, y: 110 * row } : { x: 190 * row, y: 0 });
      this.cy.getElementById(keyOf(node)).addClass("path");
    });
    path.relations.forEach((relation, row) => {
      this.join(path.nodes[row], path.nodes[row + 1], relation, "path");
    });
    this.fit();
  }

  select(node) {
    this.cy.elements().removeClass("chosen");
    const chosen = this.cy.getElementById(keyOf(node));
    chosen.addClass("chosen");
    chosen.connectedEdges().addClass("chosen");
  }

  arrange() {
    const few = this.cy.nodes().length < 60;
    this.cy
      .layout({
        name: "cose",
        randomize: false,
        animate: this.still.matches || !few ? false : "end",
        animationDuration: 300,
        nodeDimensionsIncludeLabels: true,
        idealEdgeLength: () => 90,
        nodeRepulsion: () => 9000,
        numIter: few ? 800 : 300,
        padding: 30,
      })
      .run();
  }

  zoom(factor) {
    const at = { x: this.cy.width() / 2, y: this.cy.height() / 2 };
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: at });
  }

  pan(x, y) {
    this.cy.panBy({ x, y });
  }

  fit() {
    this.cy.fit(undefined, 40);
    if (this.cy.zoom() > 1.3) {
      this.cy.zoom(1.3);
      this.cy.center();
    }
  }
}

function style(place) {
  const colors = getComputedStyle(place);
  const color = (name) => colors.getPropertyValue(name).trim();
  const [text, muted, surface] = [color("--text"), color("--muted"), color("--surface")];
  const kinds = Object.entries(SHAPES).map(([kind, shape]) => ({
    selector: `.${kind}`,
    style: { shape, "background-color": color(`--${kind}`) },
  }));
  return [
    {
      selector: "node",
      style: {
        label: "data(label)",
        color: text,
        width: 22,
        height: 22,
        "font-size": 11,
        "font-family": "system-ui, sans-serif",
        "text-valign": "bottom",
        "text-margin-y": 4,
        "text-wrap": "wrap",
        "text-max-width": 110,
        "text-background-color": surface,
        "text-background-opacity": 0.75,
        "border-width": 1,
        "border-color": surface,
        "min-zoomed-font-size": 6,
      },
    },
    ...kinds,
    {
      selector: "edge",
      style: {
        width: 1,
        "curve-style": "bezier",
        "line-color": color("--line-strong"),
        "target-arrow-shape": "triangle",
        "target-arrow-color": color("--line-strong"),
        "arrow-scale": 0.7,
      },
    },
    {
      selector: "edge.chosen, edge.path",
      style: {
        label: "data(label)",
        color: muted,
        "font-size": 9,
        "text-background-color": surface,
        "text-background-opacity": 0.9,
        "text-background-padding": 2,
        "min-zoomed-font-size": 6,
      },
    },
    { selector: "node.path", style: { width: 28, height: 28, "font-weight": 600 } },
    {
      selector: "edge.path",
      style: { width: 3, "line-color": color("--accent"), "target-arrow-color": color("--accent") },
    },
    { selector: "node.chosen", style: { "border-width": 4, "border-color": color("--accent") } },
  ];
}
