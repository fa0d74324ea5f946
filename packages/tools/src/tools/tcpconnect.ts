import { clock, left, right } from '../frame/columns.ts';
import { DnsNames } from '../frame/dns.ts';
import { countedFlows, FAMILIES, type Flow, flowCells, flowFilter } from '../frame/flows.ts';
import { BY_MAP } from '../frame/options.ts';
import type { Given, Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly uid: number;
  readonly comm: string;
}

interface Answer {
  readonly size: number;
  readonly message: Uint8Array;
}

export const tcpconnect: Tool = {
  name: 'tcpconnect',
  summary: 'Show the TCP connections that processes ask for',
  options: [
    { flags: '-t, --timestamp', summary: 'the time of day' },
    { flags: '-U, --print-uid', summary: 'the user' },
    { flags: '-u, --uid', value: 'uid', kind: 'integer', summary: 'only this user', global: 'target_uid' },
    { flags: '-L, --lport', summary: 'also the port here' },
    { flags: '-P, --port', value: 'ports', summary: 'only to these ports: 80,443' },
    { flags: '-c, --flows', summary: 'count by address here, and address and port there', global: 'count' },
    { flags: '-s, --source-port', summary: 'with -c: by port here, too', global: 'by_source_port' },
    { flags: '-d, --dns', summary: 'the name for which a name server has told the address, to whichever process' },
    ...FAMILIES,
  ],
  refused: BY_MAP,
  routes: [
    {
      name: 'sock',
      kind: 'exact',
      program: 'tcpconnect',
      needs: [{ kind: 'tracepoint', name: 'sock:inet_sock_set_state' }],
      programs: (given) => [
        'set_state',
        // The port here is chosen a little later.
        ...(withLocalPort(given) ? ['connect_exit'] : []),
        ...(given.flag('dns') ? CALLS.flatMap((call) => [`${call}_enter`, `${call}_exit`]) : []),
      ],
    },
  ],
  examples: [
    { line: 'skep tcpconnect', does: 'everything on the machine' },
    { line: 'skep tcpconnect -P 443 -L', does: 'to port 443, with the port here' },
    { line: "skep tcpconnect --filter 'not raddr startswith 10.' -o jsonl", does: 'what leaves the private network' },
  ],
  display(given) {
    const flows = flowFilter(given, { remote: 'port' });
    const names = new DnsNames();
    const globals = { ...flows.globals, ...(withLocalPort(given) && { with_local_port: 1 }) };
    if (given.flag('flows')) {
      return {
        kind: 'table',
        globals,
        prepare: flows.prepare,
        columns: [
          left('LADDR', 'laddr', 25),
          ...(given.flag('sourcePort') ? [left('LPORT', 'lport', 6)] : []),
          left('RADDR', 'raddr', 25),
          left('RPORT', 'rport', 6),
          right('CONNECTS', 'count', 8),
        ],
        rows: countedFlows,
      };
    }
    return {
      kind: 'rows',
      globals,
      prepare: flows.prepare,
      columns: [
        ...(given.flag('timestamp') ? [clock()] : []),
        ...(given.flag('printUid') ? [left('UID', 'uid', 6)] : []),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        right('IP', 'ip', 2),
        left('SADDR', 'laddr', 16),
        ...(given.flag('lport') ? [left('LPORT', 'lport', 6)] : []),
        left('DADDR', 'raddr', 16),
        left('DPORT', 'rport', 6),
        ...(given.flag('dns') ? [left('QUERY', 'query', 24)] : []),
      ],
      row(record) {
        if (isAnswer(record)) {
          names.take(record.message.subarray(0, record.size));
          return undefined;
        }
        const { time, flow, ...event } = record as unknown as Event;
        const cells = flowCells(flow);
        const query = given.flag('dns') && { query: names.nameOf(String(cells['raddr'])) ?? '' };
        return { time: given.realtime(time), ...event, ...cells, ...query };
      },
    };
  },
};

/** By which answers of name servers are received, as programs/include/dns.h has them. */
const CALLS = ['recvfrom', 'recvmsg', 'read'];

function withLocalPort(given: Pick<Given, 'flag'>): boolean {
  return given.flag('lport') || given.flag('sourcePort');
}

function isAnswer(record: unknown): record is Answer {
  return (record as Partial<Answer>).message !== undefined;
}
