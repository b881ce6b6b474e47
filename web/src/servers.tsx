/** Every server in a line: what it knows, and what can be done to it. */

import type { ServerView } from '../../src/admin/live/view.js';
import type { ObservedMembers } from '../../src/wire/observations.js';
import type { Act } from './actions.ts';
import { callServer, PAUSE_MS, pauseServer } from './api.ts';
import { serverColour, termColour } from './colours.ts';
import { count, percent } from './format.ts';
import { Ring } from './geometry.ts';
import { Icon } from './icons.tsx';
import type { LiveState } from './live.ts';
import type { Ask } from './member-dialog.tsx';
import { changeText, partLabel, partOf, roleClass, roleOf, votersText, waitText } from './members.ts';

const COLUMNS = 6;

interface ServersProps {
  readonly state: LiveState;
  readonly selected: number | undefined;
  readonly act: Act;
  readonly ask: Ask;
}

export function ServersPanel({ state, selected, act, ask }: ServersProps) {
  const { frame, hello } = state;
  const servers = frame?.servers ?? [];
  const members = frame?.members ?? null;
  const { isCrowded } = new Ring(servers.map(({ id }) => id));
  const isFull = servers.length >= (hello?.maxServers ?? Number.POSITIVE_INFINITY);
  return (
    <section class={`panel servers${isCrowded ? ' is-crowded' : ''}`} aria-labelledby="servers-title">
      <h2 id="servers-title">
        Servers
        <button
          type="button"
          class="add"
          disabled={isFull || isChanging(members)}
          title={isFull ? `There are ${servers.length} servers, which is the most.` : undefined}
          onClick={() => ask({ verb: 'add' })}
        >
          <Icon name="add" /> Add a server
        </button>
      </h2>
      {members !== null && <MembersLine members={members} />}
      <table>
        <thead>
          <tr>
            <th scope="col">Server</th>
            <th scope="col">Role</th>
            <th scope="col">Term</th>
            <th scope="col">Vote</th>
            <th scope="col" class="numeric">
              Commit
            </th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {servers.flatMap((server) => [
            <Row
              key={server.id}
              server={server}
              members={members}
              isLeader={server.id === frame?.leader}
              isSelected={server.id === selected}
              isOnly={servers.length === 1}
              act={act}
              ask={ask}
            />,
            server.reason !== null && (
              <tr key={`reason ${server.id}`} class="reason">
                <td colSpan={COLUMNS}>{server.reason}</td>
              </tr>
            ),
          ])}
        </tbody>
      </table>
    </section>
  );
}

function isChanging(members: ObservedMembers | null): boolean {
  return members !== null && changeText(members) !== undefined;
}

/** Who votes; while that changes, how far the change is. */
function MembersLine({ members }: { readonly members: ObservedMembers }) {
  const change = changeText(members);
  return (
    <div class={change === undefined ? 'members' : 'members is-changing'}>
      <p role="status">
        {change ?? votersText(members)} {waitText(members)}
      </p>
      {members.learners.map(({ id, caughtUp }) => (
        <div class="learning" key={id}>
          <span id={`learner-${id}`}>Server {id}</span>
          <progress aria-labelledby={`learner-${id}`} max={1} value={caughtUp} />
          <output>{percent(caughtUp)}</output>
        </div>
      ))}
    </div>
  );
}

interface RowProps {
  readonly server: ServerView;
  readonly members: ObservedMembers | null;
  readonly isLeader: boolean;
  readonly isSelected: boolean;
  readonly isOnly: boolean;
  readonly act: Act;
  readonly ask: Ask;
}

function Row({ server, members, isLeader, isSelected, isOnly, act, ask }: RowProps) {
  const { id, state, seen, address } = server;
  const role = roleOf(server);
  const label = partLabel(partOf(members, id));
  const isBlocked = isChanging(members);
  return (
    <tr class={`is-${state}${isSelected ? ' is-selected' : ''}`}>
      <th scope="row" title={address}>
        <span class="server-dot" style={{ background: serverColour(id) }} />
        {id}
      </th>
      <td>
        <span class={`role ${roleClass(role)}`}>
          {isLeader && <Icon name="crown" />}
          {server.isDiskLost && <Icon name="disk" />}
          {role}
        </span>
        {label !== undefined && <small class="part">{label}</small>}
      </td>
      <td>
        <span class="chip" style={{ '--chip': termColour(seen?.term ?? 0) }}>
          {seen?.term ?? '–'}
        </span>
      </td>
      <td>{seen?.votedFor ?? '–'}</td>
      <td class="numeric" title={`applied ${seen?.lastApplied ?? 0}, last ${seen?.lastIndex ?? 0}`}>
        {seen === undefined ? '–' : count(seen.commitIndex)}
      </td>
      <td class="actions">
        {state === 'stopped' ? (
          <button
            type="button"
            class={server.isDiskLost ? 'quiet' : ''}
            title="Restart it"
            onClick={() => act(() => callServer(id, 'restart'))}
          >
            <Icon name="restart" />
            <span class={server.isDiskLost ? 'hidden' : 'label'}>Restart</span>
            <span class="hidden"> server {id}</span>
          </button>
        ) : (
          <>
            <button
              type="button"
              class="quiet"
              title="Hand leadership to it"
              disabled={isLeader || state !== 'running'}
              onClick={() => act(() => callServer(id, 'lead'))}
            >
              <Icon name="crown" />
              <span class="hidden">Hand leadership to server {id}</span>
            </button>
            <button
              type="button"
              class="quiet"
              title="Pause it for 3 seconds"
              disabled={state !== 'running'}
              onClick={() => act(() => pauseServer(id, PAUSE_MS))}
            >
              <Icon name="pause" />
              <span class="hidden">Pause server {id} for 3 seconds</span>
            </button>
          </>
        )}
        <button
          type="button"
          class={server.isDiskLost ? 'primary' : 'quiet'}
          title="Replace it by a server with an empty directory"
          disabled={isBlocked}
          onClick={() => ask({ verb: 'replace', id })}
        >
          <Icon name="replace" />
          <span class={server.isDiskLost ? 'label' : 'hidden'}>Replace</span>
          <span class="hidden"> server {id}</span>
        </button>
        <button
          type="button"
          class="quiet"
          title={isOnly ? 'It is the only one' : 'Remove it'}
          disabled={isBlocked || isOnly}
          onClick={() => ask({ verb: 'remove', id })}
        >
          <Icon name="remove" />
          <span class="hidden">Remove server {id}</span>
        </button>
        {state !== 'stopped' && (
          <button
            type="button"
            class="danger"
            title="Kill it"
            onClick={() => act(() => callServer(id, 'kill'))}
          >
            <Icon name="kill" />
            <span class="label">Kill</span>
            <span class="hidden"> server {id}</span>
          </button>
        )}
      </td>
    </tr>
  );
}
