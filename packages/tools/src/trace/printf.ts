import {
  asNumber,
  type FormatPlace,
  traceLayout as layoutOf,
  parsePrintf,
  traceSize as sizeOf,
  type TraceType,
} from '@skep/compiler';
import { bufferAt, bytesText, intAt, type Meanings, valueText } from './values.ts';

/**
 * The text of a format with its arguments, which lie behind each other as a tuple whose first item is the action's number:
 * those from `next` on.
 */
export function formatText(
  format: string,
  record: TraceType & { kind: 'tuple' },
  data: DataView,
  meanings: Meanings,
  next = 1,
): string {
  const { offsets } = layoutOf(record);
  let text = '';
  let item = next;
  for (const piece of piecesOf(format)) {
    if (piece.kind === 'text') {
      text += fromBytes(piece.text);
      continue;
    }
    const type = asNumber(record.items[item]!);
    text += placeText(piece, type, data, offsets[item]!, meanings);
    item++;
  }
  return text;
}

type Pieces = NonNullable<ReturnType<typeof parsePrintf>>;

/** Scripts have few formats, and print many lines with each. */
const parsed = new Map<string, Pieces>();

function piecesOf(format: string): Pieces {
  let pieces = parsed.get(format);
  if (pieces === undefined) {
    pieces = parsePrintf(format) ?? [];
    parsed.set(format, pieces);
  }
  return pieces;
}

/** Formats hold a byte in each character. */
export function fromBytes(text: string): string {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) > 0x7f) return new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  return text;
}

function placeText(place: FormatPlace, type: TraceType, data: DataView, at: number, meanings: Meanings): string {
  const { conversion, flags, width, precision } = place;
  let text: string;
  switch (conversion) {
    case 's':
      text = valueText(type, data, at, meanings);
      if (precision !== undefined) text = text.slice(0, precision);
      break;
    case 'r':
    case 'rx':
    case 'rh':
      text = bytesText(
        type.kind === 'buffer'
          ? bufferAt(type, data, at)
          : new Uint8Array(data.buffer, data.byteOffset + at, sizeOf(type)),
        conversion,
      );
      break;
    case 'c':
      text = String.fromCharCode(Number(BigInt.asUintN(8, numberAt(type, data, at))));
      break;
    case 'p':
      text = `0x${BigInt.asUintN(64, numberAt(type, data, at)).toString(16)}`;
      break;
    case 'gr':
      text = allocationFlags(numberAt(type, data, at));
      break;
    default:
      text = integer(place, numberAt(type, data, at), type);
  }
  if (text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (flags.includes('0') && conversion !== 's' && precision === undefined) {
    const sign = /^[-+]|^0[xX]/.exec(text)?.[0] ?? '';
    return sign + text.slice(sign.length).padStart(width - sign.length, '0');
  }
  return text.padStart(width);
}

function numberAt(type: TraceType, data: DataView, at: number): bigint {
  return type.kind === 'special' ? data.getBigUint64(at, true) : intAt(type, data, at);
}

function integer(place: FormatPlace, value: bigint, type: TraceType): string {
  const { conversion, flags, length, precision } = place;
  const signed = conversion === 'd' || conversion === 'i';
  // Without a length it is as wide as the value is.
  const bits =
    length === 'hh'
      ? 8
      : length === 'h'
        ? 16
        : length === '' && !signed && conversion !== 'u'
          ? Math.max(32, 8 * narrow(type, value, conversion))
          : 64;
  const wrapped = signed
    ? BigInt.asIntN(bits, value)
    : BigInt.asUintN(
        length === '' && conversion === 'u' && type.kind === 'int' ? Math.max(32, type.size * 8) : bits,
        value,
      );
  let digits = (wrapped < 0n ? -wrapped : wrapped).toString(
    conversion === 'o' ? 8 : conversion === 'x' || conversion === 'X' ? 16 : 10,
  );
  if (precision !== undefined) digits = digits.padStart(precision, '0');
  if (conversion === 'X') digits = digits.toUpperCase();
  if (flags.includes('#') && wrapped !== 0n)
    digits = (conversion === 'o' ? '0' : conversion === 'x' ? '0x' : conversion === 'X' ? '0X' : '') + digits;
  if (wrapped < 0n) return `-${digits}`;
  return signed && flags.includes('+') ? `+${digits}` : signed && flags.includes(' ') ? ` ${digits}` : digits;
}

/** `%x` shows 32 bits, as C does, unless `l` stands in front of it. */
function narrow(type: TraceType, _value: bigint, _conversion: string): number {
  return type.kind === 'pointer' ? 8 : 4;
}

/** Flags of allocations (`%gr`), from the lowest bit on (include/linux/gfp_types.h). */
function allocationFlags(value: bigint): string {
  const names = GFP.filter((_, bit) => (value >> BigInt(bit)) & 1n);
  return names.length === 0 ? '0x0' : names.join('|');
}
const GFP = [
  'GFP_DMA',
  '__GFP_HIGHMEM',
  'GFP_DMA32',
  '__GFP_MOVABLE',
  '__GFP_RECLAIMABLE',
  '__GFP_HIGH',
  '__GFP_IO',
  '__GFP_FS',
  '__GFP_ZERO',
  '__GFP_UNUSED',
  '__GFP_DIRECT_RECLAIM',
  '__GFP_KSWAPD_RECLAIM',
  '__GFP_WRITE',
  '__GFP_NOWARN',
  '__GFP_RETRY_MAYFAIL',
  '__GFP_NOFAIL',
  '__GFP_NORETRY',
  '__GFP_MEMALLOC',
  '__GFP_COMP',
  '__GFP_NOMEMALLOC',
  '__GFP_HARDWALL',
  '__GFP_THISNODE',
  '__GFP_ACCOUNT',
];
