import type { OutputStream, Palette } from "#engine/terminal";
import type { Cancel, Timers } from "#engine/time";
import { isShown, readLogLine } from "./log-line.ts";
import type { UnitPlan } from "./plan.ts";
import type { UnitEvent, UnitState } from "./unit.ts";

export interface ViewOptions {
  readonly stream: OutputStream;
  readonly palette: Palette;
  readonly timers: Timers;
  readonly title: string;
  /** Shows what agents and the server log, too. */
  readonly isVerbose: boolean;
  /** Shows only what concerns the whole: no line of any program. */
  readonly isQuiet: boolean;
}

const REDRAW_MS = 150;
/** The status may take this share of the screen, so that there is room for the logs. */
const STATUS_SHARE = 0.5;
/** Lines wait for the next redraw; a program that writes faster than that loses its oldest. */
const LINES_WAITING_MAX = 500;
const NAME_COLOURS = ["cyan", "magenta", "blue", "yellow", "green"] as const;
const MARKS: Readonly<Record<UnitState, string>> = {
  waiting: "·",
  starting: "◌",
  ready: "●",
  "backing-off": "↻",
  stopping: "◌",
  stopped: "·",
};

/** Shows what units do: in a terminal a status that stays below the passing lines, elsewhere plain lines. */
export class View {
  readonly #options: ViewOptions;
  readonly #states = new Map<UnitPlan, UnitState>();
  readonly #colours = new Map<string, (typeof NAME_COLOURS)[number]>();
  readonly #waiting: string[] = [];
  #statusLines = 0;
  #dropped = 0;
  #headline = "";
  #cancelRedraw: Cancel | undefined;
  #isDirty = false;
  #width = 0;
  #cellWidth = 0;

  constructor(options: ViewOptions) {
    this.#options = options;
  }

  start(units: readonly UnitPlan[]): void {
    for (const unit of units) {
      this.#states.set(unit, "waiting");
      this.#colours.set(unit.id, NAME_COLOURS[this.#colours.size % NAME_COLOURS.length] ?? "cyan");
      this.#width = Math.max(this.#width, unit.id.length);
      if (unit.kind !== "agent") this.#cellWidth = Math.max(this.#cellWidth, unit.id.length + 4);
    }
    const { stream, timers } = this.#options;
    if (!stream.isTerminal) return;
    stream.showCursor(false);
    this.#cancelRedraw = timers.every(REDRAW_MS, () => {
      if (this.#isDirty) this.#redraw();
    });
  }

  stop(): void {
    this.#cancelRedraw?.();
    this.#cancelRedraw = undefined;
    const { stream } = this.#options;
    if (!stream.isTerminal) return;
    this.#redraw();
    stream.showCursor(true);
  }

  /** What stands at the head of the status. */
  headline(text: string): void {
    this.#headline = text;
    this.#isDirty = true;
  }

  /** A line of the supervisor's own. */
  say(text: string): void {
    const { palette } = this.#options;
    for (const line of text.split("\n"))
      this.#line(`${palette.bold("heddle".padEnd(this.#width))} ${palette.dim("│")} ${line}`);
  }

  onEvent(event: UnitEvent): void {
    this.#states.set(event.unit, event.state);
    this.#isDirty = true;
    if (this.#options.isQuiet) return;
    if (event.kind === "line") this.#onLine(event);
    else this.#onState(event);
  }

  #onLine({ unit, text }: UnitEvent): void {
    const { isVerbose, palette } = this.#options;
    const line = readLogLine(text);
    if (!isShown(unit, line, isVerbose)) return;
    const paint = line.level === "error" ? palette.red : line.level === "warn" ? palette.yellow : undefined;
    this.#unitLine(unit, paint === undefined ? line.text : paint(line.text));
  }

  #onState({ unit, state, text, kind }: UnitEvent): void {
    const { palette, stream, isVerbose } = this.#options;
    const isTrouble = kind === "note" || state === "backing-off";
    if (isTrouble) this.#unitLine(unit, palette.yellow(text));
    const isNews = state === "ready" || (state === "stopped" && text !== "");
    // A terminal's status shows the rest; in plain lines each app's way is worth one line.
    if (!isTrouble && isNews && (isVerbose || (!stream.isTerminal && unit.kind !== "agent"))) {
      this.#unitLine(unit, palette.dim(`${state} ${text}`.trim()));
    }
  }

  #unitLine(unit: UnitPlan, text: string): void {
    const { palette } = this.#options;
    const colour = this.#colours.get(unit.id) ?? "cyan";
    this.#line(`${palette[colour](unit.id.padEnd(this.#width))} ${palette.dim("│")} ${text}`);
  }

  #line(text: string): void {
    const { stream } = this.#options;
    if (!stream.isTerminal || this.#cancelRedraw === undefined) {
      stream.write(`${text}\n`);
      return;
    }
    this.#waiting.push(text);
    if (this.#waiting.length > LINES_WAITING_MAX) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    this.#isDirty = true;
  }

  #redraw(): void {
    const { stream, palette } = this.#options;
    this.#isDirty = false;
    stream.rewind(this.#statusLines);
    const dropped = this.#dropped > 0 ? [palette.dim(`… ${this.#dropped} lines not shown`)] : [];
    this.#dropped = 0;
    const status = this.#status();
    this.#statusLines = status.length;
    stream.write(`${[...dropped, ...this.#waiting.splice(0), ...status].join("\n")}\n`);
  }

  #status(): readonly string[] {
    const { palette, title, stream } = this.#options;
    const units = [...this.#states];
    const ready = units.filter(([, state]) => state === "ready").length;
    const rule = palette.dim("─".repeat(Math.max(10, stream.columns() - 1)));
    const count = `${ready}/${units.length} ready`;
    // A line that wraps would make the next redraw begin too low.
    const room = Math.max(0, stream.columns() - title.length - count.length - 5);
    const head = `${palette.bold(title)}  ${count}  ${this.#headline.slice(0, room)}`;
    const rows = this.#unitRows(
      units.filter(([unit]) => unit.kind !== "agent"),
      stream.columns(),
    );
    return [rule, head, ...rows.slice(0, Math.max(1, Math.floor(stream.rows() * STATUS_SHARE) - 2))];
  }

  #unitRows(units: readonly (readonly [UnitPlan, UnitState])[], columns: number): readonly string[] {
    const rows: string[] = [];
    const perRow = Math.max(1, Math.floor((columns - 1) / this.#cellWidth));
    for (let index = 0; index < units.length; index += perRow) {
      rows.push(
        units
          .slice(index, index + perRow)
          .map((each) => this.#cell(...each))
          .join(""),
      );
    }
    return rows;
  }

  #cell(unit: UnitPlan, state: UnitState): string {
    const { palette } = this.#options;
    const paint = state === "ready" ? palette.green : state === "backing-off" ? palette.red : palette.dim;
    return `${paint(MARKS[state])} ${unit.id.padEnd(this.#cellWidth - 2)}`;
  }
}
