// @ts-check
/**
 * node conformance/bpftrace/messages.mjs [PATTERN]
 *
 * What Debian's bpftrace and skep say of the same wrong scripts (mistakes.txt), one below the other; as root, with tracefs mounted. Nothing is run: bpftrace is asked for its
 * program only, and skep compiles.
 */
import { spawnSync } from 'node:child_process';
import { renderDiagnostics, SkepError } from '@skep/base';
import { compileTrace } from '@skep/compiler';
import { machineTarget } from '@skep/tools';
import { peerEnvironment, peers } from '../tools/peers.mjs';
import { mistakes } from './mistakes.mjs';

const pattern = new RegExp(process.argv[2] ?? '.');
const root = peers();
const env = { ...process.env, ...peerEnvironment(root) };
const target = machineTarget(2, undefined);
for (const { script } of mistakes().filter((one) => pattern.test(one.script))) {
  const peer = spawnSync(`${root}/usr/bin/bpftrace`, ['-d', '-e', script], { env, encoding: 'utf8', timeout: 60_000 });
  // Its own complaints about this machine aside, and the tree that it prints.
  const said = `${peer.stdout}\n${peer.stderr}`.replace(/^.*RLIMIT_MEMLOCK.*$/gm, '');
  const lines = said.split('\n');
  const shown = lines.filter((line, i) => /ERROR|HINT|WARNING|^ *~+$/.test(line) || /^ *~+$/.test(lines[i + 1] ?? ''));
  process.stdout.write(
    `──── ${script}\n── bpftrace${peer.status === 0 ? ' accepts it' : ''}\n${peer.status === 0 ? '' : `${shown.join('\n')}\n`}`,
  );
  process.stdout.write(`── skep\n${ours(script)}\n`);
}

/** @param {string} script */
function ours(script) {
  try {
    compileTrace({ name: 'stdin', text: script }, { target });
    return 'accepts it';
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    return renderDiagnostics(error.diagnostics, { color: false });
  }
}
