const PLAIN = /^[\w./=:@%+,~-]+(?: +[\w./=:@%+,~-]+)*$/;

/**
 * The words to start a command with. A line of plain words is split at its blanks, so that a missing program is told by its
 * name; anything with quotes, variables or operators is the shell's business.
 */
export function commandWords(command: string | readonly string[]): readonly [string, ...string[]] {
  if (typeof command !== "string") {
    const [program = "", ...rest] = command;
    return [program, ...rest];
  }
  const line = command.trim();
  const [program = "", ...rest] = line.split(/ +/);
  const isPlain = PLAIN.test(line) && !program.includes("=") && !line.includes("~");
  return isPlain ? [program, ...rest] : ["/bin/sh", "-c", line];
}
