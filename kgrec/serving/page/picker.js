// Finding items by words, to pick some of them.
import { get } from "./api.js";
import { field, fill, h, say, settled } from "./dom.js";
import { failure } from "./parts.js";

const SHOWN = 8;

/**
 * Return a field that finds items; `pick` is called with the one that is chosen.
 * `label` says what is picked, `verb` what the buttons do.
 */
export function picker({ label, verb, hint, pick, signal }) {
  const input = h("input", { type: "search", autocomplete: "off" });
  const found = h("ul", { class: "found" });
  let asked = 0;

  const look = async () => {
    const number = (asked += 1);
    const q = input.value.trim();
    try {
      const answer = q
        ? await get("v1/search", { q, k: SHOWN }, signal)
        : await get("v1/items", { limit: SHOWN }, signal);
      if (number === asked) show(answer.items);
    } catch (error) {
      if (error.name !== "AbortError" && number === asked) fill(found, h("li", {}, failure(error)));
    }
  };
  const show = (items) => {
    fill(
      found,
      items.map((one) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", onclick: () => pick(one) },
            h("span", { class: "verb" }, verb),
            one.title || one.item,
          ),
        ),
      ),
    );
    say(`${items.length} items found.`);
  };

  input.addEventListener("input", settled(250, look));
  look();
  return h("div", { class: "picker", role: "search" }, field(label, input, hint), found);
}
