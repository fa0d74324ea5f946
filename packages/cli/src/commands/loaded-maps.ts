import { MAP_TYPES, nameOfValue } from '@skep/abi';
import { SkepError } from '@skep/base';
import { holders, listMaps, mapInfo, openMapHandle } from '@skep/kernel';
import { toJson } from '@skep/view';
import { type Encodable, openKernelMap, type TypedMap, type Value } from 'skep';
import { badKeyOrValue, noSuchEntry } from '../diagnostics.ts';
import { heldBy } from './held.ts';
import { type Kind, members, type Shown, short } from './loaded-kind.ts';

export const mapKind: Kind = {
  key: 'maps',
  titles: ['ID', 'NAME', 'TYPE', 'KEY', 'VALUE', 'ENTRIES', 'FLAGS', 'BTF', 'HELD BY'],
  list() {
    const held = holders();
    return listMaps().map((one) => ({ ...described(one), holders: heldBy(held, 'map', one.id) }));
  },
  actions: {
    show: {
      run(which) {
        using handle = openMapHandle(which);
        const one = mapInfo(handle.fd);
        const data = { ...described(one), holders: heldBy(holders(), 'map', one.id) };
        return { text: members(data), data };
      },
    },
    dump: {
      run: (which) =>
        withMap(which, (map) => {
          const entries = map.entries().map(([key, value]) => ({ key, value }));
          const text = entries.map(({ key, value }) => `${toJson(key)}: ${toJson(value)}`).join('\n');
          const id = typeof which === 'number' ? { id: which } : {};
          return { text, data: { ...id, name: map.name, entries } };
        }),
    },
    lookup: {
      takes: 'KEY',
      run: (which, [key]) =>
        withMap(which, (map) => {
          const found = map.get(parse(key!, map.spec.keySize, map.spec.keyType !== 0));
          if (found === undefined) throw new SkepError(noSuchEntry(map.name, key!));
          return shown('value', found);
        }),
    },
    update: {
      takes: 'KEY VALUE [any|absent|present]',
      run: (which, [key, value, mode = 'any']) =>
        withMap(which, (map) => {
          const { keySize, keyType, valueSize, valueType } = map.spec;
          if (!['any', 'absent', 'present'].includes(mode))
            throw new SkepError(
              badKeyOrValue(mode, 'an entry may be there or not (any), or has to be absent or present'),
            );
          const done = map.set(
            parse(key!, keySize, keyType !== 0),
            parse(value!, valueSize, valueType !== 0),
            mode === 'any' ? {} : { if: mode as 'absent' | 'present' },
          );
          if (!done) throw new SkepError(noSuchEntry(map.name, key!, mode === 'absent'));
          return undefined;
        }),
    },
    delete: {
      takes: 'KEY',
      run: (which, [key]) =>
        withMap(which, (map) => {
          if (!map.delete(parse(key!, map.spec.keySize, map.spec.keyType !== 0)))
            throw new SkepError(noSuchEntry(map.name, key!));
          return undefined;
        }),
    },
    next: {
      takes: '[KEY]',
      run: (which, [key]) =>
        withMap(which, (map) => {
          const { keySize, keyType } = map.spec;
          const next = map.nextKey(key === undefined ? undefined : parse(key, keySize, keyType !== 0));
          return shown('key', next ?? null);
        }),
    },
    push: {
      takes: 'VALUE',
      run: (which, [value]) =>
        withMap(which, (map) => {
          map.push(parse(value!, map.spec.valueSize, map.spec.valueType !== 0));
          return undefined;
        }),
    },
    pop: {
      run: (which) => withMap(which, (map) => shown('value', map.pop() ?? null)),
    },
    pin: {
      takes: 'PATH',
      run: (which, [path]) =>
        withMap(which, (map) => {
          map.pin(path!);
          return undefined;
        }),
    },
  },
};

function described(one: ReturnType<typeof mapInfo>) {
  return {
    id: one.id,
    name: one.name,
    type: short(nameOfValue(MAP_TYPES, one.type) ?? String(one.type)),
    keyBytes: one.keySize,
    valueBytes: one.valueSize,
    maxEntries: one.maxEntries,
    flags: one.flags,
    btf: one.btfId,
  };
}

function withMap(which: number | string, work: (map: TypedMap) => Shown | undefined): Shown | undefined {
  const { map, close } = openKernelMap(which);
  try {
    return work(map);
  } finally {
    close();
  }
}

function shown(what: string, value: Value): Shown {
  return { text: toJson(value), data: { [what]: value } };
}

/**
 * A number, JSON, or `hex:` and bytes in their order in memory; anything else is text. Where the map has no types, a number
 * is one of its size, little endian.
 */
function parse(text: string, size: number, typed: boolean): Encodable {
  if (text.startsWith('hex:')) {
    const digits = text.slice(4).replace(/[\s_]/g, '');
    if (!/^([0-9a-f]{2})*$/i.test(digits) || digits.length !== 2 * size)
      throw new SkepError(badKeyOrValue(text, `${size} bytes are wanted, of two digits each`));
    return Uint8Array.from({ length: size }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
  }
  const number = /^(-?)(0x[0-9a-f]+|\d+)$/i.exec(text);
  if (number) {
    const value = number[1] === '-' ? -BigInt(number[2]!) : BigInt(number[2]!);
    if (typed) return value;
    const bits = BigInt.asUintN(8 * size, value);
    if (bits !== value && BigInt.asIntN(8 * size, value) !== value)
      throw new SkepError(badKeyOrValue(text, `it does not fit into ${size} bytes`));
    return Uint8Array.from({ length: size }, (_, i) => Number((bits >> BigInt(8 * i)) & 0xffn));
  }
  if (!typed) throw new SkepError(badKeyOrValue(text, 'the map has no types: a number, or hex: and bytes'));
  if (!/^[[{"]|^(true|false|null)$/.test(text)) return text;
  try {
    return JSON.parse(text, (_, value) => {
      if (typeof value === 'number' && !Number.isSafeInteger(value))
        throw new Error(`${value} is no integer that JSON carries exactly`);
      return value;
    });
  } catch (error) {
    throw new SkepError(badKeyOrValue(text, (error as Error).message));
  }
}
