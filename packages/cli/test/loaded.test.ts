import { createMap, listBtfs, loadProgram, permitted } from '@skep/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli, type Finished } from './support/cli.ts';

const allowed = permitted();
const noKernel = allowed.ok ? false : `needs bpf(2): ${allowed.message}`;

describe.skipIf(noKernel)('what is loaded', () => {
  let made: Cli;
  const cli = async (...args: string[]): Promise<Finished> => made.run(args);
  beforeAll(async () => {
    made = await Cli.make();
  });
  afterAll(() => made.remove());

  it('is listed and shown: programs, maps, types', async () => {
    using map = createMap({ name: 'skep_shown', type: 2, keySize: 4, valueSize: 8, maxEntries: 2 });
    map.update(new Uint8Array([1, 0, 0, 0]), new Uint8Array([7, 0, 0, 0, 0, 0, 0, 1]));
    const code = new Uint8Array([0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
    using program = loadProgram({ name: 'skep_shown', type: 6, license: 'GPL', code });

    const programs = await cli('prog');
    expect(programs.out).toMatch(/^ID +NAME +TYPE/);
    const { id } = program.info();
    expect(programs.out).toMatch(new RegExp(`^${id} +skep_shown +xdp `, 'm'));
    expect((await cli('prog', 'dump', String(id))).out).toMatch(/0: .*r0 = 2.*\n1: exit/);

    const maps = JSON.parse((await cli('map', 'list', '-o', 'json')).out).maps;
    const mine = maps.find((one: { name: string }) => one.name === 'skep_shown');
    expect(mine).toMatchObject({ type: 'array', keyBytes: 4, valueBytes: 8, maxEntries: 2 });
    const dump = JSON.parse((await cli('map', 'dump', String(mine.id), '-o', 'json')).out);
    expect(dump.entries).toContainEqual({ key: '01000000', value: '0700000000000001' });

    expect(JSON.parse((await cli('btf', '-o', 'json')).out).btf.length).toBeGreaterThanOrEqual(listBtfs().length - 2);
    expect((await cli('links')).out).toMatch(/^ID +TYPE +PROGRAM +TARGET/);
  });

  it('says what can be asked', async () => {
    expect(await cli('prog', 'explode')).toMatchObject({ status: 2, err: expect.stringMatching(/E7015.*explode/) });
    expect(await cli('links', 'dump', '1')).toMatchObject({ status: 2 });
    expect((await cli('map', 'dump', '4294967294')).err).toMatch(/E5004.*ENOENT/);
  });
});
