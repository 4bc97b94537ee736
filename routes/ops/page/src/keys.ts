// The keys that work everywhere. What is typed into a field is the field's.
import { openRow, walkRows } from "./parts/table";
import { go } from "./place";

export const KEYS: readonly (readonly [string, string])[] = [
  ["/", "search"],
  ["j, k", "the next row, the one before"],
  ["Enter", "open the row"],
  ["g h", "how it is"],
  ["g i", "images"],
  ["g r", "requests"],
  ["g d", "disk use"],
  ["g c", "build caches"],
  ["Esc", "close, or leave the field"],
  ["?", "these keys"],
];

const GO: Record<string, string> = { h: "/", i: "/images", r: "/requests", d: "/disk", c: "/caches" };

export function listenToKeys(help: () => void): () => void {
  let wasG = 0;
  const listener = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (target.matches("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    const isAfterG = Date.now() - wasG < 1500;
    wasG = 0;
    if (isAfterG && GO[event.key]) go(GO[event.key] as string);
    else if (event.key === "g") wasG = Date.now();
    else if (event.key === "/") document.querySelector<HTMLInputElement>("#search")?.focus();
    else if (event.key === "j") walkRows(1);
    else if (event.key === "k") walkRows(-1);
    else if (event.key === "?") help();
    else if (event.key !== "Enter" || !openRow()) return;
    event.preventDefault();
  };
  addEventListener("keydown", listener);
  return () => removeEventListener("keydown", listener);
}
