// The caches of builds: how large and old they are, who imports them, what each export brought, and which of
// their layers is another one each time.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { ask, useAnswer } from "../api";
import type { CacheTold, Caches } from "../answers";
import * as format from "../format";
import { StackedBars, type Stacked } from "../parts/bars";
import { Answered, Empty, Figures, Heading, Section } from "../parts/frame";
import { type Column, Table, usePages } from "../parts/table";
import { Bar, Bytes, Count, Digest, State, Time, Words } from "../parts/value";
import { goQuery, linkOf, pageLink, usePlace } from "../place";

type Generation = NonNullable<CacheTold["generations"]>[number];
type LayerSeen = NonNullable<CacheTold["layers_seen"]>[number];
type Churn = NonNullable<CacheTold["churn"]>[number];

// The repository is said with its route, "private/team/app", as everywhere.
export function CachesPage(): JSX.Element {
  const { query } = usePlace();
  const repository = query.get("repository") ?? "";
  const tag = query.get("tag") ?? "";
  return repository === "" ? <AllCaches /> : <OneRepository repository={repository} tag={tag} />;
}

function nameOf(cache: CacheTold): string {
  return `${cache.route}/${cache.repository}:${cache.tag}`;
}

function cacheLink(cache: CacheTold): string {
  return pageLink("caches", { repository: `${cache.route}/${cache.repository}`, tag: cache.tag });
}

const LAYERS_ONLY =
  "A registry sees layers, not steps: which line of a Dockerfile made a layer is known to the builder alone. The " +
  "place of a layer, counted from the base, and its size say which it was.";

// --- all of them

const COLUMNS: Column<CacheTold>[] = [
  {
    name: "Cache",
    isWide: true,
    sortBy: nameOf,
    cell: (row) => (
      <a href={cacheLink(row)}>
        <Words of={nameOf(row)} />
      </a>
    ),
  },
  { name: "Size", isNumber: true, sortBy: (row) => row.bytes, cell: (row) => <Bytes of={row.bytes} /> },
  { name: "Pushed", isNumber: true, sortBy: (row) => -row.age_s, cell: (row) => <Time at={row.pushed_at} /> },
  {
    name: "Imported",
    isNumber: true,
    isMinor: true,
    sortBy: (row) => (row.imported_at ? Date.parse(row.imported_at) : null),
    cell: (row) => (row.imported_at ? <Time at={row.imported_at} /> : <span class="unknown">never</span>),
  },
  { name: "Imports", isNumber: true, isMinor: true, sortBy: (row) => row.imports, cell: (row) => <Count of={row.imports} /> },
  { name: "Pushes", isNumber: true, isMinor: true, sortBy: (row) => row.pushes, cell: (row) => <Count of={row.pushes} /> },
  {
    name: "New in the last",
    isNumber: true,
    isMinor: true,
    sortBy: (row) => row.new_bytes ?? null,
    cell: (row) => <NewShare of={row} />,
  },
];

function NewShare({ of }: { of: CacheTold }): JSX.Element {
  if (of.new_bytes === null || of.reused_bytes === null) return <span class="unknown">–</span>;
  const all = of.new_bytes + of.reused_bytes;
  const share = all > 0 ? of.new_bytes / all : 0;
  const words = `${format.percent(share)} of the last export was new`;
  return (
    <span class="bounded" title={`${words}: ${format.exactBytes(of.new_bytes)}`}>
      <Bytes of={of.new_bytes} /> <Bar share={share} label={words} tone="busy" />
    </span>
  );
}

function AllCaches(): JSX.Element {
  const pages = usePages<CacheTold>(async (after) => {
    const answer = await ask<Caches>("caches", { after });
    return { rows: answer.caches, next: answer.next };
  }, "all");
  const isKnown = pages.rows.length > 0 || (!pages.isAsking && pages.error === null);
  return (
    <>
      <Heading title="Build caches" />
      <Section title="Caches">
        <Answered
          asked={{
            answer: isKnown ? pages.rows : null,
            error: null,
            isAsking: pages.isAsking,
            at: null,
            again: pages.again,
          }}
          rows={6}
        >
          {(rows) => (
            <>
              <Table
                label="Caches of builds"
                columns={COLUMNS}
                rows={rows}
                keyOf={nameOf}
                linkOf={cacheLink}
                sort="-Size"
                empty={
                  <>
                    No build has pushed a cache yet. <a href={pageLink("connect", { client: "buildkit" })}>Connect BuildKit</a>{" "}
                    and push one with <code>--cache-to type=registry,…</code>; a tag is a cache if it matches{" "}
                    <code>cache_tags</code> of its registry’s configuration.
                  </>
                }
              />
              {pages.more && (
                <button type="button" class="small" onClick={pages.more}>
                  Show more
                </button>
              )}
            </>
          )}
        </Answered>
        {pages.error && (
          <p class="failure" role="alert">
            <bdi>{format.tame(pages.error.message, 1000)}</bdi>{" "}
            <button type="button" class="small" onClick={pages.again}>
              Ask again
            </button>
          </p>
        )}
        <p class="rule">{LAYERS_ONLY}</p>
      </Section>
    </>
  );
}

// --- one

function OneRepository({ repository, tag }: { repository: string; tag: string }): JSX.Element {
  const asked = useAnswer<Caches>("caches", { repository }, 30_000);
  const caches = asked.answer?.caches ?? [];
  const cache = caches.find((one) => one.tag === tag) ?? (tag === "" ? caches[0] : undefined);
  const title = `${repository}${cache ? `:${cache.tag}` : tag === "" ? "" : `:${tag}`}`;
  return (
    <>
      <p class="crumbs">
        <a href={pageLink("caches")}>Build caches</a>
      </p>
      <Heading title={title}>
        <div class="beside">
          {caches.length > 1 && cache && (
            <label class="cache-choice">
              Cache{" "}
              <select value={cache.tag} onChange={(event) => goQuery({ tag: event.currentTarget.value })}>
                {caches.map((one) => (
                  <option key={one.tag} value={one.tag}>
                    {format.tame(one.tag, 130)}
                  </option>
                ))}
              </select>
            </label>
          )}
          {cache && <a href={linkOf(nameOf(cache))}>The image</a>}
          <a href={linkOf(repository)}>The repository</a>
        </div>
      </Heading>
      <Answered asked={asked} rows={12}>
        {() =>
          cache ? (
            <OneCache cache={cache} />
          ) : (
            <Empty>
              There is no such cache now. It may have been deleted, or its tag does not match <code>cache_tags</code> of
              its registry any more. <a href={pageLink("caches")}>All caches</a>
            </Empty>
          )
        }
      </Answered>
    </>
  );
}

function OneCache({ cache }: { cache: CacheTold }): JSX.Element {
  const generations = cache.generations ?? [];
  return (
    <div class="sections">
      <Section title="This cache" wide>
        <Figures
          of={[
            { name: "Size", value: <Bytes of={cache.bytes} />, note: cache.layers === null ? " " : format.count(cache.layers, "layer", "layers") },
            { name: "Last push", value: <Time at={cache.pushed_at} />, note: format.count(cache.pushes, "push", "pushes") },
            {
              name: "Last import",
              value: cache.imported_at ? <Time at={cache.imported_at} /> : "never",
              note: format.count(cache.imports, "import", "imports"),
            },
            {
              name: "New in the last export",
              value: <Bytes of={cache.new_bytes} />,
              note: `${format.bytes(cache.reused_bytes ?? 0)} reused`,
            },
          ]}
        />
        <p class="cache-digest">
          <span class="note">Digest</span>{" "}
          <a href={linkOf(`${cache.route}/${cache.repository}@${cache.digest}`)}>
            <Digest of={cache.digest} />
          </a>
        </p>
        <Verdict cache={cache} />
      </Section>
      <Section title={`The last ${format.count(generations.length, "export", "exports")}`} id="exports" wide>
        <Generations of={generations} />
      </Section>
      <Section title="What changes" id="churn">
        <Changes churn={cache.churn ?? []} generations={generations} />
      </Section>
      <Section title="Layers seen" id="layers">
        <Layers of={cache.layers_seen ?? []} exports={generations.length} />
      </Section>
    </div>
  );
}

// In a sentence, whether the cache does what it is for.
function Verdict({ cache }: { cache: CacheTold }): JSX.Element | null {
  const generations = (cache.generations ?? []).slice(0, -1); // to the first of all, all of it was new
  if (generations.length < 2) return null;
  const fresh = generations.reduce((sum, one) => sum + one.new_bytes, 0);
  const all = generations.reduce((sum, one) => sum + one.new_bytes + one.reused_bytes, 0);
  const share = all > 0 ? fresh / all : 0;
  if (cache.imports === 0)
    return (
      <p class="verdict">
        <State tone="warn">It is pushed, and nobody imports it:</State> builds pay for writing it and gain nothing. Give
        them <code>--cache-from</code> with this name, or stop exporting it.
      </p>
    );
  return (
    <p class="verdict">
      <State tone={share > 0.5 ? "warn" : "well"}>
        {`Of an export ${format.percent(share)} is new on the average, ${format.percent(1 - share)} is reused.`}
      </State>{" "}
      {share > 0.5 && "Most of it is built anew each time: see below what changes."}
    </p>
  );
}

const GENERATION_COLUMNS: Column<Generation>[] = [
  { name: "Export", sortBy: (row) => row.at, cell: (row) => <Time at={row.at} as="clock" /> },
  { name: "Size", isNumber: true, sortBy: (row) => row.bytes, cell: (row) => <Bytes of={row.bytes} /> },
  { name: "New", isNumber: true, sortBy: (row) => row.new_bytes, cell: (row) => <Bytes of={row.new_bytes} /> },
  { name: "Reused", isNumber: true, sortBy: (row) => row.reused_bytes, cell: (row) => <Bytes of={row.reused_bytes} /> },
  {
    name: "New layers",
    isNumber: true,
    isMinor: true,
    sortBy: (row) => row.new_layers,
    cell: (row) => `${format.grouped(row.new_layers)} of ${format.grouped(row.layers)}`,
  },
  { name: "Digest", isMinor: true, cell: (row) => <Digest of={row.digest} /> },
];

function Generations({ of }: { of: Generation[] }): JSX.Element {
  const bars = useMemo(
    () =>
      [...of].reverse().map(
        (one, at): Stacked => ({
          key: `${one.at} ${at}`,
          at: format.timeOf(one.at),
          name: one.at,
          first: one.reused_bytes,
          second: one.new_bytes,
        }),
      ),
    [of],
  );
  if (of.length === 0)
    return <Empty>It was pushed before exports were remembered. The next one stands here.</Empty>;
  return (
    <>
      <StackedBars label="New and reused bytes of each export" names={["Reused", "New"]} bars={bars} />
      <details>
        <summary>As a table</summary>
        <Table
          label="The last exports"
          columns={GENERATION_COLUMNS}
          rows={of}
          keyOf={(row) => `${row.at} ${row.digest}`}
          sortName="exports"
        />
      </details>
    </>
  );
}

// What to do about a layer that is another one in most exports.
function advice(changes: number, exports: number): string | null {
  if (exports < 3) return null;
  const share = changes / (exports - 1);
  if (share >= 0.8)
    return (
      "It is another one nearly each time. Nothing behind it can be reused either: put it as far back as it goes, " +
      "copy only what its step needs (and name the rest in .dockerignore), and keep times, versions and random " +
      "words out of it. If it is the last layer, with what the build makes, this is as it should be."
    );
  if (share >= 0.3)
    return (
      "It changes often. See whether what changes often in it can be a step of its own behind it: package lists " +
      "before sources, sources before what is made of them."
    );
  return null;
}

function Changes({ churn, generations }: { churn: Churn[]; generations: Generation[] }): JSX.Element {
  if (generations.length < 2) return <Empty>From the second export on it is seen here which layers change.</Empty>;
  if (churn.length === 0)
    return (
      <p>
        <State tone="well">No layer has changed</State> over the last {format.count(generations.length, "export", "exports")}.
      </p>
    );
  const between = generations.length - 1;
  const first = Math.min(...churn.filter((one) => one.changes / between >= 0.8).map((one) => one.position));
  return (
    <>
      <ul class="churn">
        {[...churn].sort((a, b) => a.position - b.position).map((one) => {
          const share = one.changes / between;
          // What stands behind a layer that changes is built anew with it: it is the first that one looks at.
          const words =
            share >= 0.8 && one.position > first
              ? `It stands behind layer ${first + 1}, which changes each time, and is built anew with it: look there first.`
              : advice(one.changes, generations.length);
          return (
            <li key={one.position}>
              <h3>Layer {format.grouped(one.position + 1)}</h3>
              <p>
                <Bar share={share} label={`${one.changes} changes`} tone={share >= 0.8 ? "warn" : "quiet"} />{" "}
                {share >= 0.8 ? "▲ " : ""}changed {format.count(one.changes, "time", "times")} over{" "}
                {format.grouped(generations.length)} exports; <Bytes of={one.bytes / (one.changes + 1)} /> each,{" "}
                <Bytes of={one.bytes} /> in all
              </p>
              {words && <p class="note">{words}</p>}
            </li>
          );
        })}
      </ul>
      <p class="rule">{LAYERS_ONLY}</p>
    </>
  );
}

function layerColumns(exports: number): Column<LayerSeen>[] {
  return [
    {
      name: "Layer",
      isNumber: true,
      sortBy: (row) => row.position,
      cell: (row) => (row.position === null ? <span class="unknown">–</span> : format.grouped(row.position + 1)),
    },
    { name: "Digest", isMinor: true, cell: (row) => <Digest of={row.digest} /> },
    { name: "Size", isNumber: true, sortBy: (row) => row.bytes, cell: (row) => <Bytes of={row.bytes} /> },
    {
      name: "Exports",
      isNumber: true,
      sortBy: (row) => row.generations,
      cell: (row) => `${format.grouped(row.generations)} of ${format.grouped(exports)}`,
    },
    {
      name: "Newest",
      isMinor: true,
      sortBy: (row) => (row.is_in_newest ? 0 : 1),
      cell: (row) => (row.is_in_newest ? <State tone="well">yes</State> : <State tone="quiet">no</State>),
    },
  ];
}

function Layers({ of, exports }: { of: LayerSeen[]; exports: number }): JSX.Element {
  const columns = useMemo(() => layerColumns(exports), [exports]);
  return (
    <div class="layers-seen">
      <Table
        label="Layers seen in these exports"
        columns={columns}
        rows={of}
        keyOf={(row) => row.digest}
        sortName="layers"
        sort="Newest"
        empty="None is known yet."
      />
    </div>
  );
}
