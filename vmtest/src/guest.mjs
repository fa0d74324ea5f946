// @ts-check
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { DIRECTORY, EXECUTABLE, FILE, initramfs } from './initramfs.mjs';

/**
 * @typedef {object} GuestCommand
 * @property {readonly string[]} command
 * @property {string} cwd
 * @property {Readonly<Record<string, string>>} env
 * @property {boolean} tracefs whether tracefs and debugfs are mounted
 */

/**
 * What the guest boots: busybox, modules, and two scripts. `/init` lays a throw-away tmpfs over the host's root;
 * `/run/cmd` then runs there as PID 1.
 *
 * @param {string} busybox
 * @param {readonly string[]} modules
 * @param {GuestCommand} command
 */
export function guestImage(busybox, modules, command) {
  return initramfs([
    ...['dev', 'proc', 'sys', 'm', 'bin', 'ro', 'rw', 'root'].map((path) => ({ path, mode: DIRECTORY })),
    { path: 'bin/busybox', mode: EXECUTABLE, bytes: readFileSync(busybox) },
    ...modules.map((file) => ({ path: `m/${basename(file)}`, mode: FILE, bytes: readFileSync(file) })),
    { path: 'init', mode: EXECUTABLE, bytes: Buffer.from(initScript(modules.map((file) => basename(file)))) },
    { path: 'cmd', mode: EXECUTABLE, bytes: Buffer.from(commandScript(command)) },
  ]);
}

/** @param {readonly string[]} modules */
function initScript(modules) {
  return `#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
echo init >/dev/ttyS2
$b mount -t proc proc /proc
for m in ${modules.join(' ')}; do $b insmod /m/$m || echo "vmtest: cannot load $m"; done
echo modules >/dev/ttyS2
$b mount -t virtiofs -o ro host /ro || { echo 'vmtest: cannot mount the root of the host'; $b sleep 1; echo o >/proc/sysrq-trigger; }
echo root >/dev/ttyS2
$b mount -t tmpfs tmpfs /rw
$b mkdir /rw/u /rw/w
$b mount -t overlay -o lowerdir=/ro,upperdir=/rw/u,workdir=/rw/w overlay /root
$b mount -t sysfs sysfs /root/sys
$b mount -t tmpfs tmpfs /root/run
$b cp /cmd /root/run/cmd
$b cp /bin/busybox /root/run/busybox
$b mount --move /proc /root/proc
$b mount --move /dev /root/dev
exec $b switch_root /root /run/cmd </root/dev/null >/root/dev/ttyS0 2>&1
`;
}

/**
 * Serial port 0 is the console, 1 the output of the command, 2 how far it is: stages, at last the exit code. Where the kernel has /dev/port the exit
 * of QEMU comes by isa-debug-exit; the write to sysrq ends all others.
 *
 * @param {GuestCommand} guest
 */
function commandScript({ command, cwd, env, tracefs }) {
  const mounts = [
    ['bpf', 'bpffs', '/sys/fs/bpf'],
    ['cgroup2', 'cgroup2', '/sys/fs/cgroup'],
    ['securityfs', 'securityfs', '/sys/kernel/security'],
    ...(tracefs
      ? [
          ['debugfs', 'debugfs', '/sys/kernel/debug'],
          ['tracefs', 'tracefs', '/sys/kernel/tracing'],
        ]
      : []),
  ];
  return `#!/run/busybox sh
b=/run/busybox
${mounts.map(([type, name, at]) => `$b mount -t ${type} ${name} ${at} 2>/dev/null`).join('\n')}
$b mkdir -p /dev/pts /dev/shm
$b mount -t devpts devpts /dev/pts
$b mount -t tmpfs tmpfs /dev/shm
$b ln -sf /proc/self/fd /dev/fd
$b stty raw -echo -F /dev/ttyS1
$b ip link set lo up
${Object.entries(env)
  .map(([name, value]) => `export ${name}=${quoted(value)}`)
  .join('\n')}
echo command >/dev/ttyS2
cd ${quoted(cwd)} && ${command.map(quoted).join(' ')} </dev/null >/dev/ttyS1 2>&1
rc=$?
$b sync
echo $rc >/dev/ttyS2
[ -e /dev/port ] && printf "\\\\$(printf %03o $rc)" | $b dd of=/dev/port bs=1 seek=244 2>/dev/null
echo o >/proc/sysrq-trigger
while :; do $b sleep 10; done
`;
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
