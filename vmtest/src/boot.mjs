// @ts-check
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guestImage } from './guest.mjs';
import { bootTools, findTool, Missing, whyNotBoot } from './tools.mjs';

/** @typedef {import('../index.mjs').BootOptions} BootOptions */
/** @typedef {import('../index.mjs').BootResult} BootResult */

/** @type {typeof import('../index.mjs').boot} */
export async function boot(kernel, command, options = {}) {
  const why = whyNotBoot();
  if (why !== undefined) throw new Missing('cannot boot a guest', why);
  const tools = bootTools();
  const dir = mkdtempSync(join(tmpdir(), 'vmtest-'));
  /** @type {import('node:child_process').ChildProcess[]} */
  const children = [];
  const cleanUp = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  try {
    const env = {
      PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: process.env['HOME'] ?? '/root',
      VMTEST: kernel.series,
      ...options.env,
    };
    const image = guestImage(tools.busybox, kernel.modules, {
      command,
      env,
      cwd: options.cwd ?? process.cwd(),
      tracefs: options.tracefs ?? true,
    });
    writeFileSync(join(dir, 'initrd'), image);

    const socket = join(dir, 'fs.sock');
    const share = spawnBound(
      tools.virtiofsd,
      [`--socket-path=${socket}`, '-o', 'source=/', '-o', 'sandbox=chroot', '-o', 'cache=always'],
      ['ignore', 'ignore', 'pipe'],
    );
    children.push(share);
    await listening(share, socket);

    return await runQemu(tools.qemu, kernel, dir, socket, options, children);
  } finally {
    process.off('exit', cleanUp);
    cleanUp();
  }
}

/**
 * @param {string} qemu
 * @param {import('../index.mjs').Kernel} kernel
 * @param {string} dir
 * @param {string} socket
 * @param {BootOptions} options
 * @param {import('node:child_process').ChildProcess[]} children
 * @returns {Promise<BootResult>}
 */
function runQemu(qemu, kernel, dir, socket, options, children) {
  const memory = options.memory ?? 1024;
  const consoleFile = join(dir, 'console');
  const codeFile = join(dir, 'code');
  // KVM is asked for, never guessed: a /dev/kvm that opens may still hang the guest, without a fall back to TCG.
  const accel = process.env['VMTEST_ACCEL'] === 'kvm' ? ['kvm', 'host'] : ['tcg,thread=multi', 'max'];
  const kernelArguments =
    'console=ttyS0 quiet loglevel=3 panic=-1 lsm=landlock,lockdown,yama,apparmor,bpf mitigations=off nokaslr ' +
    'tsc=reliable no_timer_check random.trust_cpu=on';
  const child = spawnBound(
    qemu,
    [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-M', 'q35', '-smp', '1'],
      ...['-accel', /** @type {string} */ (accel[0]), '-cpu', /** @type {string} */ (accel[1]), '-m', `${memory}M`],
      ...['-kernel', kernel.image, '-initrd', join(dir, 'initrd'), '-append', kernelArguments],
      ...['-serial', `file:${consoleFile}`, '-serial', 'stdio', '-serial', `file:${codeFile}`],
      ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
      ...['-object', `memory-backend-memfd,id=mem,size=${memory}M,share=on`, '-numa', 'node,memdev=mem'],
      ...['-chardev', `socket,id=fs,path=${socket}`, '-device', 'vhost-user-fs-pci,chardev=fs,tag=host'],
    ],
    ['pipe', 'pipe', 'pipe'],
  );
  children.push(child);
  return new Promise((resolve, reject) => {
    /** @type {BootResult['how']} */
    let how = 'died';
    /** @type {Buffer[]} */
    const output = [];
    let complaints = '';
    const stop = (/** @type {BootResult['how']} */ reason) => {
      how = reason;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop('timeout'), (options.timeout ?? 300) * 1000);
    const aborted = () => stop('aborted');
    options.signal?.addEventListener('abort', aborted, { once: true });
    if (options.signal?.aborted) aborted();
    child.stdout?.on('data', (chunk) => {
      output.push(chunk);
      options.onOutput?.(chunk);
    });
    child.stderr?.on('data', (chunk) => {
      complaints += chunk;
    });
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', aborted);
      const code = existsSync(codeFile) ? readFileSync(codeFile, 'utf8').trim() : '';
      const log = existsSync(consoleFile) ? readFileSync(consoleFile, 'utf8') : '';
      resolve({
        code: /^\d+$/.test(code) ? Number(code) : undefined,
        how: /^\d+$/.test(code) && how === 'died' ? 'exited' : how,
        output: Buffer.concat(output).toString(),
        console: complaints + log,
      });
    });
  });
}

/**
 * A child that dies with this process, however that ends: exit handlers do not run after SIGKILL.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {import('node:child_process').StdioOptions} stdio
 */
function spawnBound(file, args, stdio) {
  return spawn(findTool('setpriv', 'util-linux'), ['--pdeathsig', 'KILL', file, ...args], { stdio });
}

/** @param {import('node:child_process').ChildProcess} share @param {string} socket */
async function listening(share, socket) {
  let complaints = '';
  share.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (existsSync(socket)) return;
    if (share.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`virtiofsd did not start: ${complaints.trim()}`);
}
