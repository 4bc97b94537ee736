// A chart over time, drawn by uPlot, with the same figures as a table for whoever does not see it.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import * as format from "../format";

export interface Line {
  name: string;
  values: (number | null)[];
  color: "first" | "second" | "third" | "quiet"; // of the palette: style/base.css
  isFilled?: boolean;
  isDashed?: boolean;
}

interface ChartProps {
  label: string;
  at: Date[];
  lines: Line[];
  value: (value: number) => string; // for the axis, the legend and the table
  height?: number;
  max?: number; // of the axis; absent: what is needed
}

// Bytes are read in powers of two, so they are marked at these.
const BYTE_STEPS = Array.from({ length: 52 }, (_, power) => 2 ** power);

// As the rest of the page says times: "14:00", and the day where one begins.
function timeMarks(splits: number[]): string[] {
  return splits.map((split) => {
    const at = new Date(split * 1000);
    const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
    return isMidnight ? format.exactTime(at).slice(5, 10) : format.exactTime(at).slice(11, 16);
  });
}

function colorOf(name: Line["color"]): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--chart-${name}`).trim();
}

function ink(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function Chart({ label, at, lines, value, height = 200, max }: ChartProps): JSX.Element {
  const room = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = room.current;
    if (!element) return undefined;
    let plot: uPlot | null = null;
    const draw = (): void => {
      plot?.destroy();
      const axis = { stroke: ink("--muted"), grid: { stroke: ink("--line"), width: 1 }, ticks: { stroke: ink("--line") } };
      const font = `12px ${getComputedStyle(document.body).fontFamily}`;
      plot = new uPlot(
        {
          width: Math.max(200, element.clientWidth),
          height,
          cursor: { y: false, points: { size: 7 } },
          legend: { live: true },
          scales: { y: { range: (_, low, high) => [Math.min(0, low), Math.max(max ?? 0, high, 1e-9)] } },
          axes: [
            { ...axis, font, values: (_, splits) => timeMarks(splits) },
            {
              ...axis,
              font,
              size: 74,
              values: (_, splits) => splits.map((split) => value(split)),
              ...(value === format.bytes ? { incrs: BYTE_STEPS } : {}),
            },
          ],
          series: [
            { label: "Time", value: (_, time) => (time === null ? "–" : format.exactTime(new Date(time * 1000)).slice(0, 16)) },
            ...lines.map((line) => ({
              label: line.name,
              stroke: colorOf(line.color),
              width: 1.5,
              ...(line.isDashed ? { dash: [5, 4] } : {}),
              ...(line.isFilled ? { fill: `${colorOf(line.color)}33` } : {}),
              points: { show: line.values.filter((y) => y !== null).length < 3 },
              value: (_: uPlot, y: number | null) => (y === null ? "–" : value(y)),
            })),
          ],
        },
        [at.map((one) => one.getTime() / 1000), ...lines.map((line) => line.values)] as uPlot.AlignedData,
        element,
      );
    };
    draw();
    const sized = new ResizeObserver(() => {
      if (plot && plot.width !== element.clientWidth && element.clientWidth > 0)
        plot.setSize({ width: element.clientWidth, height });
    });
    sized.observe(element);
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", draw);
    return () => {
      sized.disconnect();
      theme.removeEventListener("change", draw);
      plot?.destroy();
    };
  }, [at, lines, height, max]);

  return (
    <figure class="chart">
      <figcaption class="hidden">{label}</figcaption>
      <div ref={room} class="chart-room" style={{ minHeight: `${height + 28}px` }} aria-hidden="true" />
      <details>
        <summary>As a table</summary>
        <div class="table-room" role="region" aria-label={label} tabIndex={0}>
          <table>
            <caption class="hidden">{label}</caption>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {lines.map((line) => (
                  <th key={line.name} scope="col" class="number">
                    {line.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {at.map((time, row) => (
                <tr key={time.getTime()}>
                  <th scope="row">{format.exactTime(time).slice(0, 16)}</th>
                  {lines.map((line) => {
                    const y = line.values[row];
                    return (
                      <td key={line.name} class="number">
                        {y === null || y === undefined ? "–" : value(y)}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
