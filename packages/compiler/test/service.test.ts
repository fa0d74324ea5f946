import { describe, expect, it } from 'vitest';
import { CompilerService, type ServiceResult } from '../src/service/service.ts';
import { type Port, RemoteCompiler, serveCompiler } from '../src/service/worker.ts';

const GOOD = '#include "own.h"\n__attribute__((section("xdp"), used)) int f(void *ctx) { return VALUE; }\n';
const BAD = GOOD.replace('VALUE;', 'VALEU;');

describe('the compiler as one types', () => {
  it('gives diagnostics, the tree and the object, and remembers the last one that was good', async () => {
    const checked: ServiceResult[] = [];
    const service = new CompilerService('typed.bpf.c', { onChecked: (result) => checked.push(result) });
    service.setFile('own.h', '#define VALUE 2\n');
    const good = await service.update(GOOD);
    expect(good?.diagnostics).toEqual([]);
    expect(good?.tree?.functions.map((one) => one.name)).toEqual(['f']);
    expect(checked).toHaveLength(1);
    const bad = await service.update(BAD);
    expect(bad?.compiled).toBeUndefined();
    expect(bad?.diagnostics.map((one) => one.code)).toEqual(['E1201']);
    expect(service.lastGood).toBe(good?.compiled);
    // Undoing is looking up.
    expect((await service.update(GOOD))?.compiled).toBe(good?.compiled);
  });

  it('gives up on what was replaced, and takes changed headers', async () => {
    const service = new CompilerService('typed.bpf.c');
    service.setFile('own.h', '#define VALUE 2\n');
    const results = await Promise.all([service.update(BAD), service.update(`${BAD}\n`), service.update(GOOD)]);
    expect(results.map((one) => one?.diagnostics.length)).toEqual([undefined, undefined, 0]);
    service.setFile('own.h', undefined);
    expect((await service.update(GOOD))?.diagnostics[0]?.message).toContain('own.h');
  });

  it('works through a port, with places as lines and columns', async () => {
    const { port1, port2 } = new MessageChannel();
    serveCompiler(port1 as unknown as Port);
    const compiler = new RemoteCompiler(port2 as unknown as Port, 'typed.bpf.c', { extras: ['ir', 'tree'] });
    compiler.setFile('own.h', '#define VALUE 2\n');
    const [stale, bad] = await Promise.all([compiler.update(GOOD), compiler.update(BAD)]);
    expect(stale).toBeUndefined();
    expect(bad?.diagnostics[0]).toMatchObject({ code: 'E1201', place: { file: 'typed.bpf.c', line: 2, column: 65 } });
    const good = await compiler.update(GOOD);
    expect(good?.object?.subarray(0, 4)).toEqual(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46));
    expect(good?.ir).toContain('return');
    expect(good?.tree).toContain('f');
    port1.close();
    port2.close();
  });
});
