/**
 * Goes through the history from a place on, and tells those who belong to it of each change that they are subscribed to. It stops
 * wherever the turn has had enough, also between two who are told of the same change.
 */

import { ChangeEvent } from '../../../state-machine/change-events.js';
import type { KeyChange } from '../../../state-machine/history.js';
import { eventsOf, isNew, type KeyEvent } from '../../../state-machine/key-events.js';
import { Work } from '../../../state-machine/work.js';
import type { EventFlags } from '../../redis/event-flags.js';
import type { ChangeStore } from '../change-source.js';
import { Message } from './message.js';
import { BY_EVENT, BY_KEY, type Receivers, type SubscribedNames } from './names.js';
import type { Subscriber } from './subscriber.js';

/** Bytes that a turn may still take: of messages, and what is counted for other work. */
export interface TurnBudget {
  bytesLeft: number;
}

export interface TellingOptions {
  readonly names: SubscribedNames;
  readonly flags: () => EventFlags;
  readonly push: (subscriber: Subscriber, text: string) => void;
  /** The subscriber reads too little to be told of this change now. */
  readonly stall: (subscriber: Subscriber) => void;
}

const NEW: KeyEvent = { name: 'new', eventClass: 'n' };

export class Telling {
  /** The first change that is not told, and is not being told. */
  next = 0;
  readonly #options: TellingOptions;
  /** The change that is being told; that of the source first where RENAME has made two. */
  #changes: KeyChange[] = [];
  #steps: Iterator<void> | undefined;
  #revision = 0;
  readonly #work = new Work();
  /** Of this turn. */
  #budget: TurnBudget = { bytesLeft: 0 };

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** Goes on from this revision, whatever was being told. */
  begin(next: number): void {
    this.next = next;
    this.#steps = undefined;
  }

  /** Whether it is in the midst of a change. */
  get isWithin(): boolean {
    return this.#steps !== undefined;
  }

  /** Goes on up to the `last` change, as long as there is budget; `lost` if what is next is not kept any more. */
  goOn(
    { history }: Pick<ChangeStore, 'history'>,
    last: number,
    budget: TurnBudget,
  ): 'done' | 'later' | 'lost' {
    this.#budget = budget;
    while (true) {
      if (this.#steps !== undefined) {
        if (this.#steps.next().done !== true) return 'later';
        this.#steps = undefined;
      }
      if (this.next > last) return 'done';
      if (budget.bytesLeft <= 0) return 'later';
      // Before revisions are counted, nothing is missed.
      if (this.next <= 1) this.next = Math.max(this.next, history.first);
      if (this.next < history.first) return 'lost';
      this.#changes = [];
      let isStopped = false;
      const next = history.visit(this.next, last, (change) => {
        isStopped = !this.#take(change);
        return !isStopped;
      });
      this.next = isStopped ? next : last + 1;
      if (this.#changes.length > 0) this.#begin();
    }
  }

  /** Looks at a change. Returns whether the next one is to be looked at. */
  #take(change: KeyChange): boolean {
    this.#budget.bytesLeft -= CHANGE_COST;
    if (this.#changes.length > 0) {
      // What RENAME has removed.
      this.#changes.unshift(change);
      return false;
    }
    if (change.kind === 'set' && change.event === ChangeEvent.rename) {
      this.#changes.push(change);
      return true;
    }
    if (!this.#isWanted(change)) return this.#budget.bytesLeft > 0;
    this.#changes.push(change);
    return false;
  }

  /** Whether anybody may be subscribed to it. */
  #isWanted(change: KeyChange): boolean {
    const { ofKey, ofEvent, patterns } = this.#options.names;
    if (patterns.size > 0 || ofKey.has(change.key)) return true;
    if (ofEvent.size === 0) return false;
    return ofEvent.has(NEW.name) || eventsOf(change).some(({ name }) => ofEvent.has(name));
  }

  #begin(): void {
    this.#revision = Math.min(...this.#changes.map(({ revision }) => revision));
    this.#steps = this.#tell();
  }

  *#tell(): Generator<void, void, undefined> {
    const flags = this.#options.flags();
    const { names } = this.#options;
    for (const change of this.#changes) {
      const events = flags.tellsNew && isNew(change) ? [NEW, ...eventsOf(change)] : eventsOf(change);
      for (const { name, eventClass } of events) {
        if (!flags.has(eventClass)) continue;
        if (flags.tellsByKey)
          yield* this.#tellChannel(BY_KEY + change.key, name, names.ofKey.get(change.key));
        if (flags.tellsByEvent)
          yield* this.#tellChannel(BY_EVENT + name, change.key, names.ofEvent.get(name));
      }
    }
  }

  *#tellChannel(
    channel: string,
    payload: string,
    receivers: Receivers | undefined,
  ): Generator<void, void, undefined> {
    if (receivers !== undefined) yield* this.#tellAll(receivers, Message.ofChannel(channel, payload));
    for (const [text, { pattern, receivers: ofPattern }] of this.#options.names.patterns) {
      const { units } = this.#work;
      const isMatch = pattern.matches(channel, this.#work);
      this.#budget.bytesLeft -= PATTERN_COST + this.#work.units - units;
      if (isMatch) yield* this.#tellAll(ofPattern, Message.ofPattern(text, channel, payload));
      else if (this.#budget.bytesLeft <= 0) yield;
    }
  }

  *#tellAll(receivers: Receivers, message: Message): Generator<void, void, undefined> {
    for (const [subscriber, from] of receivers) {
      if (subscriber.group !== this || this.#revision < from) continue;
      // One that was told a part of it is told the rest.
      if (subscriber.begun !== this.#revision) {
        if (subscriber.next > this.#revision) continue;
        if (subscriber.client.hasTooMuchUnread) {
          subscriber.next = this.#revision;
          this.#options.stall(subscriber);
          continue;
        }
        subscriber.begun = this.#revision;
        subscriber.next = this.next;
      }
      const text = message.text(subscriber.client.redis?.version ?? 2);
      this.#budget.bytesLeft -= TOLD_COST + text.length;
      this.#options.push(subscriber, text);
      if (this.#budget.bytesLeft <= 0) yield;
    }
  }
}

/** Bytes that count for looking at a change, for comparing it with a pattern, and for each message besides its own. */
const CHANGE_COST = 64;
const PATTERN_COST = 32;
const TOLD_COST = 256;
