import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

/** 56 bytes: Ethernet, IPv4, UDP. */
const PACKET = `hex:ffffffffffff0000000000000800450000200000000040110000${'00'.repeat(30)}`;

describe('skep debug', () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.make();
  });
  afterAll(() => cli.remove());

  const debug = (commands: readonly string[], ...args: string[]) => {
    const file = args.length > 0 ? args : ['examples/xdp_count.bpf.c', '--data', PACKET];
    return cli.run(['debug', ...file], { input: commands.join('\n') });
  };

  it('starts at the first line and ends politely with its input', () => {
    const { status, out, err } = debug([]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^Debugging xdp_count \(\d+ instructions\)/);
    expect(out).toMatch(/xdp_count \(\) at examples\/xdp_count\.bpf\.c:\d+\n\d+\t/);
  });

  it('stops at breakpoints, shows registers and what they point to', () => {
    const { out } = debug(['break 96', 'c', 'regs', 'bt', 'list', 'disas', 'quit', 'regs']);
    expect(out).toMatch(
      /Breakpoint 1, xdp_count \(\) at examples\/xdp_count\.bpf\.c:96\n96\t\t\tcounter->bytes \+= bytes;/,
    );
    expect(out).toMatch(/^r0 {2}0x[0-9a-f]{16} {2}value of counters\[17\]$/m);
    expect(out).toMatch(/^r10 .* fp$/m);
    expect(out.match(/^r10 /gm)).toHaveLength(1);
    expect(out).toMatch(/^#0 {2}xdp_count \(\) at examples\/xdp_count\.bpf\.c:96$/m);
    expect(out).toMatch(/^=> 96\t\t\tcounter->bytes \+= bytes;$/m);
    expect(out).toMatch(/^=> +\d+: r\d = \*\(u64 \*\)\(r\d \+8\)$|^=> +\d+: /m);
  });

  it('watches a map, shows it typed, goes back to before the write', () => {
    const { out } = debug([
      'watch counters[17]',
      'c',
      'map counters',
      'rc',
      'map counters',
      'c',
      'c',
      'c',
      'map counters 17',
    ]);
    const parts = out.split('Watch 1: counters[17]\n');
    expect(parts[1]).toContain('17: [{"packets":1,"bytes":0}]');
    expect(parts[2]).toContain('Empty.');
    expect(out).toMatch(/^The program returned 2 \(XDP_PASS\) after \d+ instructions\.$/m);
    expect(out.trimEnd().endsWith('17: [{"packets":1,"bytes":56}]')).toBe(true);
  });

  it('steps by instruction and line in both directions', () => {
    const { out } = debug([
      'stepi 3',
      'rsi',
      'reverse-stepi 9',
      'next',
      'step',
      'reverse-next',
      'goto 5',
      'p r10',
      'x/2xg fp-16',
    ]);
    const slots = [...out.matchAll(/^=> +(\d+): /gm)].map((one) => Number(one[1]));
    expect(slots.slice(0, 3)).toEqual([3, 2, 0]);
    expect(slots.at(-1)).toBe(5);
    expect(out).toContain('The beginning: nothing ran before.');
    expect(out).toMatch(/^r10 = 0x10200: fp$/m);
    expect(out).toMatch(/^0x000101f0: 0x0{16} 0x0{16}$/m);
  });

  it('answers what it does not understand, and goes on', () => {
    const { status, out } = debug([
      'stpe',
      're',
      'info',
      'break nowhere',
      'break 1:2:x',
      'watch x',
      'map nothing',
      'delete 7',
      'stack 3',
      'print q',
      'x',
      'c',
    ]);
    expect(status).toBe(0);
    expect(out).toContain('did you mean `step`?');
    expect(out.match(/error\[E7020\]/g)!.length).toBeGreaterThanOrEqual(9);
    expect(out).toContain('error[E4051]: there is no function `nowhere` to stop at');
    expect(out).toContain('The program returned 2 (XDP_PASS)');
  });

  it('lists its commands', () => {
    const { out } = debug(['help']);
    for (const name of ['break', 'reverse-continue', 'finish', 'watch', 'regs', 'x ', 'records'])
      expect(out).toContain(name);
  });

  it('breaks only when a condition holds', () => {
    const { out } = debug(['break *1 if r1 == 12345', 'break *2 if r10 > 0', 'c', 'info breakpoints']);
    expect(out).toContain('Breakpoint 2, ');
    expect(out).not.toContain('Breakpoint 1, ');
  });

  it('goes through a whole recording, back and forth, with its records', () => {
    const replay = ['examples/opens.bpf.c', '--replay', 'examples/opens.skep'];
    const { out, status } = debug(
      ['break open_exit', 'c', 'c', 'map pending', 'rc', 'delete', 'c', 'records'],
      ...replay,
    );
    expect(status).toBe(0);
    expect(out.match(/Breakpoint 1, open_exit/g)).toHaveLength(3);
    expect(out).toMatch(/The replay ended: \d+ runs after \d+ instructions\./);
    expect(out).toMatch(/^events: \{"time":\d+,"pid":\d+,"comm":"\w+","fd":-?\d+,.*"path":"\//m);
  });

  it('wants to know which program, and says so', () => {
    const { status, err } = debug([], 'examples/opens.bpf.c');
    expect(status).toBe(2);
    expect(err).toContain('E7005');
  });
});
