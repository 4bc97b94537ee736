// Boxes whose areas are the sizes of what they stand for, each a link. Laid out as squarely as they can be
// (Bruls, Huizing, van Wijk: "Squarified Treemaps"); what is too small for a finger goes into one box together.
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import * as format from "../format";

export interface Tile {
  key: string;
  name: string;
  bytes: number;
  link: string | null;
  group: number; // its colour and its pattern; what has the same belongs together
  note?: string; // what else is said of it
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const LEAST_PX = 26; // of a side: a box that is narrower is not hit by a finger
const TILES_MAX = 40;
export const GROUPS = 6;

function worst(areas: number[], side: number): number {
  const sum = areas.reduce((all, one) => all + one, 0);
  const largest = Math.max(...areas);
  const least = Math.min(...areas);
  return Math.max((side * side * largest) / (sum * sum), (sum * sum) / (side * side * least));
}

// The boxes of these sizes, which come with the largest first and are all more than 0.
export function squarified(sizes: number[], width: number, height: number): Box[] {
  const total = sizes.reduce((all, one) => all + one, 0);
  const areas = sizes.map((size) => (size / total) * width * height);
  const boxes: Box[] = [];
  const left: Box = { x: 0, y: 0, width, height };
  for (let first = 0; first < areas.length; ) {
    const side = Math.min(left.width, left.height);
    let row = [areas[first] ?? 0];
    for (let next = first + 1; next < areas.length; ++next) {
      const longer = [...row, areas[next] ?? 0];
      if (worst(longer, side) > worst(row, side)) break;
      row = longer;
    }
    const isTall = left.width >= left.height; // the row stands as a column at the left
    const thick = row.reduce((all, one) => all + one, 0) / side;
    let along = 0;
    for (const area of row) {
      const long = area / thick;
      boxes.push(
        isTall
          ? { x: left.x, y: left.y + along, width: thick, height: long }
          : { x: left.x + along, y: left.y, width: long, height: thick },
      );
      along += long;
    }
    if (isTall) {
      left.x += thick;
      left.width -= thick;
    } else {
      left.y += thick;
      left.height -= thick;
    }
    first += row.length;
  }
  return boxes;
}

// The tiles that have room, and one of all others.
function laidOut(tiles: Tile[], width: number, height: number): { tile: Tile; box: Box }[] {
  const all = tiles.filter((tile) => tile.bytes > 0).sort((a, b) => b.bytes - a.bytes);
  for (let kept = Math.min(all.length, TILES_MAX); kept > 0; --kept) {
    const rest = all.slice(kept);
    const shown = all.slice(0, kept);
    if (rest.length > 0) {
      const bytes = rest.reduce((sum, tile) => sum + tile.bytes, 0);
      const name = format.count(rest.length, "smaller one", "smaller ones");
      shown.push({ key: "", name, bytes, link: null, group: -1, note: "the table below has them" });
      shown.sort((a, b) => b.bytes - a.bytes);
    }
    const boxes = squarified(shown.map((tile) => tile.bytes), width, height);
    const isRoomy = boxes.every((box, at) => shown[at]?.key === "" || Math.min(box.width, box.height) >= LEAST_PX);
    if (!isRoomy && kept > 1) continue;
    return shown.map((tile, at) => ({ tile, box: boxes[at] ?? { x: 0, y: 0, width: 0, height: 0 } }));
  }
  return [];
}

export function Treemap({ label, tiles }: { label: string; tiles: Tile[] }): JSX.Element {
  const room = useRef<HTMLUListElement>(null);
  const [size, setSize] = useState<[number, number]>([0, 0]);
  useLayoutEffect(() => {
    const element = room.current;
    if (!element) return undefined;
    const look = (): void => setSize([element.clientWidth, element.clientHeight]);
    look();
    const sized = new ResizeObserver(look);
    sized.observe(element);
    return () => sized.disconnect();
  }, []);
  const placed = size[0] > 0 ? laidOut(tiles, size[0], size[1]) : [];
  return (
    <ul ref={room} class="treemap" aria-label={label}>
      {placed.map(({ tile, box }) => (
        <TileBox key={tile.key} tile={tile} box={box} />
      ))}
    </ul>
  );
}

function TileBox({ tile, box }: { tile: Tile; box: Box }): JSX.Element {
  const name = format.tame(tile.name, 200);
  const words = `${name}: ${format.bytes(tile.bytes)}${tile.note ? `, ${tile.note}` : ""}`;
  const title = `${words} (${format.exactBytes(tile.bytes)})`;
  const isSmall = box.width < 80 || box.height < 46;
  const hasName = box.width >= 40 && box.height >= 32;
  const inside = isSmall ? (
    <>
      <span class="hidden">{words}</span>
      {hasName && (
        <bdi class="tile-name short" aria-hidden="true">
          {name}
        </bdi>
      )}
    </>
  ) : (
    <>
      <bdi class="tile-name">{name}</bdi>
      <span class="tile-size">{format.bytes(tile.bytes)}</span>
      {tile.note && box.height > 116 && box.width > 110 && <span class="tile-note">{tile.note}</span>}
    </>
  );
  const place = { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` };
  const kind = tile.group < 0 ? "tile rest" : `tile group-${tile.group % GROUPS}`;
  return (
    <li style={place}>
      {tile.link === null ? (
        <span class={kind} title={title}>
          {inside}
        </span>
      ) : (
        <a class={kind} href={tile.link} title={title}>
          {inside}
        </a>
      )}
    </li>
  );
}
