import { constants, openSync } from 'node:fs';
import { ATTACH } from '@skep/abi';
import { bpf } from '../bpf/call.ts';
import { systemCallFailed } from '../diagnostics.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { Link } from './link.ts';

/** Runs the program for what an infrared receiver hears (`/dev/lirc0`), until it is closed or the device goes. */
export function attachLirc(program: Program, path: string): Link {
  const what = `infrared receiver ${path}`;
  let device: Handle;
  try {
    device = new Handle(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), what);
  } catch {
    throw systemCallFailed('open', ERRNO.ENOENT, what, 'receivers are /dev/lirc0, /dev/lirc1 …');
  }
  const attachment = { target_fd: device.fd, attach_bpf_fd: program.fd, attach_type: ATTACH.BPF_LIRC_MODE2 };
  const result = bpf('BPF_PROG_ATTACH', attachment);
  if (result < 0) {
    device.close();
    throw systemCallFailed('BPF_PROG_ATTACH', -result, what, HINTS[-result]);
  }
  return new Link(what, 'prog_attach', [device], () => void bpf('BPF_PROG_DETACH', attachment));
}

const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]: 'that is not a receiver of raw infrared signals',
  [ERRNO.EEXIST]: 'the program is attached there already',
  [ERRNO.E2BIG]: 'too many programs are attached there',
};
