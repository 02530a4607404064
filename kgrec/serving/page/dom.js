// Elements of the page. Every text becomes a text node: nothing that data says is read as HTML.

/** Return an element; `attributes` that are functions are listeners, such as `onclick`. */
export function h(tag, attributes, ...children) {
  const made = document.createElement(tag);
  set(made, attributes);
  made.append(...children.flat(Infinity).filter(shown));
  return made;
}

/** Return an element of a drawing. */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(made, attributes);
  made.append(...children.flat(Infinity).filter(shown));
  return made;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

function shown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** Put children in the place of all that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(shown));
}

/** Say something to those who do not see the page change. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

let last = 0;

/** Return an id that no other element has. */
export function freshId() {
  last += 1;
  return `made-${last}`;
}

/** Return the address of a view; parts are ids and may hold anything. */
export function to(...parts) {
  return "#/" + parts.map(encodeURIComponent).join("/");
}

/** Return a section with a heading. */
export function section(title, ...children) {
  const id = freshId();
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), children);
}

/** Return a field with its label. */
export function field(label, input, hint) {
  input.id ||= freshId();
  const told = hint ? h("span", { class: "hint", id: `${input.id}-hint` }, hint) : null;
  if (told) input.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, told);
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Return a number for people: whole, or with three digits that count. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return whole.format(value);
  return Math.abs(value) < 1 ? value.toFixed(3) : Number(value.toPrecision(3)).toString();
}

/** Return a share as a percentage. */
export function percent(value) {
  const shown = Math.abs(value) < 0.0995 ? (100 * value).toFixed(1) : (100 * value).toFixed(0);
  return `${shown} %`;
}

/** Wait until no further call came for some milliseconds. */
export function settled(milliseconds, call) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), milliseconds);
  };
}
