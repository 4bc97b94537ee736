// Sizes, times and counts as people read them. The exact value belongs into a title: see parts/value.tsx.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

// "1.2 GiB"; three digits at most, as the command line says it.
export function bytes(count: number): string {
  let value = Math.abs(count);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    ++unit;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${count < 0 ? "−" : ""}${value.toFixed(digits)} ${UNITS[unit]}`;
}

export function exactBytes(count: number): string {
  return `${grouped(count)} bytes`;
}

// "12 345", with narrow spaces that do not break.
export function grouped(count: number): string {
  return Math.round(count)
    .toString()
    .replace("-", "−")
    .replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`;
}

// "85 %", "0.4 %"; "–" if nothing is known.
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  const value = share * 100;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  if (value > 99.9 && value < 100) return "> 99.9 %";
  return `${value < 10 && value % 1 !== 0 ? value.toFixed(1) : value.toFixed(0)} %`;
}

export function count(value: number, one: string, many: string): string {
  return `${grouped(value)} ${value === 1 ? one : many}`;
}

// "3 min", "2 h 5 min", "12 days".
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) {
    const hours = Math.floor(s / 3600);
    const minutes = Math.floor((s % 3600) / 60);
    return minutes === 0 || hours >= 10 ? `${hours} h` : `${hours} h ${minutes} min`;
  }
  const days = Math.round(s / 86400);
  if (days < 60) return `${days} days`;
  return days < 730 ? `${Math.round(days / 30.4)} months` : `${(days / 365).toFixed(1)} years`;
}

// "3 min ago", "in 2 h", "just now".
export function fromNow(at: Date, now: Date = new Date()): string {
  const seconds = (now.getTime() - at.getTime()) / 1000;
  if (Math.abs(seconds) < 2) return "just now";
  const whole = seconds > 0 ? Math.floor(seconds) : Math.ceil(-seconds);
  const words = whole < 90 ? `${whole} s` : duration(whole);
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

function two(value: number): string {
  return value.toString().padStart(2, "0");
}

// "14:05" today, "Tue 14:05" this week, "2026-11-27" else; of this browser's time zone.
export function clock(at: Date, now: Date = new Date()): string {
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === now.toDateString()) return time;
  const days = Math.abs(now.getTime() - at.getTime()) / 86_400_000;
  if (days < 6) return `${["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][at.getDay()]} ${time}`;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

// The same text with the times of the API in it as people here read them: "… limits us until 14:05".
export function withClocks(text: string, now: Date = new Date()): string {
  return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, (told) => {
    const at = timeOf(told);
    return at ? clock(at, now) : told;
  });
}

export function seconds(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function exactTime(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${seconds(at)} (${at.toISOString()})`;
}

// A time of the API, "2026-01-01T00:00:00Z"; null if there is none or it is none.
export function timeOf(text: string | null | undefined): Date | null {
  if (!text) return null;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at;
}

// "sha256:0123456789ab…"
export function shortDigest(digest: string): string {
  const colon = digest.indexOf(":");
  return colon < 0 || digest.length - colon <= 14 ? digest : `${digest.slice(0, colon + 13)}…`;
}

// Text of a stranger, as something that has a place to stand in: no controls, nothing that turns the direction
// of what follows it, and an end.
export function tame(text: string, max = 300): string {
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, "\ufffd");
  return plain.length > max ? `${plain.slice(0, max)}…` : plain;
}
