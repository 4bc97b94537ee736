// What happens, as it happens: one stream of server-sent events (routes/ops/event_stream.h) for the whole page.
// It is closed while nobody looks at the tab, goes on by itself after a restart of Breakwater or a loss of the
// network, and says since when it is without one.
import { useEffect, useReducer } from "preact/hooks";
import type { EventTold, RequestTold, StatusSummary } from "./answers";
import { askCaller, mayNotLook } from "./caller";

const LAST_MAX = 500; // of requests and events that are remembered
const AGAIN_FIRST_MS = 500;
const AGAIN_MAX_MS = 10_000;
const LOOK_EVERY_MS = 10_000;
const QUIET_MS = 30_000;
const ANSWER_MS = 5_000;

export interface Live {
  isConnected: boolean;
  lostAt: Date | null; // since when there is no connection; null if there is one, or if none was tried yet
  heardAt: Date | null; // when anything came the last time
  summary: StatusSummary | null;
  requests: RequestTold[]; // the newest first
  events: EventTold[]; // the newest first
  restarts: number; // how often another process than before has answered
  isOld: boolean; // whether that process has another page than this one
}

const live: Live = {
  isConnected: false,
  lostAt: null,
  heardAt: null,
  summary: null,
  requests: [],
  events: [],
  restarts: 0,
  isOld: false,
};

type Listener = () => void;
const listeners = new Set<Listener>();
let isToTell = false;

// Whatever came since the last frame is drawn together.
function tell(): void {
  if (isToTell) return;
  isToTell = true;
  requestAnimationFrame(() => {
    isToTell = false;
    for (const listener of listeners) listener();
  });
}

let source: EventSource | null = null;
let lastId = "";
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function heard(event: MessageEvent): void {
  if (event.lastEventId !== "") lastId = event.lastEventId;
  live.heardAt = new Date();
  tell();
}

function parsed<T>(event: MessageEvent): T | null {
  try {
    return JSON.parse(event.data as string) as T;
  } catch {
    return null;
  }
}

function connect(): void {
  clearTimeout(timer);
  // Whoever signs in has the page drawn anew.
  if (source || document.hidden || mayNotLook()) return;
  const after = lastId === "" ? "" : `&after=${encodeURIComponent(lastId)}`;
  source = new EventSource(`/api/v1/events?of=status,request,event${after}`);
  source.onopen = () => {
    failures = 0;
    live.isConnected = true;
    live.lostAt = null;
    live.heardAt = new Date();
    tell();
  };
  // Whether the browser would try again depends on what failed. It is always done here, and slower each time.
  source.onerror = lose;
  source.addEventListener("status", (event) => {
    const summary = parsed<StatusSummary>(event);
    if (summary) {
      if (live.summary && live.summary.started_at !== summary.started_at) {
        ++live.restarts;
        void compareScripts();
      }
      live.summary = summary;
    }
    heard(event);
  });
  source.addEventListener("request", (event) => {
    const request = parsed<RequestTold>(event);
    if (request) live.requests = [request, ...live.requests.slice(0, LAST_MAX - 1)];
    heard(event);
  });
  source.addEventListener("event", (event) => {
    const told = parsed<EventTold>(event);
    if (told) live.events = [told, ...live.events.slice(0, LAST_MAX - 1)];
    heard(event);
  });
}

// A script is called by what it is made from: another name is another page.
async function compareScripts(): Promise<void> {
  const mine = document.querySelector("script[src]")?.getAttribute("src");
  try {
    const answer = await fetch("/", { cache: "no-cache", signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await answer.text();
    live.isOld = answer.ok && !!mine && !text.includes(mine);
    tell();
  } catch {
    // The next restart asks again.
  }
}

function lose(): void {
  disconnect();
  // A browser does not say why a stream ended: it may be the session.
  void askCaller();
  live.lostAt ??= new Date();
  const wait = Math.min(AGAIN_FIRST_MS * 2 ** failures, AGAIN_MAX_MS);
  ++failures;
  clearTimeout(timer);
  timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
  tell();
}

// Where nothing happens nothing is heard; whether anybody is there is asked then.
async function lookAfter(): Promise<void> {
  const heardAt = live.heardAt?.getTime() ?? 0;
  if (!source || !live.isConnected || document.hidden || Date.now() - heardAt < QUIET_MS) return;
  const asked = source;
  try {
    await fetch("/api/v1/caller", { signal: AbortSignal.timeout(ANSWER_MS) });
    live.heardAt = new Date();
    tell();
  } catch {
    if (source === asked) lose();
  }
}

function disconnect(): void {
  source?.close();
  source = null;
  if (live.isConnected) live.isConnected = false;
}

export function beLive(): void {
  connect();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) {
      disconnect();
    } else {
      failures = 0;
      connect();
    }
    tell();
  });
  // A network that goes takes no leave: what was connected stays so until something is sent.
  addEventListener("offline", () => source && lose());
  addEventListener("online", () => {
    failures = 0;
    connect();
  });
  setInterval(() => void lookAfter(), LOOK_EVERY_MS);
}

// The same object each time; a component that uses it is drawn anew when anything in it has changed.
export function useLive(): Live {
  const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
  useEffect(() => {
    const listener = (): void => redraw(undefined);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return live;
}
