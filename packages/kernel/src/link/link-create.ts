import { bpf } from '../bpf/call.ts';
import type { Arguments } from '../bpf/commands.ts';
import { systemCallFailed } from '../diagnostics.ts';
import { Handle } from '../sys/handle.ts';
import { type Need, unmet } from '../unsupported.ts';
import { Link } from './link.ts';

/** One BPF_LINK_CREATE. Throws what `need` explains, else what `hints` say of the error. */
export function createLink(
  what: string,
  args: Arguments<'BPF_LINK_CREATE'>,
  need?: Need,
  hints: Readonly<Record<number, string>> = {},
): Link {
  const result = bpf('BPF_LINK_CREATE', args);
  if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
  throw (
    (need && unmet(need, 'BPF_LINK_CREATE', -result)) ??
    systemCallFailed('BPF_LINK_CREATE', -result, what, hints[-result])
  );
}
