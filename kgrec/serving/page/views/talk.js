// A conversation: each turn says more, and items are judged on the way. The service keeps nothing.
import { post } from "../api.js";
import { field, fill, h, say } from "../dom.js";
import { card, doubts, failure, judgements, waiting } from "../parts.js";

const SHOWN = 5;

export function title() {
  return "Conversation";
}

export async function show(body, { query, signal }) {
  const talk = new Talk(signal);
  fill(body, talk.log, talk.form);
  const start = query.get("say");
  if (start) await talk.turn(start);
}

class Talk {
  constructor(signal) {
    this.signal = signal;
    this.turns = [];
    this.shown = [];
    this.judged = new Map(); // item → liked or not
    this.log = h("div", { class: "talk" });
    this.input = h("input", { required: true, maxlength: 2000, autocomplete: "off" });
    this.button = h("button", { type: "submit", class: "strong" }, "Say");
    this.form = h(
      "form",
      { class: "card row say" },
      field("Your words", this.input, "Such as: a heist film – then: older, no comedy"),
      this.button,
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.turn(this.input.value.trim());
    });
  }

  async turn(words) {
    if (!words) return;
    this.log.append(h("p", { class: "said" }, h("span", { class: "who" }, "You"), words));
    this.input.value = "";
    this.turns.push(words);
    if (!(await this.answer())) this.turns.pop();
  }

  async answer() {
    const place = h("div", { class: "answered" }, waiting());
    this.log.append(place);
    this.button.disabled = true;
    const of = (liked) => [...this.judged].filter(([, is]) => is === liked).map(([item]) => item);
    try {
      const answer = await post(
        "v1/conversation",
        { turns: this.turns, shown: this.shown, liked: of(true), disliked: of(false), k: SHOWN },
        { signal: this.signal },
      );
      this.shown.push(...answer.items.map((one) => one.item));
      fill(place, this.told(answer));
      say(`${answer.items.length} items. ${answer.understood.text}`);
      return true;
    } catch (error) {
      if (error.name === "AbortError") return false;
      fill(place, failure(error));
      if (error.status === undefined) throw error;
      return false;
    } finally {
      this.button.disabled = false;
      this.input.focus({ preventScroll: true });
      place.scrollIntoView({ block: "nearest" });
    }
  }

  told(answer) {
    const others = h("button", { type: "button" }, "Show others");
    others.addEventListener("click", () => {
      others.remove();
      this.answer();
    });
    return [
      h("p", { class: "understood" }, answer.understood.text),
      doubts(answer.warnings),
      answer.items.length
        ? h(
            "ol",
            { class: "items" },
            answer.items.map((one, row) =>
              card(one, row + 1, { actions: judgements(one, (...said) => this.judge(...said)) }),
            ),
          )
        : h("p", {}, "Nothing else fits. Say it in other words."),
      answer.items.length ? others : null,
    ];
  }

  judge(one, liked) {
    this.judged.set(one.item, liked);
    for (const shown of this.log.querySelectorAll(".item")) {
      if (shown.dataset.item !== one.item) continue;
      const [like, dislike] = shown.querySelectorAll(".actions button");
      like.setAttribute("aria-pressed", String(liked));
      dislike.setAttribute("aria-pressed", String(!liked));
    }
    say(`${one.title || one.item}: ${liked ? "liked" : "not for you"}. The next answer knows it.`);
  }
}
