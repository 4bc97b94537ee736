import type { JSX } from "preact";
import type { ImagePath } from "../place";
import { Heading } from "../parts/frame";

export function ImagePage({ image }: { image: ImagePath }): JSX.Element {
  return <Heading title={image.repository} />;
}
