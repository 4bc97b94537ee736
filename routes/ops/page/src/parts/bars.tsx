// Bars of two parts each, the oldest at the left, with the same figures as a table for whoever does not see them.
import type { JSX } from "preact";
import * as format from "../format";

export interface Stacked {
  key: string;
  at: Date | null;
  name: string; // of its row in the table
  first: number; // below, plain
  second: number; // above, hatched
}

interface BarsProps {
  label: string;
  names: readonly [string, string]; // of the two parts
  bars: Stacked[];
}

// A round size that no bar is higher than.
function roundedUp(bytes: number): number {
  let unit = 1;
  while (unit * 1024 <= bytes) unit *= 1024;
  for (const step of [1, 2, 3, 4, 6, 8, 10, 20, 30, 40, 60, 80, 100, 200, 300, 400, 600, 800, 1024]) {
    if (unit * step >= bytes) return unit * step;
  }
  return bytes;
}

export function StackedBars({ label, names, bars }: BarsProps): JSX.Element {
  const most = Math.max(1, ...bars.map((bar) => bar.first + bar.second));
  const top = roundedUp(most);
  return (
    <figure class="stacked">
      <figcaption class="hidden">{label}</figcaption>
      <ul class="stacked-names" aria-hidden="true">
        <li>
          <span class="stacked-mark second" /> {names[1]}
        </li>
        <li>
          <span class="stacked-mark" /> {names[0]}
        </li>
      </ul>
      <div class="stacked-room" aria-hidden="true">
        <div class="stacked-scale">
          {[1, 0.5, 0].map((part) => (
            <span key={part} style={{ bottom: `${part * 100}%` }}>
              {format.bytes(top * part)}
            </span>
          ))}
        </div>
        <div class="stacked-bars">
          {bars.map((bar) => (
            <div
              key={bar.key}
              class="stacked-bar"
              title={
                `${bar.at ? format.exactTime(bar.at) : bar.name}\n` +
                `${names[1]}: ${format.bytes(bar.second)}\n${names[0]}: ${format.bytes(bar.first)}`
              }
            >
              <span class="second" style={{ height: `${(bar.second / top) * 100}%` }} />
              <span style={{ height: `${(bar.first / top) * 100}%` }} />
            </div>
          ))}
        </div>
      </div>
      <div class="stacked-ends" aria-hidden="true">
        <span>{bars[0]?.at ? format.clock(bars[0].at) : ""}</span>
        <span>{bars.length > 1 ? format.clock(bars[bars.length - 1]?.at ?? new Date()) : ""}</span>
      </div>
    </figure>
  );
}
