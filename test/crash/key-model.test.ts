import { expect } from 'chai';
import { KeyModel, LostWriteError } from '../../tools/crash/key-model.js';

const UNKNOWN = { type: 'unknown' } as const;

function set(value: string): { type: 'set'; value: string } {
  return { type: 'set', value };
}

function stored(version: number): { type: 'stored'; version: number } {
  return { type: 'stored', version };
}

describe('the model of a key', () => {
  let key: KeyModel;

  beforeEach(() => {
    key = new KeyModel('k');
  });

  it('holds what was acknowledged last', () => {
    key.wrote(set('a'), stored(1));
    key.wrote(set('b'), stored(2));
    key.read({ version: 2, value: 'b' });
  });

  it('misses an acknowledged write that is gone', () => {
    key.wrote(set('a'), stored(1));
    key.wrote(set('b'), stored(2));
    expect(() => key.read({ version: 1, value: 'a' })).to.throw(LostWriteError, /k: read as version 1 "a"/);
    expect(() => key.read({ version: 0, value: undefined })).to.throw(LostWriteError, /read as nothing/);
  });

  it('lets writes of unknown outcome have happened or not, each by itself', () => {
    for (const [version, value] of [
      [1, 'a'],
      [2, 'b'],
      [2, 'c'],
      [3, 'c'],
    ] as const) {
      const one = new KeyModel('k');
      one.wrote(set('a'), stored(1));
      one.wrote(set('b'), UNKNOWN);
      one.wrote(set('c'), UNKNOWN);
      one.read({ version, value });
    }
  });

  it('sees a write that was torn, or happened twice', () => {
    key.wrote(set('abc'), UNKNOWN);
    expect(() => key.read({ version: 1, value: 'ab' })).to.throw(LostWriteError);
    expect(() => key.read({ version: 2, value: 'abc' })).to.throw(LostWriteError);
  });

  it('decides by a later answer what happened to an earlier write', () => {
    key.wrote(set('a'), UNKNOWN);
    key.wrote(set('b'), stored(1));
    expect(() => key.read({ version: 2, value: 'b' })).to.throw(LostWriteError);
    key.read({ version: 1, value: 'b' });
  });

  it('sees a version that was given twice', () => {
    key.wrote(set('a'), stored(1));
    expect(() => key.wrote(set('b'), stored(1))).to.throw(LostWriteError);
  });

  it('knows what was deleted', () => {
    key.wrote(set('a'), stored(1));
    key.wrote({ type: 'delete' }, { type: 'deleted' });
    expect(() => key.wrote({ type: 'delete' }, { type: 'deleted' })).to.throw(LostWriteError);
    key.wrote({ type: 'delete' }, { type: 'not-found' });
    key.read({ version: 0, value: undefined });
    key.wrote(set('b'), stored(1));
  });
});
