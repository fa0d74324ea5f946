import { UAPI_ENUMS } from './generated/uapi-enums.ts';
import { UAPI_MACROS } from './generated/uapi-macros.ts';
import { UAPI_STRUCTS } from './generated/uapi-structs.ts';
import type { UapiField, UapiRecord } from './model.ts';

export { UAPI_ENUMS, UAPI_MACROS, UAPI_STRUCTS };

const records = /* @__PURE__ */ new Map(UAPI_STRUCTS.map((record) => [record.name, record]));

/** A struct or union of `linux/bpf.h` by its tag: `xdp_md`. */
export function uapiRecord(name: string): UapiRecord | undefined {
  return records.get(name);
}

let constants: ReadonlyMap<string, number> | undefined;

/** Every enumerator and numeric macro of `linux/bpf.h`, by name. */
export function uapiConstants(): ReadonlyMap<string, number> {
  if (constants === undefined) {
    const all = new Map(Object.entries(UAPI_MACROS));
    for (const { values } of UAPI_ENUMS) for (const name in values) all.set(name, values[name]!);
    constants = all;
  }
  return constants;
}

/** The member of `record` that C reaches as `.name`, through anonymous members too. */
export function uapiField(record: UapiRecord | UapiField, name: string): UapiField | undefined {
  for (const field of record.fields ?? []) {
    if (field.name === name) return field;
    if (field.name === '') {
      const inner = uapiField(field, name);
      if (inner !== undefined) return inner;
    }
  }
  return undefined;
}
