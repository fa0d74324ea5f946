import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import { integerConstant } from '../../src/c/constant.ts';
import { parseText } from './parse-text.ts';

const COUNT = 1500;

describe('constant expressions', () => {
  const clang = hasClang();
  it.skipIf(!clang)(
    `have clang-19's value and type, ${COUNT} at random${clang ? '' : ' (skipped: clang-19 is not installed)'}`,
    () => {
      const random = new Random(4_711);
      const texts = Array.from({ length: COUNT }, () => expression(random, 4));
      const source = texts
        .map(
          (text, i) =>
            `unsigned long v${i} = (unsigned long)(${text}); int s${i} = sizeof(${text}); int u${i} = (typeof(${text}))-1 > 0;`,
        )
        .join('\n');
      const { tree, diagnostics } = parseText(source);
      expect(diagnostics.filter((one) => one.severity === 'error').map((one) => one.message)).toEqual([]);
      const value = (name: string): bigint => {
        const variable = tree!.variables.find((one) => one.name === name)!;
        return integerConstant(variable.init!.parts[0]!.value)!;
      };
      const values = new Map(tree!.variables.map((one) => [one.name, integerConstant(one.init!.parts[0]!.value)!]));
      expect(value('s0')).toBe(values.get('s0'));
      const claims = texts.map(
        (text, i) =>
          `_Static_assert((unsigned long)(${text}) == ${values.get(`v${i}`)}ul, "value ${i}"); ` +
          `_Static_assert(sizeof(${text}) == ${values.get(`s${i}`)}, "size ${i}"); ` +
          `_Static_assert(((typeof(${text}))-1 > 0) == ${values.get(`u${i}`)}, "sign ${i}");`,
      );
      const run = spawnSync(
        'clang-19',
        ['-target', 'bpf', '-w', '-fwrapv', '-fsyntax-only', '-ferror-limit=5', '-x', 'c', '-'],
        {
          input: `${claims.join('\n')}\n`,
          encoding: 'utf8',
        },
      );
      expect(run.stderr).toBe('');
      expect(run.status).toBe(0);
    },
  );
});

function hasClang(): boolean {
  try {
    execFileSync('clang-19', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const TYPES = [
  'char',
  'unsigned char',
  'short',
  'unsigned short',
  'int',
  'unsigned',
  'long',
  'unsigned long',
  '_Bool',
  'long long',
];
const SUFFIXES = ['', 'u', 'l', 'ul', 'll', 'ull'];
const OPERATORS = ['+', '-', '*', '&', '|', '^', '==', '!=', '<', '>', '<=', '>=', '&&', '||'];

function expression(random: Random, depth: number): string {
  const inner = () => expression(random, depth - 1);
  if (depth === 0 || random.below(6) === 0) {
    const value = [
      random.below(10),
      random.below(300),
      127,
      128,
      255,
      256,
      32_767,
      65_535,
      2_147_483_647,
      2_147_483_648,
      4_294_967_295,
    ][random.below(11)]!;
    return random.below(3) === 0
      ? `0x${value.toString(16)}${SUFFIXES[random.below(6)]}`
      : `${value}${SUFFIXES[random.below(6)]}`;
  }
  switch (random.below(8)) {
    case 0:
      return `(${TYPES[random.below(TYPES.length)]})(${inner()})`;
    case 1:
      return `(${['-', '~', '!', '+'][random.below(4)]}(${inner()}))`;
    case 2:
      return `((${inner()}) ${random.below(2) === 0 ? '<<' : '>>'} ${random.below(31)})`;
    case 3:
      return `((${inner()}) ${random.below(2) === 0 ? '/' : '%'} ${1 + random.below(1000)}${SUFFIXES[random.below(6)]})`;
    case 4:
      return `((${inner()}) ? (${inner()}) : (${inner()}))`;
    default:
      return `((${inner()}) ${OPERATORS[random.below(OPERATORS.length)]} (${inner()}))`;
  }
}
