export * from './bytes.ts';
export * from './diagnostic.ts';
export * from './halves.ts';
export * from './render.ts';
export * from './source.ts';
export * from './suggest.ts';
