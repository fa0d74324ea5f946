// @ts-check
// What clang-19 and skep say of the same wrong programs, one below the other:
//   node conformance/compiler/messages.mjs [PATTERN]     names of programs in errors/*.txt
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { snapshot } from './compile-skep.mjs';

const MULTIARCH = '/usr/include/x86_64-linux-gnu';
const pattern = new RegExp(process.argv[2] ?? '.', 'i');
const errors = fileURLToPath(new URL('errors', import.meta.url));
const { compile, renderDiagnostics } = await import(await snapshot());
const folder = mkdtempSync(join(tmpdir(), 'skep-messages-'));
const path = join(folder, 'wrong.bpf.c');
try {
  for (const table of readdirSync(errors).filter((name) => name.endsWith('.txt') && name !== 'traces.txt')) {
    for (const part of readFileSync(join(errors, table), 'utf8').split(/^--- /m).slice(1)) {
      const [name = '', ...lines] = part.split('\n');
      // Programs of several files are left to the test.
      if (!pattern.test(name) || lines.some((line) => line.startsWith('@@ '))) continue;
      const text = `${lines.filter((line) => !/^=> /.test(line)).join('\n')}`;
      writeFileSync(path, text);
      const options = [
        '-target',
        'bpf',
        '-O2',
        '-g',
        '-Wall',
        '-Wextra',
        '-idirafter',
        MULTIARCH,
        '-c',
        path,
        '-o',
        '/dev/null',
      ];
      const clang = spawnSync('clang-19', options, { encoding: 'utf8' });
      const result = compile({ name: path, text }, { warnings: ['all', 'extra'] });
      const ours = renderDiagnostics(result.ok ? result.warnings : result.diagnostics, { color: false });
      const said = `── ${table}: ${name}\n${clang.stderr}\n·· skep\n${ours}\n`;
      process.stdout.write(said.replaceAll(`${folder}/`, ''));
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
