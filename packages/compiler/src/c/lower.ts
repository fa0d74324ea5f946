/** The typed tree as IR: functions, variables and their BTF. One idea a file in `lower/`. */
export { lower } from './lower/unit.ts';
