import type * as known from './generated/kernel.ts';

// Where probes can go, as far as the editor knows: what the types were made from. A file that goes elsewhere says what is
// there: `declare module 'skep/probe' { interface KernelFunctions { tcp_v4_rcv: { args: [kernel.sk_buff]; ret: number } } }`.

/** Fields by `category:name`. */
export interface Tracepoints extends known.Tracepoints {}
/** Arguments by name, of `raw_tp` and `tp_btf`. */
export interface RawTracepoints extends known.RawTracepoints {}
/** Arguments and result by name. */
export interface KernelFunctions extends known.KernelFunctions {}
export interface LsmHooks extends known.LsmHooks {}
/** What each step is given, by name. */
export interface Iterators extends known.Iterators {}
