import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function ImagesPage(): JSX.Element {
  return <Heading title="Images" />;
}
