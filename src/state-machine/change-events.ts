/** What has made a change, as far as its kind does not tell: kept with it in the history, for those who subscribe to events. */

export const ChangeEvent = {
  /** A value was stored, with a deadline or without one; or a key was removed, or has expired. */
  plain: 0,
  /** Nobody is told: nothing has really changed, or it was told of another change of the same command. */
  silent: 1,
  /** A value was stored. If the key has a deadline, it had that before. */
  set: 2,
  /** The key got another deadline, or lost it. */
  deadline: 3,
  append: 4,
  setrange: 5,
  incrby: 6,
  incrbyfloat: 7,
  setbit: 8,
  rename: 9,
  copy: 10,
  restore: 11,
} as const;
export type ChangeEvent = (typeof ChangeEvent)[keyof typeof ChangeEvent];

const ALL = Object.values(ChangeEvent);

/** The event with this number. */
export function changeEvent(number: number): ChangeEvent {
  return ALL[number] ?? ChangeEvent.plain;
}
