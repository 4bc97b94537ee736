// Lines to pull an image with, with this machine's real address.
import type { JSX } from "preact";
import type { RouteStatus } from "../answers";
import { Choice } from "../parts/frame";
import { Lines } from "../parts/copy";
import { goQuery, pageLink, usePlace } from "../place";

const CLIENTS = [
  ["docker", "Docker"],
  ["podman", "podman"],
  ["ctr", "ctr"],
  ["crane", "crane"],
  ["from", "FROM"],
] as const;
type Client = (typeof CLIENTS)[number][0];

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || host.startsWith("127.");
}

function isAnyHost(host: string): boolean {
  return host === "" || host === "*" || host === "0.0.0.0" || host === "[::]" || host === "::";
}

// "10.0.0.5:5000" of "0.0.0.0:5000", as seen from a browser that called this machine `hostname`. What listens
// on one address only is named by that; what listens on all, or on loopback, as the browser named it.
export function addressOf(listen: string, hostname: string): string | null {
  const colon = listen.lastIndexOf(":");
  const port = listen.slice(colon + 1);
  if (colon < 0 || !/^\d+$/.test(port)) return null;
  const host = listen.slice(0, colon);
  return `${isAnyHost(host) || isLoopback(host) ? hostname : host}:${port}`;
}

// How each client is told; routes speak plain HTTP, of which all but Docker on loopback have to be told.
function lineOf(client: Client, image: string, isHere: boolean, platform: string): string {
  switch (client) {
    case "docker":
      return `docker pull ${platform ? `--platform ${platform} ` : ""}${image}`;
    case "podman":
      return `podman pull ${isHere ? "--tls-verify=false " : ""}${platform ? `--platform ${platform} ` : ""}${image}`;
    case "ctr":
      return `ctr images pull ${isHere ? "--plain-http " : "--hosts-dir /etc/containerd/certs.d "}${platform ? `--platform ${platform} ` : ""}${image}`;
    case "crane":
      return `crane pull ${isHere ? "--insecure " : ""}${platform ? `--platform ${platform} ` : ""}${image} image.tar`;
    case "from":
      return `FROM ${platform ? `--platform=${platform} ` : ""}${image}`;
  }
}

// What Docker asks of a plain HTTP registry that is not on loopback.
function noteOf(client: Client, address: string): string {
  const isLocal = isLoopback(address.slice(0, address.lastIndexOf(":")));
  if ((client === "docker" || client === "from") && !isLocal)
    return "Docker and BuildKit have to be told once that this is plain HTTP.";
  return "";
}

interface PullProps {
  route: RouteStatus;
  repository: string;
  tag: string; // "" for an image that is named by its digest
  digest: string;
  platform: string; // "" if the image is not for several
}

export function PullLines({ route, repository, tag, digest, platform }: PullProps): JSX.Element {
  const { query } = usePlace();
  const chosen = CLIENTS.find(([name]) => name === query.get("with"))?.[0] ?? "docker";
  const address = addressOf(route.listen[0] ?? "", location.hostname);
  const chosenPlatform = query.get("platform") === platform ? platform : "";
  const lines = (name: string, isHere: boolean): { what: string; text: string }[] => [
    ...(tag === "" ? [] : [{ what: "By its tag", text: lineOf(chosen, `${name}:${tag}`, isHere, chosenPlatform) }]),
    { what: "By its digest", text: lineOf(chosen, `${name}@${digest}`, isHere, chosenPlatform) },
  ];
  // Of a route for any registry, the repository begins with the registry's name.
  const upstream = route.registry ? `${route.registry}/${repository}` : route.kind === "mirror" ? "" : repository;
  const isMirror = route.kind !== "registry";
  const note = address === null ? "" : noteOf(chosen, address);

  return (
    <>
      <Choice label="Client" of={CLIENTS} chosen={chosen} onChoose={(client) => goQuery({ with: client })} />
      {address === null ? (
        <p class="empty">This route listens on no port of its own; it is reached through one that takes every registry.</p>
      ) : (
        <div class="pull">
          {lines(`${address}/${repository}`, true).map(({ what, text }) => (
            <div key={what}>
              <h3>{what}</h3>
              <Lines text={text} what={`${what}, from ${address}`} />
            </div>
          ))}
        </div>
      )}
      {note !== "" && (
        <p class="note">
          {note} <a href={pageLink("connect")}>How</a>
        </p>
      )}
      {isMirror && upstream !== "" && (
        <div class="pull">
          <h3>As upstream has it</h3>
          <p class="note">
            A client that is <a href={pageLink("connect")}>connected</a> says it so, and gets it through here.
          </p>
          {lines(upstream, false)
            .slice(0, 1)
            .map(({ text }) => (
              <Lines key={text} text={text} what="The name upstream" />
            ))}
        </div>
      )}
    </>
  );
}
