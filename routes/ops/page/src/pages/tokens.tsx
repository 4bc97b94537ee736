// Access tokens: which there are, one more, and one that is refused from now on. For who may administer.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { type Asked, useAnswer } from "../api";
import type { Status, TokenListed, TokenMade, TokenRevoked, TokensListed } from "../answers";
import { useCaller } from "../caller";
import * as format from "../format";
import { Lines } from "../parts/copy";
import { type Doing, DoingButton, DoingDialog } from "../parts/doing";
import { Answered, Facts, Heading, Section } from "../parts/frame";
import { type Column, Table } from "../parts/table";
import { State, Time, Words } from "../parts/value";

const ACTIONS = ["pull", "push", "delete", "sign"] as const;
type Action = (typeof ACTIONS)[number];

const LIFETIMES: readonly (readonly [string, string])[] = [
  ["1d", "in a day"],
  ["7d", "in 7 days"],
  ["30d", "in 30 days"],
  ["90d", "in 90 days"],
  ["365d", "in a year"],
  ["never", "never"],
];

export function TokensPage(): JSX.Element {
  const caller = useCaller();
  const may = caller?.may_act === true;
  const tokens = useAnswer<TokensListed>(may ? "tokens" : null, {}, 30_000);
  return (
    <>
      <Heading title="Tokens" />
      {caller !== null && !may && (
        <p class="who-may" role="status">
          <State tone="quiet">Tokens are for who may administer.</State>{" "}
          {caller.why_not && (
            <span class="note">
              <Words of={caller.why_not} max={500} />
            </span>
          )}
        </p>
      )}
      {may && (
        <div class="sections">
          <Section title="Make a token">
            <NewToken onMade={tokens.again} />
          </Section>
          <Section title="Tokens that there are" wide>
            <TokenList asked={tokens} />
          </Section>
        </div>
      )}
    </>
  );
}

// --- one more

// Where clients of a registry of our own log in.
function loginHost(status: Status | null): string {
  const address = status?.routes.find((route) => route.kind === "registry")?.listen[0] ?? "";
  const port = /:(\d+)$/.exec(address)?.[1];
  return port ? `${location.hostname}:${port}` : location.hostname;
}

function rightsOf(may: string[], repositories: string[], expires: string | undefined): JSX.Element {
  return (
    <Facts
      of={[
        ["May", may.join(", ")],
        ["In", <Words of={repositories.join(", ")} max={1000} />],
        ["Expires", expires ? <Time at={expires} /> : "never"],
      ]}
    />
  );
}

function made(token: TokenMade, host: string): JSX.Element {
  const login = `docker login --username ${token.name} ${host}`;
  return (
    <div class="told">
      {token.token ? (
        <>
          <p>
            This is the token <Words of={token.name} />. It is shown this once: copy it now.
          </p>
          <Lines text={token.token} what="the token" />
          <p>It is the password, of whatever user:</p>
          <Lines text={login} what="the line to log in" />
        </>
      ) : (
        <p class="said">
          <Words of={token.words} max={500} />
        </p>
      )}
      {rightsOf(token.may, token.repositories, token.expires_at)}
    </div>
  );
}

function NewToken({ onMade }: { onMade: () => void }): JSX.Element {
  const status = useAnswer<Status>("status");
  const [name, setName] = useState("");
  const [may, setMay] = useState<readonly Action[]>(["pull"]);
  const [repositories, setRepositories] = useState("");
  const [expires, setExpires] = useState("90d");
  const [doing, setDoing] = useState<Doing<TokenMade> | null>(null);
  const host = loginHost(status.answer);
  return (
    <form
      class="doing-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (may.length === 0) return;
        const patterns = repositories.split(/[\s,]+/).filter((word) => word !== "");
        const body: Record<string, string> = { name: name.trim(), may: may.join(","), expires };
        if (patterns.length > 0) body["repositories"] = patterns.join(",");
        setDoing({
          path: "create-token",
          body,
          verb: "Make it",
          title: `Make the token ${format.tame(name.trim(), 80)}`,
          preview: (token) => made(token, host),
          onDone: () => {
            setName("");
            onMade();
          },
        });
      }}
    >
      <p class="note">For a machine: a CI, a node, a build cache. It may what it is made for, and nothing else.</p>
      <label>
        Name
        <input
          name="name"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
          placeholder="ci-cache"
          maxLength={64}
          pattern="[A-Za-z0-9._\-]+"
          title="Letters, digits, - _ and ."
          spellcheck={false}
          autocomplete="off"
          required
        />
      </label>
      <fieldset class="ticks">
        <legend>May</legend>
        {ACTIONS.map((action) => (
          <label key={action}>
            <input
              type="checkbox"
              name={action}
              checked={may.includes(action)}
              onChange={(event) => {
                const isOn = event.currentTarget.checked;
                setMay(ACTIONS.filter((one) => (one === action ? isOn : may.includes(one))));
              }}
            />
            {action}
          </label>
        ))}
      </fieldset>
      <label>
        Repositories; none: all
        <input
          name="repositories"
          value={repositories}
          onInput={(event) => setRepositories(event.currentTarget.value)}
          placeholder="cache/*, team/app"
          spellcheck={false}
          autocomplete="off"
        />
      </label>
      <label>
        Expires
        <select name="expires" value={expires} onChange={(event) => setExpires(event.currentTarget.value)}>
          {LIFETIMES.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <div class="doing-foot">
        <button type="submit" disabled={may.length === 0}>
          Make a token…
        </button>
        {may.length === 0 && <span class="note">It has to be for something.</span>}
      </div>
      {doing && <DoingDialog of={doing} onClose={() => setDoing(null)} />}
    </form>
  );
}

// --- those that there are

function standingOf(token: TokenListed): JSX.Element {
  if (token.standing === "valid") return <State tone="well">valid</State>;
  return <State tone="quiet">{format.tame(token.standing, 20)}</State>;
}

function revokedTold(revoked: TokenRevoked): JSX.Element {
  return (
    <div class="told">
      <p class="said">
        <Words of={revoked.words} max={500} />
      </p>
      {revoked.dry_run && <p>Whoever has it is refused from then on. That is not undone: make another.</p>}
    </div>
  );
}

function columnsOf(onRevoked: () => void): Column<TokenListed>[] {
  return [
    { name: "Token", isWide: true, sortBy: (row) => row.name, cell: (row) => <Words of={row.name} /> },
    { name: "Standing", sortBy: (row) => row.standing, cell: standingOf },
    { name: "May", sortBy: (row) => row.may.join(), cell: (row) => row.may.join(", ") },
    {
      name: "Repositories",
      isMinor: true,
      sortBy: (row) => row.repositories.join(),
      cell: (row) => <Words of={row.repositories.join(", ")} max={300} />,
    },
    { name: "Created by", isMinor: true, sortBy: (row) => row.made_by, cell: (row) => <Words of={row.made_by} /> },
    {
      name: "Created",
      isNumber: true,
      isMinor: true,
      sortBy: (row) => row.created_at,
      cell: (row) => <Time at={row.created_at} />,
    },
    {
      name: "Expires",
      isNumber: true,
      isMinor: true,
      sortBy: (row) => row.expires_at ?? null,
      cell: (row) => (row.expires_at ? <Time at={row.expires_at} /> : "never"),
    },
    {
      name: "Last used",
      isNumber: true,
      isMinor: true,
      sortBy: (row) => row.last_used_at ?? null,
      cell: (row) => (row.last_used_at ? <Time at={row.last_used_at} /> : "never"),
    },
    {
      name: "Revoke",
      isNumber: true,
      cell: (row) =>
        row.standing === "valid" ? (
          <DoingButton<TokenRevoked>
            of={{
              path: "revoke-token",
              body: { name: row.name },
              verb: "Revoke",
              title: `Revoke the token ${format.tame(row.name, 80)}`,
              isDangerous: true,
              preview: revokedTold,
              isWorth: (answer) => answer.changed,
              onDone: onRevoked,
            }}
          />
        ) : (
          <span class="unknown">–</span>
        ),
    },
  ];
}

function TokenList({ asked }: { asked: Asked<TokensListed> }): JSX.Element {
  const columns = useMemo(() => columnsOf(asked.again), [asked.again]);
  return (
    <Answered asked={asked} rows={4}>
      {(told) => (
        <>
          <Table
            label="Access tokens"
            columns={columns}
            rows={told.tokens}
            keyOf={(row) => `${row.name} ${row.created_at}`}
            sortName="tokens"
            empty="There are no tokens yet."
          />
          {told.tokens.length > 0 && (
            <p class="note">
              {format.grouped(told.tokens.length)} of at most {format.grouped(told.tokens_max)}
            </p>
          )}
        </>
      )}
    </Answered>
  );
}
