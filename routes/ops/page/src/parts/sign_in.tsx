// Signing in and out: a form of two fields, and who one is, in the head of every page.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { ApiError } from "../api";
import { signIn, signOut, useCaller } from "../caller";
import * as format from "../format";
import { Dialog } from "./dialog";
import { Heading } from "./frame";

function SignInForm({ onCancel }: { onCancel?: () => void }): JSX.Element {
  const user = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [isAsking, setAsking] = useState(false);

  const send = async (): Promise<void> => {
    setAsking(true);
    setError(null);
    try {
      await signIn(user.current?.value.trim() ?? "", password.current?.value ?? "");
    } catch (why) {
      setError(why instanceof ApiError ? why : new ApiError(String(why), "internal", 0));
      setAsking(false);
      password.current?.select();
    }
  };
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div aria-live="assertive">{error && <p class="failure">{format.tame(error.message, 500)}</p>}</div>
      <label>
        User
        <input
          ref={user}
          name="user"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          maxLength={255}
          aria-invalid={error !== null}
          required
          autofocus
        />
      </label>
      <label>
        Password, or an access token
        <input
          ref={password}
          name="password"
          type="password"
          autocomplete="current-password"
          maxLength={1000}
          aria-invalid={error !== null}
          required
        />
      </label>
      <div class="dialog-foot">
        {onCancel && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
        <button type="submit" class="main" disabled={isAsking}>
          {isAsking ? "Signing in…" : "Sign in"}
        </button>
      </div>
    </form>
  );
}

// In the head of every page; nothing where nobody has a name.
export function WhoIAm(): JSX.Element | null {
  const caller = useCaller();
  const [isOpen, setOpen] = useState(false);
  const [failed, setFailed] = useState("");
  if (caller === null) return null;
  if (caller.user !== undefined)
    return (
      <div class="who">
        <span class="who-name" title={format.tame(caller.user, 200)}>
          <bdi>{format.tame(caller.user, 60)}</bdi>
        </span>
        {caller.signed_in && (
          <button
            type="button"
            class="small"
            onClick={() => void signOut().catch((why: unknown) => setFailed(String(why)))}
            aria-label={`Sign out ${format.tame(caller.user, 60)}`}
            title={failed === "" ? undefined : failed}
          >
            {failed === "" ? "Sign out" : "Sign out: try again"}
          </button>
        )}
      </div>
    );
  if (!caller.can_sign_in || !caller.may_look) return null;
  return (
    <div class="who">
      <button type="button" class="small" onClick={() => setOpen(true)}>
        Sign in
      </button>
      {isOpen && (
        <Dialog title="Sign in" onClose={() => setOpen(false)}>
          <SignInForm onCancel={() => setOpen(false)} />
        </Dialog>
      )}
    </div>
  );
}

// In place of every page, for who may not look.
export function SignInPage(): JSX.Element {
  const caller = useCaller();
  const why = caller?.why_not ?? "";
  return (
    <>
      <Heading title={caller?.can_sign_in ? "Sign in" : "Nothing is shown to you"} />
      <section class="section sign-in-page">
        {why !== "" && <p class="note">{format.tame(why, 500)}</p>}
        {caller?.can_sign_in && <SignInForm />}
      </section>
    </>
  );
}
