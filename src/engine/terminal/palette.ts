import colors from "picocolors";

/** Functions that colour a text, or give it back as it is where colour is not wanted. */
export interface Palette {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  blue(text: string): string;
  magenta(text: string): string;
  cyan(text: string): string;
}

export function palette(isColoured: boolean): Palette {
  return colors.createColors(isColoured);
}
