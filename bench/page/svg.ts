/** Bars and lines as SVG text: no script, no font of its own, readable on light and dark ground. */
import { figure } from "../verdicts.ts";

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Heddle's bars are filled, others' are pale. */
  readonly isOwn: boolean;
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
}

const WIDTH = 640;
const OWN = "#2f6fde";
const OTHER = "#9aa5b1";
const STYLE =
  "<style>text{font:13px sans-serif;fill:#57606a}.title,.own{font-weight:600}@media (prefers-color-scheme:dark){text{fill:#c9d1d9}}</style>";

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function picture(height: number, title: string, parts: readonly string[]): string {
  const heading = `<text class="title" x="8" y="20">${escaped(title)}</text>`;
  const start = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`;
  return [start, `<title>${escaped(title)}</title>`, STYLE, heading, ...parts, "</svg>", ""].join("\n");
}

const BAR = { top: 36, height: 20, step: 28, left: 120, right: 150 } as const;

/** One horizontal bar a peer, from zero. */
export function bars({ title, unit }: Chart, values: readonly Bar[]): string {
  const most = Math.max(...values.map(({ value }) => value).filter(Number.isFinite));
  const room = WIDTH - BAR.left - BAR.right;
  const parts = values.flatMap(({ label, value, isOwn }, index) => {
    const y = BAR.top + index * BAR.step;
    const width = Number.isFinite(value) ? Math.max(1, (value / most) * room) : 1;
    return [
      `<text x="${BAR.left - 8}" y="${y + 15}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${BAR.left}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" rx="2" fill="${isOwn ? OWN : OTHER}"/>`,
      `<text x="${(BAR.left + width + 8).toFixed(1)}" y="${y + 15}">${escaped(`${figure(value)} ${unit}`)}</text>`,
    ];
  });
  return picture(BAR.top + values.length * BAR.step + 8, title, parts);
}

export interface Series {
  readonly label: string;
  /** In the order of the ticks; NaN leaves a gap. */
  readonly values: readonly number[];
  readonly isOwn: boolean;
}

const PLOT = { top: 44, left: 70, right: 130, height: 240, bottom: 36 } as const;
/** Told apart by their dashes as well as by the labels at their ends. */
const DASHES = ["", "6 3", "2 3", "8 3 2 3", "1 4"];

/** Labels at the lines' ends, moved apart where lines end close together. */
function labelPlaces(ends: readonly number[]): readonly number[] {
  const places = [...ends];
  const order = ends.map((_, index) => index).sort((a, b) => (ends[a] ?? 0) - (ends[b] ?? 0));
  let last = Number.NEGATIVE_INFINITY;
  for (const index of order) {
    last = Math.max(places[index] ?? 0, last + 14);
    places[index] = last;
  }
  return places;
}

/** 1, 2, 5, 10, 20, 50 and so on: the least that hold all values between them. */
function logTicks(values: readonly number[]): readonly number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const first = Math.floor(Math.log10(least));
  const decades = Array.from({ length: Math.ceil(Math.log10(most)) - first + 1 }, (_, index) => first + index);
  const all = decades.flatMap((decade) => [1, 2, 5].map((step) => step * 10 ** decade));
  const from = all.findLastIndex((tick) => tick <= least);
  const to = all.findIndex((tick) => tick >= most);
  return all.slice(Math.max(0, from), Math.max(from + 1, to) + 1);
}

/** The vertical axis is logarithmic. */
function logScale(values: readonly number[]) {
  const ticks = logTicks(values);
  const low = Math.log10(ticks[0] ?? 1);
  const high = Math.log10(ticks.at(-1) ?? 10);
  const y = (value: number): number => PLOT.top + PLOT.height * (1 - (Math.log10(value) - low) / (high - low));
  return { y, ticks };
}

type Point = readonly [x: number, y: number];

/** A mark for each point, and lines between neighbours; where a value is missing, there is neither. */
function drawn(points: readonly Point[], stroke: string): readonly string[] {
  const known = points.filter(([, y]) => Number.isFinite(y));
  const marks = known.map(
    ([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="2" fill="none" ${stroke}/>`,
  );
  const steps = points.flatMap(([x, y], index) => {
    const next = points[index + 1];
    if (next === undefined || !Number.isFinite(y) || !Number.isFinite(next[1])) return [];
    return [`M${x.toFixed(1)} ${y.toFixed(1)}L${next[0].toFixed(1)} ${next[1].toFixed(1)}`];
  });
  return [`<path d="${steps.join("")}" fill="none" ${stroke}/>`, ...marks];
}

/** One line a peer over ticks at equal distances; both axes are logarithmic in meaning. */
export function lines({ title, unit }: Chart, ticks: readonly string[], series: readonly Series[]): string {
  const right = WIDTH - PLOT.right;
  const x = (index: number): number => PLOT.left + ((right - PLOT.left) * index) / Math.max(1, ticks.length - 1);
  const scale = logScale(series.flatMap(({ values }) => values.filter(Number.isFinite)));
  const places = labelPlaces(series.map(({ values }) => scale.y(values.findLast(Number.isFinite) ?? 1)));
  const rules = scale.ticks.flatMap((tick) => {
    const y = scale.y(tick).toFixed(1);
    return [
      `<line x1="${PLOT.left}" x2="${right}" y1="${y}" y2="${y}" stroke="${OTHER}" stroke-opacity="0.35"/>`,
      `<text x="${PLOT.left - 8}" y="${Number(y) + 4}" text-anchor="end">${figure(tick)}</text>`,
    ];
  });
  const bottom = PLOT.top + PLOT.height + 20;
  const feet = ticks.map(
    (tick, index) => `<text x="${x(index)}" y="${bottom}" text-anchor="middle">${escaped(tick)}</text>`,
  );
  const curves = series.flatMap(({ label, values, isOwn }, index) => {
    const dashes = DASHES[index % DASHES.length];
    const stroke = `stroke="${isOwn ? OWN : OTHER}" stroke-width="${isOwn ? 3 : 2}" stroke-dasharray="${dashes}"`;
    const y = ((places[index] ?? 0) + 4).toFixed(1);
    return [
      ...drawn(
        values.map((value, at): Point => [x(at), scale.y(value)]),
        stroke,
      ),
      `<text${isOwn ? ' class="own"' : ""} x="${right + 8}" y="${y}">${escaped(label)}</text>`,
    ];
  });
  return picture(PLOT.top + PLOT.height + PLOT.bottom, `${title}, ${unit}`, [...rules, ...feet, ...curves]);
}
