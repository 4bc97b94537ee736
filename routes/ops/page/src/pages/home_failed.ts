// What was refused or failed lately, told once for each reason.
import type { RequestTold } from "../answers";

export interface Failed {
  key: string;
  newest: RequestTold;
  count: number;
  isError: boolean; // Breakwater's or an upstream's, not the client's
}

// What clients ask to learn that something is not there yet, or who they are, is no refusal to worry about.
export function isAnswerToProbe(of: RequestTold): boolean {
  return (of.status === 404 && of.method === "HEAD") || (of.status === 401 && !of.repository && !of.reason);
}

export function isFailed(of: RequestTold): boolean {
  return (of.status ?? 0) >= 400 && !isAnswerToProbe(of);
}

// The same reason of another blob, or some seconds later, is the same reason.
function reasonKey(of: RequestTold): string {
  const reason = (of.reason ?? "").replace(/sha256:[0-9a-f]*/g, "sha256").replace(/\d+/g, "0");
  return `${of.route ?? ""} ${of.status ?? ""} ${reason === "" ? (of.repository ?? "") : reason}`;
}

// The newest first; `requests` in any order, also with some twice.
export function failedLately(requests: RequestTold[], most: number): Failed[] {
  const one = new Map(requests.filter(isFailed).map((request) => [request.number, request]));
  const groups = new Map<string, Failed>();
  for (const request of [...one.values()].sort((a, b) => b.number - a.number)) {
    const key = reasonKey(request);
    const group = groups.get(key);
    if (group) ++group.count;
    else groups.set(key, { key, newest: request, count: 1, isError: (request.status ?? 0) >= 500 });
  }
  return [...groups.values()].slice(0, most);
}
