import { guard } from '../guardian.ts';
import { mapInfo } from '../inspect.ts';
import type { BpfMap } from '../map.ts';
import { type Removal, remove } from '../netlink.ts';
import { Link } from './link.ts';

/**
 * A link that the kernel would keep after the end of this process: what netlink made, and structures of functions that
 * are registered by their map. It is undone by {@link Link.close}, at exit, and by a guardian when this process is killed.
 *
 * @param leftover how netlink takes it back, or the map whose one entry is the registration
 * @param closed called when it is undone
 */
export function outlivingLink(
  what: string,
  leftover: Removal | BpfMap,
  fallback?: string,
  closed: () => void = () => {},
): Link {
  const byNetlink = isRemoval(leftover);
  const dismiss = guard(byNetlink ? { removal: leftover } : { structOps: mapInfo(leftover.fd).id });
  const undo = (): void => {
    process.off('exit', undo);
    if (byNetlink) remove(leftover, what);
    else leftover.delete(new Uint8Array(4));
    dismiss();
    closed();
  };
  process.once('exit', undo);
  return new Link(what, byNetlink ? 'netlink' : 'map_update', [], undo, fallback);
}

function isRemoval(leftover: Removal | BpfMap): leftover is Removal {
  return Array.isArray(leftover);
}
