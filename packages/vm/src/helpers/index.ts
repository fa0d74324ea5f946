import { cgroupHelpers } from './cgroup.ts';
import { dynptrHelpers } from './dynptr.ts';
import { headerOptionHelpers } from './header-options.ts';
import type { Helper } from './helper.ts';
import { lwtHelpers } from './lwt.ts';
import { mapHelpers } from './maps.ts';
import { messageHelpers } from './message.ts';
import { packetHelpers } from './packet.ts';
import { redirectHelpers } from './redirect.ts';
import { skbHelpers } from './skb.ts';
import { socketHelpers } from './sockets.ts';
import { storageHelpers } from './storage.ts';
import { syncookieHelpers } from './syncookie.ts';
import { systemHelpers } from './system.ts';
import { textHelpers } from './text.ts';
import { tracingHelpers } from './tracing.ts';

const SEGMENT_ROUTING = 'it has no segment routing (SRv6)';
const BY_TYPE = 'it does not print structures by their types';
const SYSTEM_CALLS = 'it has no system calls that a program could make';

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
  syncookieHelpers,
  headerOptionHelpers,
  messageHelpers,
  lwtHelpers,
);

/** Why the others are refused, by number. */
export const refusedHelpers: Readonly<Record<number, string>> = {
  74: SEGMENT_ROUTING,
  75: SEGMENT_ROUTING,
  76: SEGMENT_ROUTING,
  149: BY_TYPE,
  150: BY_TYPE,
  166: SYSTEM_CALLS,
  168: SYSTEM_CALLS,
};

function collect(...tables: Record<number, Helper>[]): (Helper | undefined)[] {
  const list: (Helper | undefined)[] = [];
  for (const table of tables) for (const [id, helper] of Object.entries(table)) list[Number(id)] = helper;
  return list;
}
