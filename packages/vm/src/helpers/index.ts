import { cgroupHelpers } from './cgroup.ts';
import { dynptrHelpers } from './dynptr.ts';
import type { Helper } from './helper.ts';
import { mapHelpers } from './maps.ts';
import { packetHelpers } from './packet.ts';
import { redirectHelpers } from './redirect.ts';
import { skbHelpers } from './skb.ts';
import { socketHelpers } from './sockets.ts';
import { storageHelpers } from './storage.ts';
import { systemHelpers } from './system.ts';
import { textHelpers } from './text.ts';
import { tracingHelpers } from './tracing.ts';

/** Every helper that the machine has, by number; programs that call another are refused at load (E4004). */
export const helpers: readonly (Helper | undefined)[] = collect(
  mapHelpers,
  systemHelpers,
  textHelpers,
  packetHelpers,
  skbHelpers,
  redirectHelpers,
  socketHelpers,
  storageHelpers,
  dynptrHelpers,
  tracingHelpers,
  cgroupHelpers,
);

/** Why the others are refused, by number. */
export const refusedHelpers: Readonly<Record<number, string>> = {};

function collect(...tables: Record<number, Helper>[]): (Helper | undefined)[] {
  const list: (Helper | undefined)[] = [];
  for (const table of tables) for (const [id, helper] of Object.entries(table)) list[Number(id)] = helper;
  return list;
}
