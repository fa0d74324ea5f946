/** Workloads for a shell, of which it is known what they do. */

/** A client sends 10 KiB to a server on port 5555 of this machine, gets 2 KiB, and both close. */
export const TCP = `node -e '
const net = require("net");
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("data", () => {});
  socket.on("end", () => { socket.end(Buffer.alloc(2048)); server.close(); });
}).listen(5555, "127.0.0.1", () => {
  const client = net.connect({ port: 5555, host: "127.0.0.1" }, () => client.end(Buffer.alloc(10240)));
  client.on("data", () => {});
});'`;

/** A disk that takes 50 ms for every request, and keeps nothing. */
const SLOW_DISK =
  'mount -t configfs configfs /sys/kernel/config 2> /dev/null; slow=/sys/kernel/config/nullb/skep; ' +
  'test -d $slow || { mkdir $slow; echo 2 > $slow/irqmode; echo 50000000 > $slow/completion_nsec; echo 100 > $slow/size; ' +
  'echo 1 > $slow/power; }; disk=/dev/$(ls /sys/block | grep -E "^(skep|nullb1)$")';
/** Eight reads of 4 KiB, past the page cache. */
export const READ_SLOWLY = `${SLOW_DISK}; dd if=$disk of=/dev/null bs=4096 count=8 iflag=direct 2> /dev/null`;

/** A group that may have 30 MB, in which `tail` asks for more than that. */
export const NO_MEMORY =
  'echo +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p /sys/fs/cgroup/skep-oom && ' +
  'echo 30000000 > /sys/fs/cgroup/skep-oom/memory.max && echo 0 > /sys/fs/cgroup/skep-oom/memory.swap.max 2> /dev/null; ' +
  "sh -c 'echo $$ > /sys/fs/cgroup/skep-oom/cgroup.procs; exec tail /dev/zero' 2> /dev/null; sleep 0.5";

/** `skep0` with 192.0.2.9, and the neighbour 192.0.2.2, which is known and never answers. */
export const SILENT_NEIGHBOUR =
  'ip link show skep0 > /dev/null 2>&1 || { ip link add skep0 type veth peer name skep1 && ip link set skep0 up && ip link set skep1 up && ' +
  'ip addr add 192.0.2.9/24 dev skep0 && ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev skep0; }';
/** A connection to it is asked for again twice in that time. */
export const NO_ANSWER =
  `${SILENT_NEIGHBOUR}; ` +
  `node -e 'require("net").connect(9, "192.0.2.2").on("error", () => {}); setTimeout(() => process.exit(), 3500)'`;

/** `skeplate` wakes up while another process has the only processor, and will not give it back for half a second. */
export const WAIT_LONG = `/usr/bin/python3 -c '
import os, time
late = os.fork()
if late == 0:
    open("/proc/self/comm", "w").write("skeplate")
    time.sleep(0.2)
    os._exit(0)
time.sleep(0.1)
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
end = time.monotonic() + 0.6
while time.monotonic() < end: pass
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
os.waitpid(late, 0)'`;

/** An ext4 of its own, in memory, at /mnt/skepfs. */
export const EXT4 =
  'mount -t configfs configfs /sys/kernel/config 2> /dev/null; fs=/sys/kernel/config/nullb/skepfs; ' +
  'test -d $fs || { mkdir $fs; echo 1 > $fs/memory_backed; echo 64 > $fs/size; echo 1 > $fs/power; ' +
  'disk=/dev/skepfs; test -b $disk || disk=/dev/nullb$(cat $fs/index); mkfs.ext4 -q $disk; ' +
  'mkdir -p /mnt/skepfs; mount -t ext4 $disk /mnt/skepfs; }';

/** A name server that knows one address for every name, and a connection to such a name. */
export const NAME_SERVER = `echo nameserver 127.0.0.1 > /etc/resolv.conf; exec node -e '
const server = require("dgram").createSocket("udp4");
server.on("message", (asked, from) => {
  let at = 12;
  while (asked[at]) at += asked[at] + 1;
  const question = asked.subarray(0, at + 5);
  const answer = asked[at + 2] === 1 ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 2] : [];
  const header = [question[0], question[1], 0x81, 0x80, 0, 1, 0, answer.length && 1, 0, 0, 0, 0];
  server.send(Buffer.from([...header, ...question.subarray(12), ...answer]), from.port, from.address);
});
server.bind(53, "127.0.0.1", () => {
  require("net").connect(5999, "skep.test").on("error", () => server.close());
});'`;
