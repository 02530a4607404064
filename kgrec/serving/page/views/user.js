// A user: recommendations with their reasons, history, profile; what is judged counts at once.
import { get, path, post } from "../api.js";
import { field, fill, h, percent, say, section, settled, to } from "../dom.js";
import { judge } from "../judging.js";
import { bars, card, doubts, failure, fillWith, foldedList, itemLink } from "../parts.js";
import { judgements, reason, replaceList, waiting } from "../parts.js";

const PATHS = 3; // of the reason of one item
const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", zh: "中文" };

export function title(ids) {
  return ids[0] === undefined ? "Users" : `User ${ids[0]}`;
}

export async function show(body, { ids, query, signal }) {
  if (ids[0] === undefined) return showAll(body, query.get("after"), signal);
  return new UserView(ids[0], signal).show(body);
}

async function showAll(body, after, signal) {
  const page = await get("v1/users", { limit: 60, after }, signal);
  const input = h("input", { required: true, maxlength: 1000, autocomplete: "off" });
  const form = h("form", { class: "row" }, field("Id of a user", input));
  form.append(h("button", { class: "strong", type: "submit" }, "Show"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = to("user", input.value.trim());
  });
  const next = `#/user?${new URLSearchParams({ after: page.next ?? "" })}`;
  fill(
    body,
    section("Open a user", form),
    section(
      `${page.total.toLocaleString("en")} users`,
      h(
        "ul",
        { class: "chips" },
        page.users.map((id) => h("li", {}, h("a", { class: "chip", href: to("user", id) }, id))),
      ),
      page.next ? h("p", {}, h("a", { href: next }, "Further users")) : null,
    ),
  );
}

class UserView {
  constructor(user, signal) {
    this.user = user;
    this.signal = signal;
    this.list = h("ol", { class: "items", id: "recommendations" });
    this.state = h("div", {});
    this.history = h("div", {});
    this.options = { k: 10, diversity: 0, popularity: 0, language: "en", filter: "" };
    this.asked = 0;
  }

  async show(body) {
    const known = await get(`v1/${path("users", this.user)}`, {}, this.signal);
    const profile = h("div", {});
    fill(
    body,
      h(
        "div",
        { class: "split" },
        section("Recommendations", this.choices(), this.state, this.list),
        h(
          "div",
          { class: "side" },
          section("Profile", attributes(known.attributes), profile),
          section("History", this.history),
        ),
      ),
    );
    this.showHistory(known);
    await this.refresh();
    // It waits for the list: the first profile of a run takes the service a while.
    const asked = get(`v1/${path("users", this.user, "profile")}`, {}, this.signal);
    const found = asked.catch((error) => {
      if (error.status !== 422) throw error;
      return { none: error.message }; // a run without texts describes nobody: it is no failure
    });
    await fillWith(profile, found, profileParts, "Describing what this user likes …");
  }

  choices() {
    const changed = settled(250, () => this.refresh());
    const input = (name, made) => {
      made.addEventListener("input", () => {
        this.options[name] = made.value;
        changed();
      });
      return made;
    };
    const range = (name, from) =>
      input(name, h("input", { type: "range", min: from, max: 1, step: 0.1, value: 0 }));
    const language = h("select", {});
    for (const [value, text] of Object.entries(LANGUAGES)) {
      language.append(h("option", { value, lang: value }, text));
    }
    const count = h("select", {}, [10, 20, 50].map((k) => h("option", { value: k }, k)));
    return h(
      "details",
      { class: "options" },
      h("summary", {}, "Options"),
      h(
        "div",
        { class: "fields" },
        field("Items", input("k", count)),
        field("Language of the reasons", input("language", language)),
        field("Diversity", range("diversity", 0), "Left: the best items. Right: unlike ones."),
        field("Popularity", range("popularity", -1), "Left: less popular. Right: more popular."),
        field("Filter", input("filter", h("input", {})), "Such as year > 1990"),
      ),
    );
  }

  async refresh() {
    const number = (this.asked += 1);
    if (!this.list.children.length) fill(this.state, waiting());
    this.list.setAttribute("aria-busy", "true");
    try {
      const { k, diversity, popularity, filter } = this.options;
      const place = `v1/${path("users", this.user, "recommendations")}`;
      const answer = await get(place, { k, diversity, popularity, filter }, this.signal);
      if (number !== this.asked) return;
      fill(this.state, doubts(answer.warnings));
      const cards = answer.items.map((one, row) =>
        card(one, row + 1, { actions: judgements(one, (...said) => this.judge(...said)) }),
      );
      replaceList(this.list, cards);
      if (!cards.length) fill(this.state, h("p", {}, "Nothing is left to recommend."));
      await this.addReasons(answer.items, cards, number);
    } catch (error) {
      if (error.name === "AbortError" || number !== this.asked) return;
      fill(this.list);
      fill(this.state, failure(error));
      if (error.status === undefined) throw error;
    } finally {
      if (number === this.asked) this.list.removeAttribute("aria-busy");
    }
  }

  /** Add the reasons to a list that is there already: they take longer than the list. */
  async addReasons(items, cards, number) {
    if (!items.length) return;
    const { user, options } = this;
    const requests = items.map(({ item }) => ({ user, item, k: PATHS, language: options.language }));
    const { answers } = await post("v1/explanations/batch", { requests }, { signal: this.signal });
    if (number !== this.asked) return;
    answers.forEach((told, row) => {
      if (told.sentence === undefined) return; // a problem: the item itself stands all the same
      const place = cards[row].querySelector(".why");
      const item = items[row].item;
      place.lang = options.language;
      fill(place, reason(told, (n) => pathAddress({ user, item, n, k: PATHS })));
    });
  }

  async judge(one, liked) {
    const title = one.title || one.item;
    for (const shown of this.list.children) {
      if (shown.dataset.item === one.item) shown.classList.add("leaving");
    }
    try {
      const kept = await judge(this.user, one.item, liked, this.signal);
      if (kept?.ignored) {
        fill(this.state, h("p", { class: "notice" }, "The service did not keep it: this user opted out."));
      } else if (kept) {
        say(`${title}: ${liked ? "liked" : "not for this user"}. The list is up to date.`);
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      for (const shown of this.list.children) shown.classList.remove("leaving");
      fill(this.state, failure(error));
      return;
    }
    const known = get(`v1/${path("users", this.user)}`, {}, this.signal);
    await this.refresh();
    this.showHistory(await known);
  }

  showHistory({ history, disliked }) {
    const row = (one, liked, text) =>
      h(
        "li",
        { class: "known" },
        itemLink(one.item, one.title),
        h(
          "button",
          {
            type: "button",
            class: "plain",
            "aria-label": `${text}: ${one.title || one.item}`,
            onclick: () => this.judge(one, liked),
          },
          text,
        ),
      );
    fill(
      this.history,
      h("h3", {}, `Liked (${history.length})`),
      history.length
        ? foldedList(history.map((one) => row(one, false, "Not for me")), 8, { class: "plain-list" })
        : h("p", { class: "hint" }, "Nothing yet."),
      disliked.length
        ? [
            h("h3", {}, `Not liked (${disliked.length})`),
            foldedList(disliked.map((one) => row(one, true, "Liked")), 5, { class: "plain-list" }),
          ]
        : null,
    );
  }
}

/** Return the address of a path of an explanation in the graph. */
export function pathAddress(query) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) given.append(name, one);
  }
  return `#/graph?${given}`;
}

function attributes(known) {
  const rows = Object.entries(known);
  if (!rows.length) return null;
  const told = (value) => (Array.isArray(value) ? value.join(", ") : String(value ?? "–"));
  return h(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, told(value))]),
  );
}

function profileParts(profile) {
  if (profile.none) return h("p", { class: "hint" }, profile.none);
  const chips = (texts) => h("ul", { class: "chips" }, texts.map((text) => h("li", { class: "chip" }, text)));
  const parts = [];
  if (profile.entities.length) {
    const named = profile.entities.map((one) => `${one.name} (${one.kind}, ${one.items})`);
    parts.push(h("h3", {}, "Often in the history"), chips(named));
  }
  if (profile.topics.length) {
    const rows = profile.topics.map((one) => ({
      label: one.names.join(", "),
      value: one.share,
      text: percent(one.share),
    }));
    parts.push(h("h3", {}, "Topics"), bars(rows, 1));
  }
  if (profile.keywords.length) parts.push(h("h3", {}, "Words"), chips(profile.keywords));
  if (!parts.length) parts.push(h("p", { class: "hint" }, "Too little is known yet."));
  return parts;
}
