import { helperId } from '@skep/abi';
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

/** Why the others are refused. */
export const refusedHelpers: Readonly<Record<string, string>> = {
  bpf_lwt_seg6_store_bytes: SEGMENT_ROUTING,
  bpf_lwt_seg6_adjust_srh: SEGMENT_ROUTING,
  bpf_lwt_seg6_action: SEGMENT_ROUTING,
  bpf_snprintf_btf: BY_TYPE,
  bpf_seq_printf_btf: BY_TYPE,
  bpf_sys_bpf: SYSTEM_CALLS,
  bpf_sys_close: SYSTEM_CALLS,
};

function collect(...tables: Record<string, Helper>[]): (Helper | undefined)[] {
  const list: (Helper | undefined)[] = [];
  for (const table of tables) for (const [name, helper] of Object.entries(table)) list[helperId(name)] = helper;
  return list;
}
