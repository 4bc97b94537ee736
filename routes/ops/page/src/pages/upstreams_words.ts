// The state of an upstream in words, with what it means and what to do.
import type { Upstream } from "../answers";
import * as format from "../format";
import type { Tone } from "../parts/value";

export interface UpstreamWords {
  tone: Tone;
  state: string;
  meaning: string; // "" if there is nothing to know or do
}

export function wordsOf(of: Upstream, now: Date): UpstreamWords {
  switch (of.state) {
    case "throttled": {
      const until = format.timeOf(of.throttled_until);
      return {
        tone: "warn",
        state: until ? `Limits us until ${format.clock(until, now)}` : "Limits us",
        meaning: "What is cached goes on; the rest is asked for again then. Credentials of a paid account raise the limit.",
      };
    }
    case "refuses_credentials":
      return {
        tone: "bad",
        state: "Refuses our credentials",
        meaning: "Check username and password_file of the route. Public images go on meanwhile.",
      };
    case "unreachable":
      return {
        tone: "bad",
        state: "Cannot be reached",
        meaning: "What is cached goes on, also for tags. See DNS, the firewall, and the upstream's own status page.",
      };
    case "well":
      return of.requests === 0
        ? { tone: "quiet", state: "Not asked yet", meaning: "" }
        : { tone: "well", state: "Well", meaning: "" };
  }
}

// "37 of 100 pulls left in 6 h"; "" if it says nothing of a limit.
export function limitWords(of: Upstream): string {
  const left = of.rate_limit?.left ?? of.pulls_left;
  if (left === undefined) return "";
  const { limit, window_s } = of.rate_limit ?? {};
  const whole = limit === undefined ? format.count(left, "pull left", "pulls left") : `${format.grouped(left)} of ${format.count(limit, "pull", "pulls")} left`;
  return window_s === undefined ? whole : `${whole}, of each ${format.duration(window_s)}`;
}
