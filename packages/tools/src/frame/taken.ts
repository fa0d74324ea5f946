import type { Loaded } from 'skep';

/** The entries of a map, as its program declares them, taken out of it: so each interval starts anew. */
export function taken<Key, Value>(loaded: Loaded, map: string): (readonly [Key, Value])[] {
  const from = loaded.maps.get(map)!;
  return from.entries().map(([key, value]) => {
    from.delete(key as never);
    return [key as Key, value as Value];
  });
}
