/** Deliberate bugs of revisions, watches and subscriptions. */

import type { Mutant } from './mutant.js';

export const WATCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'tell a watcher its last change again at the next leader',
    file: 'server/clients/watches/watch.js',
    search: 'revision: this.state === undefined ? this.next : 0',
    replacement: 'revision: this.state === undefined ? Math.max(1, this.next - 1) : 0',
  },
  {
    name: 'leave watchers out what an installed snapshot brought',
    file: 'server/clients/watches/watchers.js',
    search: 'this.#lag(watch);',
    replacement: 'this.#lag(watch, this.#store.lastRevision + 1);',
  },
  {
    name: 'tell a watcher the state as of an earlier change',
    file: 'server/clients/watches/watchers.js',
    search: 'this.#tell(watch, markLine(revision), revision + 1);',
    replacement: 'this.#tell(watch, markLine(revision - 1), revision);',
  },
  {
    name: 'tell a subscriber its last change again at the next leader',
    file: 'server/clients/reply-frames.js',
    search: 'const toldTo = subscriber.next;',
    replacement: 'const toldTo = Math.max(1, subscriber.next - 1);',
  },
  {
    name: 'tell a subscriber nothing of what happened between two leaders',
    file: 'server/clients/subscriptions/subscribers.js',
    search: 'const subscriber = this.#add(client, toldTo);',
    replacement: 'const subscriber = this.#add(client, (toldTo = this.#options.state.revisionAtEntry + 1));',
  },
  {
    name: 'tell subscribers of a write that is only proposed',
    file: 'server/clients/clients.js',
    search: 'if (this.#monitors.isOn)',
    replacement:
      "const ofKey = ['__keyevent@0__:set', command.request.key];\n" +
      '            for (const [text, { receivers }] of this.listeners.subscribers.names.patterns)\n' +
      "                if (command.request.type === 'set' && text.includes('event'))\n" +
      '                    for (const { client } of receivers.keys())\n' +
      "                        this.#replies.push(client, ['*4\\r\\n', ...['pmessage', text, ...ofKey]\n" +
      "                            .map((word) => '$' + word.length + '\\r\\n' + word + '\\r\\n')].join(''));\n" +
      '            if (this.#monitors.isOn)',
  },
];
