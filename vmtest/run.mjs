#!/usr/bin/env node
// @ts-check
import { parseArgs } from 'node:util';
import { boot, fetchKernel, fetchModules, KERNELS, Missing, whyNotBoot } from './index.mjs';

const USAGE = `Usage: node vmtest/run.mjs [options] SERIES -- COMMAND…
       node vmtest/run.mjs --fetch SERIES…

Boots a distribution kernel in QEMU and runs COMMAND in it, as root, in this directory, with this machine's root file
system under a throw-away overlay. The exit code is the command's; 124 after the timeout, 125 when the guest failed.

SERIES            ${Object.keys(KERNELS).join(', ')}
--timeout SECONDS boot included, 300 by default
--memory MIB      1024 by default
--env NAME=VALUE  a variable for the command; may be given more than once
--module NAME     loads a module of the kernel first; may be given more than once
--no-tracefs      leaves tracefs and debugfs unmounted
--fetch           only downloads the kernels into the cache
--help
`;

process.exitCode = await main(process.argv.slice(2));

/** @param {string[]} argv */
async function main(argv) {
  const split = argv.indexOf('--');
  const command = split < 0 ? [] : argv.slice(split + 1);
  let parsed;
  try {
    parsed = parseArgs({
      args: split < 0 ? argv : argv.slice(0, split),
      allowPositionals: true,
      options: {
        timeout: { type: 'string', default: '300' },
        memory: { type: 'string', default: '1024' },
        env: { type: 'string', multiple: true, default: [] },
        module: { type: 'string', multiple: true, default: [] },
        'no-tracefs': { type: 'boolean', default: false },
        fetch: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return complain(`${/** @type {Error} */ (error).message}\n\n${USAGE}`, 2);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    if (values.fetch) {
      for (const series of positionals) fetchKernel(series, say);
      return 0;
    }
    const series = positionals[0];
    if (series === undefined || positionals.length > 1 || command.length === 0) return complain(USAGE, 2);
    const timeout = Number(values.timeout);
    const memory = Number(values.memory);
    if (!(timeout > 0) || !(memory >= 128)) return complain('--timeout and --memory want a number', 2);
    const why = whyNotBoot();
    if (why !== undefined) return complain(why, 125);
    const interrupt = new AbortController();
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.once(signal, () => interrupt.abort());
    }
    const kernel = fetchKernel(series, say);
    const further = values.module.length > 0 ? fetchModules(kernel, values.module, say) : [];
    const result = await boot({ ...kernel, modules: [...kernel.modules, ...further] }, command, {
      timeout,
      memory,
      tracefs: !values['no-tracefs'],
      env: Object.fromEntries(values.env.map((one) => [one.split('=', 1)[0], one.slice(one.indexOf('=') + 1)])),
      signal: interrupt.signal,
      onOutput: (chunk) => process.stdout.write(chunk),
    });
    if (result.how === 'timeout') return complain(`timeout after ${timeout} s\n${tail(result.console)}`, 124);
    if (result.how === 'aborted') return complain('interrupted', 130);
    if (result.code === undefined) return complain(`the guest ended without a result\n${tail(result.console)}`, 125);
    return result.code;
  } catch (error) {
    if (error instanceof Missing) return complain(error.message, 125);
    throw error;
  }
}

/** @param {string} text */
function tail(text) {
  return text.trimEnd().split('\n').slice(-30).join('\n');
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`vmtest: ${line}\n`);
}

/** @param {string} message @param {number} code */
function complain(message, code) {
  say(message.trimEnd());
  return code;
}
