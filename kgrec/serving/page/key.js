// The API key: asked for when the service wants one, and kept in this tab alone.
const PLACE = "kgrec-api-key";
const dialog = document.getElementById("key-dialog");
const input = document.getElementById("key-input");
const why = document.getElementById("key-why");
let waiting = null;
let current = stored();

/** Return the key in use; null: there is none. */
export function currentKey() {
  return current;
}

function stored() {
  try {
    return sessionStorage.getItem(PLACE);
  } catch {
    return null; // a browser may forbid it: then the key is kept until the page is left
  }
}

function keep(key) {
  current = key;
  try {
    if (key === null) sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, key);
  } catch {
    // As above.
  }
}

/**
 * Ask for a key after one was refused. All requests that wait share the dialog.
 * Returns whether there is another key to try.
 */
export function askForKey(refused) {
  if (currentKey() !== refused) return Promise.resolve(true); // another request has asked already
  if (waiting === null) {
    why.textContent = refused
      ? "The service does not accept this key."
      : "This service wants an API key, which `kgrec api-key` makes.";
    waiting = opened().finally(() => (waiting = null));
  }
  return waiting;
}

function opened() {
  input.value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    const before = currentKey();
    dialog.addEventListener(
      "close",
      () => resolve(currentKey() !== null && currentKey() !== before),
      { once: true },
    );
  });
}

/** Let the dialog work; `changed` is called when another key is used. */
export function installKey(changed) {
  const end = () => {
    const asked = waiting !== null; // then the request that asked goes on by itself
    dialog.close();
    if (!asked) changed();
  };
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    keep(input.value.trim());
    end();
  });
  document.getElementById("key-forget").addEventListener("click", () => {
    keep(null);
    end();
  });
  document.getElementById("key-close").addEventListener("click", () => dialog.close());
  document.getElementById("key-button").addEventListener("click", () => {
    why.textContent = currentKey() ? "A key is in use." : "No key is in use.";
    input.value = "";
    dialog.showModal();
  });
}
