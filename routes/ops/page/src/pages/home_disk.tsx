// What is on the disk, by route, as bars against what bounds it.
import type { JSX } from "preact";
import type { Status } from "../answers";
import * as format from "../format";
import { NameLink } from "../parts/name";
import { Bar, Bytes, type Tone } from "../parts/value";

interface Use {
  name: string;
  bytes: number;
  bound: number | null; // its own
}

// By the accounts of the routes, which are exact and cost nothing to ask: a blob counts once, for one route.
function usesOf(status: Status): Use[] {
  const uses = status.routes.map((one) => ({ name: one.name, bytes: one.bytes, bound: one.bytes_max ?? null }));
  if (status.store.unconfigured_bytes > 0)
    uses.push({ name: "", bytes: status.store.unconfigured_bytes, bound: null });
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
      <span class="use-name">{use.name === "" ? "routes that are not configured" : <NameLink of={use.name} max={60} />}</span>
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

export function DiskBars({ status, most }: { status: Status; most: number }): JSX.Element {
  const uses = usesOf(status);
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
        <Total status={status} />
        {disk && <DiskFree bytes={disk.bytes} free={disk.free_bytes} />}
      </ul>
    </>
  );
}

function Total({ status }: { status: Status }): JSX.Element {
  const { bytes, reserved_bytes, bytes_max } = status.store;
  const of = bytes_max ?? status.disk?.bytes ?? 0;
  const share = of > 0 ? (bytes + reserved_bytes) / of : 0;
  const coming = reserved_bytes > 0 ? `, ${format.bytes(reserved_bytes)} coming` : "";
  const words = bytes_max === undefined ? ", without a bound" : ` of ${format.bytes(bytes_max)}`;
  return (
    <li class="use">
      <span class="use-name">In all</span>
      <span class="use-figures">
        <Bytes of={bytes} />
        <span class="note">{words}</span>
      </span>
      <Bar share={share} label={format.bytes(bytes) + words + coming} tone={share >= 0.98 ? "warn" : "well"} />
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
