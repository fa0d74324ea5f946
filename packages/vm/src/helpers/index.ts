import type { Helper } from './helper.ts';
import { mapHelpers } from './maps.ts';
import { packetHelpers } from './packet.ts';
import { systemHelpers } from './system.ts';

/** Every helper that the machine has, by number; programs that call another are refused at load (E4004). */
export const helpers: readonly (Helper | undefined)[] = collect(mapHelpers, systemHelpers, packetHelpers);

function collect(...tables: Record<number, Helper>[]): (Helper | undefined)[] {
  const list: (Helper | undefined)[] = [];
  for (const table of tables) for (const [id, helper] of Object.entries(table)) list[Number(id)] = helper;
  return list;
}
