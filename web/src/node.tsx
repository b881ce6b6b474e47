/** One server on the stage: how it stands, the button that chooses it, and what can be done to it. */

import type { ServerView } from '../../src/admin/live/view.js';
import type { Act } from './actions.ts';
import { callServer, PAUSE_MS, partition, pauseServer } from './api.ts';
import { termColour } from './colours.ts';
import { percent } from './format.ts';
import { type Ring, STAGE_WIDTH } from './geometry.ts';
import { Icon } from './icons.tsx';
import type { Ask } from './member-dialog.tsx';
import { type Part, partLabel, roleClass, roleOf } from './members.ts';

/** About half as wide as the menu of a server, so that it stays on the stage. */
const MENU_HALF_PX = 178;

interface NodeProps {
  readonly server: ServerView;
  readonly part: Part;
  readonly ring: Ring;
  readonly isLeader: boolean;
  readonly isSelected: boolean;
  readonly timer: (element: SVGCircleElement | null) => void;
}

export function Node({ server, part, ring, isLeader, isSelected, timer }: NodeProps) {
  const { id, state, seen } = server;
  const { x, y } = ring.place(id);
  const radius = ring.nodeRadius;
  const role = roleOf(server);
  const term = seen?.term ?? 0;
  const names = [
    `node is-${state} part-${part.name} ${roleClass(role)}`,
    isLeader ? 'is-leader' : '',
    isSelected ? 'is-selected' : '',
  ].join(' ');
  return (
    <g class={names} transform={`translate(${x} ${y})`} style={{ '--term': termColour(term) }}>
      {isLeader && <circle class="halo" r={radius + 14} />}
      <circle class="body" r={radius} />
      <circle class="track" r={radius + 5} />
      {seen?.electionInMs != null && state === 'running' && (
        <circle class="timer" r={radius + 5} pathLength={1} ref={timer} transform="rotate(-90)" />
      )}
      {seen?.votedFor != null && state !== 'stopped' && ring.has(seen.votedFor) && (
        <VoteMark from={id} to={seen.votedFor} ring={ring} />
      )}
      {isLeader && (
        <g class="crown" transform={`translate(-11 ${-radius + 5}) scale(1.4)`}>
          <path d="M2.5 12.5h11M3 10.5 2.2 4.6l3.3 2.6L8 3.2l2.5 4 3.3-2.6-.8 5.9z" />
        </g>
      )}
      <text class="number" y={isLeader ? 13 : 6}>
        {id}
      </text>
      <text class="role" y={isLeader ? 29 : 25}>
        {role}
      </text>
      <PartMark part={part} radius={radius} />
    </g>
  );
}

/** The share that a learner has caught up, or the halves of a joint configuration in which the server votes: around the node. */
function PartMark({ part, radius }: { readonly part: Part; readonly radius: number }) {
  const rim = radius + 13;
  const half = (sweep: 0 | 1) => `M0 ${-rim}A${rim} ${rim} 0 0 ${sweep} 0 ${rim}`;
  const isOld = part.name === 'old' || part.name === 'both';
  const isNew = part.name === 'new' || part.name === 'both';
  return (
    <g class="part">
      {part.name === 'learner' && (
        <>
          <circle class="to-catch-up" r={rim} />
          <circle
            class="caught-up"
            r={rim}
            pathLength={1}
            stroke-dashoffset={1 - part.caughtUp}
            transform="rotate(-90)"
          />
        </>
      )}
      {isOld && <path class="old-half" d={half(0)} pathLength={1} />}
      {isNew && <path class="new-half" d={half(1)} pathLength={1} />}
      {part.name !== 'voter' && (
        <text class="part-label" y={radius + 16}>
          {part.name === 'learner' ? percent(part.caughtUp) : BADGES[part.name]}
        </text>
      )}
    </g>
  );
}

const BADGES = { old: 'old', new: 'new', both: 'both', outside: 'no member' } as const;

/** What is pressed to choose a server: a button, which an SVG does not have. */
export function NodeButton({
  server,
  part,
  ring,
  isSelected,
  onSelect,
}: {
  readonly server: ServerView;
  readonly part: Part;
  readonly ring: Ring;
  readonly isSelected: boolean;
  readonly onSelect: () => void;
}) {
  const { x, y } = ring.place(server.id);
  const radius = ring.nodeRadius;
  const label = partLabel(part);
  return (
    <button
      type="button"
      class="node-button"
      style={{
        left: `${((x - radius) / STAGE_WIDTH) * 100}%`,
        top: `${((y - radius) / ring.stageHeight) * 100}%`,
        width: `${((2 * radius) / STAGE_WIDTH) * 100}%`,
      }}
      aria-label={`Server ${server.id}, ${roleOf(server)}, term ${server.seen?.term ?? 0}${label === undefined ? '' : `, ${label}`}`}
      aria-pressed={isSelected}
      onClick={onSelect}
    />
  );
}

/** A notch at the rim, on the side of the server that got this one's vote. Its own vote is a notch at the bottom. */
function VoteMark({ from, to, ring }: { readonly from: number; readonly to: number; readonly ring: Ring }) {
  const a = ring.place(from);
  const b = ring.place(to);
  const degrees = from === to ? 90 : (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI;
  const rim = ring.nodeRadius + 1;
  return (
    <path class="vote" transform={`rotate(${degrees}) translate(${rim} 0)`} d="M-8 -6.5L4 0L-8 6.5Z">
      <title>voted for server {to}</title>
    </path>
  );
}

export function NodeMenu({
  server,
  ring,
  act,
  ask,
  close,
}: {
  readonly server: ServerView;
  readonly ring: Ring;
  readonly act: Act;
  readonly ask: Ask;
  readonly close: () => void;
}) {
  const { id, state, seen } = server;
  const { x, y } = ring.place(id);
  const place = {
    '--menu-left': `clamp(${MENU_HALF_PX}px, ${(x / STAGE_WIDTH) * 100}%, calc(100% - ${MENU_HALF_PX}px))`,
    top: `${((y + ring.nodeRadius + 16) / ring.stageHeight) * 100}%`,
  };
  const others = ring.ids.filter((other) => other !== id);
  return (
    <div
      class="node-menu"
      role="toolbar"
      aria-label={`Server ${id}`}
      style={place}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key === 'Escape') close();
      }}
    >
      {state === 'stopped' ? (
        <>
          <button type="button" onClick={() => act(() => callServer(id, 'restart'))}>
            <Icon name="restart" /> Restart
          </button>
          <button type="button" onClick={() => ask({ verb: 'replace', id })}>
            <Icon name="replace" /> Replace
          </button>
          {ring.size > 1 && (
            <button type="button" class="danger" onClick={() => ask({ verb: 'remove', id })}>
              <Icon name="remove" /> Remove
            </button>
          )}
        </>
      ) : (
        <>
          <button type="button" class="danger" onClick={() => act(() => callServer(id, 'kill'))}>
            <Icon name="kill" /> Kill
          </button>
          <button type="button" onClick={() => act(() => pauseServer(id, PAUSE_MS))}>
            <Icon name="pause" /> Pause
          </button>
          {seen?.role !== 'leader' && (
            <button type="button" onClick={() => act(() => callServer(id, 'lead'))}>
              <Icon name="crown" /> Lead
            </button>
          )}
          {others.length > 0 && (
            <button type="button" onClick={() => act(() => partition([[id], others]))}>
              <Icon name="cut" /> Isolate
            </button>
          )}
        </>
      )}
    </div>
  );
}
