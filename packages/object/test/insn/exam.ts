import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface IsaTest {
  readonly suite: string;
  readonly name: string;
  readonly bytecode: string;
  readonly expect: { readonly result?: string; readonly load_error?: string; readonly runtime_error?: boolean };
}

const path = fileURLToPath(new URL('../../../../../shared/exams/isa.json', import.meta.url));
export const examIsThere = existsSync(path);
export const examWhy = examIsThere ? '' : ` (skipped: no ${path})`;

export function isaTests(): IsaTest[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as { tests: IsaTest[] }).tests;
}
