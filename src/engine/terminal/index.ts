/** The only door to the terminal: what standard output and error are, how wide, whether coloured, and how to write to them. */
export { type Palette, palette } from "./palette.ts";
export {
  type OutputStream,
  standardError,
  standardOutput,
} from "./streams.ts";
