/** All targets, by name. */

import type { Target } from './target.js';
import { adminBodies } from './targets/admin-bodies.js';
import { adminHeaders } from './targets/admin-headers.js';
import { commands } from './targets/commands.js';
import { backup, log, manifest } from './targets/disk.js';
import { dump } from './targets/dump.js';
import { firstLine } from './targets/first-line.js';
import { checkpoints, clientFrames, peerMessages, serverFrames } from './targets/frames.js';
import { glob } from './targets/glob.js';
import { image, snapshot } from './targets/image.js';
import { lockedResp, lockedText } from './targets/locked-streams.js';
import { respStream } from './targets/resp-stream.js';
import { textStream } from './targets/text-stream.js';

export const TARGETS: ReadonlyMap<string, Target> = new Map(
  [
    ...[textStream, respStream, firstLine, commands, dump, glob],
    ...[clientFrames, serverFrames, checkpoints, peerMessages],
    ...[manifest, log, image, snapshot, backup],
    ...[lockedText, lockedResp, adminHeaders, adminBodies],
  ].map((target) => [target.name, target]),
);
