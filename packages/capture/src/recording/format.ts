/** `SKEPREC` and a version byte; little endian throughout. */
export const MAGIC = Uint8Array.of(0x53, 0x4b, 0x45, 0x50, 0x52, 0x45, 0x43);
export const VERSION = 1;

/** Block types; readers skip those that they do not know. */
export const BLOCK = { header: 1, btf: 2, hook: 3, run: 4, lost: 5, tool: 6, names: 7, interval: 8 } as const;

/** No block is larger: a length above it is damage, not data. */
export const MAX_BLOCK = 64 << 20;

export const SPACE = ['kernel', 'user'] as const;
