import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function NextPage(): JSX.Element {
  return <Heading title="Next" />;
}
