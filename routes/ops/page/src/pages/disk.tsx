// True disk use: what has how much to itself, what it has together with others, and what deleting it would free.
import type { ComponentChildren, JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { ApiError, type Asked, type Query, ask, useAnswer } from "../api";
import type { Status, UsageByClient, UsageByRepository, UsageByRoute, UsageByTag, UsageTotals } from "../answers";
import { useCaller } from "../caller";
import * as format from "../format";
import { Answered, Choice, Empty, Figures, Heading, Section } from "../parts/frame";
import { type Column, Table, usePages } from "../parts/table";
import { GROUPS, type Tile, Treemap } from "../parts/treemap";
import { Bar, Bytes, Count, State, Words, useNow } from "../parts/value";
import { goQuery, linkOf, pageLink, usePlace } from "../place";

type By = "route" | "repository" | "client";
type Usage = UsageByRoute | UsageByRepository | UsageByClient;

const BYS: readonly (readonly [By, string])[] = [
  ["route", "By route"],
  ["repository", "By repository"],
  ["client", "By client"],
];

export function DiskPage(): JSX.Element {
  const { query } = usePlace();
  const route = query.get("route") ?? "";
  const repository = query.get("repository") ?? "";
  if (route !== "" && repository !== "") return <OfRepository route={route} repository={repository} />;
  const asked = query.get("by");
  const by: By = asked === "repository" || asked === "client" ? asked : route === "" ? "route" : "repository";
  return <OfAll by={by} route={by === "route" ? "" : route} />;
}

function OfAll({ by, route }: { by: By; route: string }): JSX.Element {
  // A walk over the whole catalog: it is asked once, and again only by the button.
  const question: Query = { by, route };
  // Who brought what is told to who sees everything.
  const bys = useCaller()?.sees_all === false ? BYS.filter(([of]) => of !== "client") : BYS;
  const asked = useAnswer<Usage>("usage", question);
  return (
    <>
      <Heading title={route === "" ? "Disk use" : `Disk use of ${route}`}>
        <div class="beside">
          <Choice label="What a row is of" of={bys} chosen={by} onChoose={(to) => goQuery({ by: to, sort: "" })} />
          {route !== "" && <a href={pageLink("disk", { by })}>Of all routes</a>}
        </div>
      </Heading>
      <Measured asked={asked} />
      <Answered asked={asked} rows={14}>
        {(usage) => (
          <>
            <OnTheDisk usage={usage} />
            {usage.by === "route" && <Routes usage={usage} />}
            {usage.by === "repository" && <Repositories usage={usage} route={route} />}
            {usage.by === "client" && <Clients usage={usage} route={route} />}
          </>
        )}
      </Answered>
    </>
  );
}

// When it was measured, and that it can be again: measuring goes over the whole catalog.
function Measured<T>({ asked }: { asked: Asked<T> }): JSX.Element {
  const now = useNow();
  const when =
    asked.answer !== null && asked.at ? (
      <span title={format.exactTime(asked.at)}>
        Measured at {format.seconds(asked.at)}, {format.fromNow(asked.at, now)}.
      </span>
    ) : asked.error ? (
      "It could not be measured."
    ) : (
      "Measuring; of a large store this takes a while."
    );
  return (
    <p class="measured" role="status">
      {when}{" "}
      <button type="button" class="small" disabled={asked.isAsking} onClick={asked.again}>
        {asked.isAsking ? "Measuring…" : "Measure again"}
      </button>
    </p>
  );
}

// --- what is on the disk

function OnTheDisk({ usage }: { usage: UsageTotals }): JSX.Element {
  const status = useAnswer<Status>("status", {}, 30_000).answer;
  const disk = status?.disk;
  const bound = status?.store.bytes_max;
  const others = disk ? Math.max(0, disk.bytes - disk.free_bytes - usage.total_bytes) : null;
  const parts: { name: string; bytes: number; group: number; what: string }[] = [
    { name: "Blobs", bytes: usage.blobs_bytes, group: 0, what: "layers, configs and manifests" },
    { name: "Incoming", bytes: usage.incoming_bytes, group: 1, what: "uploads and downloads that are not whole yet" },
    { name: "Trash", bytes: usage.trash_bytes, group: 2, what: "deleted, and about to be given back" },
    { name: "Catalog", bytes: usage.catalog_bytes, group: 3, what: "what is where; history" },
    { name: "Other", bytes: usage.other_bytes, group: 4, what: "folders and small files of the store" },
  ];
  const all = usage.total_bytes + (others ?? 0) + (disk?.free_bytes ?? 0);
  return (
    <Section title="On the disk">
      <Figures
        of={[
          { name: "The store", value: <Bytes of={usage.total_bytes} />, note: bound ? `of at most ${format.bytes(bound)}` : "no bound in all" },
          { name: "Free on the disk", value: <Bytes of={disk?.free_bytes} />, note: disk ? `of ${format.bytes(disk.bytes)}` : " " },
          { name: "Of others on this disk", value: <Bytes of={others} />, note: "not Breakwater's" },
        ]}
      />
      <div
        class="parts"
        role="img"
        aria-label={parts.map((part) => `${part.name} ${format.bytes(part.bytes)}`).join(", ")}
      >
        {parts
          .filter((part) => part.bytes > 0)
          .map((part) => (
            <span
              key={part.name}
              class={`tile group-${part.group}`}
              title={`${part.name}: ${format.bytes(part.bytes)}`}
              style={{ flexGrow: part.bytes / Math.max(1, usage.total_bytes) }}
            />
          ))}
      </div>
      <dl class="disk-parts">
        {parts.map((part) => (
          <div key={part.name}>
            <dt>
              <span class={`tile key-mark group-${part.group}`} aria-hidden="true" />
              {part.name}
            </dt>
            <dd>
              <Bytes of={part.bytes} /> <span class="note">{part.what}</span>
            </dd>
          </div>
        ))}
      </dl>
      {disk && all > 0 && (
        <p class="note">
          The bar is the store: {format.percent(usage.total_bytes / all)} of the disk; others have{" "}
          {format.percent((others ?? 0) / all)}, and {format.percent(disk.free_bytes / all)} is free.
        </p>
      )}
    </Section>
  );
}

// --- boxes and the table behind them

interface Named {
  name: string;
  group: number;
}

function Boxes(props: {
  title: string;
  tiles: Tile[];
  legend?: Named[];
  rule: ComponentChildren;
  empty: ComponentChildren;
  more?: ComponentChildren;
  children: ComponentChildren; // the table
}): JSX.Element {
  const hasAny = props.tiles.some((tile) => tile.bytes > 0);
  return (
    <Section title={props.title} more={props.more} wide>
      {hasAny ? <Treemap label={`${props.title}, as boxes`} tiles={props.tiles} /> : <Empty>{props.empty}</Empty>}
      {hasAny && props.legend && props.legend.length > 1 && (
        <ul class="legend" aria-label="Colours">
          {props.legend.map(({ name, group }) => (
            <li key={name}>
              <span class={`tile key-mark group-${group % GROUPS}`} aria-hidden="true" />
              <bdi>{format.tame(name, 60)}</bdi>
            </li>
          ))}
        </ul>
      )}
      {props.children}
      <p class="rule">{props.rule}</p>
    </Section>
  );
}

const SHARED_RULE =
  "Unique is what nothing else has; shared is what others have too, and is said at each of them, so that column " +
  "has no sum. What deleting would free is what is really given back.";

function routeLink(route: string): JSX.Element {
  return (
    <a href={linkOf(route)}>
      <bdi>{format.tame(route, 100)}</bdi>
    </a>
  );
}

type RouteRow = UsageByRoute["routes"][number];

function bounded(row: RouteRow): JSX.Element {
  if (!row.bytes_max) return <span class="unknown">no bound</span>;
  const share = (row.paid_bytes + row.incoming_bytes) / row.bytes_max;
  const words = `${format.percent(share)} of ${format.bytes(row.bytes_max)}`;
  return (
    <span class="bounded">
      <Bar share={share} label={words} tone={share > 0.95 ? "warn" : "busy"} />{" "}
      <span title={words}>{format.percent(share)}</span>
    </span>
  );
}

const ROUTE_COLUMNS: Column<RouteRow>[] = [
  {
    name: "Route",
    isWide: true,
    sortBy: (row) => row.route,
    cell: (row) => (
      <>
        {row.route === "" ? "of no route" : routeLink(row.route)}{" "}
        {row.kind === "left" ? (
          <State tone="warn">not configured any more</State>
        ) : (
          <span class="note">{row.kind === "registry" ? "registry" : "mirror"}</span>
        )}
      </>
    ),
  },
  { name: "Counts for it", isNumber: true, sortBy: (row) => row.paid_bytes, cell: (row) => <Bytes of={row.paid_bytes} /> },
  { name: "Unique", isNumber: true, isMinor: true, sortBy: (row) => row.unique_bytes, cell: (row) => <Bytes of={row.unique_bytes} /> },
  { name: "Shared", isNumber: true, isMinor: true, sortBy: (row) => row.shared_bytes, cell: (row) => <Bytes of={row.shared_bytes} /> },
  {
    name: "Deleting frees",
    isNumber: true,
    sortBy: (row) => row.freed_bytes,
    cell: (row) => <Bytes of={row.freed_bytes} />,
  },
  {
    name: "Incoming",
    isNumber: true,
    isMinor: true,
    sortBy: (row) => row.incoming_bytes,
    cell: (row) => <Bytes of={row.incoming_bytes} />,
  },
  {
    name: "Pinned",
    isNumber: true,
    isMinor: true,
    sortBy: (row) => row.pinned_bytes ?? null,
    cell: (row) => <Bytes of={row.pinned_bytes} />,
  },
  { name: "Blobs", isNumber: true, isMinor: true, sortBy: (row) => row.blobs, cell: (row) => <Count of={row.blobs} /> },
  {
    name: "Of its bound",
    isMinor: true,
    sortBy: (row) => (row.bytes_max ? row.paid_bytes / row.bytes_max : null),
    cell: bounded,
  },
];

function Routes({ usage }: { usage: UsageByRoute }): JSX.Element {
  const link = (row: RouteRow): string | null =>
    row.route === "" ? null : pageLink("disk", { by: "repository", route: row.route });
  const tiles = usage.routes.map((row, at): Tile => {
    const shared = row.shared_bytes > 0 ? `${format.bytes(row.shared_bytes)} shared, ` : "";
    const note = `${shared}deleting frees ${format.bytes(row.freed_bytes)}`;
    return { key: row.route, name: row.route, bytes: row.paid_bytes, link: link(row), group: at % GROUPS, note };
  });
  return (
    <Boxes
      title="Routes"
      tiles={tiles}
      rule={
        <>
          How shared bytes are counted: {usage.rule}. So all “counts for it” together are the disk. {SHARED_RULE}
        </>
      }
      empty="Nothing is stored yet: pull an image through a route, or push one."
    >
      <Table
        label="Disk use by route"
        columns={ROUTE_COLUMNS}
        rows={usage.routes}
        keyOf={(row) => row.route}
        linkOf={link}
        sort="-Counts for it"
      />
    </Boxes>
  );
}

type RepositoryRow = UsageByRepository["repositories"][number];

const REPOSITORY_COLUMNS: Column<RepositoryRow>[] = [
  {
    name: "Repository",
    isWide: true,
    sortBy: (row) => `${row.route}/${row.repository}`,
    cell: (row) => (
      <a href={linkOf(`${row.route}/${row.repository}`)}>
        <Words of={`${row.route}/${row.repository}`} />
      </a>
    ),
  },
  { name: "Unique", isNumber: true, isMinor: true, sortBy: (row) => row.unique_bytes, cell: (row) => <Bytes of={row.unique_bytes} /> },
  { name: "Shared", isNumber: true, isMinor: true, sortBy: (row) => row.shared_bytes, cell: (row) => <Bytes of={row.shared_bytes} /> },
  {
    name: "Deleting frees",
    isNumber: true,
    sortBy: (row) => row.freed_bytes,
    cell: (row) => <Bytes of={row.freed_bytes} />,
  },
];

function Repositories({ usage, route }: { usage: UsageByRepository; route: string }): JSX.Element {
  const link = (row: RepositoryRow): string => pageLink("disk", { route: row.route, repository: row.repository });
  const routes = useMemo(() => [...new Set(usage.repositories.map((row) => row.route))].sort(), [usage]);
  const tiles = usage.repositories.map((row): Tile => {
    const note = `deleting frees ${format.bytes(row.freed_bytes)}`;
    const name = route === "" ? `${row.route}/${row.repository}` : row.repository;
    return { key: name, name, bytes: row.unique_bytes, link: link(row), group: routes.indexOf(row.route), note };
  });
  // Of one route the sums are still those of the whole store: these have no box then.
  if (route === "") {
    tiles.push({ key: " shared", name: "Shared by several", bytes: usage.shared_bytes, link: null, group: -1 });
    tiles.push({ key: " unheld", name: "Of no repository any more", bytes: usage.unheld_bytes, link: pageLink("next"), group: -1 });
    if (usage.left_out) {
      const name = format.count(usage.left_out.repositories, "other repository", "other repositories");
      tiles.push({ key: " left", name, bytes: usage.left_out.unique_bytes, link: null, group: -1 });
    }
  }
  return (
    <Boxes
      title="Repositories"
      tiles={tiles}
      legend={routes.map((name, group) => ({ name, group }))}
      rule={
        <>
          A box is what a repository has to itself{route === "" ? "; what several have is one box of its own" : ""}.{" "}
          {SHARED_RULE}
          {usage.left_out && ` ${format.count(usage.left_out.repositories, "repository", "repositories")} with less are not listed.`}
        </>
      }
      empty="No repository has bytes to itself yet: pull or push an image, and it stands here."
    >
      <Table
        label="Disk use by repository"
        columns={REPOSITORY_COLUMNS}
        rows={usage.repositories}
        keyOf={(row) => `${row.route}/${row.repository}`}
        linkOf={link}
        sort="-Deleting frees"
      />
    </Boxes>
  );
}

type ClientRow = UsageByClient["clients"][number];

const CLIENT_COLUMNS: Column<ClientRow>[] = [
  {
    name: "Client",
    isWide: true,
    sortBy: (row) => row.client,
    cell: (row) =>
      row.client === "" ? (
        <span class="note">not known: stored by an earlier version, or fetched by a mirror itself</span>
      ) : (
        <a href={pageLink("requests", { client: row.client })}>
          <Words of={row.client} />
        </a>
      ),
  },
  { name: "Stored first by it", isNumber: true, sortBy: (row) => row.bytes, cell: (row) => <Bytes of={row.bytes} /> },
  { name: "Incoming", isNumber: true, sortBy: (row) => row.incoming_bytes, cell: (row) => <Bytes of={row.incoming_bytes} /> },
  { name: "Blobs", isNumber: true, isMinor: true, sortBy: (row) => row.blobs, cell: (row) => <Count of={row.blobs} /> },
];

function Clients({ usage, route }: { usage: UsageByClient; route: string }): JSX.Element {
  const tiles = usage.clients.map((row, at): Tile => {
    const isKnown = row.client !== "";
    return {
      key: row.client || " unknown",
      name: isKnown ? row.client : "Not known",
      bytes: row.bytes + row.incoming_bytes,
      link: isKnown ? pageLink("requests", { client: row.client }) : null,
      group: isKnown ? at % GROUPS : -1,
      note: format.count(row.blobs, "blob", "blobs"),
    };
  });
  return (
    <Boxes
      title={route === "" ? "Clients" : `Clients of ${route}`}
      tiles={tiles}
      rule={
        "A blob counts for the client that pushed it, or that asked a mirror for it before anybody else; what it " +
        "has pulled of what was here already counts for nobody twice."
      }
      empty="Nobody has stored anything yet."
    >
      <Table
        label="Disk use by client"
        columns={CLIENT_COLUMNS}
        rows={usage.clients}
        keyOf={(row) => row.client}
        linkOf={(row) => (row.client === "" ? null : pageLink("requests", { client: row.client }))}
        sort="-Stored first by it"
      />
    </Boxes>
  );
}

// --- one repository, by tag

type TagRow = UsageByTag["tags"][number];

function tagColumns(name: string): Column<TagRow>[] {
  return [
    {
      name: "Tag",
      isWide: true,
      sortBy: (row) => row.tag,
      cell: (row) => (
        <>
          <a href={linkOf(`${name}:${row.tag}`)}>
            <Words of={row.tag} />
          </a>
          {row.pinned && <span class="note"> pinned</span>}
        </>
      ),
    },
    {
      name: "Size",
      isNumber: true,
      sortBy: (row) => row.bytes,
      cell: (row) => (
        <>
          {row.at_least && "≥ "}
          <Bytes of={row.bytes} />
        </>
      ),
    },
    { name: "Unique", isNumber: true, isMinor: true, sortBy: (row) => row.unique_bytes, cell: (row) => <Bytes of={row.unique_bytes} /> },
    { name: "Shared", isNumber: true, isMinor: true, sortBy: (row) => row.shared_bytes, cell: (row) => <Bytes of={row.shared_bytes} /> },
    {
      name: "Deleting frees",
      isNumber: true,
      sortBy: (row) => row.freed_bytes,
      cell: (row) => <Bytes of={row.freed_bytes} />,
    },
  ];
}

function OfRepository({ route, repository }: { route: string; repository: string }): JSX.Element {
  const name = `${route}/${repository}`;
  const [measuredAt, setMeasuredAt] = useState<Date | null>(null);
  const pages = usePages<TagRow>(async (after) => {
    const answer = await ask<UsageByTag>("usage", { by: "tag", route, repository, limit: 100, after });
    setMeasuredAt(new Date());
    return { rows: answer.tags, next: answer.last ?? null };
  }, name);
  const columns = useMemo(() => tagColumns(name), [name]);
  const tiles = useMemo(() => {
    return pages.rows.map((row, at): Tile => {
      const note = `of ${format.bytes(row.bytes)}, deleting frees ${format.bytes(row.freed_bytes)}`;
      return { key: row.tag, name: row.tag, bytes: row.unique_bytes, link: linkOf(`${name}:${row.tag}`), group: at % GROUPS, note };
    });
  }, [pages.rows, name]);
  const asked: Asked<TagRow[]> = {
    answer: pages.rows.length > 0 || (!pages.isAsking && !pages.error) ? pages.rows : null,
    error: null,
    isAsking: pages.isAsking,
    at: measuredAt,
    again: pages.again,
  };
  return (
    <>
      <p class="crumbs">
        <a href={pageLink("disk")}>Disk use</a> ›{" "}
        <a href={pageLink("disk", { by: "repository", route })}>
          <bdi>{format.tame(route, 100)}</bdi>
        </a>
      </p>
      <Heading title={`Disk use of ${name}`}>
        <div class="beside">
          <a href={linkOf(name)}>The repository</a>
        </div>
      </Heading>
      <Measured asked={{ ...asked, error: pages.error instanceof ApiError ? pages.error : null }} />
      {pages.error && (
        <p class="failure" role="alert">
          <bdi>{format.tame(pages.error.message, 1000)}</bdi>
        </p>
      )}
      <Answered asked={asked} rows={12}>
        {() =>
          pages.error && pages.rows.length === 0 ? null : (
            <Boxes
              title="Tags"
              tiles={tiles}
              rule={
                "A box is what only that tag needs. What several tags share has no box: it goes with the last of " +
                "them. What deleting a tag frees has its signatures with it."
              }
              empty={
                pages.rows.length === 0
                  ? "This repository has no tags."
                  : "No tag has bytes to itself: each byte is needed by several of them, or by other repositories."
              }
            >
              <Table
                label={`Disk use of the tags of ${format.tame(name, 200)}`}
                columns={columns}
                rows={pages.rows}
                keyOf={(row) => row.tag}
                linkOf={(row) => linkOf(`${name}:${row.tag}`)}
                sort="-Deleting frees"
              />
              {pages.more && (
                <p class="note">
                  These are the first {format.grouped(pages.rows.length)} tags by name.{" "}
                  <button type="button" class="small" onClick={pages.more}>
                    Measure more
                  </button>
                </p>
              )}
            </Boxes>
          )
        }
      </Answered>
    </>
  );
}
