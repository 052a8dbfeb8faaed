export function writeFaults(faults: Readonly<Record<string, object>>, file?: string): void;
