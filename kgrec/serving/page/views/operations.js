// Operations: requests, latency, updates, drift. The figures are those of the worker that answers.
import { get, post, text } from "../api.js";
import { curves, table } from "../charts.js";
import { fill, h, number, percent, say, section } from "../dom.js";
import { histograms, parse, quantile, since, single, summed } from "../figures.js";
import { failure, waiting } from "../parts.js";

const EVERY = 2000; // milliseconds between looks
const KEPT = 60; // looks that the curves show
const RARELY = 5; // looks between questions that take the service longer
/** What this view and monitors ask for, and files: they say nothing of those who use the service. */
const OWN = new Set(["/metrics", "/livez", "/readyz", "/v1/model/drift", "/v1/experiment", "other"]);

export function title() {
  return "Operations";
}

export async function show(body, { signal }) {
  const view = new OperationsView(signal);
  fill(body, view.parts());
  await view.look();
  view.keepLooking();
}

class OperationsView {
  constructor(signal) {
    this.signal = signal;
    this.looks = [];
    this.count = 0;
    this.failed = false;
    this.running = true;
    this.tiles = h("div", { class: "tiles" }, waiting());
    this.charts = h("div", { class: "split even" });
    this.routes = h("div", {});
    this.updates = h("div", {});
    this.drift = h("div", {}, waiting());
    this.runs = h("div", {}, waiting());
    this.state = h("div", {});
  }

  parts() {
    const pause = h("button", { type: "button" }, "Pause");
    pause.addEventListener("click", () => {
      this.running = !this.running;
      pause.textContent = this.running ? "Pause" : "Go on";
      say(this.running ? "The figures are renewed." : "The figures stand still.");
    });
    const reload = h("button", { type: "button", onclick: () => this.reload() }, "Look for another run");
    return [
      h(
        "p",
        { class: "lead" },
        "Figures of the worker that answers, since its start, renewed every two seconds. The sums leave ",
        "out what this page asks for by itself, and health checks. ",
        h("code", {}, "/metrics"),
        " has them for Prometheus.",
      ),
      h("p", { class: "buttons" }, pause, reload),
      this.state,
      this.tiles,
      this.charts,
      section("Requests by route", this.routes),
      h("div", { class: "split even" }, section("Updates", this.updates), section("Drift", this.drift)),
      section("Runs that answer", this.runs),
    ];
  }

  keepLooking() {
    const timer = setInterval(() => {
      if (this.running && document.visibilityState === "visible") this.look();
    }, EVERY);
    this.signal.addEventListener("abort", () => clearInterval(timer));
  }

  async look() {
    try {
      const samples = parse(await text("metrics", this.signal));
      this.take(samples);
      this.showUpdates(samples);
      if (this.count % RARELY === 0) {
        const [drift, experiment] = await Promise.all([
          get("v1/model/drift", {}, this.signal),
          get("v1/experiment", {}, this.signal),
        ]);
        fill(this.drift, driftParts(drift));
        fill(this.runs, runParts(samples, experiment));
      }
      this.count += 1;
      if (this.failed) fill(this.state);
      this.failed = false;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.failed = true;
      fill(this.state, failure(error));
      if (error.status === undefined) throw error;
    }
  }

  take(samples) {
    const requests = samples.get("kgrec_requests_total") ?? [];
    const ofUsers = requests.filter((one) => !OWN.has(one.labels.route));
    const total = ofUsers.reduce((sum, one) => sum + one.value, 0);
    const failed = ofUsers
      .filter((one) => one.labels.status.startsWith("5") || one.labels.status === "0")
      .reduce((sum, one) => sum + one.value, 0);
    const byRoute = histograms(samples);
    const all = summed([...byRoute].filter(([route]) => !OWN.has(route)).map(([, one]) => one));
    const before = this.looks.at(-1);
    const now = { at: performance.now() / 1000, total, all };
    if (before) {
      now.rate = (total - before.total) / (now.at - before.at);
      now.p95 = all ? quantile(since(before.all, all), 0.95) : null;
    }
    this.looks = [...this.looks, now].slice(-KEPT);
    this.showTiles({ total, failed, all, samples });
    this.showCharts();
    fill(this.routes, routeTable(requests, byRoute, samples));
  }

  showTiles({ total, failed, all, samples }) {
    const refused = (samples.get("kgrec_requests_refused_total") ?? []).reduce((sum, one) => sum + one.value, 0);
    const tile = (name, value, kind) =>
      h("div", { class: `tile ${kind ?? ""}` }, h("span", { class: "tile-name" }, name), h("span", { class: "tile-value" }, value));
    const rate = this.looks.at(-1).rate;
    fill(
      this.tiles,
      tile("Requests", number(total)),
      tile("A second", rate === undefined ? "–" : rate.toFixed(1)),
      tile("Median", milliseconds(quantile(all, 0.5))),
      tile("p95", milliseconds(quantile(all, 0.95))),
      tile("p99", milliseconds(quantile(all, 0.99))),
      tile("Errors", number(failed), failed ? "bad" : ""),
      tile("Refused", number(refused), refused ? "doubtful" : ""),
      tile("Running now", number(single(samples, "kgrec_requests_in_flight"))),
    );
  }

  showCharts() {
    const last = this.looks.at(-1).at;
    const points = (name, factor) =>
      this.looks.filter((one) => Number.isFinite(one[name])).map((one) => [one.at - last, factor * one[name]]);
    const axes = { x: "seconds", zero: true };
    fill(
      this.charts,
      section(
        "Requests a second",
        curves([{ name: "requests", points: points("rate", 1) }], { ...axes, label: "Requests a second", y: "a second" }),
      ),
      section(
        "Latency, p95",
        curves([{ name: "p95", points: points("p95", 1000) }], { ...axes, label: "p95 of the latency", y: "ms" }),
      ),
    );
  }

  showUpdates(samples) {
    const value = (name) => single(samples, name);
    fill(
      this.updates,
      h(
        "dl",
        { class: "facts" },
        [
          ["Users", number(value("kgrec_users"))],
          ["Items", number(value("kgrec_items"))],
          ["Events written here", number(value("kgrec_events_written_total"))],
          ["Last place in the log", number(value("kgrec_log_last"))],
          ["Events that answers lack", number(value("kgrec_log_lag"))],
          ["Events that were refused", number(value("kgrec_log_failed"))],
          ["Last update took", milliseconds(value("kgrec_update_seconds"))],
          ["Runs that were swapped", number(value("kgrec_swaps_total"))],
        ].map(([name, told]) => [h("dt", {}, name), h("dd", {}, told)]),
      ),
    );
  }

  async reload() {
    try {
      const { changed, run } = await post("v1/reload", {}, { signal: this.signal });
      const told = changed ? `The run ${run} answers now.` : `There is no other run: ${run} goes on.`;
      fill(this.state, h("p", { class: "notice" }, told));
      say(told);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(this.state, failure(error));
      if (error.status === undefined) throw error;
    }
  }
}

function milliseconds(seconds) {
  if (seconds === null) return "–";
  return seconds >= 1 ? `${seconds.toFixed(1)} s` : `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
}

function routeTable(requests, byRoute, samples) {
  const sums = new Map();
  for (const one of samples.get("kgrec_request_seconds_sum") ?? []) sums.set(one.labels.route, one.value);
  const routes = new Map();
  for (const { labels, value } of requests) {
    const found = routes.get(labels.route) ?? { count: 0, failed: 0, refused: 0 };
    found.count += value;
    if (labels.status.startsWith("5") || labels.status === "0") found.failed += value;
    if (labels.status.startsWith("4")) found.refused += value;
    routes.set(labels.route, found);
  }
  const rows = [...routes]
    .sort((a, b) => b[1].count - a[1].count)
    .map(([route, one]) => {
      const buckets = byRoute.get(route);
      const name = route === "other" ? "this page, and paths that do not exist" : route;
      return [
        name,
        number(one.count),
        milliseconds(one.count ? (sums.get(route) ?? 0) / one.count : null),
        ...[0.5, 0.95, 0.99].map((q) => milliseconds(quantile(buckets, q))),
        number(one.refused),
        number(one.failed),
      ];
    });
  const heads = ["Route", "Requests", "Mean", "Median", "p95", "p99", "4xx", "5xx"];
  return table("Requests by route", heads, rows);
}

function driftParts(drift) {
  if (!drift.known) return h("p", {}, "Nothing came since the run was trained.");
  const one = drift.figures;
  const hits = one.hits === null ? "too few to tell" : `${percent(one.hits)} of ${number(one.measured)}`;
  return [
    one.training_is_due
      ? h("div", { class: "notice" }, h("p", {}, "A training is due:"), h("ul", {}, one.reasons.map((why) => h("li", {}, why))))
      : h("p", {}, "No training is due."),
    h(
      "dl",
      { class: "facts" },
      [
        ["Updates", number(one.updates)],
        ["New interactions", `${number(one.interactions)}, of training ${number(one.trained_interactions)}`],
        ["New users", `${number(one.users_new)}, of training ${number(one.trained_users)}`],
        ["New items", `${number(one.items_new)}, of training ${number(one.trained_items)}`],
        ["Among the ten best before", hits],
        ["The same of validation", one.hits_of_validation === null ? "–" : percent(one.hits_of_validation)],
      ].map(([name, told]) => [h("dt", {}, name), h("dd", {}, told)]),
    ),
  ];
}

function runParts(samples, experiment) {
  const runs = new Map((samples.get("kgrec_run_info") ?? []).map((one) => [one.labels.role, one.labels.run]));
  const rows = ["main", "variant"]
    .filter((role) => runs.has(role))
    .map((role) => {
      const one = experiment[role] ?? {};
      return [
        role, runs.get(role), number(one.lists), number(one.likes), number(one.hits),
        one.rate === null || one.rate === undefined ? "–" : percent(one.rate),
      ];
    });
  const difference = experiment.difference;
  return [
    table("Runs", ["Part", "Run", "Lists", "Likes after a list", "In the list", "Share"], rows),
    difference
      ? h("p", {}, `Difference of the shares: ${percent(difference.rate)}, 95 % interval ${percent(difference.low)} to ${percent(difference.high)}.`)
      : null,
  ];
}
