// Tables that are tables: columns with units, sorted by a click or a key, walked with j and k, opened with Enter.
// Of a long one only the rows that are seen are drawn.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { go, goQuery, usePlace } from "../place";

export interface Column<Row> {
  name: string; // the words of its head, and what a URL sorts by
  cell: (row: Row) => ComponentChildren;
  sortBy?: (row: Row) => number | string | null; // absent: it is not sorted by
  isNumber?: boolean; // set to the right
  isWide?: boolean; // takes what room there is
  isMinor?: boolean; // is left out on a narrow screen
}

interface TableProps<Row> {
  label: string; // what the table is of
  columns: Column<Row>[];
  rows: Row[];
  keyOf: (row: Row) => string;
  linkOf?: (row: Row) => string | null; // where a row leads
  sort?: string; // "Size", or "-Size" for the largest first; absent: in the order of `rows`
  sortName?: string; // of the query's word, if there are several tables
  empty?: ComponentChildren;
}

const ROW_PX = 37; // as style/table.css has it for long tables
const LONG = 200; // rows; longer ones are drawn in part
const AROUND = 20;

function compared(a: number | string | null, b: number | string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sorted<Row>(rows: Row[], columns: Column<Row>[], sort: string): Row[] {
  const isDown = sort.startsWith("-");
  const by = columns.find((column) => column.name === sort.replace(/^-/, ""))?.sortBy;
  if (!by) return rows;
  const keyed = rows.map((row) => ({ row, key: by(row) }));
  // What has no value stands last in either direction.
  keyed.sort((a, b) => (a.key === null || b.key === null || !isDown ? compared(a.key, b.key) : compared(b.key, a.key)));
  return keyed.map(({ row }) => row);
}

// The rows of a long table that are to be drawn, as the window is scrolled.
function useWindow(body: { current: HTMLTableSectionElement | null }, count: number): [number, number] {
  const [range, setRange] = useState<[number, number]>([0, LONG]);
  useLayoutEffect(() => {
    if (count <= LONG) return undefined;
    const look = (): void => {
      const top = body.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / ROW_PX) - AROUND);
      const last = Math.min(count, Math.ceil((innerHeight - top) / ROW_PX) + AROUND);
      setRange((before) => (before[0] === first && before[1] === last ? before : [first, Math.max(first, last)]));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [body, count]);
  return count <= LONG ? [0, count] : [Math.min(range[0], count), Math.min(range[1], count)];
}

export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const { columns, keyOf, label, linkOf, sortName = "sort" } = props;
  const { query } = usePlace();
  const sort = query.get(sortName) ?? props.sort ?? "";
  const rows = useMemo(() => sorted(props.rows, columns, sort), [props.rows, columns, sort]);
  const body = useRef<HTMLTableSectionElement>(null);
  const [first, last] = useWindow(body, rows.length);
  const isLong = rows.length > LONG;

  if (rows.length === 0 && props.empty !== undefined) return <p class="empty">{props.empty}</p>;

  const sortedBy = (column: Column<Row>): "ascending" | "descending" | "none" =>
    sort === column.name ? "ascending" : sort === `-${column.name}` ? "descending" : "none";
  // Numbers begin with the largest.
  const next = (column: Column<Row>): string => {
    const state = sortedBy(column);
    if (state === "none") return column.isNumber ? `-${column.name}` : column.name;
    return state === "ascending" ? `-${column.name}` : column.name;
  };

  return (
    <div class="table-room" role="region" aria-label={label} tabIndex={0}>
      <table class={isLong ? "long" : undefined} aria-rowcount={isLong ? rows.length + 1 : undefined}>
        <caption class="hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                class={classOf(column)}
                aria-sort={column.sortBy ? sortedBy(column) : undefined}
              >
                {column.sortBy ? (
                  <button type="button" onClick={() => goQuery({ [sortName]: next(column) }, "replace")}>
                    {column.name}
                    <span class="arrow" aria-hidden="true">
                      {sortedBy(column) === "ascending" ? "▲" : sortedBy(column) === "descending" ? "▼" : ""}
                    </span>
                  </button>
                ) : (
                  column.name
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {first > 0 && <Spacer rows={first} columns={columns.length} />}
          {rows.slice(first, last).map((row, index) => {
            const link = linkOf?.(row) ?? null;
            return (
              <tr
                key={keyOf(row)}
                aria-rowindex={isLong ? first + index + 2 : undefined}
                data-link={link ?? undefined}
                tabIndex={link === null ? undefined : -1}
                class={link === null ? undefined : "opens"}
                onClick={link === null ? undefined : (event) => open(event, link)}
              >
                {columns.map((column) => (
                  <td key={column.name} class={classOf(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          {last < rows.length && <Spacer rows={rows.length - last} columns={columns.length} />}
        </tbody>
      </table>
    </div>
  );
}

function Spacer({ rows, columns }: { rows: number; columns: number }): JSX.Element {
  return (
    <tr class="spacer" aria-hidden="true">
      <td colSpan={columns} style={{ height: `${rows * ROW_PX}px` }} />
    </tr>
  );
}

function classOf<Row>(column: Column<Row>): string | undefined {
  const names = [column.isNumber && "number", column.isWide && "wide", column.isMinor && "minor"].filter(Boolean);
  return names.length === 0 ? undefined : names.join(" ");
}

// A click on a row opens it, unless something in it was meant or text was chosen.
function open(event: MouseEvent, link: string): void {
  if ((event.target as Element).closest("a, button, input, label, summary")) return;
  if (getSelection()?.toString()) return;
  go(link);
}

// j and k walk over the rows that lead somewhere, Enter opens; from keys.ts.
export function walkRows(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("main tr.opens")];
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement?.closest("tr.opens") as HTMLElement);
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function openRow(): boolean {
  const link = document.activeElement?.closest<HTMLElement>("tr.opens")?.dataset["link"];
  if (link === undefined || document.activeElement?.tagName !== "TR") return false;
  go(link);
  return true;
}

// Rows that come in pages of the API: what was asked so far, and whether there is more.
export function usePages<Row>(ask: ((after: string) => Promise<{ rows: Row[]; next: string | null }>) | null, key: string): {
  rows: Row[];
  more: (() => void) | null;
  error: Error | null;
  isAsking: boolean;
  again: () => void;
} {
  const [state, setState] = useState<{ key: string; rows: Row[]; next: string | null }>({ key: "", rows: [], next: null });
  const [error, setError] = useState<Error | null>(null);
  const [isAsking, setAsking] = useState(false);
  const [turn, setTurn] = useState(0);
  const turnOf = useRef(0);

  const load = (after: string, before: Row[]): void => {
    if (!ask) return;
    const mine = ++turnOf.current;
    setAsking(true);
    ask(after)
      .then(({ rows, next }) => {
        if (mine !== turnOf.current) return;
        setState({ key, rows: [...before, ...rows], next });
        setError(null);
      })
      .catch((why: unknown) => {
        if (mine === turnOf.current) setError(why instanceof Error ? why : new Error(String(why)));
      })
      .finally(() => {
        if (mine === turnOf.current) setAsking(false);
      });
  };
  useEffect(() => load("", []), [key, turn, ask === null]);

  const isOf = state.key === key;
  const next = isOf ? state.next : null;
  return {
    rows: isOf ? state.rows : [],
    more: next !== null && !isAsking ? () => load(next, state.rows) : null,
    error,
    isAsking,
    again: () => setTurn((before) => before + 1),
  };
}
