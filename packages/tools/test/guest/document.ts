/** What `-o json` writes, of any kind of tool. */
export interface Document {
  readonly events?: readonly Row[];
  readonly intervals?: readonly {
    readonly rows?: readonly Row[];
    readonly histograms?: readonly { readonly label?: string; readonly buckets: readonly Bucket[] }[];
    readonly stacks?: readonly {
      readonly frames: readonly string[];
      readonly value: number;
      readonly label?: string;
    }[];
    readonly sections?: readonly {
      readonly label?: string;
      readonly rows?: readonly Row[];
      readonly buckets?: readonly Bucket[];
    }[];
  }[];
}

export type Row = { readonly [name: string]: unknown };

export interface Bucket {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}
