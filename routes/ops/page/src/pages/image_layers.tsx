// What one image is made of: its config, and its layers with the lines that made them.
import type { JSX } from "preact";
import type { TreeNode } from "../answers";
import * as format from "../format";
import { Empty, Facts, Section } from "../parts/frame";
import { Bytes, Digest, State, Time, Words } from "../parts/value";
import { linkOf } from "../place";
import type { ConfigTold, DocumentTold, LayerTold } from "./images_answers";
import { Texts } from "./images_parts";

// `created_by` of BuildKit and of Docker before it, as it stands in a Dockerfile.
export function lineOf(createdBy: string): string {
  const plain = createdBy.replace(/\s+# buildkit$/, "");
  const nop = /^\/bin\/sh -c #\(nop\)\s+(.*)$/s.exec(plain);
  if (nop?.[1] !== undefined) return nop[1];
  const run = /^\/bin\/sh -c\s+(.*)$/s.exec(plain);
  return run?.[1] !== undefined ? `RUN ${run[1]}` : plain;
}

export function IsHere({ of }: { of: boolean | undefined }): JSX.Element {
  if (of === undefined) return <span class="unknown">–</span>;
  return of ? <State tone="well">here</State> : <State tone="quiet">not here</State>;
}

function rowsOf(document: DocumentTold | null, node: TreeNode | null): { layers: LayerTold[]; apart: LayerTold[] } {
  if (document?.layers) return { layers: document.layers, apart: document.history ?? [] };
  const layers = (node?.children ?? []).filter(({ kind }) => kind !== "config");
  return { layers, apart: [] };
}

function Line({ of }: { of: LayerTold }): JSX.Element {
  if (!of.created_by && !of.comment) return <span class="unknown">–</span>;
  return (
    <code class="line">
      <Words of={lineOf(of.created_by ?? of.comment ?? "")} max={400} />
    </code>
  );
}

function LayerRows({ of, repository, label }: { of: LayerTold[]; repository: string; label: string }): JSX.Element {
  let number = 0;
  return (
    <div class="table-room" role="region" aria-label={label} tabIndex={0}>
      <table class="layers">
        <caption class="hidden">{label}</caption>
        <thead>
          <tr>
            <th scope="col" class="number minor">
              Nr
            </th>
            <th scope="col">Layer</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col" class="minor">
              Here
            </th>
            <th scope="col">Made by</th>
          </tr>
        </thead>
        <tbody>
          {of.map((row, index) => (
            <tr key={index} class={row.digest ? undefined : "empty-layer"}>
              <td class="number minor">{row.digest ? ++number : ""}</td>
              <td>
                {row.digest ? (
                  <a href={linkOf(`${repository}@${row.digest}`)} title={row.media_type}>
                    <Digest of={row.digest} />
                  </a>
                ) : (
                  <span class="note">no layer</span>
                )}
              </td>
              <td class="number">{row.digest ? <Bytes of={row.bytes} /> : ""}</td>
              <td class="minor">{row.digest ? <IsHere of={row.here} /> : ""}</td>
              <td class="wide">
                <Line of={row} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface LayersProps {
  document: DocumentTold | null;
  node: TreeNode | null;
  repository: string; // with its route
  platform: string;
}

export function Layers({ document, node, repository, platform }: LayersProps): JSX.Element {
  const { layers, apart } = rowsOf(document, node);
  const sum = layers.reduce((bytes, layer) => bytes + (layer.bytes ?? 0), 0);
  const words = platform === "" ? "Layers" : `Layers of ${platform}`;
  return (
    <Section
      title={words}
      id="layers"
      wide
      more={
        <span class="note">
          {format.count(layers.filter(({ digest }) => digest).length, "layer", "layers")}, <Bytes of={sum} />
        </span>
      }
    >
      {document?.unreadable && <p class="failure">{<Words of={document.unreadable} max={500} />}</p>}
      {layers.length > 0 ? (
        <LayerRows of={layers} repository={repository} label={`${words}, the lowest first`} />
      ) : (
        <Empty>
          {node && !node.here ? "Its manifest is not here: nobody has pulled this one yet." : "It has no layers."}
        </Empty>
      )}
      {apart.length > 0 && (
        <>
          <h3>History</h3>
          <p class="note">It has not one line for each layer, so nobody knows whose they are.</p>
          <LayerRows of={apart} repository={repository} label="History" />
        </>
      )}
      {document?.cut && <p class="note">There is more than is shown here.</p>}
    </Section>
  );
}

function many(texts: string[] | undefined): JSX.Element | null {
  if (!texts || texts.length === 0) return null;
  return (
    <ul>
      {texts.map((text, index) => (
        <li key={index}>
          <code>
            <Words of={text} max={600} />
          </code>
        </li>
      ))}
    </ul>
  );
}

// A command as one would type it; words with spaces in them are told apart.
function commandOf(words: string[] | undefined): JSX.Element | null {
  if (!words || words.length === 0) return null;
  const text = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
  return (
    <code>
      <Words of={text} max={1000} />
    </code>
  );
}

export function Config({ of, repository }: { of: ConfigTold; repository: string }): JSX.Element {
  const facts: [string, JSX.Element | null][] = [
    [
      "Config",
      <a href={linkOf(`${repository}@${of.digest}`)}>
        <Digest of={of.digest} />
      </a>,
    ],
    ["Size", <Bytes of={of.bytes} />],
    ["Here", <IsHere of={of.here} />],
    ["Platform", of.platform ? <Words of={of.platform} /> : null],
    ["Made", of.created ? <Time at={of.created} /> : null],
    ["Author", of.author ? <Words of={of.author} /> : null],
    ["User", of.user ? <Words of={of.user} /> : null],
    ["Works in", of.working_dir ? <Words of={of.working_dir} /> : null],
    ["Entrypoint", commandOf(of.entrypoint)],
    ["Command", commandOf(of.cmd)],
    ["Stops by", of.stop_signal ? <Words of={of.stop_signal} /> : null],
    ["Ports", many(of.exposed_ports)],
    ["Volumes", many(of.volumes)],
    ["Environment", many(of.env)],
  ];
  const told = facts.filter((fact): fact is [string, JSX.Element] => fact[1] !== null);
  return (
    <>
      {of.unreadable && (
        <p class="failure">
          <Words of={of.unreadable} max={500} />
        </p>
      )}
      <Facts of={told} />
      {of.labels && Object.keys(of.labels).length > 0 && (
        <>
          <h3>Labels</h3>
          <Texts of={of.labels} label="Labels" />
        </>
      )}
    </>
  );
}
