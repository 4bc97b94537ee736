// Connect a client: the files with this machine's address, to copy, and a test that turns green when the client
// pulls.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask, useAnswer } from "../api";
import type { ClientConfig, RequestTold, Requests, Status } from "../answers";
import * as format from "../format";
import { useLive } from "../live";
import { Lines } from "../parts/copy";
import { Answered, Empty, Facts, Heading, Section } from "../parts/frame";
import { State, Time, Words, useNow } from "../parts/value";
import { goQuery, linkOf, pageLink, usePlace } from "../place";

interface Client {
  name: string;
  words: string;
  pull: string; // what makes it pull; something that is hardly there already
  hint: string; // what it is that is forgotten with this one
}

const IMAGE = "docker.io/library/busybox:1.36";

const CLIENTS = {
  containerd: {
    name: "containerd",
    words: "containerd, also below Kubernetes",
    pull: `crictl pull ${IMAGE}\n# or, without Kubernetes:\nctr image pull --hosts-dir /etc/containerd/certs.d ${IMAGE}`,
    hint: "config_path has to be set in config.toml, and containerd restarted once; ctr needs --hosts-dir.",
  },
  docker: {
    name: "Docker",
    words: "Docker Engine",
    pull: `docker pull ${IMAGE}`,
    hint: "Docker asks the mirror for images of docker.io only, and never for what it has: docker image rm it before.",
  },
  buildkit: {
    name: "BuildKit",
    words: "BuildKit and docker buildx",
    pull: `printf 'FROM ${IMAGE}\\n' | docker buildx build --no-cache -`,
    hint: "A builder reads buildkitd.toml when it is created: make a new one with buildx create --config.",
  },
  podman: {
    name: "Podman",
    words: "Podman and Buildah",
    pull: `podman pull ${IMAGE}`,
    hint: "Look whether another file in registries.conf.d, or one in ~/.config/containers, says something else.",
  },
  skopeo: {
    name: "Skopeo",
    words: "Skopeo",
    pull: `skopeo inspect docker://${IMAGE}`,
    hint: "Look whether another file in registries.conf.d, or one in ~/.config/containers, says something else.",
  },
  k3s: {
    name: "k3s",
    words: "k3s and RKE2",
    pull: `k3s crictl pull ${IMAGE}`,
    hint: "registries.yaml has to be on each node, agents too; k3s reads it at its start.",
  },
  crio: {
    name: "CRI-O",
    words: "CRI-O",
    pull: `crictl pull ${IMAGE}`,
    hint: "CRI-O reads registries.conf.d again with systemctl reload crio.",
  },
  woodpecker: {
    name: "Woodpecker",
    words: "Woodpecker CI",
    pull: "# run the pipeline",
    hint: "The repository has to be trusted, so that the step sees the agent's Docker.",
  },
  gitlab: {
    name: "GitLab",
    words: "GitLab CI",
    pull: "# run the pipeline",
    hint: "The runner has to be privileged for docker:dind, and to reach this machine from its containers.",
  },
  github: {
    name: "GitHub",
    words: "GitHub Actions",
    pull: "# run the workflow",
    hint: "It needs a runner of your own: those of GitHub do not reach this machine.",
  },
} satisfies Record<string, Client>;
type ClientName = keyof typeof CLIENTS;
const CLIENT_NAMES = Object.keys(CLIENTS) as ClientName[];

function isClient(name: string): name is ClientName {
  return name in CLIENTS;
}

// An address that another machine cannot mean this one by.
function isLoopback(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || /^127\./.test(host) || host === "[::1]" || host === "::1";
}

export function ConnectPage(): JSX.Element {
  const { query } = usePlace();
  const named = query.get("client") ?? "";
  const client: ClientName = isClient(named) ? named : "containerd";
  const here = isLoopback(location.hostname) ? "" : location.hostname;
  const host = query.get("host") || here;
  return (
    <>
      <Heading title={named === "" ? "Connect a client" : `Connect ${CLIENTS[client].name}`} />
      <nav class="choice clients" aria-label="Clients">
        {CLIENT_NAMES.map((name) => (
          <a
            key={name}
            href={pageLink("connect", { client: name, host: query.get("host") ?? "" })}
            aria-current={name === client ? "page" : undefined}
          >
            {CLIENTS[name].name}
          </a>
        ))}
      </nav>
      <div class="sections connect">
        <Files client={client} host={host} />
        <Test key={client} client={client} host={host} />
      </div>
    </>
  );
}

// --- the files

function Files({ client, host }: { client: ClientName; host: string }): JSX.Element {
  const asked = useAnswer<ClientConfig>("client-config", { client, host });
  return (
    <Section title="1. Write on the client’s machine" id="files">
      <p class="note">{CLIENTS[client].words}. These are whole files, made of the routes that there are.</p>
      <Host host={host} told={asked.answer?.host ?? ""} />
      <Answered asked={asked} rows={10}>
        {(config) => (
          <>
            {config.files.map((file) => (
              <div key={file.path} class="config-file">
                <h3>
                  <code>{format.tame(file.path)}</code>
                </h3>
                {file.note && <p class="note">{format.tame(file.note, 500)}</p>}
                <Lines text={file.text} what={file.path} />
              </div>
            ))}
            {config.files.length === 0 && <Empty>No route of the configuration is of use to this client.</Empty>}
            {config.then.length > 0 && (
              <div class="config-file">
                <h3>Then</h3>
                <Lines text={config.then.join("\n")} what="what to run then" />
              </div>
            )}
          </>
        )}
      </Answered>
    </Section>
  );
}

function Host({ host, told }: { host: string; told: string }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = host || told;
  }, [host, told]);
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        goQuery({ host: field.current?.value.trim() ?? "" });
      }}
    >
      <label>
        How clients call this machine
        <input ref={field} name="host" maxLength={255} autocomplete="off" spellcheck={false} />
      </label>
      <button type="submit">Use it</button>
      {isLoopback(host || told) && (
        <p class="note host-note">▲ Only this machine itself reaches {format.tame(host || told, 80)}: give the name or address that others use.</p>
      )}
    </form>
  );
}

// --- the test

const HINTS_AFTER_S = 60;
const LOOK_EVERY_MS = 5000;

// A browser that looks at a registry's address is no client of it, whoever's it is.
function isOfClient(request: RequestTold, client: string, after: number): boolean {
  if (request.number <= after || request.user_agent === navigator.userAgent) return false;
  return client === "" || request.client === client;
}

function isServed(request: RequestTold): boolean {
  return request.status !== undefined && request.status < 400;
}

function isPull(request: RequestTold): boolean {
  return request.method === "GET" || request.method === "HEAD";
}

function Test({ client, host }: { client: ClientName; host: string }): JSX.Element {
  const { query } = usePlace();
  const from = query.get("from") ?? "";
  const [turn, setTurn] = useState(0);
  return (
    <Section title="2. Pull, and see it arrive" id="test">
      <p class="note">On the client’s machine, pull something that it does not have yet:</p>
      <Lines text={CLIENTS[client].pull} what="a pull to try it with" />
      <From from={from} />
      <Waited key={`${from} ${turn}`} client={client} host={host} from={from} again={() => setTurn(turn + 1)} />
    </Section>
  );
}

function From({ from }: { from: string }): JSX.Element {
  const live = useLive();
  const seen = [...new Set(live.requests.map((request) => request.client ?? ""))].filter((one) => one !== "").sort();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = from;
  }, [from]);
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        goQuery({ from: field.current?.value.trim() ?? "" });
      }}
    >
      <label>
        The client’s address
        <input
          ref={field}
          name="from"
          list="clients-seen"
          placeholder="any"
          maxLength={64}
          autocomplete="off"
          spellcheck={false}
          onChange={(event) => goQuery({ from: event.currentTarget.value.trim() }, "replace")}
        />
      </label>
      <datalist id="clients-seen">
        {seen.slice(0, 50).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
    </form>
  );
}

// Waits for the first request behind the newest one that there was. The stream tells it at once; of very many
// requests it leaves some out, so the ring is looked at now and then too.
function Waited(props: { client: ClientName; host: string; from: string; again: () => void }): JSX.Element {
  const { client, host, from, again } = props;
  const live = useLive();
  const now = useNow(1000);
  const [begunAt] = useState(() => new Date());
  const [after, setAfter] = useState<number | null>(null);
  const [came, setCame] = useState<RequestTold | null>(null);
  const [failure, setFailure] = useState("");

  useEffect(() => {
    const stop = new AbortController();
    ask<Requests>("requests", { limit: 1 }, stop.signal).then(
      (answer) => setAfter(answer.newest),
      (why: unknown) => {
        if (!stop.signal.aborted) setFailure(why instanceof Error ? why.message : String(why));
      },
    );
    return () => stop.abort();
  }, []);

  const isDone = came !== null && isServed(came);
  const looked = useAnswer<Requests>(
    after === null || isDone ? null : "requests",
    { after: after ?? 0, client: from, limit: 100 },
    LOOK_EVERY_MS,
  ).answer;
  useEffect(() => {
    if (after === null || isDone) return;
    // The oldest first: the first one that was served is what is waited for, else the first of all.
    const all = [...(looked?.requests ?? []), ...[...live.requests].reverse()];
    const mine = all.filter((request) => isOfClient(request, looked?.requests.includes(request) ? "" : from, after));
    const best = mine.find(isServed) ?? came ?? mine[0];
    if (best && best !== came) setCame(best);
  });

  const waited = (now.getTime() - begunAt.getTime()) / 1000;
  return (
    <div class={`waited ${came ? (isDone ? "well" : "warn") : "waits"}`} role="status">
      {failure !== "" && <p class="failure">{format.tame(failure, 500)}</p>}
      {came ? (
        <Came request={came} isDone={isDone} />
      ) : (
        <p class="waited-words">
          <State tone="busy">
            {`Waiting for a pull from ${from === "" ? "this client" : format.tame(from, 64)}…`}
          </State>{" "}
          <span class="note" aria-hidden="true">
            {format.duration(Math.floor(waited))}
          </span>
        </p>
      )}
      {!came && waited >= HINTS_AFTER_S && <Hints client={client} host={host} from={from} />}
      {came && (
        <button type="button" class="small" onClick={again}>
          Wait for another
        </button>
      )}
    </div>
  );
}

function imageOf(request: RequestTold): ComponentChildren {
  if (!request.repository) return "none: it asked whether a registry is here";
  const reference = request.reference ?? "";
  const name = `${request.route ?? ""}/${request.repository}`;
  const isManifest = reference !== "" && !reference.includes(":");
  const whole = reference === "" ? name : isManifest ? `${name}:${reference}` : `${name}@${reference}`;
  return (
    <a href={linkOf(isManifest ? whole : name)}>
      <Words of={whole} />
    </a>
  );
}

function Came({ request, isDone }: { request: RequestTold; isDone: boolean }): JSX.Element {
  return (
    <>
      <p class="waited-words">
        {isDone ? (
          <State tone="well">
            {isPull(request) ? "It is connected: its pull came through here." : "It is connected: its push came through here."}
          </State>
        ) : (
          <State tone="warn">It reaches Breakwater, and was not served. The next one is waited for.</State>
        )}
      </p>
      <Facts
        of={[
          ["Client", <a href={pageLink("requests", { client: request.client ?? "" })}><Words of={request.client} /></a>],
          ["At", <Time at={request.at} as="seconds" />],
          ["Route", request.route ? <a href={linkOf(request.route)}><Words of={request.route} /></a> : <Words of="" />],
          ["Image", imageOf(request)],
          ["Result", `${request.status ?? ""} ${format.tame(request.cache && request.cache !== "none" ? request.cache : "", 40)}`],
          ...(request.reason ? [["Why", <Words of={request.reason} max={600} />] satisfies [string, ComponentChildren]] : []),
          ["User agent", <Words of={request.user_agent} />],
        ]}
      />
    </>
  );
}

// The port of an address that a route listens on: "[::]:5000".
function portOf(listen: string | undefined): string {
  return listen?.slice(listen.lastIndexOf(":") + 1) ?? "PORT";
}

function Hints({ client, host, from }: { client: ClientName; host: string; from: string }): JSX.Element {
  const status = useAnswer<Status>("status").answer;
  const ports = useMemo(() => {
    const routes = status?.routes ?? [];
    return routes.filter((route) => route.listen.length > 0).map((route) => ({ route: route.name, port: portOf(route.listen[0]) }));
  }, [status]);
  const port = ports[0]?.port ?? "PORT";
  const name = host === "" ? "HOST" : host;
  return (
    <div class="hints">
      <h3>Nothing has come for a minute. What to check:</h3>
      <ol>
        <li>
          That the client reaches this machine. There, this has to answer <code>200</code>, or <code>401</code> if it asks for a
          password:
          <Lines text={`curl -i http://${name}:${port}/v2/`} what="a question to Breakwater" />
          If it does not: is the name right, is there a firewall, and does the route listen on more than loopback?
        </li>
        <li>
          That the client has not got the image already: then it asks nobody. Pull a tag that it has never had.
        </li>
        <li>{CLIENTS[client].hint}</li>
        <li>
          That the file lies where it is said above, and the client was restarted where it says so. Most clients go on
          to the registry itself without a word if they cannot read it.
        </li>
        {from !== "" && (
          <li>
            That the client comes from {format.tame(from, 64)}: behind NAT or a proxy it has another address.{" "}
            <button type="button" class="small" onClick={() => goQuery({ from: "" })}>
              Wait for any
            </button>
          </li>
        )}
      </ol>
    </div>
  );
}
