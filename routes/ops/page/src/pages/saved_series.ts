// The history of what was saved, as charts want it: steps of one length without gaps, few enough to be seen.
import type { Counts, Savings } from "../answers";

export const SINCE = [
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
] as const;
export type Since = (typeof SINCE)[number][0];

// Seconds of one step of the chart.
const STEP_S: Record<Since, number> = { "24h": 900, "7d": 2 * 3600, "30d": 6 * 3600 };

export function stepWords(since: Since): string {
  return { "24h": "15 minutes", "7d": "2 hours", "30d": "6 hours" }[since];
}

type Summed = Pick<
  Counts,
  "requests" | "bytes_sent" | "upstream_requests" | "upstream_bytes" | "hits" | "follows" | "stale" | "revalidated" | "misses" | "passed"
>;
const SUMMED: readonly (keyof Summed)[] = [
  "requests", "bytes_sent", "upstream_requests", "upstream_bytes", "hits", "follows", "stale", "revalidated", "misses", "passed",
];

function nothing(): Summed {
  return Object.fromEntries(SUMMED.map((name) => [name, 0])) as unknown as Summed;
}

// As routes/ops/savings.cc counts it; null if there was nothing.
function hitRatio(of: Summed): number | null {
  const here = of.hits + of.follows + of.stale + of.revalidated;
  const all = here + of.misses + of.passed;
  return all === 0 ? null : here / all;
}

export interface Series {
  at: Date[];
  sentBytes: number[];
  upstreamBytes: number[];
  requests: number[];
  upstreamRequests: number[];
  hitRatios: (number | null)[];
}

export function seriesOf(savings: Savings, since: Since): Series {
  const step = STEP_S[since] * 1000;
  const to = Math.floor(new Date(savings.to).getTime() / step);
  const from = Math.floor(new Date(savings.from).getTime() / step);
  const steps = Array.from({ length: Math.max(1, to - from + 1) }, nothing);
  for (const point of savings.series.points) {
    const sum = steps[Math.floor(new Date(point.at).getTime() / step) - from];
    if (sum) for (const name of SUMMED) sum[name] += point[name];
  }
  return {
    at: steps.map((_, index) => new Date((from + index) * step)),
    sentBytes: steps.map((one) => one.bytes_sent),
    upstreamBytes: steps.map((one) => one.upstream_bytes),
    requests: steps.map((one) => one.requests),
    upstreamRequests: steps.map((one) => one.upstream_requests),
    hitRatios: steps.map(hitRatio),
  };
}
