import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as skep from '../src/index.ts';

/**
 * Every example of docs/testing-programs.md runs here as it stands there; where a comment behind a line begins with a
 * value, the line's value is compared with it.
 */
const root = new URL('../../../', import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), 'skep-guide-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const guide = readFileSync(join(root, 'docs/testing-programs.md'), 'utf8');
const examples = [...guide.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((found) => found[1]!);

const CONGESTION = `
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
SEC("struct_ops") __u32 BPF_PROG(ssthresh, struct sock *sk) { return ((struct tcp_sock *)sk)->snd_cwnd * 7 / 10; }
SEC(".struct_ops") struct tcp_congestion_ops seven_tenths = { .ssthresh = (void *)ssthresh, .name = "seven_tenths" };
`;

/** An Ethernet frame of 60 bytes with TCP over IPv4. */
const packet = new Uint8Array(60);
packet.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 6], 12);

/** The value that a comment begins with. */
function promised(line: string): unknown {
  const comment = line.replaceAll(', …', '');
  for (let end = comment.length; end > 0; end--) {
    try {
      const value: unknown = new Function(`return (${comment.slice(0, end)})`)();
      if (typeof value !== 'function') return value;
    } catch {
      // A shorter beginning may be a value.
    }
  }
  return undefined;
}

/** JavaScript of an example: imports from what is given, types gone, lines with a value behind them checked. */
function script(example: string): string {
  return example
    .replace(/^import (\{[^}]*\}) from 'skep';$/gm, 'const $1 = skep;')
    .replace(/!(?=[.;,)])/g, '')
    .replace(/^([^\n/]*[^\n/ ]);[ ]*\/\/ ([^\n]*)$/gm, (line, code: string, comment: string) =>
      promised(comment) === undefined || /^(const|let) /.test(code)
        ? line
        : `check(${code}, ${JSON.stringify(comment)});`,
    );
}

type Scope = Readonly<Record<string, unknown>>;
async function play(example: string, scope: Scope): Promise<number> {
  let checked = 0;
  const check = (value: unknown, comment: string): void => {
    checked += 1;
    const wanted = promised(comment);
    if (typeof wanted === 'object') expect(value).toMatchObject(wanted as object);
    else expect(value).toEqual(wanted);
  };
  const all: Scope = { skep, check, ...scope };
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  await (new AsyncFunction(...Object.keys(all), script(example))(...Object.values(all)) as Promise<void>);
  return checked;
}

const open = (path: string, options?: object) => {
  const known = path === 'seven_tenths.bpf.c' ? join(scratch, path) : join(root, 'examples', path);
  if (path === 'seven_tenths.bpf.c') writeFileSync(known, CONGESTION);
  return skep.openFile(known, options);
};
const scoped = { ...skep, openFile: open };

describe('examples of the guide to testing programs', () => {
  const find = (part: string): string => {
    const found = examples.filter((one) => one.includes(part));
    expect(found, part).toHaveLength(1);
    return found[0]!;
  };

  it('are as many as are run here', () => {
    expect(examples).toHaveLength(6);
  });

  it('a packet in, a verdict out', async () => {
    expect(await play(find('result.retval'), { skep: scoped, packet })).toBe(2);
  });

  it('the world around a program', async () => {
    await play(find("name: 'cat', now"), { skep: scoped });
  });

  it('structures of the kernel', async () => {
    await play(find('kernelObject'), { skep: scoped });
  });

  it('structures of functions', async () => {
    expect(await play(find('structOps'), { skep: scoped })).toBe(2);
  });

  it('debugging', async () => {
    const host = skep.vm();
    const loaded = open('xdp_count.bpf.c').spec.load(host);
    expect(await play(find('new Debugger'), { skep: scoped, host, loaded, packet })).toBeGreaterThanOrEqual(1);
  });

  it('both homes', async () => {
    const names: string[] = [];
    const each = { each: (rows: [string, () => unknown][]) => () => names.push(...rows.map(([name]) => name)) };
    await play(find('describe.each').replace('…', ''), { ...scoped, describe: each });
    expect(names).toEqual(['vm', 'kernel']);
  });
});
