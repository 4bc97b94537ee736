// Who asked for what, what came of it, and why.
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Query, useAnswer } from "../api";
import type { RequestTold, RoutesListed } from "../answers";
import * as format from "../format";
import { Dialog } from "../parts/dialog";
import { Empty, Facts, Heading, Waiting } from "../parts/frame";
import { type Column, Table } from "../parts/table";
import { Bytes, Words } from "../parts/value";
import { close, goQuery, linkOf, pageLink, usePlace } from "../place";
import { type RequestsPage as Answer, useRequests } from "./requests_list";
import { RESULTS, Result, fullWhyOf, imageOf, whyOf } from "./requests_words";

const FILTERS = ["client", "image", "route", "result"] as const;

// Digests are cut in the name; the link and the title have them whole.
function shortName(name: string): string {
  const at = name.indexOf("@");
  return at < 0 ? name : `${name.slice(0, at + 1)}${format.shortDigest(name.slice(at + 1))}`;
}

export function ImageLink({ of }: { of: RequestTold }): JSX.Element {
  const name = imageOf(of);
  if (name === null) return <span class="unknown">{of.route ? format.tame(of.route) : "–"}</span>;
  return (
    <a href={linkOf(name)} title={format.tame(name, 2000)}>
      <bdi>{format.tame(shortName(name))}</bdi>
    </a>
  );
}

function ClientLink({ of }: { of: string | undefined }): JSX.Element {
  if (!of) return <span class="unknown">–</span>;
  return (
    <a href={pageLink("requests", { client: of })} title={`Only those of ${format.tame(of)}`}>
      <bdi>{format.tame(of)}</bdi>
    </a>
  );
}

// Rows of a list that is scrolled fast: no clock runs in them.
function When({ at }: { at: string }): JSX.Element {
  const time = format.timeOf(at);
  if (!time) return <span class="unknown">–</span>;
  return (
    <time dateTime={at} title={format.exactTime(time)}>
      {format.seconds(time)}
    </time>
  );
}

// Most are answered within a millisecond.
function Took({ of }: { of: number | undefined }): JSX.Element {
  if (of === undefined) return <span class="unknown">–</span>;
  return (
    <span class="figure" title={`${of.toFixed(6)} s`}>
      {of < 0.001 ? "< 1 ms" : format.duration(of)}
    </span>
  );
}

const COLUMNS: Column<RequestTold>[] = [
  { name: "When", cell: (row) => <When at={row.at} /> },
  { name: "Result", cell: (row) => <Result of={row} /> },
  { name: "Method", cell: (row) => <Words of={row.method} max={12} />, isMinor: true },
  { name: "Image", cell: (row) => <ImageLink of={row} /> },
  { name: "Why", cell: (row) => <Words of={whyOf(row)} />, isMinor: true },
  { name: "Client", cell: (row) => <ClientLink of={row.client} />, isMinor: true },
  { name: "Sent", cell: (row) => <Bytes of={row.bytes} />, isNumber: true, isMinor: true },
  {
    name: "Took",
    cell: (row) => <Took of={row.seconds} />,
    isNumber: true,
    isMinor: true,
  },
];

function Filters({ of }: { of: Record<string, string> }): JSX.Element {
  const routes = useAnswer<RoutesListed>("images");
  const names = routes.answer?.routes.map(({ route }) => route) ?? [];
  const chosen = of["route"] ?? "";
  const known = chosen === "" || names.includes(chosen) ? names : [...names, chosen];
  const isAny = FILTERS.some((name) => of[name]);
  const change = (name: string) => (event: Event) =>
    goQuery({ [name]: (event.currentTarget as HTMLInputElement | HTMLSelectElement).value.trim() });
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()} aria-label="Which requests">
      <label>
        Client
        <input
          type="text"
          name="client"
          key={`client ${of["client"]}`}
          defaultValue={of["client"] ?? ""}
          placeholder="10.0.20.0/24"
          spellcheck={false}
          autocomplete="off"
          onChange={change("client")}
        />
      </label>
      <label>
        Image
        <input
          type="text"
          name="image"
          key={`image ${of["image"]}`}
          defaultValue={of["image"] ?? ""}
          placeholder="dockerhub/library/*"
          spellcheck={false}
          autocomplete="off"
          onChange={change("image")}
        />
      </label>
      <label>
        Route
        <select name="route" value={chosen} onChange={change("route")}>
          <option value="">all</option>
          {known.map((name) => (
            <option key={name} value={name}>
              {format.tame(name, 60)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Result
        <select name="result" value={of["result"] ?? ""} onChange={change("result")}>
          <option value="">all</option>
          {RESULTS.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        disabled={!isAny}
        onClick={() => goQuery(Object.fromEntries(FILTERS.map((name) => [name, ""])))}
      >
        Clear
      </button>
    </form>
  );
}

// Whether one has scrolled into what is older: then nothing may be put above it.
function useIsScrolled(): boolean {
  const [isScrolled, setScrolled] = useState(false);
  useEffect(() => {
    const look = (): void => setScrolled(scrollY > 400);
    look();
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, []);
  return isScrolled;
}

// Asks for more as soon as its end comes near.
export function More(props: { more: (() => void) | null; isAsking: boolean; words: string }): JSX.Element | null {
  const end = useRef<HTMLDivElement>(null);
  const { more } = props;
  useEffect(() => {
    if (!end.current || !more) return undefined;
    const seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), {
      rootMargin: "600px",
    });
    seen.observe(end.current);
    return () => seen.disconnect();
  }, [more !== null]);
  if (!more && !props.isAsking) return null;
  return (
    <div ref={end} class="more">
      <button type="button" disabled={!more} onClick={() => more?.()}>
        {more ? props.words : "Asking…"}
      </button>
    </div>
  );
}

export function RequestsPage(): JSX.Element {
  const { query } = usePlace();
  const filter = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  const isFiltered = Object.values(filter).some((word) => word !== "");
  const openNumber = Number(query.get("open") ?? "");
  const [isPaused, setPaused] = useState(false);
  const isScrolled = useIsScrolled();
  const shown = useRequests(filter as Query, isPaused || isScrolled || openNumber > 0);
  const open = useMemo(
    () => shown.rows.find(({ number }) => number === openNumber) ?? null,
    [openNumber, shown.rows.length > 0],
  );
  // Another question begins at the top; opening a row leaves the list where it is.
  const asked = JSON.stringify(filter);
  const askedBefore = useRef(asked);
  useEffect(() => {
    if (askedBefore.current !== asked) scrollTo(0, 0);
    askedBefore.current = asked;
  }, [asked]);
  const detailsLink = (row: RequestTold): string => pageLink("requests", { ...filter, open: String(row.number) });

  return (
    <>
      <Heading title="Requests">
        <div class="beside live-head" aria-live="polite">
          {shown.waiting > 0 && (
            <button
              type="button"
              class="main"
              onClick={() => {
                shown.show();
                scrollTo(0, 0);
              }}
            >
              {format.grouped(shown.waiting)} new: show
            </button>
          )}
          <button type="button" onClick={() => setPaused(!isPaused)}>
            {isPaused ? "Go on" : "Pause"}
          </button>
        </div>
      </Heading>
      <Filters of={filter} />
      {shown.error && (
        <p class="failure" role="alert">
          <bdi>{format.tame(shown.error.message, 1000)}</bdi>{" "}
          <button type="button" class="small" onClick={shown.again}>
            Ask again
          </button>
        </p>
      )}
      <section class="section requests" aria-label="Requests">
        {shown.skipped > 0 && (
          <p class="note">
            {format.count(shown.skipped, "request", "requests")} came faster than they can be listed, and are left out.{" "}
            <button type="button" class="small" onClick={shown.again}>
              List anew
            </button>
          </p>
        )}
        {!shown.isReady && !shown.error ? (
          <Waiting rows={12} />
        ) : shown.rows.length > 0 ? (
          <Table label="Requests, the newest first" columns={COLUMNS} rows={shown.rows} keyOf={keyOf} linkOf={detailsLink} />
        ) : (
          shown.isReady && <Nothing isFiltered={isFiltered} hasOlder={shown.older !== null} />
        )}
        <More more={shown.older} isAsking={shown.isAskingOlder} words="Older ones" />
        {shown.isReady && shown.rows.length > 0 && shown.older === null && !shown.isAskingOlder && (
          <p class="note ends">
            {format.count(shown.rows.length, "request", "requests")}; older ones are not remembered. The log has them.
          </p>
        )}
      </section>
      {openNumber > 0 && <Details number={openNumber} known={open} />}
    </>
  );
}

function keyOf(row: RequestTold): string {
  return String(row.number);
}

function Nothing({ isFiltered, hasOlder }: { isFiltered: boolean; hasOlder: boolean }): JSX.Element {
  if (isFiltered)
    return (
      <Empty>
        {hasOlder ? "None of the last requests is such a one. " : "None of the requests that are remembered is such a one. "}
        <a href={pageLink("requests")}>Show all</a>
      </Empty>
    );
  return (
    <Empty>
      Nobody has asked for anything since Breakwater started. <a href={pageLink("connect")}>Connect a client</a>, and its
      first pull appears here by itself.
    </Empty>
  );
}

function Details({ number, known }: { number: number; known: RequestTold | null }): JSX.Element {
  const asked = useAnswer<Answer>(known ? null : "requests", { after: number - 1, limit: 1 });
  const found = known ?? asked.answer?.requests.find((one) => one.number === number) ?? null;
  const leave = (): void => {
    const query = new URLSearchParams(location.search);
    query.delete("open");
    const text = query.toString();
    close(`/requests${text === "" ? "" : `?${text}`}`);
  };
  return (
    <Dialog title={`Request ${format.grouped(number)}`} onClose={leave}>
      {found ? (
        <InFull of={found} />
      ) : asked.answer || asked.error ? (
        <Empty>
          {asked.error
            ? format.tame(asked.error.message, 500)
            : "It is not remembered any more: only the last requests are. The log has it."}
        </Empty>
      ) : (
        <Waiting rows={8} />
      )}
      <div class="dialog-foot">
        <button type="button" onClick={leave}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function InFull({ of }: { of: RequestTold }): JSX.Element {
  const at = format.timeOf(of.at);
  const facts: [string, JSX.Element | string][] = [
    ["Result", <Result of={of} />],
    ["Why", <Words of={fullWhyOf(of)} max={2000} />],
    ["When", at ? format.exactTime(at) : "–"],
    ["Image", <ImageLink of={of} />],
    ["Route", of.route ? <a href={linkOf(of.route)}>{format.tame(of.route)}</a> : "–"],
    ["Method", <Words of={of.method} />],
  ];
  if (of.range) facts.push(["Range", <Words of={of.range} />]);
  facts.push(
    ["Status", of.status === undefined ? "–" : String(of.status)],
    ["Sent", of.bytes === undefined ? "–" : `${format.bytes(of.bytes)} (${format.exactBytes(of.bytes)})`],
    ["Took", <Took of={of.seconds} />],
  );
  if (of.upstream_status !== undefined) facts.push(["Upstream answered", String(of.upstream_status)]);
  if (of.upstream_seconds !== undefined) facts.push(["Upstream took", format.duration(of.upstream_seconds)]);
  facts.push(
    ["Client", <ClientLink of={of.client} />],
    ["User agent", <Words of={of.user_agent} max={1000} />],
    ["Trace", of.trace ? <code>{format.tame(of.trace, 200)}</code> : "–"],
  );
  return <Facts of={facts} />;
}
