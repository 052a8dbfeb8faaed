/** Where the parts of one application listen: addresses of the loopback network that belong to its project alone. */

export interface Place {
  readonly address: string;
  readonly meshPort: number;
  readonly adminPort: number;
  outboundPort(index: number): number;
}

/** Address and ports of the workload with this number, counted from 0. */
export type Layout = (workload: number) => Place;

const MESH_PORT = 15008;
const ADMIN_PORT = 15020;
const OUTBOUND_PORT = 10001;
/** How many workloads one layout has room for. */
export const WORKLOADS_MAX = 200;
/** Where there is only 127.0.0.1, each workload has a block of ports instead of an address. */
const BLOCK_PORTS = 64;
const BLOCKS_BASE = 21_000;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return value >>> 0;
}

/** Workload n listens on 127.x.y.n+1; x.y comes from the project's folder, and another `attempt` gives another. */
export function loopbackLayout(directory: string, attempt: number): Layout {
  const value = hash(`${directory}\n${attempt}`);
  // 127.0.*.* is left to others.
  const network = `127.${16 + (value % 224)}.${(value >>> 8) % 256}`;
  return (workload) => ({
    address: `${network}.${workload + 1}`,
    meshPort: MESH_PORT,
    adminPort: ADMIN_PORT,
    outboundPort: (index) => OUTBOUND_PORT + index,
  });
}

/** For systems whose loopback interface has only the one address: a block of 64 ports a workload. */
export function portBlockLayout(): Layout {
  return (workload) => {
    const base = BLOCKS_BASE + workload * BLOCK_PORTS;
    return {
      address: "127.0.0.1",
      meshPort: base,
      adminPort: base + 1,
      outboundPort: (index) => base + 2 + index,
    };
  };
}
