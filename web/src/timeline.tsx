/** What happened, the latest first. */

import { useRef } from 'preact/hooks';
import type { TimelineEvent } from '../../src/admin/live/view.js';
import { termColour } from './colours.ts';
import { ago, clockTime } from './format.ts';
import { Icon, type IconName } from './icons.tsx';
import { useKeyboardScroll } from './keyboard-scroll.ts';
import type { LiveState } from './live.ts';

const ICONS: Readonly<Record<string, readonly [icon: IconName, tone: string]>> = {
  'server-up': ['up', 'good'],
  elected: ['crown', 'accent'],
  'stepped-down': ['transfer', 'warn'],
  'snapshot-taken': ['snapshot', 'plain'],
  'snapshot-installed': ['snapshot', 'plain'],
  killed: ['kill', 'bad'],
  died: ['kill', 'bad'],
  failed: ['kill', 'bad'],
  stopped: ['kill', 'plain'],
  'stays-down': ['kill', 'plain'],
  restarted: ['restart', 'plain'],
  paused: ['pause', 'warn'],
  transfer: ['transfer', 'plain'],
  partitioned: ['cut', 'bad'],
  'link-disturbed': ['link', 'warn'],
  healed: ['heal', 'good'],
  removed: ['remove', 'plain'],
  'removal-forced': ['remove', 'warn'],
  replaced: ['replace', 'good'],
  'not-replaced': ['replace', 'warn'],
  'disk-stalled': ['disk', 'bad'],
  'disk-shortage': ['disk', 'warn'],
  'disk-well': ['disk', 'good'],
};

const SHOWN = 100;

export function TimelinePanel({ state }: { readonly state: LiveState }) {
  const events = state.events.slice(-SHOWN).reverse();
  const nowMs = state.frame?.atMs ?? 0;
  const list = useRef<HTMLOListElement>(null);
  useKeyboardScroll(list);
  return (
    <section class="panel timeline" aria-labelledby="timeline-title">
      <h2 id="timeline-title">Timeline</h2>
      <ol class="scroll" ref={list} aria-labelledby="timeline-title">
        {events.map((event) => (
          <Entry key={event.number} event={event} nowMs={nowMs} />
        ))}
      </ol>
    </section>
  );
}

function Entry({ event, nowMs }: { readonly event: TimelineEvent; readonly nowMs: number }) {
  const [icon, tone] = ICONS[event.type] ?? ['link', 'plain'];
  return (
    <li class={`tone-${tone}`} data-type={event.type}>
      <span class="bullet" style={event.type === 'elected' ? { '--tone': termColour(event.term ?? 0) } : {}}>
        <Icon name={icon} />
      </span>
      <span class="what">{event.text}</span>
      <time dateTime={new Date(event.atMs).toISOString()} title={clockTime(event.atMs)}>
        {ago(nowMs - event.atMs)}
      </time>
    </li>
  );
}
