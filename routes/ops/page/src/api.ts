// Asking Breakwater and having it do things: the operations of routes/ops/operations.cc over HTTP. The shapes
// of the answers are in answers.ts.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export class ApiError extends Error {
  constructor(
    message: string,
    readonly kind: string, // "not_found", "denied", …; "network" if nobody answered
    readonly status: number,
  ) {
    super(message);
  }
}

export type Query = Record<string, string | number | boolean | undefined>;
export type Body = Record<string, string | boolean | string[]>;

function withQuery(path: string, query: Query): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") words.set(name, String(value));
  }
  const text = words.toString();
  return `/api/v1/${path}${text === "" ? "" : `?${text}`}`;
}

interface ErrorAnswer {
  error?: { kind?: string; message?: string };
}

async function errorOf(response: Response): Promise<ApiError> {
  const said = (await response.json().catch(() => ({}))) as ErrorAnswer;
  const message = said.error?.message ?? `Breakwater answered ${response.status} ${response.statusText}`;
  return new ApiError(message, said.error?.kind ?? "internal", response.status);
}

let unauthorized: () => void = () => undefined;

// Called when a request is refused because it has no name, or none any more.
export function onUnauthorized(call: () => void): void {
  unauthorized = call;
}

async function answered(request: Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("Breakwater does not answer; it is asked again as soon as it does", "network", 0);
  }
  if (response.status === 401) unauthorized();
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function ask<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await answered(fetch(withQuery(path, query), signal ? { signal } : {}));
  return (await response.json()) as T;
}

export async function send(method: "POST" | "DELETE", path: string, body?: Body): Promise<void> {
  const json = body ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  await answered(fetch(`/api/v1/${path}`, { method, ...json }));
}

export interface ToldProgress {
  bytes: number;
  bytes_total: number;
}

// Does it, or with `dry_run: true` says what it would do. What takes long tells how far it is.
export async function act<T>(path: string, body: Body, onProgress?: (progress: ToldProgress) => void): Promise<T> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (onProgress) headers["Accept"] = "application/x-ndjson";
  const sent = fetch(`/api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const response = await answered(sent);
  if (!response.headers.get("Content-Type")?.startsWith("application/x-ndjson")) return (await response.json()) as T;
  for await (const line of lines(response)) {
    const said = JSON.parse(line) as { progress?: ToldProgress; result?: T } & ErrorAnswer;
    if (said.error) throw new ApiError(said.error.message ?? "it failed", said.error.kind ?? "internal", 200);
    if (said.result !== undefined) return said.result;
    if (said.progress) onProgress?.(said.progress);
  }
  throw new ApiError("Breakwater stopped answering before it was done; look whether it is", "network", 0);
}

async function* lines(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    rest += value;
    const ended = rest.split("\n");
    rest = ended.pop() ?? "";
    yield* ended.filter((line) => line !== "");
  }
  if (rest !== "") yield rest;
}

// --- in components

export interface Asked<T> {
  answer: T | null; // the last one, also while it is asked again or cannot be
  error: ApiError | null; // why the last question had none
  isAsking: boolean;
  at: Date | null; // when `answer` came
  again: () => void;
}

// Asks when it is shown, when path or query change, and every `everyMs` while the tab is looked at. An answer
// to another question is never shown. `path` null: nothing is asked yet.
export function useAnswer<T>(path: string | null, query: Query = {}, everyMs = 0): Asked<T> {
  const url = path === null ? null : withQuery(path, query);
  const [state, setState] = useState<{ url: string | null; answer: T | null; error: ApiError | null; at: Date | null }>(
    { url: null, answer: null, error: null, at: null },
  );
  const [isAsking, setAsking] = useState(false);
  const [turn, setTurn] = useState(0);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  const failures = useRef(0);

  useEffect(() => {
    if (url === null) return undefined;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (): void => {
      const wait = failures.current > 0 ? Math.min(1000 * 2 ** failures.current, 15_000) : everyMs;
      if (wait > 0) timer = setTimeout(() => void once(), wait);
    };
    const once = async (): Promise<void> => {
      if (document.hidden && everyMs > 0) return later();
      setAsking(true);
      try {
        const response = await answered(fetch(url, { signal: stop.signal }));
        const answer = (await response.json()) as T;
        failures.current = 0;
        setState({ url, answer, error: null, at: new Date() });
      } catch (error) {
        if (stop.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(String(error), "internal", 0);
        // Who is not there now is asked again; what is wrong with the question stays so.
        failures.current = told.status === 0 || told.status >= 500 || told.status === 429 ? failures.current + 1 : 0;
        setState((before) => ({ url, answer: before.url === url ? before.answer : null, error: told, at: before.at }));
      }
      setAsking(false);
      later();
    };
    void once();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [url, turn, everyMs]);

  const isOf = state.url === url;
  return { answer: isOf ? state.answer : null, error: isOf ? state.error : null, isAsking, at: state.at, again };
}

