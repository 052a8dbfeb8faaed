/** A program of the tests' own beside them: it is told something by lines and answers by lines of JSON. */
export interface HelperProcess {
  readonly pid: number;
  /** Tells it a line, if one is given, and returns the next that it says. */
  ask(line?: string): Promise<unknown>;
  tell(line: string): void;
  stop(): Promise<void>;
}

export function startHelper(command: readonly string[]): HelperProcess {
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const lines = linesOf(child.stdout);
  const tell = (line: string): void => {
    void child.stdin.write(`${line}\n`);
    void child.stdin.flush();
  };
  return {
    pid: child.pid,
    tell,
    async ask(line) {
      if (line !== undefined) tell(line);
      const { value } = await lines.next();
      return JSON.parse(value ?? "null");
    },
    async stop() {
      void child.stdin.end();
      const timer = setTimeout(() => child.kill(9), 5000);
      await child.exited;
      clearTimeout(timer);
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n")) {
      yield text.slice(0, at);
      text = text.slice(at + 1);
    }
  }
  return undefined;
}
