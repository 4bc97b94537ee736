// How whole the store is, in words.
import type { BrokenThing, Integrity } from "../answers";
import * as format from "../format";
import type { Tone } from "../parts/value";

export const KINDS: Record<BrokenThing["kind"], string> = {
  missing: "A blob is missing",
  unreadable: "The disk does not give its bytes",
  dangling: "A tag names a manifest that is not there",
  lacking: "An index lacks one of its manifests",
};

// A pass of a large store takes days. None for a week is worth a look.
const LATE_MS = 7 * 86_400_000;

// Whether nothing has been looked at at all.
export function isUnchecked(of: Integrity): boolean {
  return !of.last_full_pass_at && of.scrubbed_bytes === 0 && (of.pass?.bytes ?? 0) === 0;
}

export function integrityState(of: Integrity, now: Date): { tone: Tone; words: string } {
  if (of.broken > 0) return { tone: "bad", words: `${format.count(of.broken, "thing is", "things are")} broken` };
  const last = format.timeOf(of.last_full_pass_at);
  if (last && now.getTime() - last.getTime() > LATE_MS)
    return { tone: "warn", words: `0 broken; but all was looked at ${format.fromNow(last, now)} the last time` };
  if (last) return { tone: "well", words: `0 broken; all was looked at ${format.fromNow(last, now)}` };
  if (isUnchecked(of)) return { tone: "quiet", words: "Nothing was checked yet" };
  return { tone: "busy", words: "0 broken so far; the first look at everything is under way" };
}
