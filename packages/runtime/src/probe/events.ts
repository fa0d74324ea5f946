import { callingUnit, type Declared, declare, type Home, own } from './unit.ts';
import { type Field, fromKernel, type Shape, stored, type ValueOf } from './values.ts';

/** What programs send and the user side reads: `for await (const e of opened)`. */
export function events<const S extends { readonly [name: string]: Field }>(
  fields: S,
  _options?: { readonly size?: number },
): Events<ValueOf<S>> {
  return declare(callingUnit(), new Events<ValueOf<S>>(fields));
}

/** A stream of events from programs to the user side, which iterates over it. */
export class Events<T> implements Declared, AsyncIterable<T> {
  readonly kind = 'events';
  /** What was sent in plain JavaScript. */
  collected: T[] = [];
  private readonly shape: Shape;
  private home: Home | undefined;

  constructor(shape: Shape) {
    this.shape = shape;
  }

  emit(event: T): void {
    this.collected.push(stored(this.shape, event) as T);
  }

  /** Many at a time: one wake-up, one batch. */
  async *batches(): AsyncGenerator<T[], void, undefined> {
    if (!this.home) throw new Error('nothing is attached: attach the file first');
    const { signal } = this.home;
    for await (const batch of this.home.batches(signal)) yield batch.map((one) => fromKernel(this.shape, one) as T);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const batch of this.batches()) yield* batch;
  }

  connect(home: Home | undefined): void {
    this.home = home;
  }
  reset(): void {
    this.collected = [];
  }
}

type Widened<T> = T extends number ? number : T extends bigint ? bigint : T extends boolean ? boolean : string;
export type Params<T> = { -readonly [K in keyof T]: Widened<T[K]> };

/** What is fixed when programs are loaded: the user side sets it before that. */
export function params<T extends { readonly [name: string]: number | bigint | boolean | string }>(first: T): Params<T> {
  const unit = callingUnit();
  const values = { ...first } as unknown as Params<T>;
  own(values, unit);
  unit.declared.push(new ParamsDeclared(values as { [name: string]: unknown }, first));
  return values;
}

export class ParamsDeclared implements Declared {
  readonly kind = 'params';
  readonly values: { [name: string]: unknown };
  private readonly first: { readonly [name: string]: unknown };

  constructor(values: { [name: string]: unknown }, first: { readonly [name: string]: unknown }) {
    this.values = values;
    this.first = first;
  }
  connect(): void {}
  reset(): void {
    Object.assign(this.values, this.first);
  }
}
