import { nameId } from '../names.ts';

/** The words behind `#`. */
export const DEFINE = nameId('define');
export const UNDEF = nameId('undef');
export const IF = nameId('if');
export const IFDEF = nameId('ifdef');
export const IFNDEF = nameId('ifndef');
export const ELIF = nameId('elif');
export const ELIFDEF = nameId('elifdef');
export const ELIFNDEF = nameId('elifndef');
export const ELSE = nameId('else');
export const ENDIF = nameId('endif');
export const INCLUDE = nameId('include');
export const INCLUDE_NEXT = nameId('include_next');
export const IMPORT = nameId('import');
export const ERROR = nameId('error');
export const WARNING = nameId('warning');
export const LINE = nameId('line');
export const PRAGMA = nameId('pragma');
export const IDENT = nameId('ident');
export const SCCS = nameId('sccs');
