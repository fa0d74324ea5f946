import { LAYERS, type LayerName } from '../packets.ts';
import type { Lowering } from './lowering.ts';
import type { Value } from './value.ts';

/** A header at an address, if the packet goes on that far. */
export function packetHeader(l: Lowering, layer: LayerName, at: string, when: string | undefined): Value {
  const { struct, valid } = LAYERS[layer];
  const c = l.name(layer);
  const ok = `${c}_ok`;
  l.emit(`${struct} *${c} = 0;`);
  l.emit(`bool ${ok} = 0;`);
  if (when !== undefined) l.emit(`if (${when}) {`);
  l.emit(`${c} = ${at};`);
  l.emit(
    `${ok} = (void *)(${c} + 1) <= (void *)(long)ctx->data_end${valid ? ` && ${valid.replace(/\bh\b/g, c)}` : ''};`,
  );
  if (when !== undefined) l.emit('}');
  return { type: { kind: 'packet', layer }, c, ok };
}
