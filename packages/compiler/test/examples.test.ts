import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.ts';
import { kernelTypes } from './support/kernel-types.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));
const programs = readdirSync(EXAMPLES).filter((name) => name.endsWith('.bpf.c'));

function build(name: string): Uint8Array {
  const result = compile(
    { name: `examples/${name}`, text: readFileSync(join(EXAMPLES, name), 'utf8') },
    { vmlinux: kernelTypes, debug: true, defines: ['__TARGET_ARCH_x86'] },
  );
  if (!result.ok) throw new Error(result.diagnostics.map((one) => `${one.code}: ${one.message}`).join('\n'));
  expect(result.warnings).toEqual([]);
  return result.object;
}

const works = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const root = process.platform === 'linux' && process.getuid?.() === 0;
const bpftool = root && works('bpftool', 'version');
const clang = works('clang-19', '--version') && existsSync('/usr/include/bpf/bpf_helpers.h');
/** Why the kernel's part cannot run here, or undefined. */
const noTypes = existsSync('/sys/kernel/btf/vmlinux') ? undefined : 'this kernel shows no BTF';
const noKernel = !root ? 'needs root' : bpftool ? noTypes : 'needs bpftool';

describe('the examples', () => {
  it.each(programs)('%s compiles without a warning', (name) => {
    expect(build(name).length).toBeGreaterThan(500);
  });
});

describe(`the kernel takes the examples${noKernel === undefined ? '' : ` (skipped: ${noKernel})`}`, () => {
  let scratch = '';
  let mount = '';

  beforeAll(() => {
    if (noKernel !== undefined) return;
    scratch = mkdtempSync(join(tmpdir(), 'skep-test-'));
    mount = join(scratch, 'bpffs');
    mkdirSync(mount);
    // A file system of our own: whatever happens, unmounting it frees every program and map.
    execFileSync('mount', ['-t', 'bpf', 'skep-test', mount]);
  });

  afterAll(() => {
    if (scratch === '') return;
    execFileSync('umount', [mount]);
    rmSync(scratch, { recursive: true });
  });

  function loadAll(object: string, pins: string): { ok: boolean; log: string } {
    const done = spawnSync('bpftool', ['prog', 'loadall', object, join(mount, pins)], { encoding: 'utf8' });
    return { ok: done.status === 0, log: `${done.stdout}${done.stderr}` };
  }

  it.skipIf(noKernel !== undefined).for(programs)('%s', (name, ctx) => {
    const object = join(scratch, `${name}.o`);
    writeFileSync(object, build(name));
    const { ok, log } = loadAll(object, name.replaceAll('.', '_'));
    // Some hosts forbid trampolines; the same programs load in the virtual machines of vmtest.
    if (!ok && name === 'unlink_fentry.bpf.c' && log.includes('Operation not permitted'))
      ctx.skip('this host does not let fentry programs be loaded');
    expect(ok, log).toBe(true);
  });

  const PACKETS: Record<string, string> = {
    'IPv4 TCP': `${'ff'.repeat(12)}0800${'4500002800000000400600000a000001'}${'0a000002'}${'00'.repeat(20)}`,
    'IPv6 UDP': `${'ff'.repeat(12)}86dd60000000000811ff${'00'.repeat(32)}${'00'.repeat(8)}`,
    'VLAN IPv4 ICMP': `${'ff'.repeat(12)}810000050800${'4500001c00000000400100000a0000010a000002'}${'00'.repeat(8)}`,
    ARP: `${'ff'.repeat(12)}0806${'00'.repeat(28)}`,
    'cut-off IPv4': `${'ff'.repeat(12)}0800${'4500'}`,
  };

  /** Runs a program on packets and gives its verdicts and the contents of its map. */
  function run(object: string, pins: string, program: string, map: string): { verdicts: string[]; entries: string } {
    const done = spawnSync('bpftool', [
      'prog',
      'loadall',
      object,
      join(mount, pins),
      'pinmaps',
      join(mount, `${pins}_maps`),
    ]);
    expect(done.status, String(done.stderr)).toBe(0);
    const key = ['0a', '00', '00', '01'];
    const pinned = join(mount, `${pins}_maps`, map);
    if (map === 'blocked') {
      execFileSync('bpftool', [
        'map',
        'update',
        'pinned',
        pinned,
        'key',
        'hex',
        ...key,
        'value',
        'hex',
        ...'00'.repeat(8).match(/../g)!,
      ]);
    }
    const verdicts = Object.values(PACKETS).map((packet) => {
      const data = join(scratch, 'packet');
      writeFileSync(data, Buffer.from(packet, 'hex'));
      const out = execFileSync('bpftool', ['prog', 'run', 'pinned', join(mount, pins, program), 'data_in', data], {
        encoding: 'utf8',
      });
      return /Return value: (\d+)/.exec(out)![1]!;
    });
    const entries = execFileSync('bpftool', ['-j', 'map', 'dump', 'pinned', pinned], { encoding: 'utf8' });
    return { verdicts, entries: entries.replaceAll(/"cpu":\d+/g, '') };
  }

  const totals = (entries: string): unknown =>
    (JSON.parse(entries.replaceAll('{,', '{')) as { key: string[]; value?: string[]; values?: { value: string[] }[] }[])
      .map((entry) => {
        const cells = entry.values ? entry.values.map((one) => one.value) : [entry.value!];
        const sum = new Array<number>(cells[0]!.length / 8).fill(0);
        for (const cell of cells) {
          for (let i = 0; i < sum.length; i++) {
            const bytes = Uint8Array.from(cell.slice(i * 8, i * 8 + 8).map(Number));
            sum[i]! += Number(new DataView(bytes.buffer).getBigUint64(0, true));
          }
        }
        return { key: entry.key, sum };
      })
      .filter((entry) => entry.sum.some((one) => one !== 0));

  const reason = noKernel ?? (clang ? undefined : 'needs clang-19 and the headers of libbpf');
  it.skipIf(reason !== undefined).each([
    ['xdp_drop', 'xdp_drop', 'blocked'],
    ['xdp_count', 'xdp_count', 'counters'],
  ])(
    `%s does on packets what clang's does${reason === undefined ? '' : ` (skipped: ${reason})`}`,
    (name, program, map) => {
      const ours = join(scratch, `${name}.o`);
      const theirs = join(scratch, `${name}.clang.o`);
      writeFileSync(ours, build(`${name}.bpf.c`));
      const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
      execFileSync('clang-19', [
        ...['-O2', '-g', '-target', 'bpf', `-I/usr/include/${arch}-linux-gnu`, '-c'],
        ...[join(EXAMPLES, `${name}.bpf.c`), '-o', theirs],
      ]);
      const mine = run(ours, `run_${name}`, program, map);
      const other = run(theirs, `clang_${name}`, program, map);
      expect(mine.verdicts).toEqual(other.verdicts);
      expect(totals(mine.entries)).toEqual(totals(other.entries));
      expect(totals(mine.entries)).not.toEqual([]);
      if (name === 'xdp_drop') expect(mine.verdicts[0]).toBe('1');
    },
  );
});
