// Why something is here, as links upwards: from a layer to its manifest, its index, and the tags that name it.
import type { JSX } from "preact";
import { useAnswer } from "../api";
import { Answered, Empty } from "../parts/frame";
import { Bytes, Digest, Time, Words } from "../parts/value";
import { linkOf } from "../place";
import type { Reason, Standing, Why, WhyTold } from "./images_answers";

const REASONS_MAX = 50; // at one level

function StandingWords({ of }: { of: Standing | undefined }): JSX.Element | null {
  switch (of?.kind) {
    case "protected":
      return <>, protected</>;
    case "cache":
      return <>, cache: goes when room is needed</>;
    case "follows":
      return <>, stays as long as {of.subject ? <Digest of={of.subject} /> : "what it belongs to"} is here</>;
    case "orphan":
      return (
        <>
          , what it belongs to is not here: goes <Time at={of.until} />
        </>
      );
    default:
      return null;
  }
}

function ReasonWords({ of, repository }: { of: Reason; repository: string }): JSX.Element {
  const manifest = of.digest ? (
    <a href={linkOf(`${repository}@${of.digest}`)}>
      <Digest of={of.digest} />
    </a>
  ) : null;
  switch (of.kind) {
    case "tag":
      return (
        <>
          tagged{" "}
          <a href={linkOf(`${repository}:${of.tag ?? ""}`)}>
            <Words of={of.tag} />
          </a>
          <StandingWords of={of.standing} />
        </>
      );
    case "parent":
      return <>needed by {manifest}</>;
    case "subject":
      return <>refers to {manifest}</>;
    case "lease":
      return (
        <>
          a client was told of it: leased until <Time at={of.until} as="clock" />
        </>
      );
    case "mirror":
      return <>pulled through the mirror: goes when it is the least recently used</>;
    case "promise":
      return (
        <>
          nothing names it: untagged_after keeps it until <Time at={of.until} as="clock" />
        </>
      );
    case "lease_only":
      return <>nothing but a lease keeps it</>;
    case "more":
      return <>and more above that</>;
    default:
      return of.until ? (
        <>
          nothing keeps it: it goes <Time at={of.until} />
        </>
      ) : (
        <>nothing keeps it: it goes now</>
      );
  }
}

function Reasons({ of, repository }: { of: Reason[]; repository: string }): JSX.Element {
  return (
    <ul>
      {of.slice(0, REASONS_MAX).map((reason, index) => (
        <li key={index}>
          <ReasonWords of={reason} repository={repository} />
          {reason.because && reason.because.length > 0 && <Reasons of={reason.because} repository={repository} />}
        </li>
      ))}
      {of.length > REASONS_MAX && <li class="note">and {of.length - REASONS_MAX} more</li>}
    </ul>
  );
}

function Told({ of }: { of: WhyTold }): JSX.Element {
  return (
    <div class="why">
      <p>
        <Digest of={of.digest} />:{" "}
        {of.stored ? (
          <>
            <Bytes of={of.bytes} />, on the account of {of.account ? <Words of={of.account} /> : "nobody"}, last used{" "}
            <Time at={of.used_at} />
          </>
        ) : (
          "not stored"
        )}
        {of.leased_until && (
          <>
            , leased until <Time at={of.leased_until} as="clock" />
          </>
        )}
      </p>
      <ul>
        {of.repositories.map(({ route, repository, pushed_at, reasons }) => {
          const name = `${route}/${repository}`;
          return (
            <li key={name}>
              in{" "}
              <a href={linkOf(name)}>
                <Words of={name} />
              </a>
              {pushed_at && (
                <span class="note">
                  {" "}
                  since <Time at={pushed_at} />
                </span>
              )}
              <Reasons of={reasons} repository={name} />
            </li>
          );
        })}
      </ul>
      {of.repositories.length === 0 && <Empty>Nothing here names it.</Empty>}
    </div>
  );
}

export function WhyTree({ of }: { of: string }): JSX.Element {
  const asked = useAnswer<Why>("why", { of });
  return (
    <Answered asked={asked} rows={3}>
      {({ found }) => found.map((told, index) => <Told key={index} of={told} />)}
    </Answered>
  );
}
