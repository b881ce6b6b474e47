/** Every server in a line: what it knows, and what can be done to it. */

import type { ServerView } from '../../src/admin/live/view.js';
import type { Act } from './actions.ts';
import { callServer, pauseServer } from './api.ts';
import { serverColour, termColour } from './colours.ts';
import { count } from './format.ts';
import { Icon } from './icons.tsx';
import type { LiveState } from './live.ts';
import { PAUSE_MS, roleOf } from './stage.tsx';

const COLUMNS = 6;

interface ServersProps {
  readonly state: LiveState;
  readonly selected: number | undefined;
  readonly select: (id: number | undefined) => void;
  readonly act: Act;
}

export function ServersPanel({ state, selected, act }: ServersProps) {
  const { frame } = state;
  return (
    <section class="panel servers" aria-labelledby="servers-title">
      <h2 id="servers-title">Servers</h2>
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
          {(frame?.servers ?? []).flatMap((server) => [
            <Row
              key={server.id}
              server={server}
              isLeader={server.id === frame?.leader}
              isSelected={server.id === selected}
              act={act}
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

function Row({
  server,
  isLeader,
  isSelected,
  act,
}: {
  readonly server: ServerView;
  readonly isLeader: boolean;
  readonly isSelected: boolean;
  readonly act: Act;
}) {
  const { id, state, seen, address } = server;
  const role = roleOf(server);
  return (
    <tr class={`is-${state}${isSelected ? ' is-selected' : ''}`}>
      <th scope="row" title={address}>
        <span class="server-dot" style={{ background: serverColour(id) }} />
        {id}
      </th>
      <td>
        <span class={`role role-${role}`}>
          {isLeader && <Icon name="crown" />}
          {role}
        </span>
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
          <button type="button" onClick={() => act(() => callServer(id, 'restart'))}>
            <Icon name="restart" /> Restart<span class="hidden"> server {id}</span>
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
            <button type="button" class="danger" onClick={() => act(() => callServer(id, 'kill'))}>
              <Icon name="kill" /> Kill<span class="hidden"> server {id}</span>
            </button>
          </>
        )}
      </td>
    </tr>
  );
}
