// Where one is: the path and query of the URL, and what they mean. Every state of the page is a link.
//
//   /                                   how it is
//   /requests?client=10.0.20.7          a page of its own, with what it is filtered by
//   /dockerhub                          the repositories of a route
//   /dockerhub/library/alpine           the tags of a repository
//   /dockerhub/library/alpine:3.20      an image, by its tag
//   /private/team/app@sha256:…          an image, by its digest
//   /images/requests/app                the same for a route that is called like a page
import { useEffect, useState } from "preact/hooks";

export const PAGES = [
  "saved", "transfers", "upstreams", "requests", "disk", "next", "images", "caches", "connect", "integrity", "doings", "tokens",
] as const;
export type PageName = (typeof PAGES)[number] | "home";

export interface ImagePath {
  route: string;
  repository: string; // "" for the route itself
  reference: string; // ":3.20", "@sha256:…", or "" for the repository itself
}

export interface Place {
  page: PageName;
  image: ImagePath | null; // on "images"
  query: URLSearchParams;
}

function isPage(word: string): word is PageName {
  return (PAGES as readonly string[]).includes(word);
}

// A reference is the last segment's: what stands before a slash is a name, whatever it has.
export function imagePath(words: string): ImagePath {
  const slash = words.indexOf("/");
  const route = slash < 0 ? words : words.slice(0, slash);
  const rest = slash < 0 ? "" : words.slice(slash + 1);
  const at = rest.indexOf("@");
  if (at >= 0) return { route, repository: rest.slice(0, at), reference: rest.slice(at) };
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  if (colon >= 0) return { route, repository: rest.slice(0, colon), reference: rest.slice(colon) };
  return { route, repository: rest, reference: "" };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

export function placeOf(url: { pathname: string; search: string }): Place {
  const query = new URLSearchParams(url.search);
  const path = decoded(url.pathname).replace(/^\/+|\/+$/g, "");
  if (path === "") return { page: "home", image: null, query };
  const first = path.split("/", 1)[0] ?? "";
  if (!isPage(first)) return { page: "images", image: imagePath(path), query };
  const rest = path.slice(first.length + 1);
  if (first === "images" && rest !== "") return { page: "images", image: imagePath(rest), query };
  return { page: first, image: null, query };
}

// What a browser would take for something else is escaped; "/", ":" and "@" are read as they are.
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%40/g, "@");
}

// The link to what is called so: "dockerhub/library/alpine:3.20".
export function linkOf(name: string): string {
  const route = name.split("/", 1)[0] ?? "";
  const needsPage = isPage(route) || route === "api" || route === "-" || route === "";
  return (needsPage ? "/images/" : "/") + escaped(name);
}

// A page's link with these words in its query; those that are "" are left out.
export function pageLink(page: PageName, query: Record<string, string> = {}): string {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  const text = words.toString();
  return (page === "home" ? "/" : `/${page}`) + (text === "" ? "" : `?${text}`);
}

const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

// Another page begins at its top; the same one with other words in its query stays where it is.
export function go(link: string, how: "push" | "replace" = "push"): void {
  const path = location.pathname;
  if (how === "push") history.pushState({ from: path + location.search }, "", link);
  else history.replaceState(history.state, "", link);
  tell();
  if (location.pathname !== path) window.scrollTo(0, 0);
}

// The same page with other words in its query. Back undoes a choice; what changes with each key that is typed,
// or in which order a table stands, takes the place of what was there ("replace").
export function goQuery(change: Record<string, string>, how: "push" | "replace" = "push"): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  const link = location.pathname + (text === "" ? "" : `?${text}`);
  if (link !== location.pathname + location.search) go(link, how);
}

// What was opened over `link` is closed: back, if one came from there, so that no step is there twice.
export function close(link: string): void {
  if ((history.state as { from?: string } | null)?.from === link) history.back();
  else go(link, "replace");
}

// Links of this page are followed without loading it anew.
export function followLinks(): void {
  addEventListener("popstate", tell);
  addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target !== "" || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/api/") || link.hasAttribute("download") || link.hash !== "") return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location));
  useEffect(() => {
    const listener = (): void => setPlace(placeOf(location));
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return place;
}
