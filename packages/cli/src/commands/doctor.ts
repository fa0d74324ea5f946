import { EXIT } from '@skep/base';
import { doctor, type Report } from '@skep/kernel';
import { parseFormat, SCHEMA, table, toJson } from '@skep/view';
import type { Call } from '../command.ts';

/** `skep doctor` */
export async function execute(call: Call): Promise<number> {
  const format = parseFormat(call.options.text('output') ?? 'table');
  const report = doctor();
  if (format.kind === 'json' || format.kind === 'jsonl') {
    call.io.out(`${toJson({ schema: SCHEMA, ...report }, format.kind === 'json' ? 2 : 0)}\n`);
    return EXIT.ok;
  }
  const { kernel, cpus, permitted } = report;
  call.io.out(
    `kernel     Linux ${kernel.release} on ${kernel.arch}\ncpus       ${cpus.online} online, ${cpus.possible} possible\n`,
  );
  call.io.out(`bpf(2)     ${permitted.ok ? 'permitted' : permitted.message}\n`);
  if (!permitted.ok) for (const one of permitted.reasons) call.io.out(`           ${one.message}: ${one.remedy}\n`);
  call.io.out('\n');
  const rows = report.features.map((one) => [
    one.title,
    one.ok ? 'yes' : one.unknown ? '?' : 'no',
    one.since ?? '',
    [one.detail, one.remedy].filter((text) => text !== undefined).join('; '),
  ]);
  call.io.out(`${table(['FEATURE', 'HERE', 'SINCE', 'DETAILS'], rows)}\n`);
  for (const line of types(report)) call.io.out(`${line}\n`);
  return EXIT.ok;
}

/** How many there are, and each that is missing. */
function types({ programTypes, mapTypes, helpers }: Report): string[] {
  if (helpers === undefined) return [];
  const lines = [['program types', programTypes] as const, ['map types', mapTypes] as const].flatMap(
    ([title, list]) => {
      const missing = list.filter((one) => !one.ok);
      return [
        `${title.padEnd(14)} ${list.length - missing.length} of ${list.length}`,
        ...missing.map((one) => `               no ${one.name}: ${one.remedy}`),
      ];
    },
  );
  const some = helpers.missing.slice(0, 5).join(', ');
  const more = helpers.missing.length > 5 ? ` and ${helpers.missing.length - 5} more` : '';
  const without = helpers.missing.length > 0 ? `; not ${some}${more}: newer kernels have them` : '';
  return ['', ...lines, `${'helpers'.padEnd(14)} ${helpers.present} of ${helpers.known}${without}`];
}
