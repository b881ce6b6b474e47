/**
 * Where a client's stream stands behind its last complete request: what another parser has to know to go on there.
 */
export type StreamCheckpoint =
  /** The next request starts here. */
  | { readonly skip: 'nothing' }
  /** Here is the value of a bad command: so many bytes, and then the rest of a line, are to be thrown away. */
  | { readonly skip: 'bytes'; readonly byteCount: number }
  /** Here is the rest of a bad line, to be thrown away along with its line break. */
  | { readonly skip: 'line' };

export const AT_COMMAND_START: StreamCheckpoint = { skip: 'nothing' };
