// The model: figures, curves, and what `auto` chose.
import { get } from "../api.js";
import { curves, table } from "../charts.js";
import { fill, h, number, section } from "../dom.js";
import { bars } from "../parts.js";

const PARTS = { valid: "validation part", test: "test part" };
/** What the figures are, for those who do not know the short names. */
const NAMES = {
  ndcg: "NDCG", recall: "Recall", precision: "Precision", mrr: "MRR", map: "MAP", hit: "Hit rate",
  coverage: "Coverage of the items", gini: "Gini of the items", novelty: "Novelty, bits",
  popularity: "Popularity, users", popularity_lift: "Popularity against the history",
  ild_graph: "Diversity in the graph", ild_text: "Diversity of the texts",
  rmse: "RMSE", mae: "MAE", auc: "AUC",
};
const FEW = 8; // settings that are shown at once
const SHOWN_GROUPS = ["ndcg@10", "recall@10"];

export function title() {
  return "The model";
}

export async function show(body, { signal }) {
  const [card, { points, metric }] = await Promise.all([
    get("v1/model", {}, signal),
    get("v1/model/curve", {}, signal),
  ]);
  const metrics = card.metrics ?? {};
  const evaluated = Object.entries(metrics).filter(([, one]) => one?.metrics && one?.protocol);
  fill(
    body,
    h("div", { class: "split even" }, summary(card), settings(card.model)),
    ...warnings(card.warnings),
    ...chosen(metrics),
    ...curve(points, metric),
    ...evaluated.map(([part, one]) => figures(part, one)),
    ...evaluated.map(([part, one]) => groups(part, one)).filter(Boolean),
    origin(card, metrics),
  );
}

function summary(card) {
  const seconds = card.metrics?.seconds ?? {};
  const rows = [
    ["Run", card.run],
    ["Model", card.model.name],
    ["Trained", card.about.date ? new Date(card.about.date).toLocaleString("en-GB") : null],
    ["Training", seconds.fit ? `${number(seconds.fit)} s` : null],
    ["kgrec", card.about.kgrec],
    ["Seed", card.about.seed],
  ];
  return section("Run", facts(rows));
}

function settings(model) {
  const rows = dotted(model).filter(([name]) => name !== "name");
  const shown = facts(rows.map(([name, value]) => [name, value === null ? "–" : String(value)]));
  if (!rows.length) return section("Settings", h("p", {}, "It has none."));
  if (rows.length <= FEW) return section("Settings", shown);
  return section("Settings", h("details", {}, h("summary", {}, `All ${rows.length} settings`), shown));
}

/** Return settings within settings by their names in a config, such as `training.seed`. */
function dotted(tree, before = "") {
  return Object.entries(tree).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? dotted(value, `${before}${name}.`)
      : [[before + name, Array.isArray(value) ? value.join(", ") : value]],
  );
}

function facts(rows) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined);
  return h(
    "dl",
    { class: "facts" },
    shown.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

function warnings(said) {
  if (!said?.length) return [];
  return [section("Warnings", said.map((text) => h("p", { class: "notice" }, text)))];
}

function chosen(metrics) {
  const parts = Object.entries(metrics.parts ?? {});
  const notes = metrics.notes ?? [];
  if (!parts.length && !notes.length) return [];
  const rows = parts.map(([label, value]) => ({
    label,
    value,
    text: number(value),
    mark: label === "together",
  }));
  const told = parts.length
    ? [
        h("p", {}, "NDCG@10 of each kind of model on the validation part, and of all together:"),
        bars(rows),
      ]
    : [];
  const lines = h("ul", { class: "notes" }, notes.map((text) => h("li", {}, text.trim())));
  return [
    section(
      parts.length ? ["What ", h("code", {}, "auto"), " chose"] : "Notes of the training",
      told,
      parts.length ? h("details", {}, h("summary", {}, "How it was chosen"), lines) : lines,
    ),
  ];
}

function curve(points, metric) {
  if (!points.length) return [];
  const names = Object.keys(points[0]).filter((name) => !["epoch", "seconds", "loss"].includes(name));
  const validated = metric ?? names[0];
  if (!names.includes(validated)) return [];
  const of = (name) => points.map((one) => [one.epoch, one[name]]);
  const best = points.reduce((a, b) => (b[validated] > a[validated] ? b : a));
  const rows = points.map((one) => [one.epoch, ...names.map((name) => number(one[name]))]);
  return [
    section(
      "Curve of the training",
      h("p", {}, `Best at epoch ${best.epoch}: ${validated} ${number(best[validated])} on the validation part.`),
      curves([{ name: validated, points: of(validated) }], {
        label: `${validated} on the validation part by epoch, best ${number(best[validated])}`,
        x: "epoch",
        y: validated,
        mark: [best.epoch, best[validated]],
      }),
      h("details", {}, h("summary", {}, "As a table"), table("Validation", ["Epoch", ...names], rows)),
    ),
  ];
}

function figures(part, one) {
  const cutoffs = one.k ?? [];
  const names = [...new Set(Object.keys(one.metrics).map((name) => name.split("@")[0]))];
  const told = (name) => NAMES[name] ?? name;
  const cell = (name, k) => {
    const key = k === null ? name : `${name}@${k}`;
    return key in one.metrics ? number(one.metrics[key]) : "–";
  };
  const plain = names.some((name) => name in one.metrics);
  const columns = [...cutoffs.map((k) => [`at ${k}`, k]), ...(plain ? [["", null]] : [])];
  const protocol = one.sampled ? "sampled negatives" : `protocol “${one.protocol}”`;
  return section(
    `Figures of the ${PARTS[part] ?? part}`,
    h(
      "p",
      {},
      `${number(one.num_users)} users, ${number(one.num_candidates)} ranked items, ${protocol}.`,
    ),
    table(
      `Figures of the ${PARTS[part] ?? part}`,
      ["Figure", ...columns.map(([head]) => head)],
      names.map((name) => [told(name), ...columns.map(([, k]) => cell(name, k))]),
    ),
  );
}

function groups(part, one) {
  const found = Object.entries(one.details?.groups ?? {});
  if (!found.length) return null;
  const told = found.flatMap(([column, { metrics, num_users: counts }]) =>
    SHOWN_GROUPS.filter((name) => metrics[name]).map((name) => [
      h("h3", {}, `${name} by ${column}`),
      bars(
        Object.entries(metrics[name].by_group).map(([label, value]) => ({
          label: `${label} (${number(counts[label])} users)`,
          value: value ?? 0,
          text: number(value),
        })),
      ),
    ]),
  );
  return section(`Groups of users, ${PARTS[part] ?? part}`, h("div", { class: "grid-of-bars" }, told.map((pair) => h("div", {}, pair))));
}

function origin(card, metrics) {
  const versions = Object.entries(card.about.versions ?? {});
  const reading = metrics.reading ?? [];
  return section(
    "Origin",
    reading.length ? h("ul", { class: "notes" }, reading.map((text) => h("li", {}, text))) : null,
    h(
      "details",
      {},
      h("summary", {}, "Versions and machine"),
      facts([...versions, ["system", card.about.machine?.system], ["processor", card.about.machine?.processor]]),
    ),
  );
}
