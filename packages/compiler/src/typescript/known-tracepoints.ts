import { type TracepointField, unpackFields } from './tracepoint-format.ts';

/**
 * The tracepoints of a recent kernel, for where the kernel at hand shows none. The layout of system calls' is the same
 * everywhere; that of others changes now and then, so that a machine's own format counts where it can be read.
 */
class KnownTracepoints {
  private table: ReadonlyMap<string, string> | undefined;

  /** The table is read when the first probe needs it. */
  async load(): Promise<void> {
    if (this.table) return;
    const { TRACEPOINTS } = await import('./generated/tracepoints.ts');
    this.table = new Map(
      TRACEPOINTS.split('\n')
        .filter(Boolean)
        .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
    );
  }

  names(): Iterable<string> {
    return this.table?.keys() ?? [];
  }

  fields(name: string): readonly TracepointField[] | undefined {
    const line = this.table?.get(name);
    return line === undefined ? undefined : unpackFields(line);
  }
}

export const knownTracepoints: KnownTracepoints = /* @__PURE__ */ new KnownTracepoints();

export function knownTracepoint(name: string): readonly TracepointField[] | undefined {
  return knownTracepoints.fields(name);
}
