import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { traceReference } from '../../src/index.ts';

const page = new URL('../../../../docs/trace-language.md', import.meta.url);
const BEGIN =
  '<!-- made from the tables of the compiler: SKEP_UPDATE=1 npx vitest run packages/compiler/test/trace/reference.test.ts -->';

test('the reference page has the tables that the compiler reads', () => {
  const text = readFileSync(page, 'utf8');
  const [head] = text.split(BEGIN);
  const wanted = `${head}${BEGIN}\n\n${traceReference()}\n`;
  if (process.env['SKEP_UPDATE']) writeFileSync(page, wanted);
  else expect(text).toBe(wanted);
});
