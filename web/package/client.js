// The page's side of the worker: jobs wait in order, and one that is given up is ended at once.

import { DlfError } from "./errors.js";

let worker = null;
let nextNumber = 0;
/** Jobs that have no answer yet, in order; the first one is being worked on. */
const waiting = new Map();

function start() {
  worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "dlf" });
  worker.onmessage = ({ data }) => answer(data);
  worker.onerror = (event) => {
    // The worker could not be loaded, or has died: nothing that waits will be answered.
    event.preventDefault();
    const error = new DlfError("DLF_INTERNAL", event.message || "the worker cannot be loaded");
    const jobs = [...waiting.values()];
    stop();
    waiting.clear();
    for (const job of jobs) job.reject(error);
  };
  for (const job of waiting.values()) worker.postMessage(job.message);
}

function stop() {
  worker?.terminate();
  worker = null;
}

function answer({ number, progress, result, error }) {
  const job = waiting.get(number);
  if (job === undefined) return; // given up meanwhile
  if (progress !== undefined) {
    job.onProgress?.(...progress);
    return;
  }
  waiting.delete(number);
  if (error === undefined) job.resolve(result);
  else job.reject(new DlfError(error.status, error.text));
}

function giveUp(number) {
  const [first] = waiting.keys();
  const job = waiting.get(number);
  if (job === undefined) return;
  waiting.delete(number);
  job.reject(job.signal.reason);
  if (number === first) {
    stop();
    if (waiting.size > 0) start();
  }
}

/**
 * Has the worker do something.
 * @param {string} kind of job, as worker.js names it
 * @param {{signal?: AbortSignal, onProgress?: (done: number, total: number) => void}} options
 */
export function ask(kind, input, { signal, onProgress, ...options }, models) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const number = nextNumber++;
    const message = { number, kind, input, options, models };
    const onAbort = () => giveUp(number);
    const settle = (finish) => (value) => {
      signal?.removeEventListener("abort", onAbort);
      finish(value);
    };
    const job = { message, onProgress, signal, resolve: settle(resolve), reject: settle(reject) };
    if (worker === null) {
      waiting.set(number, job);
      start();
    } else {
      worker.postMessage(message); // throws for what cannot be copied
      waiting.set(number, job);
    }
    signal?.addEventListener("abort", onAbort);
  });
}
