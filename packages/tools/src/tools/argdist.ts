import { EXIT, SkepError } from '@skep/base';
import { type AggregateType, bucketRange, traceLayout as layoutOf } from '@skep/compiler';
import { type Bucket, log2Buckets } from '@skep/view';
import { type ArgdistSpec, argdistScript, parseArgdistSpec } from '../bcc/argdist-spec.ts';
import { type CompiledProbes, compileProbes, meaningsOf, type PlainMap } from '../bcc/compile.ts';
import { nothingToCount } from '../diagnostics.ts';
import { left } from '../frame/columns.ts';
import type { Given, Section, Tool } from '../frame/tool.ts';
import { clearMap, type Entry, readEntries, sortEntries } from '../trace/maps.ts';
import { type Meanings, valueText } from '../trace/values.ts';

export const argdist: Tool = {
  name: 'argdist',
  summary: 'Count values of arguments and results of functions, or show them as histograms',
  description:
    'A specification is PROBE(PARAMETERS):TYPE:EXPRESSION:FILTER#LABEL as bcc has it; the filter and the label may be ' +
    'missing, and type and expression where results or calls are to be counted. Probes are p::vfs_read (kernel), c:malloc ' +
    '(libraries and programs), r where they return, t:sched:sched_switch, u:FILE:PROBE. Where a function returns, $latency ' +
    'is how many nanoseconds it took, and $entry(size) what a parameter was.',
  options: [
    { flags: '-C, --counter', value: 'spec', many: true, summary: 'count how often each value comes' },
    { flags: '-H, --histogram', value: 'spec', many: true, summary: 'show the values as a histogram' },
    {
      flags: '-i, --interval',
      value: 'seconds',
      kind: 'integer',
      summary: 'how often to print (default: at the end)',
    },
    { flags: '-n, --times', value: 'n', kind: 'integer', summary: 'print so many times' },
    { flags: '-c, --cumulative', summary: 'do not start anew at each interval' },
    { flags: '-T, --top', value: 'n', kind: 'integer', summary: 'only the values that come most often' },
    { flags: '-t, --tid', value: 'tid', kind: 'integer', summary: 'only this thread' },
    { flags: '-z, --string-size', value: 'bytes', kind: 'integer', summary: 'read so much of texts (default: 80)' },
  ],
  refused: [
    { flags: '-I, --include', value: 'header', instead: "types come from the kernel's BTF, without headers" },
    { flags: '-v, --verbose', instead: '`skep trace --emit c` shows what probes become' },
  ],
  routes: [{ name: 'probes', kind: 'exact', program: (given) => compiledOf(given).c, needs: [] }],
  examples: [
    { line: "skep argdist -C 'p:c:write(int fd):int:fd' -- ls /etc", does: 'to which files one command writes' },
    {
      line: "skep argdist -H 'r::sys_read():u64:$latency/1000#µs' -i 1 -n 5",
      does: 'how long a system call takes, every second',
    },
    {
      line: "skep argdist -C 'p:c:fopen(char *path):char*:path' -H 'p:c:malloc(size_t size):size_t:size'",
      does: 'several at once: files by name, and how much memory is asked for',
    },
  ],
  display(given) {
    const specs = specsOf(given);
    const compiled = compiledOf(given);
    const meanings = meaningsOf(given, compiled.config);
    return {
      kind: 'sections',
      sections: (loaded) =>
        specs.map((spec, index): Section => {
          const map = compiled.maps.find((one) => one.name === `@d${index}`)!;
          const host = loaded.maps.get(map.symbol)!;
          const entries = readEntries(map, host);
          sortEntries(map, entries);
          if (!given.flag('cumulative')) clearMap(host);
          if (spec.kind === 'histogram') {
            const buckets = entries.flatMap((one) => bucketsOf(map.value as AggregateType, one));
            return {
              kind: 'histogram',
              label: spec.title,
              unit: spec.label ?? spec.values[0]!.expression.text,
              buckets,
            };
          }
          const rows = entries.map((one) => ({
            count: Number(one.numbers.value),
            event: eventText(spec, map, one, meanings),
          }));
          const top = given.number('top');
          return {
            kind: 'table',
            label: spec.title,
            columns: [left('COUNT', 'count', 10), left('EVENT', 'event', 40)],
            rows: top === undefined ? rows : rows.slice(-top),
          };
        }),
    };
  },
};

function specsOf(given: Given): ArgdistSpec[] {
  const specs = [
    ...given.list('counter').map((one) => parseArgdistSpec('count', one)),
    ...given.list('histogram').map((one) => parseArgdistSpec('histogram', one)),
  ];
  if (specs.length === 0) throw new SkepError(nothingToCount(), EXIT.usage);
  return specs;
}

function compiledOf(given: Given): CompiledProbes {
  return compileProbes(given, (target) =>
    argdistScript(specsOf(given), { strings: given.number('stringSize') ?? 80, tid: given.number('tid') }, target),
  );
}

/** `size = 16, fd = 3`. */
function eventText(spec: ArgdistSpec, map: PlainMap, entry: Entry, meanings: Meanings): string {
  const key = map.key!;
  const data = new DataView(entry.key.buffer, entry.key.byteOffset, entry.key.byteLength);
  const texts =
    key.kind === 'tuple'
      ? key.items.map((type, i) => valueText(type, data, layoutOf(key).offsets[i]!, meanings))
      : [valueText(key, data, 0, meanings)];
  if (spec.values.length === 0) return 'total calls';
  return spec.values.map(({ expression }, i) => `${expression.text.replace(/^\$/, '')} = ${texts[i]}`).join(', ');
}

/** In the slots of bcc: 0 and 1 share one, what is negative too. */
function bucketsOf(type: AggregateType, entry: Entry): Bucket[] {
  const negative = entry.buckets.get(0n);
  const slots: number[] = [];
  for (const [bucket, count] of entry.buckets) {
    const { low } = bucketRange(type, bucket);
    if (low === undefined) continue;
    const slot = low < 2n ? 0 : low.toString(2).length - 1;
    slots[slot] = (slots[slot] ?? 0) + Number(count);
  }
  const positive = log2Buckets(Array.from(slots, (one) => one ?? 0));
  return negative ? [{ from: -(2n ** 63n), to: -1n, count: Number(negative) }, ...positive] : positive;
}
