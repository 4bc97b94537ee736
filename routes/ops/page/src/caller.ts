// Who one is for Breakwater, and what one may: asked once for all of the page, and again where it may have
// changed. Signing in and out draws the whole page anew, so that nothing stays of who was there before.
import { useEffect, useReducer } from "preact/hooks";
import type { Caller } from "./answers";
import { ask, onUnauthorized, send } from "./api";

const KNOWN_FOR_MS = 10_000;

let last: Caller | null = null; // what the last answer was
let asking: Promise<void> | null = null;
let askedAt = 0;
const listeners = new Set<() => void>();

// Whatever goes wrong here goes wrong for what the page asks too, and is said there.
export function askCaller(): Promise<void> {
  askedAt = Date.now();
  asking ??= ask<Caller>("caller")
    .then((told) => {
      last = told;
      for (const listener of listeners) listener();
    })
    .catch(() => undefined)
    .finally(() => (asking = null));
  return asking;
}

// A session may end while one looks.
onUnauthorized(() => void askCaller());

// Null until it is known. Whoever uses it is drawn anew when it has changed.
export function useCaller(): Caller | null {
  const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
  useEffect(() => {
    const listener = (): void => redraw(undefined);
    listeners.add(listener);
    if (last === null || Date.now() - askedAt > KNOWN_FOR_MS) void askCaller();
    return () => void listeners.delete(listener);
  }, []);
  return last;
}

export function mayNotLook(): boolean {
  return last !== null && !last.may_look;
}

export async function signIn(user: string, password: string): Promise<void> {
  await send("POST", "session", { user, password });
  location.reload();
}

export async function signOut(): Promise<void> {
  await send("DELETE", "session");
  location.reload();
}
