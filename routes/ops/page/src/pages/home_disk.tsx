// What is on the disk, by route, as bars against what bounds it.
import type { JSX } from "preact";
import type { Status, UsageByRoute } from "../answers";
import * as format from "../format";
import { NameLink } from "../parts/name";
import { Bar, Bytes, type Tone } from "../parts/value";

interface Use {
  name: string;
  bytes: number;
  bound: number | null; // its own
}

// By the walk over the catalog what each route pays for; until that has ended, what its account says.
function usesOf(status: Status, usage: UsageByRoute | null): Use[] {
  const uses = usage
    ? usage.routes.map((one) => ({ name: one.route, bytes: one.paid_bytes + one.incoming_bytes, bound: one.bytes_max ?? null }))
    : status.routes.map((one) => ({ name: one.name, bytes: one.bytes, bound: one.bytes_max ?? null }));
  return uses.sort((a, b) => b.bytes - a.bytes);
}

// A mirror at its bound is as it should be: it evicts what nobody has used for longest.
function toneOf(share: number, isMirror: boolean): Tone {
  if (isMirror) return "well";
  return share >= 0.98 ? "bad" : share >= 0.85 ? "warn" : "well";
}

function RouteBar({ use, whole, isMirror }: { use: Use; whole: number; isMirror: boolean }): JSX.Element {
  const of = use.bound ?? whole;
  const share = of > 0 ? use.bytes / of : 0;
  return (
    <li class="use">
      <span class="use-name">{use.name === "" ? "unknown" : <NameLink of={use.name} max={60} />}</span>
      <span class="use-figures">
        <Bytes of={use.bytes} />
        <span class="note">{use.bound === null ? ", no bound of its own" : ` of ${format.bytes(use.bound)}`}</span>
      </span>
      <Bar
        share={share}
        label={`${format.percent(share)}: ${format.bytes(use.bytes)} of ${format.bytes(of)}`}
        tone={use.bound === null ? "busy" : toneOf(share, isMirror)}
      />
    </li>
  );
}

export function DiskBars({ status, usage, most }: { status: Status; usage: UsageByRoute | null; most: number }): JSX.Element {
  const uses = usesOf(status, usage);
  const mirrors = new Set(status.routes.filter((route) => route.kind === "mirror").map((route) => route.name));
  const { store, disk } = status;
  const whole = store.bytes_max ?? disk?.bytes ?? 0;
  return (
    <>
      <ul class="uses">
        {uses.slice(0, most).map((use) => (
          <RouteBar
            key={use.name}
            use={use}
            whole={whole}
            isMirror={mirrors.has(use.name)}
          />
        ))}
      </ul>
      {uses.length > most && <p class="note">And {format.count(uses.length - most, "smaller route", "smaller routes")}.</p>}
      <ul class="uses whole-uses">
        <RouteTotal status={status} total={usage?.total_bytes ?? store.bytes} />
        {disk && <DiskFree bytes={disk.bytes} free={disk.free_bytes} />}
      </ul>
    </>
  );
}

function RouteTotal({ status, total }: { status: Status; total: number }): JSX.Element {
  const bound = status.store.bytes_max;
  const of = bound ?? status.disk?.bytes ?? 0;
  const share = of > 0 ? total / of : 0;
  const words = bound === undefined ? "there is no bound" : `of ${format.bytes(bound)}`;
  return (
    <li class="use">
      <span class="use-name">In all</span>
      <span class="use-figures">
        <Bytes of={total} />
        <span class="note">{` ${words}`}</span>
      </span>
      <Bar share={share} label={`${format.bytes(total)}, ${words}`} tone={share >= 0.98 ? "warn" : "well"} />
    </li>
  );
}

function DiskFree({ bytes, free }: { bytes: number; free: number }): JSX.Element {
  const share = bytes > 0 ? (bytes - free) / bytes : 0;
  const words = `${format.bytes(free)} free of ${format.bytes(bytes)}`;
  return (
    <li class="use">
      <span class="use-name">The disk</span>
      <span class="use-figures">
        <Bytes of={free} />
        <span class="note">{` free of ${format.bytes(bytes)}`}</span>
      </span>
      <Bar share={share} label={words} tone={share >= 0.97 ? "bad" : share >= 0.9 ? "warn" : "quiet"} />
    </li>
  );
}
