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
  why: string; // if the request does not say
}

const OF_CACHE: Record<string, Came> = {
  hit: { result: "hit", tone: "well", why: "it was here; upstream was not asked" },
  revalidated: { result: "revalidated", tone: "well", why: "it was here, and upstream says it is still so" },
  follow: { result: "follow", tone: "busy", why: "somebody was fetching it already; both got the one download" },
  miss: { result: "miss", tone: "busy", why: "it was not here and was fetched from upstream" },
  stale: { result: "stale", tone: "warn", why: "upstream could not be asked; what was here went out, marked as old" },
  pass: { result: "pass", tone: "quiet", why: "it came from upstream and is not kept" },
};
const OK: Came = { result: "ok", tone: "quiet", why: "answered without looking into the store" };

// What went wrong goes before where the bytes came from.
export function cameOf(request: RequestTold): Came {
  const status = request.status ?? 0;
  if (status === CLIENT_LEFT) return { result: "left", tone: "quiet", why: "the client left before its answer" };
  if (status >= 500) return { result: "error", tone: "bad", why: "it could not be answered" };
  if (status >= 400) return { result: "refused", tone: "warn", why: status === 404 ? "it is not here" : "it was refused" };
  return OF_CACHE[request.cache ?? ""] ?? OK;
}

export function resultWords(request: RequestTold): string {
  const { result } = cameOf(request);
  return RESULTS.find(([name]) => name === result)?.[1] ?? result;
}

export function whyOf(request: RequestTold): string {
  return request.reason || cameOf(request).why;
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
