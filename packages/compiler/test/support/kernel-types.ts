import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bundledBtfUrl } from '@skep/abi';
import { Btf } from '@skep/object';

let types: Btf | undefined;

/** The bundled kernel's types, parsed once: the same on every machine that runs the tests. */
export function kernelTypes(): Btf {
  types ??= Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl()))));
  return types;
}
