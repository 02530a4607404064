// Telling the service what a user thinks of an item.
import { freshKey, post } from "./api.js";
import { field, h } from "./dom.js";

/**
 * Post that a user likes an item, or not, and wait until answers know it.
 * A model of ratings wants a rating too: then it is asked for.
 */
export async function judge(user, item, liked, signal) {
  const body = { user, item, liked };
  const how = { query: { wait: true }, signal, key: freshKey() };
  try {
    return await post("v1/interactions", body, how);
  } catch (error) {
    if (error.status !== 422 || !error.message.includes("`rating`")) throw error;
  }
  const rating = await askForRating();
  if (rating === null) return null;
  return post("v1/interactions", { ...body, rating }, { ...how, key: freshKey() });
}

function askForRating() {
  const input = h("input", { type: "number", step: "any", required: true });
  const close = h("button", { type: "button" }, "Close");
  const form = h(
    "form",
    {},
    h("h2", { id: "rating-title" }, "Rating"),
    h("p", {}, "The model of this run predicts ratings, so that it learns from ratings."),
    field("Rating, as in the data of the run", input),
    h("p", { class: "buttons" }, h("button", { type: "submit", class: "strong" }, "Rate"), close),
  );
  const dialog = h("dialog", { "aria-labelledby": "rating-title" }, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let rating = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      rating = input.valueAsNumber;
      dialog.close();
    });
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(rating);
    });
    dialog.showModal();
  });
}
