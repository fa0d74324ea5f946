import type { SkepError } from '@skep/base';
import { compile, compileProbes } from '@skep/compiler';
import { describe, expect, it } from 'vitest';
import { bundledTypes } from '../../src/index.ts';
import { HEAD, REFUSED, TAKEN } from './constructs.ts';

const probe = (body: string) => `tracepoint('syscalls:sys_enter_openat', (c) => {\n${body}\n});\n`;

describe('constructs of TypeScript in probes', () => {
  it('that are taken make programs', async () => {
    // One probe each, so that one file has them all.
    const text = HEAD + TAKEN.map(probe).join('');
    const { c, origin, probes } = await compileProbes({ name: 'taken.ts', text }, { btf: bundledTypes });
    expect(probes).toHaveLength(TAKEN.length);
    const result = compile({ name: 'taken.c', text: c }, { origin, vmlinux: bundledTypes });
    expect(result.ok ? [] : result.diagnostics).toEqual([]);
  });

  it.each(Object.entries(REFUSED))('that are refused with %s get a place and a remedy', async (code, bodies) => {
    for (const body of bodies) {
      const text = HEAD + probe(body);
      const found = await compileProbes({ name: 'refused.ts', text }, { btf: bundledTypes }).then(
        () => [],
        (error: SkepError) => error.diagnostics,
      );
      const codes = found.map((one) => one.code);
      expect(codes, body).toContain(code);
      for (const { span, help } of found) {
        expect(span && span.end > span.start, body).toBe(true);
        expect(help, body).toBeTruthy();
      }
    }
  });
});
