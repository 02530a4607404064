// The page: which view is shown, and what all of them share.
import { get } from "./api.js";
import { fill, h, say } from "./dom.js";
import { installKey } from "./key.js";
import { failure, waiting } from "./parts.js";
import * as graph from "./views/graph.js";
import * as item from "./views/item.js";
import * as model from "./views/model.js";
import * as newcomer from "./views/new.js";
import * as operations from "./views/operations.js";
import * as search from "./views/search.js";
import * as start from "./views/start.js";
import * as talk from "./views/talk.js";
import * as user from "./views/user.js";

const VIEWS = { "": start, user, new: newcomer, search, talk, item, graph, model, operations };
const main = document.getElementById("main");
const menuButton = document.querySelector(".menu-button");
let leaving = null;
let first = true;

/** Return the view that the address names: its name, its ids and its query. */
function place() {
  const [route, query] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const parts = route.split("/").map(decoded);
  return { name: parts[0], ids: parts.slice(1), query: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // somebody wrote the address by hand
  }
}

async function show() {
  leaving?.abort();
  const here = new AbortController();
  leaving = here;
  const { name, ids, query } = place();
  const view = VIEWS[name];
  menu(false);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = h("h1", { tabindex: "-1" }, view ? view.title(ids) : "There is no such view");
  document.title = `${heading.textContent} – kgrec`;
  const body = h("div", { class: "view" }, waiting()); // until the view fills it
  fill(main, heading, body);
  if (!first) {
    heading.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  first = false;
  if (!view) return fill(body, h("p", {}, "Choose one of the views above."));
  try {
    await view.show(body, { ids, query, signal: here.signal, heading });
  } catch (error) {
    if (error.name !== "AbortError" && !here.signal.aborted) {
      fill(body, failure(error));
      say("The view cannot be shown.");
      if (error.status === undefined) throw error; // a mistake of this page: let the console tell
    }
  }
}

function menu(open) {
  menuButton.setAttribute("aria-expanded", String(open));
}

async function nameRun() {
  try {
    const { run } = await get("v1/model");
    document.getElementById("run").textContent = `Run: ${run}.`;
  } catch {
    // The view says what is wrong.
  }
}

menuButton.addEventListener("click", () => {
  menu(menuButton.getAttribute("aria-expanded") !== "true");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menuButton.getAttribute("aria-expanded") === "true") {
    menu(false);
    menuButton.focus();
  }
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address stays that of the view
  main.focus();
});
installKey(() => {
  show();
  nameRun();
});
addEventListener("hashchange", show);
show();
nameRun();
