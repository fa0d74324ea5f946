import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flameGraph, foldedStacks, parseFilter } from '../src/index.ts';

const row = { pid: 42, comm: 'sshd', path: '/etc/passwd', size: 5_000_000_000n, none: null };
const columns = [...Object.keys(row), 'missing'];

describe('a filter', () => {
  it.each([
    ['pid = 42', true],
    ['pid == 42 and comm = sshd', true],
    ['pid != 42', false],
    ['pid < 50 && pid >= 42', true],
    ['size > 4999999999', true],
    ['size = 5000000000', true],
    ['comm in (bash, sshd)', true],
    ['comm in (bash)', false],
    ['path startswith /etc', true],
    ["path contains 'ass'", true],
    ['path endswith wd or pid = 1', true],
    ['path glob /etc/*', true],
    ['path glob /etc', false],
    ['comm =~ ^ss.d$', true],
    ['not (pid = 42)', false],
    ['! pid = 1', true],
    ['comm exists and not none exists and not missing exists', true],
    ['missing = 1 or missing != 1', false],
    ['pid = 1 or pid = 2 and comm = sshd', false],
  ])('%s', (text, expected) => {
    expect(parseFilter(text, columns)(row)).toBe(expected);
  });

  it.each([
    '',
    'pid',
    'pid =',
    '= 3',
    'nothing = 3',
    'pid = 3 and',
    '(pid = 3',
    'pid = 3)',
    'comm = "x',
    'comm =~ (',
    'comm in 3',
    'pid ~ 3',
  ])('%s is refused, with its place', (text) => {
    expect(() => parseFilter(text, columns)).toThrow(SkepError);
  });

  it('is refused or understood, whatever it says', () => {
    const words = fc.constantFrom(
      'pid',
      'comm',
      '=',
      '!=',
      '<',
      '(',
      ')',
      'and',
      'or',
      'not',
      'in',
      ',',
      '3',
      '"x"',
      'glob',
      '!',
      '&&',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 3 })), { maxLength: 30 }), (parts) => {
        try {
          expect(typeof parseFilter(parts.join(' '), columns)(row)).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(SkepError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('does not nest without end', () => {
    expect(() => parseFilter('('.repeat(100_000), columns)).toThrow(/nested/);
    expect(() => parseFilter('not '.repeat(100_000), columns)).toThrow(/nested/);
  });
});

describe('stacks', () => {
  const stacks = [
    { frames: ['main', 'read'], value: 3 },
    { frames: ['main', 'read'], value: 2 },
    { frames: ['main', 'a;b'], value: 1 },
  ];

  it('are folded, equal ones added up', () => {
    expect(foldedStacks(stacks)).toBe('main;read 5\nmain;a:b 1\n');
  });

  it('become a picture with a box for each frame', () => {
    const svg = flameGraph([...stacks, { frames: ['<script>'], value: 4 }], { title: 'test', unit: 'samples' });
    expect(svg).toContain('read (5 samples, 50.00 %)');
    expect(svg).toContain('&lt;script&gt;');
    expect(svg.match(/class="f"/g)).toHaveLength(5);
  });

  it('may be deeper than ours', () => {
    const deep = { frames: Array.from({ length: 20_000 }, (_, i) => `f${i}`), value: 1 };
    expect(flameGraph([deep], { title: 'deep', unit: 'samples' })).toContain('f19999');
  });
});
