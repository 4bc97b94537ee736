// Where mirrors fetch from, and how each of these is: in words, with what to do, and in figures.
import type { ComponentChildren, JSX } from "preact";
import { useAnswer } from "../api";
import type { RouteStatus, Status, Upstream } from "../answers";
import * as format from "../format";
import { Answered, Empty, Facts, Heading, Section } from "../parts/frame";
import { Bar, Bytes, Count, State, Time, Words, useNow } from "../parts/value";
import { linkOf, pageLink } from "../place";
import { limitWords, wordsOf } from "./upstreams_words";

function Latency({ of }: { of: Upstream }): JSX.Element {
  const told = of.latency_s;
  if (!told) return <span class="unknown">nothing was measured yet</span>;
  const answers = told.answers === undefined ? "" : `, of the last ${format.count(told.answers, "answer", "answers")}`;
  return (
    <span class="figures-in-words">
      <span class="figure" title={`${told.median} s`}>
        {format.duration(told.median)}
      </span>
      {", at worst "}
      <span class="figure" title={`${told.worst} s`}>
        {format.duration(told.worst)}
      </span>
      {answers}
    </span>
  );
}

function Limit({ of }: { of: Upstream }): JSX.Element {
  const words = limitWords(of);
  if (words === "") return <span class="unknown">it says nothing of one</span>;
  const { left, limit } = of.rate_limit ?? {};
  const share = left !== undefined && limit !== undefined && limit > 0 ? left / limit : null;
  return (
    <>
      {words}
      {share !== null && (
        <>
          {" "}
          <Bar share={share} label={words} tone={share < 0.1 ? "bad" : share < 0.3 ? "warn" : "well"} />
        </>
      )}
    </>
  );
}

function Failures({ of, route }: { of: Upstream; route: string }): JSX.Element {
  if (of.failures === 0) return <Count of={0} />;
  const share = of.requests > 0 ? `, ${format.percent(of.failures / of.requests)} of what was asked` : "";
  return (
    <>
      <a href={pageLink("requests", { route, result: "error" })}>
        <Count of={of.failures} />
      </a>
      {share}
    </>
  );
}

function factsOf(of: Upstream, route: RouteStatus): [string, ComponentChildren][] {
  const refused = of.refused_credentials_total;
  const facts: [string, ComponentChildren][] = [
    ["Answers in", <Latency of={of} />],
    ["Answered last", <Time at={of.last_answered_at} />],
    ["Rate limit", <Limit of={of} />],
  ];
  if (of.throttled_until) facts.push(["Throttled until", <Time at={of.throttled_until} as="seconds" />]);
  facts.push(
    ["Refused credentials", refused === undefined ? <Count of={null} /> : refused === 0 ? "never" : format.count(refused, "time", "times")],
    ["Requests", <Count of={of.requests} />],
    ["Failures", <Failures of={of} route={route.name} />],
    ["Fetched", <Bytes of={of.fetched_bytes} />],
  );
  return facts;
}

function One({ of, route, now }: { of: Upstream; route: RouteStatus; now: Date }): JSX.Element {
  const words = wordsOf(of, now);
  return (
    <div class="upstream">
      <div class="upstream-head">
        <h3>
          <Words of={of.url} max={200} />
        </h3>
        <State tone={words.tone}>{words.state}</State>
      </div>
      {words.meaning !== "" && <p class="upstream-meaning">{words.meaning}</p>}
      <Facts of={factsOf(of, route)} />
    </div>
  );
}

function Stale({ route }: { route: RouteStatus }): JSX.Element {
  const stale = route.stale_total;
  return (
    <p class="note upstream-foot">
      {stale === undefined ? (
        "Stale answers are not counted by this version."
      ) : stale === 0 ? (
        "No answer of this route was stale."
      ) : (
        <a href={pageLink("requests", { route: route.name, result: "stale" })}>
          {format.count(stale, "answer was stale", "answers were stale")}
        </a>
      )}
      {stale !== undefined && stale > 0 && ": no upstream confirmed them, and each of them says so itself."}
    </p>
  );
}

function Mirror({ route, now }: { route: RouteStatus; now: Date }): JSX.Element {
  return (
    <Section
      title={route.name}
      id={`upstream-${route.name}`}
      more={
        <a href={linkOf(route.name)}>
          What is here of <bdi>{format.tame(route.registry ?? route.name, 100)}</bdi>
        </a>
      }
    >
      {route.upstreams.map((one) => (
        <One key={one.url} of={one} route={route} now={now} />
      ))}
      <Stale route={route} />
    </Section>
  );
}

export function UpstreamsPage(): JSX.Element {
  const status = useAnswer<Status>("status", {}, 5000);
  const now = useNow();
  return (
    <>
      <Heading title="Upstreams" />
      <Answered asked={status} rows={16}>
        {(answer) => {
          const mirrors = answer.routes.filter((route) => route.upstreams.length > 0);
          if (mirrors.length === 0)
            return (
              <Section title="No mirrors">
                <Empty>
                  No route has an upstream. A route with <code>"mirror"</code> in the configuration fetches from one, and
                  how that one is can be read here.
                </Empty>
              </Section>
            );
          return (
            <div class="sections">
              {mirrors.map((route) => (
                <Mirror key={route.name} route={route} now={now} />
              ))}
            </div>
          );
        }}
      </Answered>
    </>
  );
}
