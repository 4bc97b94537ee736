// What came of a request, in words.
import type { JSX } from "preact";
import type { RequestTold } from "../answers";
import { State, type Tone } from "../parts/value";

const CLIENT_LEFT = 499;

// How requests are chosen by what came of them: the API's words, and ours.
export const RESULTS: readonly (readonly [string, string])[] = [
  ["hit", "hit"],
  ["follow", "followed"],
  ["miss", "missed"],
  ["stale", "stale"],
  ["revalidated", "revalidated"],
  ["pass", "passed"],
  ["ok", "ok"],
  ["refused", "refused"],
  ["error", "error"],
  ["left", "left"],
];

interface Came {
  result: string; // of RESULTS
  tone: Tone;
  why: string; // if the request does not say; short enough for a row
  more?: string; // in full
}

const OF_CACHE: Record<string, Came> = {
  hit: { result: "hit", tone: "well", why: "it was here", more: "it was here; upstream was not asked" },
  revalidated: { result: "revalidated", tone: "well", why: "it was here, upstream confirms it" },
  follow: {
    result: "follow",
    tone: "busy",
    why: "joined a running download",
    more: "somebody was fetching it already: both got it from one download",
  },
  miss: { result: "miss", tone: "busy", why: "fetched from upstream", more: "it was not here, and was fetched from upstream" },
  stale: {
    result: "stale",
    tone: "warn",
    why: "upstream could not confirm it",
    more: "upstream could not be asked; what was here went out, marked as old",
  },
  pass: { result: "pass", tone: "quiet", why: "from upstream, not kept" },
};
const OK: Came = { result: "ok", tone: "quiet", why: "nothing was read" };
const OF_METHOD: Record<string, string> = { POST: "a push", PATCH: "a push", PUT: "a push", DELETE: "a deletion" };

// What went wrong goes before where the bytes came from.
export function cameOf(request: RequestTold): Came {
  const status = request.status ?? 0;
  if (status === CLIENT_LEFT) return { result: "left", tone: "quiet", why: "the client left before its answer" };
  if (status >= 500) return { result: "error", tone: "bad", why: "it could not be answered" };
  if (status >= 400) return { result: "refused", tone: "warn", why: status === 404 ? "it is not here" : "it was refused" };
  const wrote = OF_METHOD[request.method ?? ""];
  return OF_CACHE[request.cache ?? ""] ?? (wrote ? { ...OK, why: wrote } : OK);
}

function resultWords(request: RequestTold): string {
  const { result } = cameOf(request);
  return RESULTS.find(([name]) => name === result)?.[1] ?? result;
}

export function whyOf(request: RequestTold): string {
  return request.reason || cameOf(request).why;
}

export function fullWhyOf(request: RequestTold): string {
  const came = cameOf(request);
  return request.reason || (came.more ?? came.why);
}

export function Result({ of }: { of: RequestTold }): JSX.Element {
  const status = of.status ?? 0;
  const words = status >= 400 && status !== CLIENT_LEFT ? `${resultWords(of)} ${status}` : resultWords(of);
  return <State tone={cameOf(of).tone}>{words}</State>;
}

// "dockerhub/library/alpine:3.20"; null if it names no repository.
export function imageOf(request: RequestTold): string | null {
  const { route, repository, reference } = request;
  if (!route || !repository) return null;
  if (!reference) return `${route}/${repository}`;
  return `${route}/${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
}
