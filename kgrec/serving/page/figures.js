// Reading what /metrics says (the text format of Prometheus), and what can be told from it.

/** Return all samples by name: labels and a value each. */
export function parse(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)/.exec(line);
    if (!match) continue;
    const [, name, labels, value] = match;
    if (!found.has(name)) found.set(name, []);
    found.get(name).push({ labels: labelsOf(labels ?? ""), value: valueOf(value) });
  }
  return found;
}

function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, char) => (char === "n" ? "\n" : char));
  }
  return labels;
}

function valueOf(text) {
  return { "+Inf": Infinity, "-Inf": -Infinity, NaN: NaN }[text] ?? Number(text);
}

/** Return the value of a figure without labels; null: there is none. */
export function single(samples, name) {
  return samples.get(name)?.[0]?.value ?? null;
}

/** Return the counts of the histogram of each route: pairs of an upper limit and a count. */
export function histograms(samples) {
  const routes = new Map();
  for (const { labels, value } of samples.get("kgrec_request_seconds_bucket") ?? []) {
    if (!routes.has(labels.route)) routes.set(labels.route, []);
    routes.get(labels.route).push([valueOf(labels.le), value]);
  }
  for (const buckets of routes.values()) buckets.sort((a, b) => a[0] - b[0]);
  return routes;
}

/** Return the sum of histograms with the same limits; null: there are none. */
export function summed(all) {
  const [one, ...others] = all;
  if (!one) return null;
  return one.map(([limit, count], row) => [
    limit,
    others.reduce((total, other) => total + other[row][1], count),
  ]);
}

/** Return what came between two states of a histogram. */
export function since(before, now) {
  if (!before) return now;
  return now.map(([limit, count], row) => [limit, Math.max(0, count - before[row][1])]);
}

/**
 * Return a quantile in seconds, interpolated within its bucket as Prometheus does.
 * null: nothing was counted. Beyond the last limit it is that limit.
 */
export function quantile(buckets, q) {
  const total = buckets?.at(-1)?.[1] ?? 0;
  if (!total) return null;
  const rank = q * total;
  const row = buckets.findIndex(([, count]) => count >= rank);
  const [limit, count] = buckets[row];
  const [below, before] = row ? buckets[row - 1] : [0, 0];
  if (!Number.isFinite(limit)) return below;
  return below + ((limit - below) * (rank - before)) / (count - before || 1);
}
