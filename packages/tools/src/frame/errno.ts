import { errnoByName } from '@skep/abi';

/** The number of `ENOENT`, or of `2`; undefined when there is none such. */
export function errnoNumber(text: string): number | undefined {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  return errnoByName(text.toUpperCase())?.number;
}
