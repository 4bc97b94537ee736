// One image: what its tag or digest names, for which platforms, of which layers, how much of it is here and why,
// and how it is pulled.
import type { JSX } from "preact";
import { type Asked, useAnswer } from "../api";
import type { ImageTold, RouteStatus, TreeNode } from "../answers";
import * as format from "../format";
import { CopyButton } from "../parts/copy";
import { Answered, Empty, Facts, Heading, Section, Waiting } from "../parts/frame";
import { Bytes, Digest, State, Time, Words } from "../parts/value";
import { type ImagePath, goQuery, linkOf, pageLink, usePlace } from "../place";
import { Config, IsHere, Layers } from "./image_layers";
import { PullLines } from "./image_pull";
import { WhyTree } from "./image_why";
import type { DocumentTold } from "./images_answers";
import { ImageDoings } from "./images_doings";
import { Crumbs, Failed, Here, MediaType, Texts, doingKind, useRoute } from "./images_parts";

const NO_PLATFORM = "unknown/unknown"; // what BuildKit writes for attestations

// The images of an index, each with a name of its own for the URL: its platform, or its digest if that names
// none or several.
export function platformsOf(tree: TreeNode): { name: string; node: TreeNode }[] {
  const manifests = (tree.children ?? []).filter(({ kind }) => kind === "manifest" || kind === "index");
  const seen = new Set<string>();
  return manifests.map((node) => {
    const platform = node.platform ?? "";
    const isOwn = platform !== "" && platform !== NO_PLATFORM && !seen.has(platform);
    if (isOwn) seen.add(platform);
    return { name: isOwn ? platform : format.shortDigest(node.digest), node };
  });
}

// All that is below a thing, each once.
function sumOf(node: TreeNode): { bytes: number; here: number; missing: number } {
  const sum = { bytes: 0, here: 0, missing: 0 };
  const seen = new Set<string>();
  const add = (one: TreeNode): void => {
    if (!seen.has(one.digest)) {
      seen.add(one.digest);
      sum.bytes += one.bytes;
      if (one.here) sum.here += one.bytes;
      else ++sum.missing;
    }
    for (const child of one.children ?? []) add(child);
  };
  add(node);
  return sum;
}

// Nothing is known yet, neither an answer nor why there is none.
function isWaiting(asked: Asked<DocumentTold>): boolean {
  return asked.answer === null && asked.error === null;
}

function CopyDigest({ of }: { of: string }): JSX.Element {
  return (
    <span class="digest-line">
      <code class="words">{format.tame(of, 200)}</code> <CopyButton text={of} what="the digest" />
    </span>
  );
}

function About({ told, document, kind }: { told: ImageTold; document: DocumentTold | null; kind: string }): JSX.Element {
  const facts: [string, JSX.Element | string][] = [
    ["Digest", <CopyDigest of={told.digest} />],
    ["Type", <MediaType of={document?.artifact_type ?? told.tree.media_type} />],
    [
      "Size",
      <>
        {told.at_least ? "at least " : ""}
        <Bytes of={told.bytes} />
      </>,
    ],
    ["Here", <Here bytes={told.bytes} here={told.here_bytes} missing={told.missing} atLeast={told.at_least} withBar />],
  ];
  if (told.missing > 0)
    facts.push([
      "Misses",
      `${format.count(told.missing, "thing", "things")}: ${told.at_least ? "at least " : ""}${format.bytes(told.bytes - told.here_bytes)}` +
        (kind === "mirror" ? "; fetched when somebody pulls them" : ""),
    ]);
  if (document?.set_at) facts.push([kind === "mirror" ? "Fetched" : "Pushed", <Time at={document.set_at} />]);
  if (document?.checked_at) facts.push(["Checked", <Time at={document.checked_at} />]);
  if (document) facts.push(["Last pull", document.last_pulled_at ? <Time at={document.last_pulled_at} /> : "never"]);
  if (document?.subject) {
    const of = `${document.route}/${document.repository}@${document.subject.digest}`;
    facts.push([
      "Refers to",
      <a href={linkOf(of)}>
        <Digest of={document.subject.digest} />
      </a>,
    ]);
  }
  facts.push(["Pinned", told.pinned ? "yes: it stays, whatever room is needed" : "no"]);
  return <Facts of={facts} />;
}

function Platforms(props: { of: { name: string; node: TreeNode }[]; chosen: string; repository: string }): JSX.Element {
  return (
    <div class="table-room" role="region" aria-label="Platforms of the image" tabIndex={0}>
      <table>
        <caption class="hidden">Platforms</caption>
        <thead>
          <tr>
            <th scope="col">Platform</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">Here</th>
          </tr>
        </thead>
        <tbody>
          {props.of.map(({ name, node }) => {
            const sum = sumOf(node);
            const isAttestation = node.platform === NO_PLATFORM;
            return (
              <tr key={node.digest}>
                <td>
                  <button
                    type="button"
                    class="small platform"
                    aria-pressed={name === props.chosen}
                    onClick={() => goQuery({ platform: name })}
                  >
                    <bdi>{format.tame(name, 80)}</bdi>
                  </button>
                  <p class="note">
                    {isAttestation ? "attestation " : ""}
                    <a href={linkOf(`${props.repository}@${node.digest}`)}>
                      <Digest of={node.digest} />
                    </a>
                  </p>
                </td>
                <td class="number">
                  {node.here ? "" : "≥ "}
                  <Bytes of={sum.bytes} />
                </td>
                <td>
                  {!node.here ? (
                    <State tone="quiet">not here</State>
                  ) : sum.missing === 0 ? (
                    <State tone="well">all here</State>
                  ) : (
                    <State tone="busy">{`${format.percent(sum.bytes > 0 ? sum.here / sum.bytes : 0)} here`}</State>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

// What was attached: signatures by their tags, and whatever names this image as its subject.
function Attached({ told, repository }: { told: ImageTold; repository: string }): JSX.Element {
  if (told.signatures.length === 0 && told.referrers.length === 0)
    return <Empty>Nothing that is here signs it or refers to it.</Empty>;
  return (
    <ul class="attached">
      {told.signatures.map(({ tag, digest }) => (
        <li key={tag}>
          signature{" "}
          <a href={linkOf(`${repository}:${tag}`)} title={format.tame(tag, 300)}>
            <Digest of={digest} />
          </a>
        </li>
      ))}
      {told.referrers.map(({ digest, artifact_type, bytes, here }) => (
        <li key={digest}>
          <Words of={artifact_type ?? "manifest"} />{" "}
          <a href={linkOf(`${repository}@${digest}`)}>
            <Digest of={digest} />
          </a>{" "}
          <Bytes of={bytes} /> <IsHere of={here} />
        </li>
      ))}
    </ul>
  );
}

interface ContentProps {
  told: ImageTold;
  image: ImagePath;
  route: RouteStatus | null;
  name: string;
}

function Content({ told, image, route, name }: ContentProps): JSX.Element {
  const { query } = usePlace();
  const repository = `${image.route}/${image.repository}`;
  const platforms = told.tree.kind === "index" ? platformsOf(told.tree) : [];
  const chosen =
    platforms.find((one) => one.name === query.get("platform")) ?? platforms.find(({ node }) => node.here) ?? platforms[0];
  const top = useAnswer<DocumentTold>("document", { of: name });
  const below = useAnswer<DocumentTold>(chosen ? "document" : null, { of: `${repository}@${chosen?.node.digest ?? ""}` });
  const shown = chosen ? below : top;
  const document = shown.answer;
  const node = chosen?.node ?? told.tree;
  const isImage = told.tree.kind !== "index" || platforms.length > 0;
  const tag = image.reference.startsWith(":") ? image.reference.slice(1) : "";
  const annotations = { ...top.answer?.annotations, ...(chosen ? document?.annotations : {}) };

  return (
    <div class="sections image">
      <div class="stack">
        <Section title="The image">
          <About told={told} document={top.answer} kind={doingKind(route)} />
        </Section>
        {platforms.length > 0 && (
          <Section title="Platforms" more={<span class="note">{format.count(platforms.length, "manifest", "manifests")}</span>}>
            <Platforms of={platforms} chosen={chosen?.name ?? ""} repository={repository} />
          </Section>
        )}
      </div>
      <div class="stack">
        <Section title="Pull it">
          {route ? (
            <PullLines
              route={route}
              repository={image.repository}
              tag={tag}
              digest={told.digest}
              platform={chosen?.node.platform ?? ""}
            />
          ) : (
            <Waiting rows={4} />
          )}
        </Section>
        <Section title="Why it is here">
          <WhyTree of={name} />
        </Section>
      </div>
      {isImage && isWaiting(shown) ? (
        <Section title="Layers" wide>
          <Waiting rows={6} />
        </Section>
      ) : (
        isImage && <Layers document={document} node={node} repository={repository} platform={chosen?.name ?? ""} />
      )}
      {document?.config ? (
        <Section title="Config">
          <Config of={document.config} repository={repository} />
        </Section>
      ) : (
        <ConfigOfTree node={node} repository={repository} asked={shown} />
      )}
      <div class="stack">
        <Section title="Annotations">
          {Object.keys(annotations).length > 0 ? (
            <Texts of={annotations} label="Names and values of annotations" />
          ) : isWaiting(top) ? (
            <Waiting rows={2} />
          ) : (
            <Empty>{top.answer ? "It has none." : "They are not told by this Breakwater."}</Empty>
          )}
        </Section>
        <Section title="Signatures and referrers">
          <Attached told={told} repository={repository} />
          {told.cut && <p class="note">There is more than is shown here.</p>}
        </Section>
      </div>
    </div>
  );
}

// The config as far as the tree tells it.
function ConfigOfTree(props: { node: TreeNode; repository: string; asked: Asked<DocumentTold> }): JSX.Element | null {
  const config = props.node.children?.find(({ kind }) => kind === "config");
  if (!config || isWaiting(props.asked)) return null;
  return (
    <Section title="Config">
      <Config of={config} repository={props.repository} />
    </Section>
  );
}

// A digest that is no manifest here: a layer or a config, or something that has gone. Why it is here is known.
function NoImage({ asked, image }: { asked: Asked<ImageTold>; image: ImagePath }): JSX.Element {
  const isDigest = image.reference.startsWith("@");
  const repository = `${image.route}/${image.repository}`;
  if (asked.error?.kind !== "not_found") return <Failed words={asked.error?.message ?? ""} again={asked.again} />;
  return (
    <>
      <Section title={isDigest ? "No manifest" : "Not here"}>
        <Empty>
          {isDigest
            ? "This digest is no manifest of this repository: it is a layer or a config, or it has gone."
            : `${format.tame(asked.error.message, 500)}.`}{" "}
          <a href={linkOf(repository)}>What the repository has</a>
        </Empty>
        {isDigest && <CopyDigest of={image.reference.slice(1)} />}
      </Section>
      {isDigest && (
        <Section title="Why it is here">
          <WhyTree of={image.reference.slice(1)} />
        </Section>
      )}
    </>
  );
}

export function ImagePage({ image }: { image: ImagePath }): JSX.Element {
  const repository = `${image.route}/${image.repository}`;
  const name = repository + image.reference;
  const isTag = image.reference.startsWith(":");
  const asked = useAnswer<ImageTold>("images", { of: name });
  const { route } = useRoute(image.route);
  const kind = doingKind(route);
  // One manifest of a registry cannot be pinned, and it goes with its tags.
  const isGone = asked.error?.kind === "not_found";
  const hasDoings = asked.answer !== null && !isGone && (isTag || kind === "mirror");
  const title = isTag ? name : `${repository}@${format.shortDigest(image.reference.slice(1))}`;

  return (
    <>
      <Crumbs of={[image.route, repository]} />
      <Heading title={title}>
        <div class="beside">
          <a href={pageLink("requests", { image: repository })}>Its requests</a>
          {hasDoings && (
            <ImageDoings
              what={name}
              kind={kind}
              isTag={isTag}
              isPinned={asked.answer?.pinned ?? false}
              onChange={asked.again}
            />
          )}
        </div>
      </Heading>
      {isGone || (asked.answer === null && asked.error) ? (
        <NoImage asked={asked} image={image} />
      ) : (
        <Answered asked={asked} rows={14}>
          {(told) => <Content key={name} told={told} image={image} route={route} name={name} />}
        </Answered>
      )}
    </>
  );
}
