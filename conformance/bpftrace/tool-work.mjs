// @ts-check
/**
 * What each of bpftrace's tools is given to see, and what of it must stand in its output. The work is a piece of a shell's script that is
 * run again and again while the tool runs; `$PORT` is a server on 127.0.0.1 that says hello, `$DIR` a folder of its own, `$DISK` a disk
 * without anything on it.
 */

/** @typedef {{ work: string, sees: RegExp, setup?: string, cleanup?: string, needs?: string }} ToolWork */

const FILE = 'echo text > $DIR/file; cat $DIR/file /etc/hostname; stat $DIR/file /nowhere-at-all';
const DISK = 'dd if=/dev/zero of=$DISK bs=64k count=8 oflag=direct';
const CONNECT = 'exec 3<>/dev/tcp/127.0.0.1/$PORT && cat <&3; exec 3>&-';
/** Everything that is sent is dropped, and sent again. */
const LOST = `tc qdisc add dev lo root pfifo limit 0; timeout 3 bash -c '${CONNECT}'; tc qdisc del dev lo root`;
const TLS = 'echo | timeout 20 openssl s_client -connect 127.0.0.1:4433 -quiet -no_ign_eof';
const TLS_SERVER = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2 \
-keyout $DIR/key -out $DIR/cert && (openssl s_server -accept 4433 -key $DIR/key -cert $DIR/cert -www -quiet &) ; sleep 2`;
/** More memory than its group may have. */
const GROUP = `echo +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p /sys/fs/cgroup/small; echo 2M > /sys/fs/cgroup/small/memory.max`;
const SWAP = `${GROUP}; mkswap $DISK; swapon $DISK`;
const PAGES = `python3 -c 'import mmap
open("/sys/fs/cgroup/small/cgroup.procs", "w").write("0")
m = mmap.mmap(-1, 6 << 20)
for turn in range(2):
  for at in range(0, 6 << 20, 4096): m[at] = 1'`;
const BARS = String.raw`\[[^\n]*\) +\d+ \|@+ *\|`;

/** By the name of the file, without `.bt`. @type {Readonly<Record<string, ToolWork>>} */
export const TOOL_WORK = {
  bashreadline: {
    work: "printf 'echo typed by hand\\nexit\\n' | script -qec 'bash --norc -i' /dev/null",
    sees: /\d+ +echo typed by hand/,
  },
  // It traces functions that newer kernels have no more, and says so.
  'biolatency-kp': { work: DISK, sees: /Tracing block device I\/O/ },
  biolatency: { work: DISK, sees: RegExp(String.raw`@usecs:[\s\S]*${BARS}`) },
  biosnoop: { work: DISK, sees: /^\d+ +\d+ +\d+ +dd +\d+ +\d+$/m },
  biostacks: { work: DISK, sees: RegExp(String.raw`@usecs\[[^\]]*submit_bio[\s\S]*${BARS}`) },
  bitesize: { work: DISK, sees: /@\[dd\]:[\s\S]*\[64K, 128K\) +\d+ \|@+/ },
  capable: { work: 'setpriv --reuid=65534 true', sees: /\d+ +setpriv +7 +CAP_SETUID/ },
  cpuwalk: { work: 'timeout 1 sh -c "while :; do :; done"', sees: RegExp(String.raw`@cpu:[\s\S]*${BARS}`) },
  dcsnoop: { work: FILE, sees: /stat +[MR] nowhere-at-all/ },
  execsnoop: { work: FILE, sees: /\d\d:\d\d:\d\d\.\d+ +\d+ +\d+ +\S*cat .*\/etc\/hostname/ },
  gethostlatency: { work: 'getent ahosts localhost', sees: /getent +\d+ localhost/ },
  killsnoop: { work: 'kill -s URG $$', sees: /bash +SIGURG +\d+ +0/ },
  loads: { work: 'true', sees: /load averages: \d+\.\d{3} \d+\.\d{3} \d+\.\d{3}/ },
  mdflush: {
    setup: `echo md9 > /sys/module/md_mod/parameters/new_array; cd /sys/block/md9/md; echo raid1 > level; echo 1 > raid_disks;
echo none > metadata_version; cat /sys/block/\${DISK#/dev/}/dev > new_dev; echo 0 > dev-\${DISK#/dev/}/slot; echo active > array_state; cd -`,
    work: 'dd if=/dev/zero of=/dev/md9 bs=4k count=1 conv=fsync',
    sees: /\d+ +dd +md9/,
    cleanup: 'echo clear > /sys/block/md9/md/array_state',
    needs: '/sys/module/md_mod',
  },
  naptime: { work: 'sleep 0.2', sees: /bash +\d+ +sleep +0\.200/ },
  oomkill: { setup: GROUP, work: PAGES, sees: /OOM kill of PID \d+ \("python3"\), \d+ pages, loadavg: \d/ },
  opensnoop: { work: FILE, sees: /cat +\d+ +0 \/etc\/hostname/ },
  pidpersec: { work: FILE, sees: /PIDs\/sec: @: [1-9]/ },
  runqlat: { work: FILE, sees: RegExp(String.raw`@usecs:[\s\S]*${BARS}`) },
  runqlen: { work: FILE, sees: /@runqlen:[\s\S]*\[0, 1\) +\d+ \|@+/ },
  setuids: { work: 'setpriv --reuid=65534 true', sees: /setpriv +0 +setresuid ruid=65534 euid=65534 suid=-?\d+ \(0\)/ },
  ssllatency: { setup: TLS_SERVER, work: TLS, sees: /@stat\[SSL_write\]: \{ \.count = [1-9]/ },
  sslsnoop: { setup: TLS_SERVER, work: TLS, sees: /openssl +\d+ +\d+ SSL_write/ },
  statsnoop: { work: FILE, sees: /stat +2 \/nowhere-at-all/ },
  swapin: { setup: SWAP, work: PAGES, cleanup: 'swapoff $DISK', sees: /@\[python3, \d+\]: [1-9]/ },
  syncsnoop: { work: 'sync', sees: /sync +tracepoint:syscalls:sys_enter_sync$/m },
  syscount: { work: FILE, sees: /Top 10 syscalls IDs:\n@syscall\[\d+\]: \d+[\s\S]*@process\[cat\]: \d+/ },
  tcpaccept: { work: CONNECT, sees: /\S+ +127\.0\.0\.1 +\d+ +127\.0\.0\.1 +\d+ +0\/\d+/ },
  tcpconnect: { work: CONNECT, sees: /bash +127\.0\.0\.1 +\d+ +127\.0\.0\.1 +\d+/ },
  tcpdrop: { work: LOST, sees: /bash +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +SYN_SENT[\s\S]*kfree_skb/ },
  tcplife: { work: CONNECT, sees: /\d+ +bash +127\.0\.0\.1 +\d+ +127\.0\.0\.1 +\d+ +0 +0 +\d+/ },
  tcpretrans: { work: LOST, sees: /127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +SYN_SENT/ },
  tcpsynbl: { work: CONNECT, sees: /@backlog\[\d+\]:[\s\S]*\[0\] +\d+ \|@+/ },
  threadsnoop: {
    work: "python3 -c 'import threading; threading.Thread(target=print).start()'",
    sees: /\d+ python3 +thread_run|\d+ python3 +\S*pythread\S*|\d+ python3 +0x/,
  },
  undump: {
    work: `python3 -c 'import socket
a, b = socket.socketpair()
a.send(b"seen by undump")
b.recv(99)'`,
    sees: /python3 +\d+ +14 +seen by undump/,
  },
  vfscount: { work: FILE, sees: /@\[vfs_read\]: [1-9]/ },
  vfsstat: { work: FILE, sees: /@\[vfs_(read|open|write)\]: [1-9]/ },
  writeback: {
    work: 'dd if=/dev/zero of=$DISK bs=64k count=8; sync',
    sees: /^\S+ +\d+:\d+ +\d+ +(sync|periodic|background) +\d+\.\d{3}$/m,
  },
  // It may trace nothing: then its two names are all that it has.
  xfsdist: { work: FILE, sees: /Tracing XFS operation latency/ },
};
