import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function SavedPage(): JSX.Element {
  return <Heading title="Saved" />;
}
