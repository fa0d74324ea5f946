/** Everything one asks of a C type; the data model itself is `ctype.ts`. */
export * from './types/basic.ts';
export * from './types/compatible.ts';
export * from './types/convert.ts';
export * from './types/print.ts';
export * from './types/query.ts';
