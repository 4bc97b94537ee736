import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function ConnectPage(): JSX.Element {
  return <Heading title="Connect" />;
}
