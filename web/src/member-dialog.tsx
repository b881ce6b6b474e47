/** Asks before the members are changed: what will happen, and where a new server keeps its data. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Act } from './actions.ts';
import { addServer, removeServer, replaceServer } from './api.ts';
import { Icon, type IconName } from './icons.tsx';

export type Question =
  | { readonly verb: 'add' }
  | { readonly verb: 'remove' | 'replace'; readonly id: number };

export type Ask = (question: Question) => void;

interface MemberDialogProps {
  readonly question: Question;
  readonly leader: number | null;
  readonly act: Act;
  readonly close: () => void;
}

export function MemberDialog({ question, leader, act, close }: MemberDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [dataDir, setDataDir] = useState('');
  const submit = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    submit.current?.focus();
  }, []);
  const { title, text, button, icon, call } = wordsOf(question, leader);
  return (
    <dialog ref={dialog} aria-labelledby="question" onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          act(() => call(dataDir.trim()));
          dialog.current?.close();
        }}
      >
        <h2 id="question">{title}</h2>
        <p>{text}</p>
        {question.verb !== 'remove' && (
          <label class="directory">
            <span>Directory</span>
            <input
              value={dataDir}
              placeholder="beside the others"
              spellcheck={false}
              onInput={(event) => setDataDir(event.currentTarget.value)}
            />
          </label>
        )}
        <div class="answers">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class={question.verb === 'remove' ? 'danger' : 'primary'} ref={submit}>
            <Icon name={icon} /> {button}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface Words {
  readonly title: string;
  readonly text: string;
  readonly button: string;
  readonly icon: IconName;
  readonly call: (dataDir: string) => Promise<unknown>;
}

function wordsOf(question: Question, leader: number | null): Words {
  if (question.verb === 'add')
    return {
      title: 'Add a server?',
      text: 'It begins with an empty log, and votes once it has caught up. Clients are served meanwhile.',
      button: 'Add',
      icon: 'add',
      call: addServer,
    };
  const { id, verb } = question;
  if (verb === 'replace')
    return {
      title: `Replace server ${id}?`,
      text: `Server ${id} is stopped, and another with an empty directory takes its place: for a server whose disk is lost.`,
      button: 'Replace',
      icon: 'replace',
      call: (dataDir) => replaceServer(id, dataDir),
    };
  const handsOver = id === leader ? ' It leads, and hands over to another first.' : '';
  return {
    title: `Remove server ${id}?`,
    text: `It votes no more, and its directory is deleted.${handsOver}`,
    button: 'Remove',
    icon: 'remove',
    call: () => removeServer(id),
  };
}
