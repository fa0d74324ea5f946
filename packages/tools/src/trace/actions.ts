import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import type { Action, CompiledTrace, TraceMap } from '@skep/compiler';
import { asNumber, traceLayout as layoutOf } from '@skep/compiler';
import type { TypedMap } from 'skep';
import { clearMap, emptyText, mapText, zeroMap } from './maps.ts';
import type { Printer } from './printer.ts';
import { formatText, fromBytes } from './printf.ts';
import { strftime } from './strftime.ts';
import { type Meanings, valueJson, valueText } from './values.ts';

/** Does what programs ask for, record by record. */
export class Actions {
  private readonly compiled: CompiledTrace;
  private readonly maps: ReadonlyMap<string, { readonly map: TraceMap; readonly host: TypedMap }>;
  private readonly printer: Printer;
  private readonly meanings: Meanings;
  private readonly helperErrors: boolean;
  /** Undefined until a program says `exit()`. */
  exitCode: number | undefined;
  errors = 0;
  /** Calls of `system()` that came to nothing. */
  left = 0;

  constructor(
    compiled: CompiledTrace,
    maps: ReadonlyMap<string, TypedMap>,
    printer: Printer,
    meanings: Meanings,
    helperErrors: boolean,
  ) {
    this.compiled = compiled;
    this.maps = new Map(compiled.maps.map((map) => [map.name, { map, host: maps.get(map.symbol)! }]));
    this.printer = printer;
    this.meanings = meanings;
    this.helperErrors = helperErrors;
  }

  /** `stopped`: the user has had enough, and what the record tells is shown, but no more commands are run. */
  take(bytes: Uint8Array, stopped = false): void {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const action = this.compiled.actions[Number(data.getBigUint64(0, true))];
    if (action === undefined) return;
    if (stopped && action.kind === 'system') this.left += 1;
    else this.run(action, data);
  }

  private run(action: Action, data: DataView): void {
    const { printer, meanings } = this;
    switch (action.kind) {
      case 'printf':
        printer.text('printf', formatText(action.format, action.record, data, meanings));
        return;
      case 'errorf':
        this.errors += 1;
        printer.message(
          'ERROR',
          formatText(action.format, action.record, data, meanings).replace(/\n$/, ''),
          action.span,
          action.expandedAt,
        );
        return;
      case 'warnf':
        printer.message(
          'WARNING',
          formatText(action.format, action.record, data, meanings).replace(/\n$/, ''),
          action.span,
          action.expandedAt,
        );
        return;
      case 'print': {
        const type = asNumber(action.record.items[1]!);
        const at = layoutOf(action.record).offsets[1]!;
        printer.value(valueText(type, data, at, meanings), () => valueJson(type, data, at, meanings));
        return;
      }
      case 'printMap': {
        const found = this.maps.get(action.map);
        if (!found) return;
        const keyed = action.record.items.length > 1;
        const at = keyed ? layoutOf(action.record).offsets[1]! : 0;
        const key = keyed
          ? new Uint8Array(
              data.buffer,
              data.byteOffset + at,
              found.map.bucketAt === undefined ? found.map.keySize : Math.min(found.map.bucketAt, data.byteLength - at),
            )
          : undefined;
        const text =
          mapText(found.map, found.host, meanings, { top: action.top, div: action.div, key, json: printer.json }) ??
          (keyed ? undefined : emptyText(found.map, meanings, printer.json));
        if (text !== undefined) printer.raw(text);
        return;
      }
      case 'clear':
      case 'zero': {
        const found = this.maps.get(action.map);
        if (!found) return;
        if (action.kind === 'clear') clearMap(found.host);
        else zeroMap(found.host);
        return;
      }
      case 'time':
        printer.text(
          'time',
          strftime(fromBytes(action.format), meanings.timeOfDay?.() ?? BigInt(Date.now()) * 1_000_000n),
        );
        return;
      case 'join': {
        const { offsets } = layoutOf(action.record);
        const items = action.record.items.slice(1).map((type, i) => valueText(type, data, offsets[i + 1]!, meanings));
        const end = items.indexOf('');
        const joined = (end < 0 ? items : items.slice(0, end)).join(fromBytes(action.separator));
        printer.text('join', printer.json ? joined : `${joined}\n`);
        return;
      }
      case 'cat': {
        const name = formatText(action.format, action.record, data, meanings);
        const text = readLimited(name, meanings.config.max_cat_bytes);
        if (typeof text === 'string') printer.note(`ERROR: failed to open file '${name}' (${text})`);
        else printer.text('cat', new TextDecoder().decode(text));
        return;
      }
      case 'system': {
        const command = formatText(action.format, action.record, data, meanings);
        printer.text('syscall', shell(command));
        return;
      }
      case 'exit':
        this.exitCode ??= data.byteLength >= 16 && action.record.items.length > 1 ? data.getUint8(8) : 0;
        return;
      case 'helperError': {
        if (!action.always && !this.helperErrors) return;
        const code = data.getBigInt64(8, true);
        this.errors += 1;
        printer.helperError(action, code);
        return;
      }
      case 'notice':
        printer.message('WARNING', action.message, action.span, action.expandedAt);
    }
  }

  /** All maps with something in them, as at the end. */
  printMaps(): void {
    for (const { map, host } of this.maps.values()) {
      const text = mapText(map, host, this.meanings, { json: this.printer.json });
      if (text !== undefined) this.printer.raw(text);
    }
  }
}

/** The first bytes of a file, or why it cannot be read. */
function readLimited(name: string, limit: number): Uint8Array | string {
  try {
    const fd = openSync(name, 'r');
    try {
      const bytes = new Uint8Array(limit);
      let at = 0;
      while (at < limit) {
        const count = readSync(fd, bytes, at, limit - at, null);
        if (count === 0) break;
        at += count;
      }
      return bytes.subarray(0, at);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? 'No such file or directory'
      : code === 'EACCES'
        ? 'Permission denied'
        : code === 'EISDIR'
          ? 'Is a directory'
          : String(code);
  }
}

/** What a command of the shell prints; its errors go where ours go. */
function shell(command: string): string {
  try {
    return execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? '';
  }
}
