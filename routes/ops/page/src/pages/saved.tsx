// What the mirrors have saved: bytes and requests that no upstream was asked for, by route, over time, and who
// asks for most.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { useAnswer } from "../api";
import type { Counts, Heavy, Savings } from "../answers";
import * as format from "../format";
import { Chart, type Line } from "../parts/chart";
import { Answered, Choice, Empty, Figures, Heading, Section } from "../parts/frame";
import { NameLink } from "../parts/name";
import { type Column, Table } from "../parts/table";
import { Bytes, Count, Time } from "../parts/value";
import { goQuery, linkOf, pageLink, usePlace } from "../place";
import { SINCE, type Series, type Since, seriesOf, stepWords } from "./saved_series";
import { ClientLink } from "./transfers_rows";

export function Percent({ of, part, whole }: { of: number | null; part?: string; whole?: string }): JSX.Element {
  const title = part && whole ? `${part} of ${whole}` : undefined;
  return (
    <span class="figure" title={title}>
      {format.percent(of)}
    </span>
  );
}

export function SavedFigures({ total, isShort = false }: { total: Counts; isShort?: boolean }): JSX.Element {
  const here = total.hits + total.follows + total.stale + total.revalidated;
  const figures = [
    {
      name: "Bytes not fetched",
      value: <Bytes of={total.saved_bytes} />,
      note: <><Bytes of={total.upstream_bytes} /> fetched</>,
    },
    {
      name: "Requests not made",
      value: <Count of={total.saved_requests} />,
      note: <><Count of={total.upstream_requests} /> made</>,
    },
    {
      name: "Hit ratio",
      value: <Percent of={total.hit_ratio} part={format.grouped(here)} whole={format.grouped(here + total.misses + total.passed)} />,
      note: <>{format.percent(total.byte_hit_ratio)} of the bytes</>,
    },
  ];
  const pushes = {
    name: "Not pushed again",
    value: <Bytes of={total.not_uploaded_bytes} />,
    note: <><Bytes of={total.pushed_bytes} /> pushed</>,
  };
  return <Figures of={isShort ? figures : [...figures, pushes]} />;
}

// --- over time

export function bytesLines(series: Series): Line[] {
  return [
    { name: "To clients", values: series.sentBytes, color: "first", isFilled: true },
    { name: "From upstreams", values: series.upstreamBytes, color: "second", isDashed: true },
  ];
}

function requestsLines(series: Series): Line[] {
  return [
    { name: "Of clients", values: series.requests, color: "first", isFilled: true },
    { name: "To upstreams", values: series.upstreamRequests, color: "second", isDashed: true },
  ];
}

function Charts({ savings, since }: { savings: Savings; since: Since }): JSX.Element {
  const series = useMemo(() => seriesOf(savings, since), [savings, since]);
  const bytes = useMemo(() => bytesLines(series), [series]);
  const requests = useMemo(() => requestsLines(series), [series]);
  const hits = useMemo<Line[]>(() => [{ name: "Hit ratio", values: series.hitRatios, color: "third" }], [series]);
  const each = `in each ${stepWords(since)}`;
  return (
    <div class="sections three charts">
      <Section title={`Bytes ${each}`} id="bytes">
        <Chart label={`Bytes ${each}, as a table`} at={series.at} lines={bytes} value={format.bytes} />
      </Section>
      <Section title={`Requests ${each}`} id="requests">
        <Chart label={`Requests ${each}, as a table`} at={series.at} lines={requests} value={format.grouped} />
      </Section>
      <Section title={`Hit ratio ${each}`} id="hits">
        <Chart label={`Hit ratio ${each}, as a table`} at={series.at} lines={hits} value={format.percent} max={1} />
      </Section>
    </div>
  );
}

// --- by route

type RouteSaved = Savings["routes"][number];

function ofMirror(row: RouteSaved, value: JSX.Element): JSX.Element {
  return row.kind === "mirror" ? value : <Bytes of={null} />;
}

const ROUTE_COLUMNS: Column<RouteSaved>[] = [
  {
    name: "Route",
    sortBy: (row) => row.route,
    cell: (row) => (row.route === "" ? "all others" : <NameLink of={row.route} />),
  },
  { name: "Not fetched", isNumber: true, sortBy: (row) => row.saved_bytes, cell: (row) => ofMirror(row, <Bytes of={row.saved_bytes} />) },
  { name: "Not asked", isNumber: true, isMinor: true, sortBy: (row) => row.saved_requests, cell: (row) => ofMirror(row, <Count of={row.saved_requests} />) },
  { name: "Hit ratio", isNumber: true, sortBy: (row) => row.hit_ratio, cell: (row) => <Percent of={row.hit_ratio} /> },
  { name: "Of bytes", isNumber: true, isMinor: true, sortBy: (row) => row.byte_hit_ratio, cell: (row) => <Percent of={row.byte_hit_ratio} /> },
  { name: "Requests", isNumber: true, sortBy: (row) => row.requests, cell: (row) => <RequestsOf row={row} /> },
  { name: "Sent", isNumber: true, isMinor: true, sortBy: (row) => row.bytes_sent, cell: (row) => <Bytes of={row.bytes_sent} /> },
  { name: "Fetched", isNumber: true, isMinor: true, sortBy: (row) => row.upstream_bytes, cell: (row) => <Bytes of={row.upstream_bytes} /> },
  { name: "Pushed", isNumber: true, isMinor: true, sortBy: (row) => row.pushed_bytes, cell: (row) => <Bytes of={row.pushed_bytes} /> },
];

function RequestsOf({ row }: { row: RouteSaved }): JSX.Element {
  if (row.route === "") return <Count of={row.requests} />;
  return (
    <a href={pageLink("requests", { route: row.route })}>
      <Count of={row.requests} />
    </a>
  );
}

// --- the heaviest

const HEAVIEST = [
  ["bytes", "Bytes"],
  ["requests", "Requests"],
] as const;
type By = (typeof HEAVIEST)[number][0];

const HEAVY_COLUMNS: Column<Heavy>[] = [
  { name: "Requests", isNumber: true, sortBy: (row) => row.requests, cell: (row) => <Count of={row.requests} /> },
  { name: "Sent", isNumber: true, sortBy: (row) => row.bytes_sent, cell: (row) => <Bytes of={row.bytes_sent} /> },
];
const REPOSITORY_COLUMNS: Column<Heavy>[] = [
  {
    name: "Repository",
    isWide: true,
    sortBy: (row) => `${row.route}/${row.repository}`,
    cell: (row) => <NameLink of={`${row.route}/${row.repository}`} />,
  },
  ...HEAVY_COLUMNS,
  { name: "Not fetched", isNumber: true, isMinor: true, sortBy: (row) => row.saved_bytes ?? null, cell: (row) => <Bytes of={row.saved_bytes} /> },
];
const CLIENT_COLUMNS: Column<Heavy>[] = [
  { name: "Client", isWide: true, sortBy: (row) => row.client ?? "", cell: (row) => <ClientLink of={row.client ?? ""} /> },
  ...HEAVY_COLUMNS,
];

function Heaviest({ savings, by }: { savings: Savings; by: By }): JSX.Element {
  const rowsOf = (of: Savings["clients"]): Heavy[] => (by === "bytes" ? of.by_bytes : of.by_requests);
  const sort = by === "bytes" ? "-Sent" : "-Requests";
  const choice = (
    <Choice label="The most by" of={HEAVIEST} chosen={by} onChoose={(chosen) => goQuery({ by: chosen === "bytes" ? "" : chosen, heavy: "", clients: "" })} />
  );
  return (
    <div class="sections">
      <Section title="Heaviest repositories" more={choice}>
        <Table
          label="Repositories that were asked for most"
          columns={REPOSITORY_COLUMNS}
          rows={rowsOf(savings.repositories)}
          keyOf={(row) => `${row.route}/${row.repository}`}
          linkOf={(row) => linkOf(`${row.route}/${row.repository}`)}
          sort={sort}
          sortName="heavy"
          empty="Nobody has asked for anything yet."
        />
        <KeptSince at={savings.repositories.from} />
      </Section>
      <Section title="Heaviest clients">
        <Table
          label="Clients that asked for most"
          columns={CLIENT_COLUMNS}
          rows={rowsOf(savings.clients)}
          keyOf={(row) => row.client ?? ""}
          linkOf={(row) => pageLink("requests", { client: row.client ?? "" })}
          sort={sort}
          sortName="clients"
          empty="No client has come yet."
        />
        <KeptSince at={savings.clients.from} />
      </Section>
    </div>
  );
}

// These are kept by the day.
function KeptSince({ at }: { at: string }): JSX.Element {
  return (
    <p class="note">
      Of whole days, since <Time at={at} as="clock" />.
    </p>
  );
}

// --- the page

function isSince(word: string | null): word is Since {
  return SINCE.some(([name]) => name === word);
}

function Told({ savings, since, by }: { savings: Savings; since: Since; by: By }): JSX.Element {
  const { total } = savings;
  const mirrors = savings.routes.filter((row) => row.kind === "mirror");
  return (
    <>
      <Section title="In all">
        <SavedFigures total={total} />
        {total.requests === 0 ? (
          <Empty>
            Nobody has asked for anything in this time. <a href={pageLink("connect")}>Connect a client</a>, and what it
            does not fetch twice is counted here.
          </Empty>
        ) : (
          <p class="note">{sentenceOf(total, mirrors.length)}</p>
        )}
      </Section>
      {total.requests > 0 && <Further savings={savings} since={since} by={by} />}
    </>
  );
}

function Further({ savings, since, by }: { savings: Savings; since: Since; by: By }): JSX.Element {
  return (
    <>
      <Charts savings={savings} since={since} />
      <Section title="By route">
        <Table
          label="What was saved, by route"
          columns={ROUTE_COLUMNS}
          rows={savings.routes}
          keyOf={(row) => row.route}
          linkOf={(row) => (row.route === "" ? null : linkOf(row.route))}
          sort="-Not fetched"
          empty="There is no route that was asked."
        />
      </Section>
      <Heaviest savings={savings} by={by} />
    </>
  );
}

// What was fetched and is not asked for again yet has cost more than it has saved: that is said, not hidden.
function sentenceOf(total: Counts, mirrors: number): string {
  if (mirrors === 0) return "There is no mirror: only what clients did not have to push again is saved.";
  if (total.saved_bytes < 0)
    return "More was fetched than clients have asked for so far: it pays when they ask for it again.";
  return "What clients got of the mirrors, less what the mirrors got of their upstreams for it.";
}

export function SavedPage(): JSX.Element {
  const { query } = usePlace();
  const word = query.get("since");
  const since: Since = isSince(word) ? word : "24h";
  const by: By = query.get("by") === "requests" ? "requests" : "bytes";
  const savings = useAnswer<Savings>("savings", { since }, since === "24h" ? 30_000 : 300_000);
  return (
    <>
      <Heading title="Saved">
        <Choice label="Since" of={SINCE} chosen={since} onChoose={(chosen) => goQuery({ since: chosen === "24h" ? "" : chosen })} />
      </Heading>
      <div class="saved-room">
        <Answered asked={savings} rows={20}>
          {(answer) => <Told savings={answer} since={since} by={by} />}
        </Answered>
      </div>
    </>
  );
}
