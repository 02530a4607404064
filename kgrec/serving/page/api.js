// Asking the service: paths, keys, errors by RFC 9457, and trying again when it is busy.
import { askForKey, currentKey } from "./key.js";

const BASE = new URL(".", document.baseURI); // the page may be behind a proxy, under any path
const TRIES = 4;

/** What went wrong with a request, in words of the service. */
export class Problem extends Error {
  constructor(status, detail, kind) {
    super(detail);
    this.status = status;
    this.kind = kind;
  }
}

/** Return a path of the service; parts are encoded, also their slashes. */
export function path(...parts) {
  return parts.map(encodeURIComponent).join("/");
}

/** Return the JSON that a path answers. */
export async function get(place, query, signal) {
  return (await request("GET", place, { query, signal })).json();
}

/** Return the JSON that a post is answered with. */
export async function post(place, body, { query, signal, key } = {}) {
  return (await request("POST", place, { query, body, signal, key })).json();
}

/** Return the text that a path answers. */
export async function text(place, signal) {
  return (await request("GET", place, { signal })).text();
}

async function request(method, place, { query, body, signal, key }) {
  const url = new URL(place, BASE);
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") url.searchParams.append(name, one);
    }
  }
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  for (let tried = 1; ; tried += 1) {
    const used = currentKey();
    if (used) headers.Authorization = `Bearer ${used}`;
    else delete headers.Authorization;
    let answer;
    try {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      answer = await fetch(url, { method, headers, body: sent, signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, "The service does not answer. Is it running?", "unreachable");
    }
    if (answer.ok) return answer;
    if (answer.status === 401 && (await askForKey(used))) continue;
    const wait = Number(answer.headers.get("Retry-After"));
    if ([429, 503].includes(answer.status) && wait && tried < TRIES) {
      await pause(1000 * Math.min(wait, 10), signal);
      continue;
    }
    throw await problem(answer);
  }
}

async function problem(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // A proxy in between answers in a language of its own.
  }
  const detail = typeof told.detail === "string" ? told.detail : `The answer was ${answer.status}.`;
  return new Problem(answer.status, detail, String(told.type ?? "").split(":").pop());
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("The view has changed.", "AbortError"));
    });
  });
}

/** Return a text that no other request has. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID exists only over HTTPS
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
