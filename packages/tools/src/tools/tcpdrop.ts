import { compileTypes } from 'skep';
import { clock, left, right } from '../frame/columns.ts';
import { endText, FAMILIES, type Flow, flowCells, flowFilter, tcpState } from '../frame/flows.ts';
import { kernelFrames } from '../frame/stacks.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly reason: number;
  readonly flags: number;
  readonly state: number;
  readonly stack_size: number;
  readonly stack: readonly bigint[];
}

export const tcpdrop: Tool = {
  name: 'tcpdrop',
  summary: 'Show the TCP segments that the kernel throws away, and why',
  options: [{ flags: '--nostack', summary: 'without the stacks' }, ...FAMILIES],
  everybody: 'segments are thrown away in interrupts, whoever is running',
  routes: [{ name: 'skb', kind: 'exact', program: 'tcpdrop', needs: [{ kind: 'tracepoint', name: 'skb:kfree_skb' }] }],
  examples: [
    { line: 'skep tcpdrop', does: 'each, with the stack that threw it away' },
    { line: "skep tcpdrop --nostack --filter 'reason = NO_SOCKET'", does: 'what nobody listens for' },
    { line: 'skep tcpdrop -o jsonl', does: 'as JSON lines, stacks too' },
  ],
  display(given) {
    const reasons = dropReasons();
    return {
      kind: 'rows',
      globals: flowFilter(given).globals,
      columns: [
        clock(),
        left('PID', 'pid', 7),
        right('IP', 'ip', 2),
        left('SADDR:SPORT', 'source', 22),
        left('>', 'arrow', 1),
        left('DADDR:DPORT', 'destination', 22),
        left('STATE (FLAGS)', 'state', 20),
        left('REASON', 'reason', 20),
      ],
      row(record) {
        const { time, flow, pid, reason, flags, state, stack_size, stack } = record as unknown as Event;
        const cells = flowCells(flow);
        const frames = kernelFrames(stack.slice(0, Math.max(0, stack_size) / 8), given.names);
        return {
          time: given.realtime(time),
          pid,
          ip: cells['ip']!,
          source: endText(cells['laddr'], cells['lport']),
          arrow: '>',
          destination: endText(cells['raddr'], cells['rport']),
          saddr: cells['laddr']!,
          sport: cells['lport']!,
          daddr: cells['raddr']!,
          dport: cells['rport']!,
          state: `${state === 0 ? 'NONE' : tcpState(state)} (${flagNames(flags)})`,
          reason: reasons.get(reason) ?? String(reason),
          stack: frames,
        };
      },
      ...(!given.flag('nostack') && {
        below: (row) => (row['stack'] as readonly string[]).map((one) => `    ${one}\n`).join(''),
      }),
    };
  },
};

function flagNames(flags: number): string {
  return ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'].filter((_, bit) => (flags >> bit) & 1).join('|');
}

/** From the kernel's own types: the list grows with every version. */
function dropReasons(): Map<number, string> {
  const btf = compileTypes();
  const id = btf.find('skb_drop_reason', 'enum');
  const type = id === undefined ? undefined : btf.type(id);
  if (type?.kind !== 'enum') return new Map();
  return new Map(type.values.map((one) => [Number(one.value), one.name.replace(/^SKB_(DROP_REASON_)?/, '')]));
}
