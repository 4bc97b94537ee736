// Things that the page does: first it shows what would be done, in the same words as `--dry-run`, then it asks.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, type Body, type ToldProgress, act } from "../api";
import { useCaller } from "../caller";
import * as format from "../format";
import { Dialog } from "./dialog";
import { Waiting } from "./frame";
import { Bar } from "./value";

export interface Doing<Answer> {
  path: string; // "remove"
  body: Body;
  verb: string; // of the button: "Delete"
  title: string; // "Delete private/team/app:1.2"
  isDangerous?: boolean;
  takesLong?: boolean; // it tells how far it is
  hasNoPreview?: boolean;
  // What would be done, or what was done: the same answer, with `dry_run`.
  preview: (answer: Answer) => ComponentChildren;
  // What is said when it is done; absent: the preview of the answer.
  done?: (answer: Answer) => ComponentChildren;
  // Whether there is anything to do, by the preview.
  isWorth?: (answer: Answer) => boolean;
  onDone?: (answer: Answer) => void; // when the dialog that says so was closed
}

// Its button; nothing for who may not do it.
export function DoingButton<Answer>({ of, isSmall = true }: { of: Doing<Answer>; isSmall?: boolean }): JSX.Element | null {
  const caller = useCaller();
  const [isOpen, setOpen] = useState(false);
  if (!caller?.may_act) return null;
  return (
    <>
      <button
        type="button"
        class={`${isSmall ? "small" : ""} ${of.isDangerous ? "danger" : ""}`}
        aria-label={of.title.startsWith(of.verb) ? of.title : `${of.verb}: ${of.title}`}
        onClick={() => setOpen(true)}
      >
        {of.verb}
      </button>
      {isOpen && <DoingDialog of={of} onClose={() => setOpen(false)} />}
    </>
  );
}

export function DoingDialog<Answer>({ of, onClose }: { of: Doing<Answer>; onClose: () => void }): JSX.Element {
  const [preview, setPreview] = useState<Answer | null>(null);
  const [done, setDone] = useState<Answer | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [progress, setProgress] = useState<ToldProgress | null>(null);
  const [isDoing, setDoing] = useState(false);

  useEffect(() => {
    if (of.hasNoPreview) return;
    act<Answer>(of.path, { ...of.body, dry_run: true }).then(setPreview, setError);
  }, []);

  const doIt = async (): Promise<void> => {
    setDoing(true);
    setError(null);
    try {
      setDone(await act<Answer>(of.path, of.body, of.takesLong ? setProgress : undefined));
    } catch (why) {
      setError(why instanceof ApiError ? why : new ApiError(String(why), "internal", 0));
    }
    setDoing(false);
    setProgress(null);
  };

  // What is listed is asked again when this has been read: the row that it stands on may be gone then.
  const close = (): void => {
    onClose();
    if (done !== null) of.onDone?.(done);
  };

  const isReady = of.hasNoPreview || preview !== null;
  const isWorth = preview === null || (of.isWorth?.(preview) ?? true);
  return (
    <Dialog title={of.title} onClose={close}>
      <div class="doing" aria-live="polite">
        {error && <p class="failure">{format.tame(error.message, 1000)}</p>}
        {done !== null ? (
          <>
            <p class="done">Done.</p>
            {(of.done ?? of.preview)(done)}
          </>
        ) : preview !== null ? (
          of.preview(preview)
        ) : (
          !isReady && !error && <Waiting rows={3} />
        )}
        {progress && <Far of={progress} />}
      </div>
      <div class="dialog-foot">
        <button type="button" onClick={close}>
          {done !== null ? "Close" : "Cancel"}
        </button>
        {done === null && isReady && isWorth && (
          <button type="button" class={of.isDangerous ? "danger" : "main"} disabled={isDoing} onClick={() => void doIt()}>
            {isDoing ? "…" : of.verb}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function Far({ of }: { of: ToldProgress }): JSX.Element {
  if (of.bytes_total === 0) return <p>{format.bytes(of.bytes)} so far</p>;
  const words = `${format.bytes(of.bytes)} of ${format.bytes(of.bytes_total)}`;
  return (
    <p>
      <Bar share={of.bytes / of.bytes_total} label={words} tone="busy" /> {words}
    </p>
  );
}
