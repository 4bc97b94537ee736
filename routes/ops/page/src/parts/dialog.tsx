// The browser's own modal dialog: it keeps the focus inside, closes by Escape, and gives the focus back. If what
// had it is gone meanwhile, a row that was deleted, the row in its place has it then, or the page's heading.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

// Where one was, and where one is if that is gone.
function placesOf(element: Element | null): HTMLElement[] {
  const row = element?.closest("tr");
  const places = [element, row?.nextElementSibling, row?.previousElementSibling];
  return places.filter((place) => place instanceof HTMLElement && place !== document.body) as HTMLElement[];
}

// Who has gone on meanwhile, by a key or a click, keeps what has the focus now.
function giveBack(places: HTMLElement[]): void {
  if (document.activeElement && document.activeElement !== document.body) return;
  for (const place of [...places.filter((one) => one.isConnected), document.querySelector<HTMLElement>("main h1")]) {
    place?.focus({ preventScroll: true });
    if (place && document.activeElement === place) return;
  }
}

export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    const before = placesOf(document.activeElement);
    dialog?.showModal();
    return () => {
      dialog?.close();
      // What was done is drawn after this.
      requestAnimationFrame(() => giveBack(before));
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => {
        if (event.target === element.current) props.onClose();
      }}
    >
      <div class="dialog">
        <h2 id="dialog-title">{props.title}</h2>
        {props.children}
      </div>
    </dialog>
  );
}
