/** Loopback ports for programs that cannot be told to take any free one. */

const nothing = { data() {} };

/** Ports that were free a moment ago, each given once. */
export function freePorts(count: number): readonly number[] {
  const held = Array.from({ length: count }, () => Bun.listen({ hostname: "127.0.0.1", port: 0, socket: nothing }));
  const ports = held.map(({ port }) => port);
  for (const listener of held) listener.stop(true);
  return ports;
}

export async function isListening(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: nothing });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
