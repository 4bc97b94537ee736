// What is under way, put together of the whole status, which is asked now and then, and of the stream's short
// one, which comes up to twice a second; and how fast each of it is, from what was seen of it before.
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Asked } from "../api";
import type { Download, Status, StatusSummary } from "../answers";
import { useLive } from "../live";

export function keyOf(download: Download): string {
  return `${download.route} ${download.digest}`;
}

// The newer of the two says how far it is, the whole one who reads and why it waits. Only a short one that has
// all of them can say that one has ended.
export function downloadsNow(whole: Download[], short: Download[] | undefined, shortCount: number): Download[] {
  if (!short) return whole;
  const known = new Map(whole.map((one) => [keyOf(one), one]));
  const newer = short.map((one) => ({ ...known.get(keyOf(one)), ...one }));
  if (short.length >= shortCount) return newer;
  const told = new Set(newer.map(keyOf));
  return [...newer, ...whole.filter((one) => !told.has(keyOf(one)))];
}

export interface Sample {
  key: string;
  bytes: number;
}

const OVER_MS = 8000; // a rate is over so long: it neither jumps nor tells of what was long ago
const LEAST_MS = 900;

// Bytes a second of things that grow, by their keys.
export class Rates {
  private readonly seen = new Map<string, { at: number; bytes: number }[]>();

  note(at: number, samples: Sample[]): void {
    const there = new Set(samples.map(({ key }) => key));
    for (const key of this.seen.keys()) if (!there.has(key)) this.seen.delete(key);
    for (const { key, bytes } of samples) this.seen.set(key, this.after(this.seen.get(key) ?? [], at, bytes));
  }

  // What begins anew is not told by what was before.
  private after(before: { at: number; bytes: number }[], at: number, bytes: number): { at: number; bytes: number }[] {
    const last = before[before.length - 1];
    if (last && (bytes < last.bytes || at < last.at)) return [{ at, bytes }];
    if (last && at === last.at) return before;
    const kept = before.filter((one, index) => at - one.at <= OVER_MS || at - (before[index + 1]?.at ?? at) < OVER_MS);
    return [...kept, { at, bytes }];
  }

  of(key: string): number | null {
    const samples = this.seen.get(key) ?? [];
    const first = samples[0];
    const last = samples[samples.length - 1];
    if (!first || !last || last.at - first.at < LEAST_MS) return null;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}

// Seconds until all of it is here; null if nobody can say.
export function secondsLeft(download: Download, rate: number | null): number | null {
  if (download.size === undefined || rate === null || rate < 1 || download.state !== "running") return null;
  return Math.max(0, download.size - download.bytes) / rate;
}

export interface Now {
  downloads: Download[];
  count: number;
  summary: StatusSummary | null; // null also if it is older than what was asked
  rates: Rates;
}

// Of one page; `status` is what it asks now and then.
export function useNowUnderWay(status: Asked<Status>): Now {
  const live = useLive();
  const rates = useRef<Rates | null>(null);
  rates.current ??= new Rates();
  const { answer, at } = status;
  const told = live.summary;
  const toldAt = useRef<{ of: StatusSummary | null; at: number }>({ of: null, at: 0 });
  if (toldAt.current.of !== told) toldAt.current = { of: told, at: Date.now() };
  // While the stream rests, what was asked is newer.
  const summary = live.isConnected && told?.downloads && toldAt.current.at + 4000 >= (at?.getTime() ?? 0) ? told : null;
  const downloads = useMemo(
    () => downloadsNow(answer?.downloads ?? [], summary?.downloads, summary?.downloads_count ?? 0),
    [answer, summary],
  );
  useEffect(
    () => rates.current?.note(Date.now(), downloads.map((one) => ({ key: keyOf(one), bytes: one.bytes }))),
    [downloads],
  );
  const count = Math.max(downloads.length, summary?.downloads_count ?? answer?.downloads_count ?? 0);
  return { downloads, count, summary, rates: rates.current };
}
