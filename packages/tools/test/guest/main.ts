import { existsSync, readFileSync, rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { runTool } from './command.ts';
import { TRUTHS } from './truths.ts';

/**
 * Runs every workload under its tool, in this process, and writes a line of JSON for each: what was wrong, and how long it
 * took. `--samples` before names of tools: what people see, for the documentation; `--record`: that, and the recording.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const samples = argv[0] === '--samples';
  const record = argv[0] === '--record';
  const only = samples || record ? argv.slice(1) : argv;
  const format = record ? ['--record', RECORDING] : samples ? [] : ['-o', 'json'];

  for (const [index, truth] of TRUTHS.entries()) {
    if (only.length > 0 && !only.includes(truth.tool)) continue;
    const missing = truth.needs?.find((one) => !existsSync(one));
    if (missing !== undefined) {
      console.log(
        JSON.stringify({ index, tool: truth.tool, args: truth.args, skipped: `there is no ${missing}`, err: '' }),
      );
      continue;
    }
    const start = performance.now();
    const written = { out: '', err: '' };
    let wrong: string | undefined;
    try {
      await runTool(truth.tool, [...truth.args, ...format, '--command', truth.command], {}, written);
      if (!samples && !record) wrong = truth.wrong(JSON.parse(written.out));
    } catch (error) {
      wrong = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
    }
    const { tool, args } = truth;
    const { out, err } = written;
    const details = {
      ...((samples || record) && { out }),
      ...(record && wrong === undefined && { recording: gzipSync(readFileSync(RECORDING)).toString('base64') }),
      ...(wrong !== undefined && { wrong, out: out.slice(0, 3000) }),
    };
    if (record) rmSync(RECORDING, { force: true });
    console.log(JSON.stringify({ index, tool, args, seconds: (performance.now() - start) / 1000, err, ...details }));
  }
}

const RECORDING = '/tmp/tool.skep';

void main(process.argv.slice(2));
