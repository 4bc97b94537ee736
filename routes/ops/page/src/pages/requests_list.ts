// The list of requests: the newest first, live from the stream, older ones by going back through the API.
//
// What comes while somebody reads is counted and waits, so that nothing moves under his eyes. Numbers begin
// anew when Breakwater starts: then the list does too.
import { useEffect, useReducer, useRef } from "preact/hooks";
import { ApiError, type Query, ask } from "../api";
import type { RequestTold, Requests } from "../answers";
import * as format from "../format";
import { type Live, useLive } from "../live";

const ROWS_MAX = 100_000; // remembered by the page; what is older can be asked for again
const AT_ONCE = 100; // as many as the API gives
const ROUNDS_MAX = 3; // of catching up; who is further behind goes on with the newest
const EMPTY_MAX = 10; // answers without any, when going back
const LACKS_MAX = 2 * AT_ONCE;
const ASK_EVERY_MS = 1000;

// `previous` is what to ask `before` to go back; an API that cannot go back does not say it.
export type RequestsPage = Requests & { previous?: number };

interface List {
  rows: RequestTold[];
  waiting: RequestTold[];
  newest: number; // the highest number that was looked at
  previous: number | null;
  skipped: number; // came too fast to be listed
  isReady: boolean; // the first answer is here
  error: ApiError | null;
}

function emptyList(): List {
  return { rows: [], waiting: [], newest: 0, previous: null, skipped: 0, isReady: false, error: null };
}

// The requests of the stream behind `newest`, the newest first, and how many between them and that one it does
// not have. What is left there of a process before this one does not count.
export function fromStream(live: Live, newest: number): { come: RequestTold[]; lacks: number } {
  const startedAt = format.timeOf(live.summary?.started_at)?.getTime() ?? 0;
  const come: RequestTold[] = [];
  let last = Infinity;
  for (const request of live.requests) {
    const at = format.timeOf(request.at)?.getTime() ?? startedAt;
    if (request.number >= last || at < startedAt || request.number <= newest) break;
    come.push(request);
    last = request.number;
  }
  return { come, lacks: come.length === 0 ? 0 : last - newest - 1 };
}

export interface RequestsShown {
  rows: RequestTold[];
  waiting: number;
  skipped: number;
  isReady: boolean;
  isAskingOlder: boolean;
  error: ApiError | null;
  older: (() => void) | null; // null: there is none, or it is being asked
  show: () => void; // what waits
  again: () => void;
}

export function useRequests(filter: Query, isHeld: boolean): RequestsShown {
  const live = useLive();
  const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
  const [turn, again] = useReducer<number, undefined>((before) => before + 1, 0);
  const isFiltered = Object.values(filter).some((word) => word !== undefined && word !== "");
  const key = `${turn} ${live.restarts} ${JSON.stringify(filter)}`;
  const of = useRef({ key: "", list: emptyList() });
  if (of.current.key !== key) of.current = { key, list: emptyList() };
  const { list } = of.current;
  const busy = useRef({ isAsking: false, isOlder: false, askedAt: 0 });
  const held = useRef(isHeld);
  held.current = isHeld;
  const isOf = (): boolean => of.current.list === list;

  const add = (come: RequestTold[]): void => {
    if (come.length === 0) return;
    if (held.current) list.waiting = [...come, ...list.waiting].slice(0, ROWS_MAX);
    else list.rows = [...come, ...list.waiting, ...list.rows].slice(0, ROWS_MAX);
    if (!held.current) list.waiting = [];
    if (list.rows.length === ROWS_MAX) list.previous = list.rows.at(-1)?.number ?? null;
  };
  const failed = (why: unknown): void => {
    list.error = why instanceof ApiError ? why : new ApiError(String(why), "internal", 0);
  };

  // The last page to begin with.
  useEffect(() => {
    const stop = new AbortController();
    const begin = async (): Promise<void> => {
      try {
        const page = await ask<RequestsPage>("requests", { ...filter, limit: AT_ONCE }, stop.signal);
        list.rows = page.requests.toReversed();
        list.newest = page.newest;
        list.previous = page.previous ?? null;
        list.isReady = true;
        list.error = null;
      } catch (why) {
        if (stop.signal.aborted) return;
        failed(why);
      }
      redraw(undefined);
    };
    busy.current = { isAsking: false, isOlder: false, askedAt: 0 };
    void begin();
    return () => stop.abort();
  }, [key]);

  // What the stream does not have, or what only the API can choose.
  const catchUp = async (): Promise<void> => {
    busy.current.isAsking = true;
    busy.current.askedAt = Date.now();
    try {
      for (let round = 0; isOf(); ++round) {
        const isFar = round === ROUNDS_MAX;
        const from: Query = isFar ? {} : { after: list.newest };
        const page = await ask<RequestsPage>("requests", { ...filter, ...from, limit: AT_ONCE });
        if (!isOf()) break;
        const come = page.requests.filter(({ number }) => number > list.newest).toReversed();
        const oldest = come.at(-1)?.number ?? page.newest + 1;
        if (!isFiltered) list.skipped += Math.max(0, oldest - list.newest - 1);
        add(come);
        list.newest = isFar ? page.newest : page.next;
        list.error = null;
        if (isFar || page.next >= page.newest) break;
      }
    } catch (why) {
      if (isOf()) failed(why);
    }
    busy.current.isAsking = false;
    redraw(undefined);
  };

  const newestTold = live.requests[0]?.number ?? 0;
  useEffect(() => {
    if (!list.isReady || busy.current.isAsking) return undefined;
    const { come, lacks } = fromStream(live, list.newest);
    if (come.length === 0) return undefined;
    // A few that the stream has left out are asked for; who lacks many goes on with the newest.
    if (!isFiltered && (lacks === 0 || lacks > LACKS_MAX)) {
      list.skipped += lacks;
      add(come);
      list.newest = come[0]?.number ?? list.newest;
      redraw(undefined);
      return undefined;
    }
    const wait = Math.max(0, busy.current.askedAt + ASK_EVERY_MS - Date.now());
    const timer = setTimeout(() => void catchUp(), wait);
    return () => clearTimeout(timer);
  }, [newestTold, list.isReady, busy.current.isAsking, key]);

  const older = async (): Promise<void> => {
    if (list.previous === null || busy.current.isOlder) return;
    busy.current.isOlder = true;
    redraw(undefined);
    try {
      // A filter may find nothing among all that an answer looks at.
      for (let round = 0, found = 0; found === 0 && round < EMPTY_MAX && list.previous !== null; ++round) {
        const question: Query = { ...filter, before: list.previous, limit: AT_ONCE };
        const page: RequestsPage = await ask<RequestsPage>("requests", question);
        if (!isOf()) return;
        found = page.requests.length;
        list.rows = [...list.rows, ...page.requests.toReversed()];
        list.previous = page.previous ?? null;
        list.error = null;
      }
    } catch (why) {
      if (isOf()) failed(why);
    }
    busy.current.isOlder = false;
    redraw(undefined);
  };

  const show = (): void => {
    list.rows = [...list.waiting, ...list.rows].slice(0, ROWS_MAX);
    list.waiting = [];
    redraw(undefined);
  };
  // Who reads on is shown what has waited.
  useEffect(() => {
    if (!isHeld && list.waiting.length > 0) show();
  }, [isHeld]);

  return {
    rows: list.rows,
    waiting: list.waiting.length,
    skipped: list.skipped,
    isReady: list.isReady,
    isAskingOlder: busy.current.isOlder,
    error: list.error,
    older: list.previous !== null && !busy.current.isOlder ? () => void older() : null,
    show,
    again: () => again(undefined),
  };
}
