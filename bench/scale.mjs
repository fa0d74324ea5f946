#!/usr/bin/env node
// How the time to compile grows with the program: made-up programs at 1, 2, 4 and 8 times a size, skep against clang-19 in one
// run. What is linear takes the same for each line at every size.
//
//   node bench/scale.mjs [--shape programs|tree|steps|cases|loop] [--size 50] [--times 1,2,4,8] [--rounds N] [--json]
//
// Processor time of whole processes, the least of interleaved rounds, and their memory; then what a warm compiler spends on each
// stage. Needs the packages built (`npm run build`), clang-19, libbpf's headers and GNU time.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '@skep/compiler';
import './environment.mjs';

const SKEP = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages/cli/bin/skep.mjs');
const SYSTEM = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;

/** What each shape is made of `n` times. */
const SHAPES = {
  /** Sections of a program each, all with the same functions inlined. */
  programs: (n) => [
    ...HEAD,
    ...from(n, action),
    ...from(n, (i) => [
      `SEC("tc") int program${i}(struct __sk_buff *skb)`,
      '{',
      '  struct flow flow = {};',
      '  if (parse(skb, &flow) < 0)',
      '    return 0;',
      `  return act${i}(skb, &flow) + count(&flow, ${i});`,
      '}',
    ]),
  ],
  /** One program with functions in functions, three deep, ten to each. */
  tree: (n) => [
    ...HEAD,
    ...from(n, action),
    ...from(Math.ceil(n / 10), (i) => group('group', i, 'act', n)),
    ...from(Math.ceil(n / 100), (i) => group('large', i, 'group', Math.ceil(n / 10))),
    ...program(from(Math.ceil(n / 100), (i) => `  sum += large${i}(skb, &flow);`)),
  ],
  /** One program that does one thing after the other, each with variables of its own. */
  steps: (n) => [
    ...HEAD,
    ...program(
      from(n, (i) => [
        '  {',
        `    struct flow key${i} = { .source = flow.source + ${i}, .port = flow.port };`,
        `    __u64 *seen${i} = bpf_map_lookup_elem(&counts, &key${i});`,
        `    if (seen${i} && *seen${i} > ${i}) {`,
        `      sum += *seen${i} & 0xff;`,
        `      flow.port ^= sum + ${i};`,
        '    } else {',
        `      count(&key${i}, ${i % 7});`,
        '    }',
        '  }',
      ]),
    ),
  ],
  /** One `switch`. */
  cases: (n) => [
    ...HEAD,
    ...from(n, action),
    ...program([
      '  switch (flow.port) {',
      ...from(n, (i) => [`  case ${i * 3}:`, `    sum += act${i}(skb, &flow);`, '    break;']),
      '  }',
    ]),
  ],
  /** One loop, unrolled. */
  loop: (n) => [
    ...HEAD,
    ...program([
      '  #pragma unroll',
      `  for (int i = 0; i < ${n}; i++) {`,
      '    __u8 byte = 0;',
      '    if (bpf_skb_load_bytes(skb, 34 + i, &byte, 1) < 0)',
      '      break;',
      '    if (byte == flow.proto + i)',
      '      sum += i;',
      '    flow.port += byte;',
      '  }',
      ...from(n, (i) => `  /* ${i} */`),
    ]),
  ],
};

const HEAD = `#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
struct flow {
  __u32 source, target;
  __u16 port, proto;
  __u32 size;
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, struct flow);
  __type(value, __u64);
} counts SEC(".maps");
static __always_inline int parse(struct __sk_buff *skb, struct flow *flow)
{
  void *data = (void *)(long)skb->data;
  void *end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
    return -1;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > end)
    return -1;
  flow->source = ip->saddr;
  flow->target = ip->daddr;
  flow->proto = ip->protocol;
  flow->size = bpf_ntohs(ip->tot_len);
  struct tcphdr *tcp = (void *)(ip + 1);
  if (ip->protocol == 6 && (void *)(tcp + 1) <= end)
    flow->port = bpf_ntohs(tcp->dest);
  return 0;
}
static __always_inline int count(struct flow *flow, __u64 by)
{
  struct flow key = *flow;
  __u64 *known = bpf_map_lookup_elem(&counts, &key);
  if (known) {
    __sync_fetch_and_add(known, by);
    return *known > 100;
  }
  return bpf_map_update_elem(&counts, &key, &by, 0);
}`.split('\n');

const action = (i) => [
  `static __always_inline int act${i}(struct __sk_buff *skb, struct flow *flow)`,
  '{',
  '  struct flow other = *flow;',
  `  other.source ^= ${0x9e37 + i * 77};`,
  `  if (other.port == ${i % 1000} || (other.size > ${i} && other.proto == 17)) {`,
  '    other.target += skb->len;',
  `    for (int k = 0; k < 4; k++)`,
  '      other.size = (other.size << 3) ^ (other.source >> k);',
  '  }',
  `  if (count(&other, ${(i % 5) + 1}))`,
  `    return other.size & ${i + 1};`,
  `  flow->size += other.port * ${i + 3};`,
  '  return flow->size > 1000 ? 1 : -1;',
  '}',
];

const group = (name, i, member, most) => [
  `static __always_inline int ${name}${i}(struct __sk_buff *skb, struct flow *flow)`,
  '{',
  '  int sum = 0;',
  ...from(Math.min(10, most - 10 * i), (k) => [
    `  if (flow->port != ${i + k})`,
    `    sum += ${member}${10 * i + k}(skb, flow);`,
  ]),
  '  return sum;',
  '}',
];

const program = (body) => [
  'SEC("tc") int program(struct __sk_buff *skb)',
  '{',
  '  struct flow flow = {};',
  '  int sum = 0;',
  '  if (parse(skb, &flow) < 0)',
  '    return 0;',
  ...body.flat(),
  '  return sum + count(&flow, 1);',
  '}',
];

function from(count, make) {
  return Array.from({ length: count }, (_, i) => make(i)).flat();
}

const COLUMNS = [
  'lines',
  'insns',
  'clang s',
  'skep s',
  'ratio',
  'clang MiB',
  'skep MiB',
  'µs a line',
  'read',
  'optimise',
  'emit',
];
const HEADING = COLUMNS.map((name) => name.padStart(10)).join('');

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: Object.keys(SHAPES).join(',') },
    size: { type: 'string', default: '50' },
    times: { type: 'string', default: '1,2,4,8' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
process.exitCode = main();

function main() {
  const shapes = values.shape.split(',');
  const missing = shapes.find((name) => !(name in SHAPES)) ?? whyNot();
  if (missing !== undefined) {
    console.error(`bench: ${missing in SHAPES ? missing : `${missing}?`}`);
    return 1;
  }
  const folder = mkdtempSync(join(tmpdir(), 'skep-scale-'));
  try {
    const results = [];
    for (const shape of shapes) {
      if (!values.json) console.log(`${shape}\n${HEADING}`);
      for (const times of values.times.split(',').map(Number)) {
        const result = measure(shape, times * Number(values.size), folder);
        results.push(result);
        if (!values.json) console.log(rowOf(result));
      }
    }
    if (values.json) console.log(JSON.stringify({ version: 1, results }, null, 2));
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function whyNot() {
  for (const command of ['clang-19', '/usr/bin/time']) {
    if (spawnSync(command, ['--version'], { stdio: 'ignore' }).error) return `needs ${command}`;
  }
  return existsSync('/usr/include/bpf/bpf_helpers.h') ? undefined : "needs libbpf's headers (libbpf-dev)";
}

function measure(shape, n, folder) {
  const file = join(folder, `${shape}${n}.bpf.c`);
  const text = `${SHAPES[shape](n).join('\n')}\nchar LICENSE[] SEC("license") = "GPL";\n`;
  writeFileSync(file, text);
  const clang = ['clang-19', '-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-Wno-everything', '-idirafter', SYSTEM];
  const ways = {
    clang: [...clang, '-c', file, '-o', join(folder, 'clang.o')],
    skep: [process.execPath, SKEP, 'build', file, '-o', join(folder, 'skep.o')],
  };
  const least = {};
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [who, command] of Object.entries(ways)) {
      const one = costOf(command, who === 'skep');
      if (one !== undefined && !(least[who]?.seconds <= one.seconds)) least[who] = one;
    }
  }
  const lines = text.split('\n').length;
  const result = compile({ name: file, text });
  if (!result.ok) throw new Error(result.diagnostics[0].message);
  const { timings, functions } = result;
  return {
    shape,
    n,
    lines,
    instructions: functions.reduce((sum, { insns }) => sum + insns, 0),
    clang: least.clang,
    skep: least.skep,
    ratio: least.clang && least.skep.seconds / least.clang.seconds,
    stages: timings,
  };
}

/** Processor seconds and MiB of a process; undefined when it fails: clang gives up where a jump goes too far for 16 bits. */
function costOf(command, must) {
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', '%U %S %M', ...command], { encoding: 'utf8' });
  if (status !== 0 && !must) return undefined;
  if (status !== 0) throw new Error(`${command.join(' ')}\n${stderr}`);
  const [user, system, memory] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { seconds: user + system, memory: memory / 1024 };
}

/** The last columns are microseconds a line: of the whole process, and of the stages in a warm one. */
function rowOf({ lines, instructions, clang, skep, ratio, stages }) {
  const each = (ms) => ((1000 * ms) / lines).toFixed(0);
  const { preprocess, parse, lower, optimise, emit } = stages;
  return [
    ...[lines, instructions, clang?.seconds.toFixed(2) ?? '-', skep.seconds.toFixed(2), ratio?.toFixed(2) ?? '-'],
    ...[clang?.memory.toFixed(0) ?? '-', skep.memory.toFixed(0), each(1000 * skep.seconds)],
    ...[each(preprocess + parse + lower), each(optimise), each(emit)],
  ]
    .map((cell) => String(cell).padStart(10))
    .join('');
}
