/** Debian's packages of the tools that skep's are compared with, unpacked into the cache. */
export function peers(): string;
export function peerEnvironment(root: string): { readonly [name: string]: string };
