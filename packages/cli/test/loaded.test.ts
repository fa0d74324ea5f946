import { existsSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cgroup2Root, createMap, listBtfs, listLinks, loadProgram, permitted, programInfo } from '@skep/kernel';
import { kernel, open, openKernelLink } from 'skep';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli, type Finished } from './support/cli.ts';

/** What others load meanwhile has other names. */
const unique = (name: string) => `${name}_${process.pid}`;
const NAMES = { counts: unique('counts'), table: unique('table'), queue: unique('queue'), shown: unique('shown') };
const OBJECT = `s${process.pid}.bpf.c`;

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct entry { __u64 count; char name[8]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, struct entry); } ${NAMES.table} SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 4); __type(value, __u32); } ${NAMES.queue} SEC(".maps");
int runs;
SEC("xdp") int ${NAMES.counts}(struct xdp_md *ctx)
{
	__u32 key = 1;
	struct entry *there = bpf_map_lookup_elem(&${NAMES.table}, &key);

	runs++;
	return there ? XDP_DROP : XDP_PASS;
}
SEC("cgroup/sock_create") int skep_socket(struct bpf_sock *ctx) { return 1; }
SEC("cgroup/sock_create") int skep_other(struct bpf_sock *ctx) { return 1; }
char LICENSE[] SEC("license") = "GPL";
`;

const allowed = permitted();
const noKernel = allowed.ok ? false : `needs bpf(2): ${allowed.message}`;

describe.skipIf(noKernel)('what is loaded', { timeout: 180_000 }, () => {
  let made: Cli;
  const cli = async (...args: string[]): Promise<Finished> => made.run(args);
  beforeAll(async () => {
    made = await Cli.make();
  });
  afterAll(() => made.remove());

  it('is listed and shown: programs, maps, types', async () => {
    using map = createMap({ name: NAMES.shown, type: 2, keySize: 4, valueSize: 8, maxEntries: 2 });
    map.update(new Uint8Array([1, 0, 0, 0]), new Uint8Array([7, 0, 0, 0, 0, 0, 0, 1]));
    const code = new Uint8Array([0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    using program = loadProgram({ name: NAMES.shown, type: 6, license: 'GPL', code });

    const programs = await cli('prog');
    expect(programs.out).toMatch(/^ID +NAME +TYPE/);
    const { id } = program.info();
    expect(programs.out).toMatch(new RegExp(`^${id} +${NAMES.shown} +xdp `, 'm'));
    expect((await cli('prog', 'dump', String(id))).out).toMatch(/0: .*r0 = 2.*\n1: exit/);

    const maps = JSON.parse((await cli('map', 'list', '-o', 'json')).out).maps;
    const mine = maps.find((one: { name: string }) => one.name === NAMES.shown);
    expect(mine).toMatchObject({ type: 'array', keyBytes: 4, valueBytes: 8, maxEntries: 2 });
    const dump = JSON.parse((await cli('map', 'dump', String(mine.id), '-o', 'json')).out);
    expect(dump.entries).toContainEqual({ key: '01000000', value: '0700000000000001' });

    const names = JSON.parse((await cli('btf', '-o', 'json')).out).btf.map((one: { name: string }) => one.name);
    for (const { name } of listBtfs().filter((one) => one.kernel)) expect(names).toContain(name);
    expect((await cli('links')).out).toMatch(/^ID +TYPE +PROGRAM +TARGET/);
  });

  it('is shown one by one, by number and by name, with who holds it', async () => {
    using loaded = open(OBJECT, new TextEncoder().encode(SOURCE)).spec.load(kernel());
    const program = loaded.programs.get(NAMES.counts)!;
    program.run({ data: new Uint8Array(64) });
    const shown = JSON.parse((await cli('prog', 'show', NAMES.counts, '-o', 'json')).out);
    expect(shown).toMatchObject({ name: NAMES.counts, type: 'xdp', gpl: true, uid: process.getuid!() });
    expect(shown.holders).toContainEqual(expect.stringMatching(new RegExp(`\\(${process.pid}\\)$`)));
    expect(Math.abs(Date.parse(shown.loaded) - Date.now())).toBeLessThan(120_000);
    expect((await cli('prog', 'show', String(shown.id))).out).toMatch(new RegExp(`^name +${NAMES.counts}$`, 'm'));
    const listing = (await cli('prog', 'dump', NAMES.counts)).out;
    expect(listing).toContain(`; __u32 key = 1; @ ${OBJECT}:`);
    expect(listing).toMatch(new RegExp(`r1 = ${NAMES.table}\\(\\d+\\)`));
    const machine = await cli('prog', 'dump', NAMES.counts, 'jited');
    expect(machine.out).toMatch(shown.jitedBytes > 0 ? /^000000 {2}([0-9a-f]{2} ?)+$/m : /^$/);
    const map = JSON.parse((await cli('map', 'show', NAMES.table, '-o', 'json')).out);
    expect(map).toMatchObject({ type: 'hash', keyBytes: 4, valueBytes: 16 });
    expect(JSON.parse((await cli('btf', 'show', String(map.btf), '-o', 'json')).out).types).toBeGreaterThan(5);
    const variables = JSON.parse((await cli('map', 'dump', `${OBJECT.replace('.bpf.c', '')}.bss`, '-o', 'json')).out);
    expect(variables.entries[0].value).toEqual({ runs: 1 });
  });

  it('is changed: entries of maps, queues, pins', async () => {
    using loaded = open(OBJECT, new TextEncoder().encode(SOURCE)).spec.load(kernel());
    const table = loaded.maps.get(NAMES.table)!;
    const ok = { status: 0, err: '' };
    expect(await cli('map', 'update', NAMES.table, '7', '{"count": 5, "name": "seven"}')).toMatchObject(ok);
    expect(table.get(7)).toEqual({ count: 5n, name: 'seven' });
    expect(await cli('map', 'update', NAMES.table, '7', 'hex:0600000000000000 61000000 00000000')).toMatchObject(ok);
    expect((await cli('map', 'lookup', NAMES.table, '0x7')).out).toBe('{"count":6,"name":"a"}\n');
    expect(await cli('map', 'update', NAMES.table, '7', '{"count": 1}', 'absent')).toMatchObject({
      status: 1,
      err: expect.stringMatching(/E7024.*already/),
    });
    expect((await cli('map', 'next', NAMES.table)).out).toBe('7\n');
    expect((await cli('map', 'next', NAMES.table, '7')).out).toBe('null\n');
    expect(await cli('map', 'delete', NAMES.table, '7')).toMatchObject(ok);
    expect((await cli('map', 'delete', NAMES.table, '7')).err).toMatch(/E7024/);
    expect((await cli('map', 'update', NAMES.table, 'x', '1')).err).toMatch(/E8002/);
    expect((await cli('map', 'update', NAMES.table, 'hex:01', '1')).err).toMatch(/E7023.*4 bytes/);

    expect(await cli('map', 'push', NAMES.queue, '11')).toMatchObject(ok);
    // The kernel takes no types for queues.
    expect((await cli('map', 'pop', NAMES.queue)).out).toBe('"0b000000"\n');
    expect((await cli('map', 'pop', NAMES.queue)).out).toBe('null\n');

    const folder = `/sys/fs/bpf/skep-test-${process.pid}-cli`;
    mkdirSync(folder);
    try {
      expect(await cli('prog', 'pin', NAMES.counts, `${folder}/program`)).toMatchObject(ok);
      expect(existsSync(`${folder}/program`)).toBe(true);
      expect((await cli('prog', 'show', `${folder}/program`)).out).toMatch(new RegExp(`^name +${NAMES.counts}$`, 'm'));
      expect(await cli('map', 'pin', NAMES.queue, `${folder}/queue`)).toMatchObject(ok);
      expect(await cli('map', 'push', `${folder}/queue`, '12')).toMatchObject(ok);
      expect(loaded.maps.get(NAMES.queue)!.pop()).toBe(12);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is taken off: a link, whoever holds it', async () => {
    const cgroup = join(cgroup2Root()!, `skep-test-${process.pid}-cli`);
    mkdirSync(cgroup);
    try {
      using loaded = open(OBJECT, new TextEncoder().encode(SOURCE)).spec.load(kernel());
      const [first, second] = ['skep_socket', 'skep_other'].map((name) => loaded.programs.get(name)!);
      const attached = first!.attach({ cgroup });
      const mine = listLinks().find((one) => one.programId === programInfo(first!.handle).id)!;
      expect((await cli('links', 'show', String(mine.id))).out).toMatch(
        /^target +cgroup_inet_sock_create cgroup \d+$/m,
      );
      using link = openKernelLink(mine.id);
      link.update({ fd: second!.handle });
      expect(link.info()!.programId).toBe(programInfo(second!.handle).id);
      expect(await cli('links', 'detach', String(mine.id))).toMatchObject({ status: 0, err: '' });
      expect(link.info()!.cgroupId).toBe(0n);
      attached.close();
    } finally {
      rmdirSync(cgroup);
    }
  });

  it('says what can be asked', async () => {
    expect(await cli('prog', 'explode')).toMatchObject({ status: 2, err: expect.stringMatching(/E7015.*explode/) });
    expect(await cli('links', 'dump', '1')).toMatchObject({ status: 2 });
    expect(await cli('map', 'lookup', '1')).toMatchObject({
      status: 2,
      err: expect.stringMatching(/E7015.*lookup ID KEY/s),
    });
    expect((await cli('prog', 'show', 'skep_is_not_there')).err).toMatch(/E7022/);
    expect((await cli('map', 'dump', '4294967294')).err).toMatch(/E5004.*ENOENT/);
  });
});
