// Curves, drawn as SVG, and tables of figures.
import { h, svg } from "./dom.js";

const [WIDTH, HEIGHT] = [460, 210]; // as on a phone: a wide screen makes it larger
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 14, 28, 38];

/**
 * Return curves over one axis.
 * Each of `series` has a `name` and `points`, pairs of numbers, ascending.
 */
export function curves(series, { label, x, y, mark = null, zero = false }) {
  const points = series.flatMap((one) => one.points);
  if (points.length < 2) return h("p", { class: "hint" }, "There are too few figures yet.");
  const [x0, x1] = extent(points.map((one) => one[0]));
  let [y0, y1] = extent(points.map((one) => one[1]));
  if (zero) y0 = Math.min(0, y0);
  if (y0 === y1) y1 = y0 + (Math.abs(y0) || 1) / 10;
  const across = (value) => LEFT + ((value - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - RIGHT);
  const up = (value) => HEIGHT - BOTTOM - ((value - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const value of ticks(y0, y1, 4)) {
    drawing.append(
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: up(value), y2: up(value) }),
      svg("text", { class: "tick", x: LEFT - 6, y: up(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(3)).toString()),
    );
  }
  for (const value of ticks(x0, x1, 5)) {
    const shown = Number(value.toPrecision(6)).toString();
    const at = { class: "tick", x: across(value), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" };
    drawing.append(svg("text", at, shown));
  }
  drawing.append(
    svg("text", { class: "axis", x: WIDTH - RIGHT, y: HEIGHT - 3, "text-anchor": "end" }, x),
    svg("text", { class: "axis", x: 0, y: 12 }, y),
  );
  series.forEach((one, row) => {
    const drawn = one.points.map(([a, b]) => `${across(a).toFixed(1)},${up(b).toFixed(1)}`).join(" ");
    drawing.append(svg("polyline", { class: `curve curve-${row % 4}`, points: drawn }));
  });
  if (mark) {
    drawing.append(svg("circle", { class: "best", cx: across(mark[0]), cy: up(mark[1]), r: 5 }));
  }
  const legend =
    series.length > 1
      ? h(
          "ul",
          { class: "legend" },
          series.map((one, row) => h("li", {}, h("span", { class: `key curve-${row % 4}` }), one.name)),
        )
      : null;
  return h("figure", { class: "chart" }, drawing, legend);
}

function extent(values) {
  return [Math.min(...values), Math.max(...values)];
}

/** Return round numbers between two. */
function ticks(from, to, count) {
  if (to <= from) return [from];
  const raw = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to + step / 1e6; at += step) found.push(at);
  return found;
}

/** Return a table of figures; the first cell of each row is its heading. */
export function table(caption, heads, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${caption}` },
    h(
      "table",
      {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        {},
        rows.map(([first, ...others]) =>
          h("tr", {}, h("th", { scope: "row" }, first), others.map((one) => h("td", {}, one))),
        ),
      ),
    ),
  );
}
