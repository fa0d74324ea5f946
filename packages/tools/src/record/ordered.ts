import { toJson } from '@skep/view';
import type { Loaded, TypedMap, Value } from 'skep';

/**
 * The same maps with their entries in the order of their keys. The kernel walks its hash maps in an order of its own: with
 * this, a recording and its replay break ties alike.
 */
export function ordered(loaded: Loaded): Loaded {
  const maps = new Map([...loaded.maps].map(([name, map]) => [name, orderedMap(map)]));
  return Object.create(loaded, { maps: { value: maps } }) as Loaded;
}

function orderedMap(map: TypedMap): TypedMap {
  const sorted = (): (readonly [Value, Value])[] => {
    const keyed = map.entries().map((entry) => ({ entry, key: toJson(entry[0]) }));
    keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    return keyed.map((one) => one.entry);
  };
  return Object.create(map, {
    entries: { value: sorted },
    [Symbol.iterator]: { value: () => sorted()[Symbol.iterator]() },
  }) as TypedMap;
}
