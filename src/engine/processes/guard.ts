/**
 * Ends children when this process cannot: a shell of a few hundred kilobytes that holds the other end of a pipe. When this
 * process dies, even by SIGKILL, the pipe closes and the shell ends every process group it was told of.
 */

/** POSIX sh: reads `add GROUP` and `remove GROUP`, and at end of file asks, waits and kills what is left. */
const SCRIPT = `
trap '' INT TERM HUP
groups=" "
while read -r word group; do
  case $word in
    add) groups="$groups$group " ;;
    remove) before=\${groups%%" $group "*} after=\${groups#*" $group "}
      [ "$before" = "$groups" ] || groups="$before $after" ;;
  esac
done
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
turns=0 alive=yes
while [ $turns -lt 30 ] && [ -n "$alive" ]; do
  alive=
  for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && alive=yes; done
  [ -z "$alive" ] || sleep 0.1
  turns=$((turns + 1))
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`;

interface Shell {
  readonly stdin: { write(text: string): unknown; flush(): unknown; end(): unknown };
  readonly pid: number;
}

const groups = new Set<number>();
let shell: Shell | undefined;

function startShell(): Shell {
  const started = Bun.spawn(["/bin/sh", "-c", SCRIPT], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    // A session of its own, so that a terminal's Ctrl-C does not reach it.
    detached: true,
    onExit: () => {
      if (shell?.pid !== started.pid) return;
      shell = undefined;
      if (groups.size > 0) prepareGuard();
    },
  });
  started.unref();
  return started;
}

function tell(word: "add" | "remove", group: number): void {
  void shell?.stdin.write(`${word} ${group}\n`);
  void shell?.stdin.flush();
}

/** Makes sure that the guard runs: called before a child is started, so that no child is ever without one. */
export function prepareGuard(): void {
  if (shell !== undefined) return;
  shell = startShell();
  for (const group of groups) tell("add", group);
}

export function guard(group: number): void {
  groups.add(group);
  tell("add", group);
}

/** Forgets a group that has ended; the guard ends with the last one. */
export function unguard(group: number): void {
  if (!groups.delete(group)) return;
  tell("remove", group);
  if (groups.size > 0) return;
  const ending = shell;
  shell = undefined;
  void ending?.stdin.end();
}
