#!/usr/bin/env node
// Loading, rings, maps and the time to the first event: skep against libbpf in C, on this kernel, in one run.
//
//   node bench/libbpf.mjs [--rounds N] [--only load|ring|maps|first] [--json]         after `npm run build`; root, gcc and libbpf-dev
//
// Rounds of both are interleaved; figures are the best round's processor time (the first event's: of the clock), since what
// else the machine does only adds to it. Both load the same objects, made by skep's compiler. What is attached is attached to a cgroup of our own.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '@skep/compiler';
import { cgroup2Root } from '@skep/kernel';
import { compileTypes, kernel, open } from 'skep';
import './environment.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const SKEP = join(HERE, '../packages/cli/bin/skep.mjs');
const EVENTS = 100_000;
const ENTRIES = 10_000;
const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct event { __u64 time; __u32 pid; char comm[16]; __s32 fd; __s32 err; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 23); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16384); __type(key, __u32); __type(value, __u64); } table SEC(".maps");
static __always_inline int fill(void)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 1;
	event->time = 1234567890123;
	event->pid = 4242;
	__builtin_memcpy(event->comm, "some-command\\0\\0\\0", 16);
	event->fd = 3;
	event->err = 0;
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	return 1;
}
SEC("xdp") int send(struct xdp_md *ctx) { return fill() + 1; }
char LICENSE[] SEC("license") = "GPL";
`;
const FIRST = SOURCE.replace(
  /SEC\("xdp"\).*\n/,
  'SEC("cgroup/sock_create") int socket(struct bpf_sock *ctx) { return fill(); }\n',
).replace('BPF_RB_NO_WAKEUP', '0');

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Math.max(1, Number(values.rounds) || 9);
const home = kernel();
const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
try {
  const peer = join(folder, 'libbpf');
  execFileSync('gcc', ['-O2', join(HERE, 'libbpf.c'), '-lbpf', '-o', peer]);
  const parts = { load: loading, ring: rings, maps, first: firstEvent };
  const results = [];
  for (const [name, part] of Object.entries(parts))
    if (values.only === undefined || values.only === name) results.push(...(await part(peer)));
  if (values.json) console.log(JSON.stringify({ version: 1, results }, null, 2));
  else
    console.table(
      results.map(({ what, unit, skep, libbpf }) => ({
        what,
        libbpf: `${round(libbpf)} ${unit}`,
        skep: `${round(skep)} ${unit}`,
        ratio: round(skep / libbpf),
      })),
    );
} finally {
  rmSync(folder, { recursive: true });
}

/** A small object, and one with CO-RE relocations against the kernel's types. */
function loading(peer) {
  const core = join(HERE, '../examples/opens.bpf.c');
  return [
    ['object load, maps and one program', build('events.o', SOURCE)],
    ['object load, with CO-RE', build('opens.o', readFileSync(core, 'utf8'), core)],
  ].map(([what, path]) => {
    const bytes = new Uint8Array(readFileSync(path));
    const theirs = [];
    const ours = [];
    for (let i = 0; i < rounds; i++) {
      theirs.push(...numbers(peer, 'load', path, '3').map(([ns]) => ns / 1e6));
      for (let j = 0; j < 3; j++) ours.push(cpu(() => open(path, bytes).spec.load(home).close()) / 1e6);
    }
    return { what, unit: 'ms', skep: best(ours), libbpf: best(theirs) };
  });
}

function rings(peer) {
  const path = build('events.o', SOURCE);
  const loaded = open(path, new Uint8Array(readFileSync(path))).spec.load(home);
  const ring = loaded.records.get('events');
  const fill = () => loaded.programs.get('send').run({ data: new Uint8Array(64), repeat: EVENTS });
  const theirs = [];
  const raw = [];
  const batches = [];
  const decoded = [];
  let sum = 0;
  let last;
  // Of 32 bits: numbers beyond are objects, and would be what is measured.
  const sumOf = ({ memory, places, count }) => {
    let here = 0;
    for (let i = 0; i < 2 * count; i += 2) here = (here + memory.u32(places[i] + 8) + places[i + 1]) | 0;
    sum = (sum + here) | 0;
  };
  for (let i = 0; i < rounds + 2; i++) {
    theirs.push(...numbers(peer, 'ring', path, String(EVENTS), '3').map(([ns]) => ns));
    for (let j = 0; j < 3; j++) {
      fill();
      raw.push(
        cpu(() => ring.drainRaw((view, at, length) => (sum = (sum + view.getUint32(at + 8, true) + length) | 0))) /
          EVENTS,
      );
      fill();
      batches.push(cpu(() => ring.drainBatches(sumOf)) / EVENTS);
      fill();
      // Kept, or the engine would see that nobody needs the object and not make it.
      decoded.push(cpu(() => ring.drain((event) => (last = event), EVENTS)) / EVENTS);
    }
  }
  loaded.close();
  if (sum === 0 || last?.pid !== 4242) throw new Error('no record was read');
  return [
    { what: 'ring, batches of bytes', unit: 'ns', skep: best(batches), libbpf: best(theirs) },
    { what: 'ring, records as bytes', unit: 'ns', skep: best(raw), libbpf: best(theirs) },
    { what: 'ring, records as objects', unit: 'ns', skep: best(decoded), libbpf: best(theirs) },
  ];
}

function maps(peer) {
  const path = build('events.o', SOURCE);
  const loaded = open(path, new Uint8Array(readFileSync(path))).spec.load(home);
  const table = loaded.maps.get('table');
  for (let key = 0; key < ENTRIES; key++) table.set(key, 0n);
  const theirs = [];
  const single = [];
  const batch = [];
  let seen = 0;
  for (let i = 0; i < rounds; i++) {
    theirs.push(...numbers(peer, 'maps', path, String(ENTRIES), '3'));
    single.push(
      cpu(() => {
        for (let key = 0; key < ENTRIES; key++) if (table.get(key) !== undefined) seen++;
      }) / ENTRIES,
    );
    batch.push(
      cpu(() => {
        for (const _ of table) seen++;
      }) / ENTRIES,
    );
  }
  loaded.close();
  if (seen !== 2 * rounds * ENTRIES) throw new Error(`${seen} entries were seen`);
  return [
    { what: 'map lookup, one at a time', unit: 'ns', skep: best(single), libbpf: best(theirs.map(([one]) => one)) },
    {
      what: 'map lookup, all in batches',
      unit: 'ns',
      skep: best(batch),
      libbpf: best(theirs.map(([, all]) => all)),
    },
  ];
}

/** From the start of a process to the first line that it prints of a program that it attached. */
async function firstEvent(peer) {
  const path = build('first.o', FIRST);
  const cgroup = join(cgroup2Root(), `skep-bench-${process.pid}`);
  mkdirSync(cgroup);
  const work = ['bash', '-c', `echo $$ > ${cgroup}/cgroup.procs; exec 3<>/dev/udp/127.0.0.1/9`];
  const theirs = [];
  const ours = [];
  try {
    for (let i = 0; i < rounds; i++) {
      theirs.push(await untilFirstLine(peer, ['first', path, cgroup, ...work]));
      const skep = [
        SKEP,
        'run',
        path,
        '--home',
        'kernel',
        '--cgroup',
        cgroup,
        '--count',
        '1',
        '-o',
        'json',
        '--',
        ...work,
      ];
      ours.push(await untilFirstLine(process.execPath, skep));
    }
  } finally {
    rmdirSync(cgroup);
  }
  return [{ what: 'start to first event', unit: 'ms', skep: best(ours), libbpf: best(theirs) }];
}

function untilFirstLine(command, args) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let time;
    let complaint = '';
    child.stdout.once('data', () => (time = performance.now() - start));
    child.stderr.on('data', (text) => (complaint += text));
    child.on('error', reject);
    child.on('close', () => (time === undefined ? reject(new Error(`no event: ${complaint}`)) : resolve(time)));
  });
}

function build(name, source, path = 'bench.bpf.c') {
  const result = compile({ name: path, text: source }, { vmlinux: compileTypes });
  if (!result.ok) throw new Error(result.diagnostics[0].message);
  const file = join(folder, name);
  writeFileSync(file, result.object);
  return file;
}

function numbers(command, ...args) {
  const lines = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return lines
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
}

/** Nanoseconds of processor time. */
function cpu(work) {
  const { user, system } = process.cpuUsage();
  work();
  const used = process.cpuUsage();
  return (used.user + used.system - user - system) * 1000;
}

function best(list) {
  return Math.min(...list);
}

function round(number) {
  return Number(number.toPrecision(3));
}
