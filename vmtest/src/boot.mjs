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
  const deadline = Date.now() + (options.timeout ?? 300) * 1000;
  const first = await bootOnce(kernel, command, options, deadline, patienceOf(options));
  if (first.how !== 'stuck') return { ...first, how: first.how };
  // Nothing of the command has run yet, so that nothing that it would show is hidden.
  process.stderr.write(`vmtest: ${whereStuck(kernel, first)}; it is booted once more\n`);
  const second = await bootOnce(kernel, command, options, deadline, undefined);
  return { ...second, how: second.how === 'stuck' ? 'timeout' : second.how };
}

/**
 * Seconds in which a guest reaches its command, or is taken for stuck: a boot takes 5 of them, and 50 on a machine with ten
 * times as much to do as it can.
 *
 * @param {BootOptions} options
 */
function patienceOf(options) {
  return Math.min(180, Math.max(60, 0.4 * (options.timeout ?? 300)));
}

/** @param {import('../index.mjs').Kernel} kernel @param {Booted} booted */
function whereStuck(kernel, { stage, seconds, busy, console: log }) {
  const stages = {
    '': 'the kernel did not get to its first process',
    init: 'modules were being loaded',
    modules: "the host's files were being mounted",
    root: 'the root was being put together',
  };
  const where = stages[/** @type {keyof typeof stages} */ (stage)] ?? `it said ${stage}`;
  const last = log.trimEnd().split('\n').at(-1);
  return (
    `the guest of ${kernel.series} did not reach its command in ${Math.round(seconds)} s, of which QEMU computed ` +
    `${Math.round(busy)} s: ${where}${last ? ` (${last})` : ''}`
  );
}

/**
 * @typedef {Omit<BootResult, 'how'> & { how: BootResult['how'] | 'stuck', stage: string, seconds: number, busy: number }} Booted
 *
 * @param {import('../index.mjs').Kernel} kernel
 * @param {readonly string[]} command
 * @param {BootOptions} options
 * @param {number} deadline in ms
 * @param {number | undefined} patience in seconds
 * @returns {Promise<Booted>}
 */
async function bootOnce(kernel, command, options, deadline, patience) {
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

    return await runQemu(tools.qemu, kernel, dir, socket, options, children, deadline, patience);
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
 * @param {number} deadline
 * @param {number | undefined} patience
 * @returns {Promise<Booted>}
 */
function runQemu(qemu, kernel, dir, socket, options, children, deadline, patience) {
  const memory = options.memory ?? 1024;
  const consoleFile = join(dir, 'console');
  const codeFile = join(dir, 'code');
  // KVM is asked for, never guessed: a /dev/kvm that opens may still hang the guest, without a fall back to TCG.
  const kvm = process.env['VMTEST_ACCEL'] === 'kvm';
  const accel = kvm ? ['kvm', 'host'] : ['tcg,thread=multi', 'max'];
  // Emulated on a busy machine, the guest measures its TSC against a timer that stands still meanwhile, and one boot in ten its
  // clock runs four to eight times too fast, or so fast that it does nothing but count ticks. The HPET needs no measuring.
  const kernelArguments =
    'console=ttyS0 quiet loglevel=3 panic=-1 lsm=landlock,lockdown,yama,apparmor,bpf mitigations=off nokaslr ' +
    `tsc=reliable no_timer_check random.trust_cpu=on${kvm ? '' : ' clocksource=hpet'}`;
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
    /** @type {Booted['how']} */
    let how = 'died';
    const started = Date.now();
    let busy = 0;
    const said = () => (existsSync(codeFile) ? readFileSync(codeFile, 'utf8').trim().split(/\s+/) : []);
    /** @type {Buffer[]} */
    const output = [];
    let complaints = '';
    const stop = (/** @type {Booted['how']} */ reason) => {
      how = reason;
      busy = secondsOf(child.pid);
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop('timeout'), deadline - started);
    const watchdog =
      patience !== undefined &&
      setTimeout(() => {
        if (!said().includes('command')) stop('stuck');
      }, patience * 1000);
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
      if (watchdog) clearTimeout(watchdog);
      options.signal?.removeEventListener('abort', aborted);
      const stage = said().at(-1) ?? '';
      const log = existsSync(consoleFile) ? readFileSync(consoleFile, 'utf8') : '';
      resolve({
        code: /^\d+$/.test(stage) ? Number(stage) : undefined,
        how: /^\d+$/.test(stage) && how === 'died' ? 'exited' : how,
        output: Buffer.concat(output).toString(),
        console: complaints + log,
        stage,
        seconds: (Date.now() - started) / 1000,
        busy,
      });
    });
  });
}

/** How long a process has computed. @param {number | undefined} pid */
function secondsOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // utime and stime, in USER_HZ.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
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
