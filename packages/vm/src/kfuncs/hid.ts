import { EINVAL } from '../errno.ts';
import { Fault } from '../fault.ts';
import { argument64, give, give64, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';
import { RECORDED } from '../memory.ts';
import type { SimulatedHid } from '../simulate/hid.ts';

/** Kernel functions over input devices (drivers/hid/bpf/hid_bpf_dispatch.c). */
export const hidKfuncs: Record<string, Helper> = {
  // (context, offset, size)
  hid_bpf_get_data: (machine, r) =>
    giveUnsigned(r, of(machine).dataAt(argument64(r, 1), r[4]! >>> 0, Math.min(0x7fffffff, r[6]! >>> 0))),
  hid_bpf_allocate_context: (machine, r) => {
    const device = of(machine);
    give64(r, r[2] === device.id ? device.address : 0n);
  },
  hid_bpf_release_context: () => {},
  // (context, bytes, size, type, request)
  hid_bpf_hw_request: (machine, r) => {
    const bytes = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'a report');
    give(r, of(machine).request(bytes, r[8]!, r[10]!));
  },
  // (context, bytes, size)
  hid_bpf_hw_output_report: (machine, r) => {
    const bytes = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'a report');
    machine.memory.work += RECORDED;
    of(machine).sent.push(bytes.slice());
    give(r, bytes.length === 0 ? EINVAL : bytes.length);
  },
  // (context, type, bytes, size)
  hid_bpf_input_report: input,
  hid_bpf_try_input_report: input,
};

function of(machine: Machine): SimulatedHid {
  if (machine.hid === undefined)
    throw new Fault('call', 'it calls a function of an input device, and none is simulated (SimulatedHid)');
  return machine.hid;
}

function input(machine: Machine, r: Int32Array): void {
  const bytes = machine.memory.slice(r[6]!, r[7]!, r[8]! >>> 0, 'a report');
  machine.memory.work += RECORDED;
  of(machine).injected.push(bytes.slice());
  give(r, 0);
}
