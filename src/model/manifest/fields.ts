import { z } from "zod";
import { DNS_LABEL } from "#model";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** RFC 1123 label. */
export const label = z
  .string()
  .regex(DNS_LABEL, "must be lower-case letters, digits and inner hyphens (RFC 1123 label)");

export const port = z.number().int().min(1).max(65_535);

/** What the reference says of a duration. */
export const DURATION_FORM = "duration, such as `20s`";

/** `500ms`, `20s`, `5m`, `1h` → milliseconds. */
export const durationMs = z
  .string()
  .regex(/^\d{1,9}(ms|s|m|h)$/, "must be a duration such as `20s`, `500ms` or `1h`")
  .describe(DURATION_FORM)
  .transform((text) => Number.parseInt(text, 10) * (UNITS_MS[/[a-z]+$/.exec(text)?.[0] ?? "ms"] ?? 1));

/** A name or an address, as the host of a URL. */
export const hostName = z
  .string()
  .max(253)
  .regex(
    /^(?:[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/,
    "must be a host's name or address, without a port",
  )
  .transform((name) => name.toLowerCase());

const PEM_LENGTH_MAX = 262_144;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\s]{64,16384}-----END CERTIFICATE-----/;

/** Certificates of authorities, PEM. Text that holds none is refused here: a TLS library would pass it over, and trust nobody or everybody. */
export const certificatesPem = z.string().max(PEM_LENGTH_MAX).regex(PEM_CERTIFICATE, "must hold a certificate in PEM");

export const labels = z.record(
  z.string(),
  z.string().regex(LABEL_VALUE, "must be a label value: at most 63 letters, digits, `-`, `_`, `.`"),
);

/** Milliseconds in the largest unit that holds them exactly. */
export function formatDuration(ms: number): string {
  const unit = ["h", "m", "s"].find((each) => ms > 0 && ms % (UNITS_MS[each] ?? 1) === 0) ?? "ms";
  return `${ms / (UNITS_MS[unit] ?? 1)}${unit}`;
}
