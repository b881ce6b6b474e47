/** What the store holds for a key. */
export interface KeyRecord {
  /** One character per byte. */
  readonly value: string;
  /** Counts the key's writes: 1 for the first since it came into being. */
  readonly version: number;
  /** When the key expires, in ms since the epoch; 0 for never. */
  readonly deadlineMs: number;
  /** The revision of its last change. */
  readonly revision: number;
}
