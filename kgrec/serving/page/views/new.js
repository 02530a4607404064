// Somebody new: picks items or describes themselves. All of it stays in this tab.
import { post } from "../api.js";
import { field, fill, h, say, section, settled } from "../dom.js";
import { card, doubts, failure, judgements, reason, replaceList, waiting } from "../parts.js";
import { picker } from "../picker.js";
import { pathAddress } from "./user.js";

const PATHS = 3;
/** What was picked and said: it is there again when one comes back from another view. */
const state = { liked: new Map(), unwanted: new Map(), description: "" };

export function title() {
  return "Somebody new";
}

export async function show(body, { signal }) {
  const list = h("ol", { class: "items", id: "recommendations" });
  const told = h("div", {});
  const chosen = h("div", { class: "chosen" });
  let asked = 0;

  const refresh = async () => {
    showChosen();
    const number = (asked += 1);
    const liked = [...state.liked.keys()];
    const description = state.description.trim();
    if (!liked.length && !description) {
      fill(list);
      fill(told, h("p", { class: "hint" }, "Pick an item, or write a few words."));
      return;
    }
    if (!list.children.length) fill(told, waiting());
    try {
      const query = { k: 10, exclude: [...state.unwanted.keys()] };
      if (liked.length) query.liked = liked;
      if (description) query.description = description;
      const answer = await post("v1/recommendations", query, { signal });
      if (number !== asked) return;
      fill(told, doubts(answer.warnings));
      const cards = answer.items.map((one, row) =>
        card(one, row + 1, { actions: judgements(one, judge) }),
      );
      replaceList(list, cards);
      say(`${cards.length} recommendations.`);
      if (liked.length && cards.length) await addReasons(answer.items, cards, liked, number);
    } catch (error) {
      if (error.name === "AbortError" || number !== asked) return;
      fill(list);
      fill(told, failure(error));
      if (error.status === undefined) throw error;
    }
  };

  const addReasons = async (items, cards, liked, number) => {
    const requests = items.map(({ item }) => ({ item, liked, k: PATHS }));
    const { answers } = await post("v1/explanations/batch", { requests }, { signal });
    if (number !== asked) return;
    answers.forEach((why, row) => {
      if (why.sentence === undefined) return;
      const item = items[row].item;
      const follow = (n) => pathAddress({ liked, item, n, k: PATHS });
      fill(cards[row].querySelector(".why"), reason(why, follow));
    });
  };

  const judge = (one, liked) => {
    (liked ? state.liked : state.unwanted).set(one.item, one.title || one.item);
    refresh();
  };

  const showChosen = () => {
    const chips = (from, text) =>
      from.size
        ? [
            h("h3", {}, text),
            h(
              "ul",
              { class: "chips" },
              [...from].map(([id, name]) =>
                h(
                  "li",
                  { class: "chip" },
                  name,
                  h(
                    "button",
                    {
                      type: "button",
                      class: "remove",
                      "aria-label": `Take away ${name}`,
                      onclick: () => {
                        from.delete(id);
                        refresh();
                        body.querySelector("input")?.focus();
                      },
                    },
                    "✕",
                  ),
                ),
              ),
            ),
          ]
        : [];
    fill(chosen, chips(state.liked, "You like"), chips(state.unwanted, "Not for you"));
  };

  const words = h("textarea", { rows: 3, maxlength: 2000 });
  words.value = state.description;
  const changed = settled(500, refresh);
  words.addEventListener("input", () => {
    state.description = words.value;
    changed();
  });
  fill(
    body,
    h("p", { class: "lead" }, "Nothing of this is kept: the service answers and forgets."),
    h(
      "div",
      { class: "split side-first" },
      h(
        "div",
        { class: "side" },
        section(
          "Pick what you like",
          picker({ label: "Find items", verb: "Add", pick: (one) => judge(one, true), signal }),
          chosen,
        ),
        section(
          "Or describe yourself",
          field("In your words", words, "Such as: slow films by the sea, no violence"),
        ),
      ),
      section("Fits you", told, list),
    ),
  );
  await refresh();
}
