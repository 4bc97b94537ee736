// Single values: as people read them, with the exact one as the title.
import { useEffect, useState } from "preact/hooks";
import type { JSX } from "preact";
import * as format from "../format";

export function Bytes({ of, rate = false }: { of: number | null | undefined; rate?: boolean }): JSX.Element {
  if (of === null || of === undefined) return <span class="unknown">–</span>;
  return (
    <span class="figure" title={format.exactBytes(of)}>
      {rate ? format.rate(of) : format.bytes(of)}
    </span>
  );
}

export function Count({ of }: { of: number | null | undefined }): JSX.Element {
  if (of === null || of === undefined) return <span class="unknown">–</span>;
  return <span class="figure">{format.grouped(of)}</span>;
}

// Draws its component anew every so often, so that "3 min ago" stays true.
export function useNow(everyMs = 10_000): Date {
  const [, setTurn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTurn((turn) => turn + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return new Date(); // not that of the last turn: what has come since would be of the future
}

// "3 min ago", or with `as="clock"` "14:05".
export function Time({ at, as = "age" }: { at: string | null | undefined; as?: "age" | "clock" | "seconds" }): JSX.Element {
  const now = useNow();
  const time = format.timeOf(at);
  if (!time) return <span class="unknown">–</span>;
  const text =
    as === "age" ? format.fromNow(time, now) : as === "seconds" ? format.seconds(time) : format.clock(time, now);
  return (
    <time class="figure" dateTime={time.toISOString()} title={format.exactTime(time)}>
      {text}
    </time>
  );
}

export function Digest({ of }: { of: string }): JSX.Element {
  return (
    <code class="digest" title={of}>
      {format.shortDigest(format.tame(of, 160))}
    </code>
  );
}

// Text of a stranger: tamed, and cut by the layout where it is too long, with the whole as title.
export function Words({ of, max = 300 }: { of: string | null | undefined; max?: number }): JSX.Element {
  if (!of) return <span class="unknown">–</span>;
  const text = format.tame(of, max);
  return (
    <bdi class="words" title={format.tame(of, 2000)}>
      {text}
    </bdi>
  );
}

// A state in words, with a mark of its own: never told by colour alone.
export type Tone = "well" | "busy" | "warn" | "bad" | "quiet";
const MARKS: Record<Tone, string> = { well: "●", busy: "◐", warn: "▲", bad: "■", quiet: "○" };

export function State({ tone, children }: { tone: Tone; children: string }): JSX.Element {
  return (
    <span class={`state ${tone}`}>
      <span class="mark" aria-hidden="true">
        {MARKS[tone]}
      </span>
      {children}
    </span>
  );
}

// How much of something there is, as a bar beside its words.
export function Bar({ share, label, tone = "well" }: { share: number; label: string; tone?: Tone }): JSX.Element {
  const within = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  return (
    <span class={`bar ${tone}`} role="img" aria-label={label} title={label}>
      <span style={{ width: `${within * 100}%` }} />
    </span>
  );
}
