// The repositories of a route.
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { ask } from "../api";
import type { RepositoriesListed, RouteStatus } from "../answers";
import * as format from "../format";
import { Empty, Facts, Heading, Section, Waiting } from "../parts/frame";
import { type Column, Table, usePages } from "../parts/table";
import { goQuery, linkOf, pageLink, usePlace } from "../place";
import { ImageDoings } from "./images_doings";
import { Crumbs, Failed, FilterField, ListEnd, Stored, doingKind, kindWords, useRoute } from "./images_parts";

const AT_ONCE = 500;

interface Row {
  repository: string;
  name: string; // with its route
  tags: number;
  more: boolean;
}

async function listed(route: string, after: string): Promise<{ rows: Row[]; next: string | null }> {
  const page = await ask<RepositoriesListed>("images", { of: route, limit: AT_ONCE, after });
  const rows = page.repositories.map(({ repository, tags, more_tags }) => ({
    repository,
    name: `${route}/${repository}`,
    tags,
    more: more_tags,
  }));
  return { rows, next: page.last ?? null };
}

const COLUMNS: Column<Row>[] = [
  {
    name: "Repository",
    cell: (row) => (
      <a href={linkOf(row.name)} title={format.tame(row.name, 1000)}>
        <bdi>{format.tame(row.repository)}</bdi>
      </a>
    ),
    sortBy: (row) => row.repository,
  },
  {
    name: "Tags",
    cell: (row) => `${format.grouped(row.tags)}${row.more ? "+" : ""}`,
    sortBy: (row) => row.tags,
    isNumber: true,
  },
];

function About({ of }: { of: RouteStatus }): JSX.Element {
  return (
    <Section title="The route" more={<a href={pageLink("requests", { route: of.name })}>Its requests</a>}>
      <Facts
        of={[
          ["What", kindWords(of)],
          ["Listens on", of.listen.map((at) => <code key={at}>{format.tame(at)} </code>)],
          ["Stored", <Stored bytes={of.bytes} max={of.bytes_max} />],
          ["Upstreams", of.upstreams.length === 0 ? "none" : of.upstreams.map(({ url }) => format.tame(url)).join(", ")],
        ]}
      />
    </Section>
  );
}

export function RoutePage({ route }: { route: string }): JSX.Element {
  const filter = (usePlace().query.get("filter") ?? "").trim();
  const status = useRoute(route);
  const pages = usePages<Row>((after) => listed(route, after), route);
  const rows = useMemo(() => {
    const words = filter.toLowerCase().split(/\s+/);
    return filter === "" ? pages.rows : pages.rows.filter((row) => words.every((word) => row.repository.toLowerCase().includes(word)));
  }, [pages.rows, filter]);
  const isDone = !pages.isAsking && pages.more === null;

  return (
    <>
      <Crumbs of={[]} />
      <Heading title={route}>
        <div class="beside">
          <ImageDoings
            what={route}
            kind={doingKind(status.route) === "mirror" ? "mirror" : ""}
            isTag={false}
            isPinned={false}
            onChange={pages.again}
          />
        </div>
      </Heading>
      {status.route && <About of={status.route} />}
      <Section title="Repositories">
        <FilterField label="Only those with" value={filter} onChange={(value) => goQuery({ filter: value }, "replace")} />
        {pages.error && <Failed words={pages.error.message} again={pages.again} />}
        {rows.length > 0 ? (
          <Table
            label={`Repositories of ${route}`}
            columns={COLUMNS}
            rows={rows}
            keyOf={(row) => row.repository}
            linkOf={(row) => linkOf(row.name)}
          />
        ) : isDone && !pages.error ? (
          <Empty>
            {filter !== "" ? (
              "None of its repositories has such a name."
            ) : (
              <>
                Nothing is here yet. <a href={pageLink("connect")}>Connect a client</a>:{" "}
                {status.route?.kind === "registry" ? "what it pushes" : "what it pulls"} appears here.
              </>
            )}
          </Empty>
        ) : (
          pages.isAsking && <Waiting rows={8} />
        )}
        {pages.rows.length > 0 && (
          <ListEnd more={pages.more} isAsking={pages.isAsking} all={filter !== ""}>
            {filter === "" ? "" : `${format.grouped(rows.length)} of `}
            {format.count(pages.rows.length, "repository", "repositories")}
            {isDone ? "" : " so far"}
          </ListEnd>
        )}
      </Section>
    </>
  );
}
