// Lines to copy, with a button that does it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";

// Browsers give pages the clipboard only over TLS or on loopback; elsewhere the old way is taken.
async function copied(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // The old way, then.
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

export function CopyButton({ text, what }: { text: string; what: string }): JSX.Element {
  const [said, setSaid] = useState("");
  const copy = async (): Promise<void> => {
    setSaid((await copied(text)) ? "Copied" : "Select it and press Ctrl+C");
    setTimeout(() => setSaid(""), 3000);
  };
  return (
    <button type="button" class="copy small" onClick={() => void copy()} aria-label={`Copy ${what}`}>
      <span aria-live="polite">{said === "" ? "Copy" : said}</span>
    </button>
  );
}

export function Lines({ text, what }: { text: string; what: string }): JSX.Element {
  return (
    <div class="lines">
      <pre tabIndex={0} aria-label={what}>
        {text}
      </pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}
