// Search over all routes; without words, the routes and what they hold.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ApiError, ask, useAnswer } from "../api";
import type { RepositoriesListed, RoutesListed, Status } from "../answers";
import * as format from "../format";
import { Answered, Empty, Heading, Section, Waiting } from "../parts/frame";
import { type Column, Table, usePages } from "../parts/table";
import { Digest, Time } from "../parts/value";
import { linkOf, pageLink, usePlace } from "../place";
import type { Found, FoundRow } from "./images_answers";
import { Failed, ListEnd, Stored, kindWords } from "./images_parts";

const AT_ONCE = 100;
const EMPTY_PAGES_MAX = 20; // an answer may have found nothing yet among what it looked at

interface FoundPage {
  rows: FoundRow[];
  next: string | null;
}

async function searched(words: string, after: string): Promise<FoundPage> {
  try {
    let from = after;
    for (let page = 0; page < EMPTY_PAGES_MAX; ++page) {
      const found = await ask<Found>("search", { q: words, limit: AT_ONCE, after: from });
      if (found.rows.length > 0 || found.next === undefined) return { rows: found.rows, next: found.next ?? null };
      from = found.next;
    }
    return { rows: [], next: from };
  } catch (why) {
    if (why instanceof ApiError && why.status === 404 && after === "") return byListing(words);
    throw why;
  }
}

// A Breakwater that cannot search: the names of repositories, as far as one listing goes.
async function byListing(words: string): Promise<FoundPage> {
  const { routes } = await ask<RoutesListed>("images");
  const wanted = words.toLowerCase().split(/\s+/);
  const rows: FoundRow[] = [];
  for (const { route } of routes) {
    const listed = await ask<RepositoriesListed>("images", { of: route, limit: 1000 });
    for (const { repository } of listed.repositories) {
      const name = `${route}/${repository}`.toLowerCase();
      if (wanted.every((word) => name.includes(word))) rows.push({ route, repository });
    }
  }
  return { rows, next: null };
}

function nameOf(row: FoundRow): string {
  return `${row.route}/${row.repository}${row.tag ? `:${row.tag}` : ""}`;
}

const COLUMNS: Column<FoundRow>[] = [
  {
    name: "Name",
    cell: (row) => (
      <a href={linkOf(nameOf(row))} title={format.tame(nameOf(row), 1000)}>
        <bdi>{format.tame(nameOf(row))}</bdi>
      </a>
    ),
    isWide: true,
  },
  { name: "What", cell: (row) => (row.tag ? "tag" : "repository"), isMinor: true },
  { name: "Digest", cell: (row) => (row.digest ? <Digest of={row.digest} /> : ""), isMinor: true },
  { name: "Set", cell: (row) => (row.set_at ? <Time at={row.set_at} /> : ""), isMinor: true },
];

function FoundList({ words }: { words: string }): JSX.Element {
  const found = usePages<FoundRow>((after) => searched(words, after), words);
  useEffect(() => scrollTo(0, 0), [words]);
  const isDone = !found.isAsking && found.more === null && found.error === null;
  return (
    <section class="section" aria-label="What was found">
      {found.error && <Failed words={found.error.message} again={found.again} />}
      {found.rows.length > 0 ? (
        <Table
          label={`Names with ${words}`}
          columns={COLUMNS}
          rows={found.rows}
          keyOf={nameOf}
          linkOf={(row) => linkOf(nameOf(row))}
        />
      ) : isDone ? (
        <Empty>
          Nothing here has such a name. The words are parts of route/repository:tag, in any order. What nobody has pulled or
          pushed yet is not here: see <a href={pageLink("connect")}>how a client is connected</a>, or{" "}
          <a href={pageLink("images")}>all routes</a>.
        </Empty>
      ) : (
        found.isAsking && <Waiting rows={8} />
      )}
      {(found.rows.length > 0 || found.more) && (
        <ListEnd more={found.more} isAsking={found.isAsking} all={false}>
          {format.count(found.rows.length, "name", "names")}
          {found.more ? " so far" : ""}
        </ListEnd>
      )}
    </section>
  );
}

type RouteRow = RoutesListed["routes"][number];

function Routes(): JSX.Element {
  const asked = useAnswer<RoutesListed>("images", {}, 30_000);
  const status = useAnswer<Status>("status");
  const told = (name: string) => status.answer?.routes.find((route) => route.name === name);
  const columns: Column<RouteRow>[] = [
    {
      name: "Route",
      cell: (row) => (
        <a href={linkOf(row.route)}>
          <bdi>{format.tame(row.route)}</bdi>
        </a>
      ),
      sortBy: (row) => row.route,
    },
    { name: "What", cell: (row) => kindWords(told(row.route) ?? row), sortBy: (row) => row.kind, isMinor: true },
    {
      name: "Listens on",
      cell: (row) => (told(row.route)?.listen ?? []).map((at) => <code key={at}>{format.tame(at)} </code>),
      isMinor: true,
    },
    { name: "Stored", cell: (row) => <Stored bytes={row.stored_bytes} max={row.bytes_max} />, sortBy: (row) => row.stored_bytes },
  ];
  return (
    <Section
      title="Routes"
      more={
        <span class="note">
          <kbd>/</kbd> searches all of them
        </span>
      }
    >
      <Answered asked={asked} rows={6}>
        {({ routes }) => (
          <Table
            label="Routes and what they hold"
            columns={columns}
            rows={routes}
            keyOf={(row) => row.route}
            linkOf={(row) => linkOf(row.route)}
            empty="No route is configured yet: the configuration's \u201croutes\u201d say what is mirrored, and what is kept."
          />
        )}
      </Answered>
    </Section>
  );
}

export function ImagesPage(): JSX.Element {
  const words = (usePlace().query.get("q") ?? "").trim();
  if (words === "")
    return (
      <>
        <Heading title="Images" />
        <Routes />
      </>
    );
  return (
    <>
      <Heading title={`Images: ${words}`}>
        <a href={pageLink("images")}>All routes</a>
      </Heading>
      <FoundList key={words} words={words} />
    </>
  );
}
