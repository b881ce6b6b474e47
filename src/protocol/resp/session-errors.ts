/** What Redis clients are told of their sessions when something is in the way. */

import { ErrorReply } from './value.js';

/** There is no session of this id: it has expired, was closed, or never was. */
export const NO_SESSION = new ErrorReply('SESSION there is no such session: this try wrote nothing');
/** The command was executed before, and its reply was too large to be kept. */
export const RESULT_NOT_KEPT = new ErrorReply('SESSION done: the reply was too large to be kept');
/** The client has said that it has this reply. */
export const RESULT_FORGOTTEN = new ErrorReply(
  'ERR the command of this number is done by what the client says',
);
/** The result of the text protocol's `cas`, repeated here. */
export const VERSION_MISMATCH = new ErrorReply('ERR the key is not at that version');
