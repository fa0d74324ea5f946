import { renderDiagnostics, SkepError, suggest } from '@skep/base';
import { toJson } from '@skep/view';
import type { Debugger, Stop } from '@skep/vm';
import type { Loaded, Value, VmHost } from 'skep';
import { addressOf, formatMemory, keyOf, numberOf, parseLocation } from './arguments.ts';
import { problem } from './problem.ts';
import {
  breakpointText,
  bytesText,
  dumpText,
  frameText,
  instructionText,
  lineText,
  listing,
  meaningText,
  placeText,
  registerText,
  returnText,
  watchText,
} from './show.ts';

export interface SessionParts {
  readonly debugger: Debugger;
  readonly loaded: Loaded;
  readonly host: VmHost;
  /** What the programs sent, filled when everything has run, in a replay from time to time. */
  readonly records: readonly { readonly ring: string; readonly record: Value }[];
}

/** A conversation: one line in, a text out. Errors of the user are texts, too. */
export class Session {
  readonly parts: SessionParts;
  private readonly traced: string[] = [];
  private where = '';

  constructor(parts: SessionParts) {
    this.parts = parts;
    parts.host.onTrace((text) => this.traced.push(text.endsWith('\n') ? text : `${text}\n`));
  }

  greeting(): string {
    const { programs } = this.parts.debugger;
    const list = programs.map((one) => `${one.name} (${one.code.length / 8} instructions)`).join(', ');
    return `Debugging ${list}. Type "help" for the commands.\n${this.here(true)}`;
  }

  /** What to print; undefined to end. */
  execute(line: string): string | undefined {
    const match = /^\s*([\w-]+)?(.*)$/s.exec(line.replace(/#.*/, ''));
    const name = match?.[1] ?? '';
    let rest = (match?.[2] ?? '').trim();
    if (name === '' && rest === '') return '';
    let word = name;
    try {
      if (word === 'info' || word === 'i') [word, rest] = infoWord(rest);
      const command = findCommand(word);
      if (command.name === 'quit') return undefined;
      const text = command.run(this, rest);
      return `${this.traced.splice(0).join('')}${text === '' ? '' : `${text}\n`}`;
    } catch (error) {
      if (error instanceof SkepError) return `${renderDiagnostics(error.diagnostics, { color: false })}\n`;
      throw error;
    }
  }

  close(): void {
    this.parts.loaded.close();
    this.parts.host.close();
  }

  /** Where it stands: the frame when it is another one than before, and the line or the instruction. */
  here(always = false, instruction = false): string {
    const { place } = this.parts.debugger;
    if (place === undefined) return 'Nothing is running.\n';
    const header = `${place.program.name} ${place.function} ${this.parts.debugger.frames.length}`;
    const moved = always || header !== this.where;
    this.where = header;
    const parts = moved ? [placeText(place)] : [];
    if (place.line) parts.push(lineText(place.line));
    if (instruction || !place.line) parts.push(instructionText(this.instruction()));
    return `${parts.join('\n')}\n`;
  }

  stopped(stop: Stop, instruction = false): string {
    const text = this.reason(stop);
    const gone = stop.kind === 'end';
    return `${text}${gone ? '' : this.here(stop.kind !== 'step', instruction)}`.trimEnd();
  }

  private instruction() {
    // The source line is printed already.
    const { line: _, ...rest } = this.parts.debugger.disassembly(0, 0)[0]!;
    return { ...rest, line: undefined };
  }

  private reason(stop: Stop): string {
    switch (stop.kind) {
      case 'step':
        return '';
      case 'beginning':
        return 'The beginning: nothing ran before.\n';
      case 'breakpoint':
        return `Breakpoint ${stop.breakpoint.number}, `;
      case 'watch': {
        const text = (bytes: Uint8Array | undefined) => (bytes ? bytesText(bytes) : 'no entry');
        const { number, what } = stop.breakpoint;
        return `Watch ${number}: ${watchText(what)}\nOld value = ${text(stop.before)}\nNew value = ${text(stop.after)}\n`;
      }
      case 'end':
        return `${this.endText(stop.result)} after ${stop.moment} instructions.\n`;
      case 'fault': {
        const { error } = stop;
        if (!(error instanceof SkepError)) throw error;
        return `${renderDiagnostics(error.diagnostics, { color: false })}\n`;
      }
    }
  }

  private endText(result: unknown): string {
    const { retval, runs } = result as { readonly retval?: number; readonly runs?: number };
    if (retval === undefined) return `The replay ended: ${runs} runs`;
    return `The program returned ${returnText(retval, this.parts.debugger.programs[0])}`;
  }
}

interface DebugCommand {
  readonly name: string;
  readonly short: readonly string[];
  readonly argument?: string;
  readonly summary: string;
  run(session: Session, rest: string): string;
}

const moving = (
  name: string,
  short: readonly string[],
  summary: string,
  move: (debugging: Debugger) => Stop,
  instruction = false,
): DebugCommand => ({
  name,
  short,
  argument: '[N]',
  summary,
  run: (session, rest) => {
    const times = rest === '' ? 1 : Number(numberOf(rest, session.parts));
    let stop = move(session.parts.debugger);
    for (let i = 1; i < times && stop.kind === 'step'; i++) stop = move(session.parts.debugger);
    return session.stopped(stop, instruction);
  },
});

/** The commands, in the order of the help; any beginning that only one has will do. */
const COMMANDS: readonly DebugCommand[] = [
  moving('step', ['s'], 'to another line of source, into functions', (one) => one.stepLine()),
  moving('next', ['n'], 'to another line of source, over functions', (one) => one.nextLine()),
  moving('stepi', ['si'], 'one instruction', (one) => one.step(), true),
  moving('nexti', ['ni'], 'one instruction, over calls', (one) => one.stepOver(), true),
  moving('finish', ['fin'], 'until this function returned', (one) => one.stepOut()),
  moving('continue', ['c'], 'to the next breakpoint or watched change', (one) => one.continue()),
  moving('reverse-step', ['rs'], 'the line before, into functions', (one) => one.backLine()),
  moving('reverse-next', ['rn'], 'the line before, over functions', (one) => one.backLineOver()),
  moving('reverse-stepi', ['rsi', 'back'], 'the instruction before', (one) => one.back(), true),
  moving('reverse-nexti', ['rni'], 'the instruction before, over calls', (one) => one.backOver(), true),
  moving('reverse-finish', [], 'to the call of this function', (one) => one.backOut()),
  moving('reverse-continue', ['rc'], 'to the breakpoint or watched change before', (one) => one.backContinue()),
  {
    name: 'run',
    short: ['r'],
    summary: 'from the beginning to the first breakpoint',
    run: (session) => {
      session.parts.debugger.goTo(0);
      return session.stopped(session.parts.debugger.continue());
    },
  },
  {
    name: 'goto',
    short: [],
    argument: 'N',
    summary: 'to before instruction N of everything that runs; `start` is goto 0',
    run: (session, rest) => session.stopped(session.parts.debugger.goTo(Number(numberOf(rest, session.parts))), true),
  },
  {
    name: 'start',
    short: [],
    summary: 'back to the beginning',
    run: (session) => session.stopped(session.parts.debugger.goTo(0)),
  },
  {
    name: 'break',
    short: ['b', 'br'],
    argument: 'LINE | FILE:LINE | FUNCTION | *SLOT [if REG OP NUMBER]',
    summary: 'stop there',
    run: (session, rest) => {
      const { debugger: debugging } = session.parts;
      const { location, when } = parseLocation(rest, session.parts);
      const made = debugging.break(location, when ? { when } : {});
      return `Breakpoint ${breakpointText(made)}`;
    },
  },
  {
    name: 'watch',
    short: [],
    argument: 'MAP[KEY] | VARIABLE | *ADDRESS SIZE',
    summary: 'stop when it changes; keys are numbers or hex:0a0b',
    run: (session, rest) => `Watch ${breakpointText(watch(session.parts, rest))}`,
  },
  {
    name: 'delete',
    short: ['d'],
    argument: '[N]',
    summary: 'forget a breakpoint or watch, or all',
    run: ({ parts: { debugger: debugging } }, rest) => {
      const numbers = rest === '' ? debugging.breakpoints.map((one) => one.number) : rest.split(/\s+/).map(Number);
      const gone = numbers.filter((number) => debugging.remove(number));
      if (gone.length < numbers.length) throw problem(`there is no breakpoint ${rest}`);
      return '';
    },
  },
  {
    name: 'breakpoints',
    short: [],
    summary: 'list them (also `info breakpoints`)',
    run: ({ parts }) => parts.debugger.breakpoints.map(breakpointText).join('\n') || 'No breakpoints.',
  },
  {
    name: 'regs',
    short: ['registers'],
    summary: 'r0 … r10 and what they point to',
    run: ({ parts }) => parts.debugger.registers.map(registerText).join('\n') || 'Nothing is running.',
  },
  {
    name: 'print',
    short: ['p'],
    argument: 'VARIABLE | REG | NUMBER',
    summary: 'a global variable, or a number and what it points to',
    run: ({ parts }, rest) => {
      if (parts.loaded.object.globals.some((one) => one.name === rest))
        return `${rest} = ${toJson(parts.loaded.global(rest))}`;
      if (/^[A-Za-z_]\w*$/.test(rest) && !/^(r\d+|fp)$/.test(rest)) {
        const globals = parts.loaded.object.globals.map((one) => one.name).join(', ') || 'none';
        throw problem(
          `there is no global variable \`${rest}\``,
          `variables of functions are in registers and on the stack (\`regs\`, \`stack\`); global ones: ${globals}`,
        );
      }
      const value = numberOf(rest, parts);
      return `${rest} = 0x${value.toString(16)}: ${meaningText(parts.debugger.meaning(value), value)}`;
    },
  },
  {
    name: 'x',
    short: [],
    argument: '/[COUNT][x|d|u|s][b|h|w|g] ADDRESS',
    summary: 'memory: x/4xg r10-32; an address is a number, a register or fp, plus or minus a number',
    run: ({ parts }, rest) => formatMemory(rest, parts),
  },
  {
    name: 'stack',
    short: [],
    argument: '[FRAME]',
    summary: 'what is on the stack of a frame; rows of zeroes are left out',
    run: ({ parts }, rest) => stackText(parts.debugger, rest === '' ? 0 : Number(numberOf(rest, parts))),
  },
  {
    name: 'backtrace',
    short: ['bt', 'where'],
    summary: 'the frames',
    run: ({ parts }) => parts.debugger.frames.map(frameText).join('\n') || 'Nothing is running.',
  },
  {
    name: 'list',
    short: ['l'],
    argument: '[LINE]',
    summary: 'source around the current line',
    run: ({ parts }, rest) => {
      const { programs, place } = parts.debugger;
      const line = place?.line ?? programs[0]?.lineInfo[0];
      if (line === undefined) throw problem('the object has no line information');
      return listing(line.file, rest === '' ? line.line : Number(numberOf(rest, parts)), programs);
    },
  },
  {
    name: 'disassemble',
    short: ['disas'],
    summary: 'instructions around the current one',
    run: ({ parts }) => parts.debugger.disassembly().map(instructionText).join('\n') || 'Nothing is running.',
  },
  {
    name: 'maps',
    short: [],
    summary: 'names of the maps',
    run: ({ parts }) => [...parts.loaded.maps.keys(), ...parts.loaded.records.keys()].join('\n'),
  },
  {
    name: 'map',
    short: [],
    argument: 'NAME [KEY]',
    summary: 'entries of a map, typed; those that are all zero are left out',
    run: ({ parts }, rest) => mapText(parts.loaded, rest),
  },
  {
    name: 'records',
    short: [],
    summary: 'what was sent through ring buffers by the end, or by the last batch of a replay',
    run: ({ parts }) => parts.records.map(({ ring, record }) => `${ring}: ${toJson(record)}`).join('\n') || 'None.',
  },
  {
    name: 'packet',
    short: [],
    summary: 'the bytes of the packet',
    run: ({ parts }) => packetText(parts),
  },
  { name: 'help', short: ['h'], summary: 'this', run: () => helpText() },
  { name: 'quit', short: ['q', 'exit'], summary: 'end (also the end of the input)', run: () => '' },
];

function findCommand(word: string): DebugCommand {
  const exact = COMMANDS.find((one) => one.name === word || one.short.includes(word));
  if (exact) return exact;
  const near = COMMANDS.filter((one) => word !== '' && one.name.startsWith(word));
  if (near.length === 1) return near[0]!;
  if (near.length > 1) throw problem(`\`${word}\` may be ${near.map((one) => one.name).join(' or ')}`);
  const meant = suggest(
    word,
    COMMANDS.map((one) => one.name),
  );
  throw problem(
    `there is no command \`${word}\``,
    meant ? `did you mean \`${meant}\`?` : 'type `help` for the commands',
  );
}

/** `info registers` and its like are commands by themselves. */
function infoWord(rest: string): [word: string, rest: string] {
  const [what = '', ...more] = rest.split(/\s+/);
  const names = ['registers', 'breakpoints', 'maps', 'map', 'stack', 'packet', 'records'];
  if (what === 'frame' || what === 'f') return ['backtrace', ''];
  if (what === 'watchpoints') return ['breakpoints', ''];
  const found = names.find((one) => what !== '' && one.startsWith(what));
  if (found === undefined) throw problem(`\`info ${rest}\` says nothing`, `there is info ${names.join(', ')}`);
  return [found, more.join(' ')];
}

function watch({ debugger: debugging, loaded, host }: SessionParts, text: string) {
  const entry = /^(\w[\w.]*)\s*\[(.+)\]$/.exec(text);
  if (entry) {
    const spec = loaded.object.maps.find((one) => one.name === entry[1]);
    // A name that is none is reported with the names that there are.
    return debugging.watchEntry(entry[1]!, keyOf(entry[2]!, spec?.keySize ?? 0));
  }
  const place = /^\*\s*(.+?)\s+(\d+)$/.exec(text);
  if (place) return debugging.watchMemory(addressOf(place[1]!, debugging), Number(place[2]));
  const global = loaded.object.globals.find((one) => one.name === text);
  const map = [...host.machine.mapsByAddress.values()].find((one) => one.spec.name === global?.map);
  if (global === undefined || map?.layout?.kind !== 'array')
    throw problem(`\`${text}\` cannot be watched`, 'write `watch MAP[KEY]`, `watch VARIABLE` or `watch *ADDRESS SIZE`');
  return debugging.watchMemory(map.layout.values + global.offset, global.size);
}

function stackText(debugging: Debugger, frame: number): string {
  const stack = debugging.stack(frame);
  if (stack === undefined) throw problem(`there is no frame ${frame}`);
  const { address, bytes } = stack;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const value = view.getBigUint64(at, true);
    if (value === 0n) continue;
    const meaning = meaningText(debugging.meaning(value), value);
    rows.push(`${`fp${at - bytes.length}`.padEnd(8)}0x${value.toString(16).padStart(16, '0')}  ${meaning}`);
  }
  return rows.join('\n') || `Nothing but zeroes at 0x${address.toString(16)}.`;
}

function mapText(loaded: Loaded, text: string): string {
  const [, name = '', key] = /^([\w.]+)\s*\[?([^\]]*)\]?$/.exec(text) ?? [];
  const map = loaded.maps.get(name);
  if (map === undefined) throw problem(`there is no map \`${name}\``, `maps: ${[...loaded.maps.keys()].join(', ')}`);
  const entries = map.entries().filter(([one]) => key === undefined || key === '' || toJson(one) === key);
  const rows = entries.map(([one, value]) => [toJson(one), toJson(value)] as const);
  const shown = key ? rows : rows.filter(([, value]) => /[1-9a-zA-Z]/.test(value.replaceAll(/"[^"]*":|\b0x0+\b/g, '')));
  return shown.map(([one, value]) => `${one}: ${value}`).join('\n') || (key ? 'No entry.' : 'Empty.');
}

function packetText({ debugger: debugging }: SessionParts): string {
  const { packet } = debugging;
  if (packet === undefined) throw problem('there is no packet');
  return dumpText(0, packet);
}

function helpText(): string {
  const rows = COMMANDS.map((one) => {
    const names = [one.name, ...one.short].join(', ');
    return `${`${names} ${one.argument ?? ''}`.padEnd(30)} ${one.summary}`;
  });
  return `${rows.join('\n')}\n\nN repeats. Names may be cut as long as they are clear. # starts a comment.`;
}
