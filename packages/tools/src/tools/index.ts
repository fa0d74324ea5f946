import type { Tool } from '../frame/tool.ts';
import { argdist } from './argdist.ts';
import { biolatency } from './biolatency.ts';
import { biosnoop } from './biosnoop.ts';
import { biotop } from './biotop.ts';
import { cachestat } from './cachestat.ts';
import { capable } from './capable.ts';
import { cpudist } from './cpudist.ts';
import { execsnoop } from './execsnoop.ts';
import { exitsnoop } from './exitsnoop.ts';
import { fileslower } from './fileslower.ts';
import { filetop } from './filetop.ts';
import { fsdist } from './fsdist.ts';
import { fsslower } from './fsslower.ts';
import { funccount } from './funccount.ts';
import { funclatency } from './funclatency.ts';
import { gethostlatency } from './gethostlatency.ts';
import { hardirqs } from './hardirqs.ts';
import { killsnoop } from './killsnoop.ts';
import { memleak } from './memleak.ts';
import { offcputime } from './offcputime.ts';
import { oomkill } from './oomkill.ts';
import { opensnoop } from './opensnoop.ts';
import { profile } from './profile.ts';
import { runqlat } from './runqlat.ts';
import { runqslower } from './runqslower.ts';
import { softirqs } from './softirqs.ts';
import { sslsniff } from './sslsniff.ts';
import { stackcount } from './stackcount.ts';
import { statsnoop } from './statsnoop.ts';
import { syncsnoop } from './syncsnoop.ts';
import { syscount } from './syscount.ts';
import { tcpaccept } from './tcpaccept.ts';
import { tcpconnect } from './tcpconnect.ts';
import { tcpconnlat } from './tcpconnlat.ts';
import { tcpdrop } from './tcpdrop.ts';
import { tcplife } from './tcplife.ts';
import { tcpretrans } from './tcpretrans.ts';
import { tcprtt } from './tcprtt.ts';
import { tcpstates } from './tcpstates.ts';
import { tcptop } from './tcptop.ts';
import { traceTool } from './trace.ts';

/** Every tool, in the order of the help. */
export const TOOLS: readonly Tool[] = [
  argdist,
  biolatency,
  biosnoop,
  biotop,
  cachestat,
  capable,
  cpudist,
  execsnoop,
  exitsnoop,
  fileslower,
  filetop,
  fsdist,
  fsslower,
  funccount,
  funclatency,
  gethostlatency,
  hardirqs,
  killsnoop,
  memleak,
  offcputime,
  oomkill,
  opensnoop,
  profile,
  runqlat,
  runqslower,
  softirqs,
  sslsniff,
  stackcount,
  statsnoop,
  syncsnoop,
  syscount,
  tcpaccept,
  tcpconnect,
  tcpconnlat,
  tcpdrop,
  tcplife,
  tcpretrans,
  tcprtt,
  tcpstates,
  tcptop,
  traceTool,
];
