import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function RoutePage({ route }: { route: string }): JSX.Element {
  return <Heading title={route} />;
}
